//! `export`: a history written down, whole or not at all.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::cli::{check_seqs, command, page};
use crate::corpus::corpus;
use crate::deeds::{Deeds, Place};
use crate::programs::{self, end, signal};
use crate::scripted::Scripted;
use crate::together::Server;

/// A folder for exports, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("duet-export-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // One that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn export(server: &Server, arguments: &[&str]) -> Output {
    let url = format!("http://{}", server.address);
    command(&url, &[&["export", "room1"], arguments].concat()).output().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn what_was_said_is_in_the_file_in_every_format() {
    let (server, folder) = (Server::fresh(), Folder::new("formats"));
    let lines: String = (1..=1200).map(|n| format!("message {n} of *many*\n")).collect();
    let url = format!("http://{}", server.address);
    let mut talk = command(&url, &["join", "room1", "--plain"]).env("DUET_STATE_DIR", &folder.0).spawn().unwrap();
    let mut stdin = talk.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, lines.as_bytes()).unwrap();
    // At the end of its input it waits only so long, and all of them may take longer.
    let mut said = BufReader::new(talk.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("message 1200 ")));
    std::thread::spawn(move || said.for_each(drop));
    drop(stdin);
    assert!(talk.wait_with_output().unwrap().status.success());
    std::fs::remove_dir_all(folder.0.join("outbox")).unwrap();

    let file = folder.file("room1.md");
    let output = export(&server, &["--output", &file]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err), (Some(0), format!("tui-client: 1200 messages are in {file}\n")));
    let markdown = read(&file);
    let said: Vec<&str> = markdown.lines().filter(|line| line.starts_with("message ")).collect();
    let expected: Vec<String> = (1..=1200).map(|n| format!("message {n} of *many*")).collect();
    assert_eq!(said, expected);
    assert!(markdown.starts_with("# room1\n\n## ") && markdown.contains(" alice\n\nmessage 1 "), "{markdown}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // One that is there stays, unless it is to be replaced.
    let output = export(&server, &["--output", &file, "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is there already"));
    assert_eq!(read(&file), markdown);
    assert!(export(&server, &["--output", &file, "--format", "jsonl", "--force"]).status.success());
    check_seqs(&read(&file), 1..=1200);
    assert_eq!(folder.names(), ["room1.md"]);

    let array = export(&server, &["--format", "json", "--after", "1190", "--before", "1193"]).stdout;
    let array: Vec<Value> = serde_json::from_slice(&array).unwrap();
    assert_eq!(array.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1191, 1192]);
    let nothing = export(&server, &["--format", "json", "--since", "2099-01-01"]).stdout;
    assert_eq!(serde_json::from_slice::<Value>(&nothing).unwrap(), json!([]));

    // What nobody reads ends quietly; a disk that is full is told of, and leaves nothing.
    let mut child = command(&url, &["export", "room1"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    let client = env!("CARGO_BIN_EXE_tui-client");
    let full = folder.file("full.md");
    let limited =
        format!("trap '' XFSZ; ulimit -f 8; exec {client} export room1 --user alice --server {url} -o {full}");
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains(&format!("writing {full}: ")) && err.contains("nothing of it is kept"), "{err}");
    let mut to_full = command(&url, &["export", "room1"]);
    let output = to_full.stdout(std::fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(folder.names(), ["room1.md"]);
}

#[tokio::test]
async fn to_standard_output_nothing_is_written_before_the_first_page_has_come() {
    let (mut server, folder) = (Scripted::start().await, Folder::new("stdout"));
    for arguments in [&[][..], &["-o", "-"], &["-o", "-", "--force"]] {
        let (url, arguments) = (server.url(), [&["export", "room1"], arguments].concat());
        let start = || {
            let mut command = command(&url, &arguments);
            command.current_dir(&folder.0);
            programs::run(command)
        };
        let program = start();
        server.give_token("t1").await;
        server.expect("GET /rooms/room1/messages").await.problem(422, "invalid_body", "history is gone");
        let (code, out, err) = end(program).await;
        assert_eq!((code, out.as_str()), (4, ""), "{arguments:?}");
        assert!(err.contains("history is gone"), "{err}");

        let program = start();
        server.give_token("t1").await;
        server.expect("GET /rooms/room1/messages").await.ok(page(1, 1..=1));
        let (code, out, _) = end(program).await;
        assert_eq!(code, 0);
        assert!(out.starts_with("# room1\n\n## ") && out.ends_with("\n\nhi\n"), "{out}");
    }
    assert_eq!(folder.names(), [""; 0]);
}

#[tokio::test]
async fn a_signal_leaves_nothing_behind() {
    let (mut server, folder) = (Scripted::start().await, Folder::new("signal"));
    let child = programs::spawn(command(&server.url(), &["export", "room1", "-o", &folder.file("room1.md")]));
    server.give_token("t1").await;
    server.expect("GET /rooms/room1/messages").await.ok(page(700, 1..=500));
    server.expect("GET /rooms/room1/messages").await.hang();
    assert_eq!(folder.names().len(), 1);
    signal(&child, "-INT");
    let output = programs::ended(child).await;
    assert_eq!((output.status.code(), folder.names().len()), (Some(130), 0));
}

#[tokio::test]
async fn a_page_that_is_lost_is_fetched_again_and_another_history_is_no_end_of_this_one() {
    let mut server = Scripted::start().await;
    let program = crate::cli::run(&server, &["export", "room1", "--format", "jsonl"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1/messages").await.ok(page(700, 11..=500));
    server.expect("GET /rooms/room1/messages").await.drop_connection();
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=500&after=500");
    request.ok(page(700, 501..=700));
    let (code, out, _) = end(program).await;
    assert_eq!(code, 0);
    let (gap, messages) = out.split_once('\n').unwrap();
    assert_eq!(gap, r#"{"type":"gap","v":1,"room":"room1","from":1,"to":10}"#);
    check_seqs(messages, 11..=700);

    let program = crate::cli::run(&server, &["export", "room1"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1/messages").await.ok(page(700, 1..=500));
    let mut other = page(700, 501..=700);
    other["epoch"] = json!("e2");
    server.expect("GET /rooms/room1/messages").await.ok(other);
    let (code, _, err) = end(program).await;
    assert_eq!((code, err.as_str()), (1, "tui-client: the server has another history now: begin again\n"));
}

#[tokio::test]
async fn no_text_of_others_is_an_order_to_a_terminal() {
    let mut server = Scripted::start().await;
    for format in ["markdown", "jsonl", "json"] {
        let program = crate::cli::run(&server, &["export", "room1", "--format", format], b"");
        server.give_token("t1").await;
        let texts = corpus();
        let message = |(i, text): (usize, &String)| {
            let name = text.parse::<shared::names::Username>().map_or("bob".to_owned(), |name| name.to_string());
            json!({"seq": i + 1, "id": format!("id-{i}"), "sender": name, "content": text,
                "sent_at": "2026-11-22T14:02:11.125Z"})
        };
        let messages: Vec<Value> = texts.iter().enumerate().map(message).collect();
        let page = json!({"room_id": "room1", "epoch": "e1", "head": messages.len(), "messages": messages});
        server.expect("GET /rooms/room1/messages").await.ok(page);
        let (code, out, err) = end(program).await;
        assert_eq!(code, 0, "{err}");
        // Programs get every mark there is.
        let out = if format == "markdown" { out } else { out.replace('\u{301}', "") };
        Deeds::of(out.replace(['\n', '\t'], " ").as_bytes()).expect_only_ours(Place::Lines);
        assert!(out.contains(&"x".repeat(60_000)));
    }
}

#[tokio::test]
async fn progress_is_shown_to_a_person_and_taken_away() {
    let (mut server, folder) = (Scripted::start().await, Folder::new("progress"));
    let tmux = crate::tmux::Tmux::start().await;
    let (client, file) = (env!("CARGO_BIN_EXE_tui-client"), folder.file("room1.md"));
    tmux.shell(&format!("{client} export room1 --user alice --server {} -o {file}; echo ended with $?", server.url()));
    server.give_token("t1").await;
    server.expect("GET /rooms/room1/messages").await.ok(page(750, 1..=500));
    tmux.expect("[========    ] 500/750 messages").await;
    server.expect("GET /rooms/room1/messages").await.ok(page(750, 501..=750));
    let screen = tmux.expect("ended with 0").await;
    assert!(!screen.contains("500/750") && screen.contains("750 messages are in"), "{screen}");
    assert!(Path::new(&file).exists());
}
