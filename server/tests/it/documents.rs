//! What the server and the folder `docs` promise in writing.

use std::collections::BTreeSet;

use clap::CommandFactory;
use serde_json::Value;
use server::config::Arguments;
use shared::error::Problem;
use shared::frames::{ClientFrame, ServerFrame};

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;
use crate::tidy::sources;

#[tokio::test]
async fn swagger_ui_loads_nothing_from_elsewhere() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let page = client.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("://"), "{}", page.body);
    let loaded: Vec<&str> = page.body.split('"').filter(|text| text.starts_with("/docs/")).collect();
    assert!(loaded.len() >= 4, "{loaded:?}");
    for path in loaded {
        let file = client.get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(!file.headers.contains_key("content-encoding") && !file.body.is_empty(), "{path}");
    }
    assert!(client.get("/docs/swagger-initializer.js").await.body.contains("\"/openapi.json\""));
    // Pages that the library has besides would come without our policy.
    for file in ["nothing.js", "index.html", "oauth2-redirect.html"] {
        assert_eq!(client.get(&format!("/docs/{file}")).await.status, 404, "{file}");
    }
}

#[tokio::test]
async fn every_route_is_documented_with_schemas_and_examples() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let document = Client::of(server.address).get("/openapi.json").await.json();
    let routes = [
        ("/generate-token", "post"),
        ("/message", "post"),
        ("/updates/{room_id}", "get"),
        ("/rooms/{room_id}", "get"),
        ("/rooms/{room_id}/messages", "get"),
        ("/rooms/{room_id}/search", "get"),
        ("/rooms/{room_id}/invites", "post"),
        ("/rooms/{room_id}/invites", "get"),
        ("/rooms/{room_id}/invites/{id}", "delete"),
        ("/rooms/{room_id}/members/{username}", "delete"),
        ("/healthz", "get"),
        ("/readyz", "get"),
    ];
    let documented = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    assert_eq!(documented.sum::<usize>(), routes.len());
    for (path, method) in routes {
        let operation = &document["paths"][path][method];
        if method == "post" {
            has_example(&document, &operation["requestBody"]["content"]["application/json"]);
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &response["content"];
            match status.as_str() {
                "101" | "204" => assert!(content.is_null()),
                "200" | "201" => has_example(&document, &content["application/json"]),
                _ => {
                    let problem = &content["application/problem+json"];
                    assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{path} {status}");
                    let example: Problem = serde_json::from_value(problem["example"].clone()).unwrap();
                    assert_eq!(example.status.to_string(), *status, "{path}");
                }
            }
        }
    }
}

/// Every field of the schema has an example, or the content has one as a whole.
#[track_caller]
fn has_example(document: &Value, content: &Value) {
    let name = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    for (field, property) in schema["properties"].as_object().unwrap() {
        let is_list = property["type"] == "array";
        assert!(is_list || !property["example"].is_null(), "{name}.{field} has no example");
        assert!(!property["description"].is_null(), "{name}.{field} has no description");
    }
}

/// The examples of docs/protocol.md that are marked with `kind`: fenced blocks that begin with ```` ```json kind ````.
fn examples(kind: &str) -> Vec<String> {
    let text = include_str!("../../../docs/protocol.md");
    let fence = format!("```json {kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn each<T: serde::de::DeserializeOwned + serde::Serialize>(kind: &str, at_least: usize) -> Vec<T> {
    let examples = examples(kind);
    assert!(examples.len() >= at_least, "{} examples of {kind}", examples.len());
    let decode = |text: &String| {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let decoded: T = serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(serde_json::to_value(&decoded).unwrap(), value, "a field of the example is not the protocol's");
        decoded
    };
    examples.iter().map(decode).collect()
}

#[test]
fn every_example_in_the_protocol_is_what_it_says() {
    each::<shared::rest::TokenRequest>("TokenRequest", 1);
    each::<shared::rest::TokenAnswer>("TokenAnswer", 2);
    each::<shared::rest::Post>("Post", 1);
    each::<shared::rest::PostAnswer>("PostAnswer", 1);
    each::<shared::rest::HistoryPage>("HistoryPage", 1);
    each::<shared::rest::SearchPage>("SearchPage", 1);
    each::<shared::rest::RoomAnswer>("RoomAnswer", 1);
    each::<shared::rest::InviteRequest>("InviteRequest", 1);
    each::<shared::rest::InviteAnswer>("InviteAnswer", 1);
    each::<shared::rest::InvitesAnswer>("InvitesAnswer", 1);
    each::<Problem>("Problem", 1);
    let frames: Vec<ServerFrame> = each("ServerFrame", 9);
    for frame in &frames {
        assert_ne!(*frame, ServerFrame::Unknown);
    }
    let kinds: std::collections::HashSet<_> = frames.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 9, "an example of each frame");
    assert!(!each("ClientFrame", 4).contains(&ClientFrame::Unknown));
}

