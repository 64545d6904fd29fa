//! Names and headers that try to be more than that.

use std::net::SocketAddr;

use serde_json::json;

use crate::attacks::raw;
use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;

fn head(answer: &str) -> String {
    answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase()
}

async fn ask(address: SocketAddr, path: &str, token: &str) -> String {
    let headers = format!("host: duet\r\nconnection: close\r\nauthorization: Bearer {token}\r\n");
    raw(address, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n")).await
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_to_another_room() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    client.post("room2", "a secret of room2").await;
    let token = client.token("alice", "room1").await;
    let long = "a".repeat(129);
    let spellings = [
        "..",
        "%2e%2e",
        "%2e",
        "%00",
        "room2%00",
        "room1%00room2",
        "room1/../room2",
        "room1%2f..%2froom2",
        "..%2froom2",
        "room%2532",
        "%c0%ae%c0%ae",
        "%ff",
        "room2%20",
        "%20room2",
        "room1;room2",
        "room1%0d%0a",
        "%e2%80%aeroom2",
        long.as_str(),
    ];
    for spelling in spellings {
        for rest in ["", "/messages", "/search?q=secret"] {
            let answer = ask(server.address, &format!("/rooms/{spelling}{rest}"), &token).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{spelling}{rest}: {answer}");
            assert!(!answer.contains("a secret of room2"), "{spelling}{rest}: {answer}");
        }
    }
    // Decoded once, as RFC 3986 has it.
    assert!(ask(server.address, "/rooms/room%31/messages", &token).await.starts_with("HTTP/1.1 200"));
    let endless = ask(server.address, &format!("/rooms/{}", "a".repeat(1024 * 1024)), &token).await;
    assert!(!endless.starts_with("HTTP/1.1 2"), "{endless}");
    client.ready().await;
}

#[tokio::test]
async fn no_value_becomes_a_header_or_a_line_of_its_own() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    for path in [
        "/rooms/a%0d%0ax-injected:%201",
        "/rooms/room1/messages?after=1%0d%0ax-injected:%201",
        "/%0d%0ax-injected:%201",
    ] {
        let answer = ask(server.address, path, &token).await;
        assert!(!head(&answer).contains("\nx-injected"), "{answer}");
    }
    for name in ["a\r\nx-injected: 1", "a\nx-injected: 1", "a\u{2028}x-injected: 1"] {
        let bodies = [
            ("/message", json!({"room_id": name, "content": "hi"})),
            ("/generate-token", json!({"room_id": name, "username": "alice", "email": ""})),
            ("/generate-token", json!({"room_id": "room1", "username": name, "email": ""})),
            ("/generate-token", json!({"room_id": "room1", "username": "alice", "email": name})),
        ];
        for (path, body) in bodies {
            let answer = client.post_json(path, &body).await;
            assert_eq!(answer.status, 422, "{path} {body}: {}", answer.body);
            assert!(!answer.headers.contains_key("x-injected"), "{path} {body}");
        }
    }
}