#[test]
fn no_block_of_json_in_the_protocol_goes_unchecked() {
    let text = include_str!("../../../docs/protocol.md");
    let known = [
        "TokenRequest",
        "TokenAnswer",
        "Post",
        "PostAnswer",
        "HistoryPage",
        "SearchPage",
        "RoomAnswer",
        "InviteRequest",
        "InviteAnswer",
        "InvitesAnswer",
        "Problem",
        "ServerFrame",
        "ClientFrame",
    ];
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("```json")) {
        let kind = line.strip_prefix("```json ").unwrap_or_default();
        assert!(known.contains(&kind), "line {}: ```json is to be followed by one of {known:?}", number + 1);
    }
}

#[test]
fn every_error_code_stands_in_the_protocol() {
    let text = include_str!("../../../docs/protocol.md");
    let source = include_str!("../../../shared/src/error.rs");
    let body = source.split("pub enum ErrorCode {").nth(1).unwrap().split("\n}").next().unwrap();
    for variant in body.lines().map(str::trim).filter(|line| line.ends_with(',')).map(|line| line.trim_end_matches(','))
    {
        let code = variant.char_indices().fold(String::new(), |mut code, (at, c)| {
            if c.is_uppercase() && at > 0 {
                code.push('_');
            }
            code.extend(c.to_lowercase());
            code
        });
        assert!(code == "unknown" || text.contains(&format!("`{code}`")), "{code} is not in docs/protocol.md");
    }
}

/// The variables that set something of the server, of whatever it is asked to do.
fn settings() -> BTreeSet<String> {
    let program = Arguments::command();
    let arguments = program.get_arguments().chain(program.get_subcommands().flat_map(clap::Command::get_arguments));
    arguments.filter_map(|argument| Some(argument.get_env()?.to_str().unwrap().to_owned())).collect()
}

#[test]
fn every_setting_of_the_server_stands_in_the_readme() {
    let text = include_str!("../../../README.md");
    let table = text.split("## Settings").nth(1).unwrap().split("Of the client:").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: BTreeSet<String> = rows
        .flat_map(|names| names.split('`'))
        .filter(|name| !name.is_empty() && *name != ", ")
        .map(str::to_owned)
        .collect();
    let no_flag = std::iter::once("RUST_LOG".to_owned());
    assert_eq!(listed, settings().into_iter().chain(no_flag).collect());
}

#[test]
fn whatever_is_written_as_a_setting_in_the_documents_of_the_operator_is_one() {
    let known = settings();
    for text in [include_str!("../../../docs/operations.md"), include_str!("../../../SECURITY.md")] {
        let words = text.split(|c: char| c != '_' && !c.is_ascii_uppercase());
        for word in words.filter(|word| word.starts_with("DUET_")) {
            assert!(known.contains(word), "there is no setting {word}");
        }
    }
}

/// Everything in backticks that is written as the name of a test is: words joined by underscores, at least five.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let text = include_str!("../../../SECURITY.md");
    let is_test = |word: &&str| {
        word.split('_').count() >= 5 && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let tests: String = ["server/src", "server/tests", "shared/src", "tui-client/src", "tui-client/tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|(_, source)| source)
        .collect();
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_test).collect();
    for test in &named {
        assert!(tests.contains(&format!("fn {test}()")), "SECURITY.md names {test}, which is no test");
    }
    assert!(named.len() > 20, "{named:?}");
}
