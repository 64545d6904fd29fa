//! Answers of which only the beginning arrives: what was asked is asked again, and nothing final is taken from them.

use std::process::Command;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::Answer::{Cut, Whole};
use crate::cli::{command, page};
use crate::outbox::Folder;
use crate::programs::{self, end};
use crate::scripted::SOON;

const INVITE: &str = "duet_inv_0123456789abcdefghijklmn";

/// How many bytes of a body arrive before the connection ends.
const CUT_AT: usize = 13;

enum Answer {
    Whole(u16, String),
    Cut(u16, String),
}

fn problem(code: &str) -> String {
    json!({"type": "", "title": "", "status": 0, "detail": "a sentence", "code": code}).to_string()
}

/// A server that has one answer for each request, in their order, and closes the connection behind each. It gives the requests.
struct Server {
    address: String,
    asked: JoinHandle<Vec<String>>,
}

impl Server {
    async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = tokio::spawn(async move {
            let mut requests = vec![];
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                requests.push(exchange(stream, answer).await);
            }
            requests
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that was asked, once everything was.
    async fn asked(self) -> Vec<String> {
        timeout(SOON, self.asked).await.expect("it is asked for every answer").unwrap()
    }
}

/// Reads a request whole and answers it; gives its head.
async fn exchange(stream: TcpStream, answer: Answer) -> String {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).await.unwrap() > 0, "a whole head: {head}");
    }
    head.make_ascii_lowercase();
    let length = value(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    let (status, body, sent) = match answer {
        Whole(status, body) => (status, body, usize::MAX),
        Cut(status, body) => (status, body, CUT_AT),
    };
    let answer = format!("HTTP/1.1 {status} Some Words\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..body.len().min(sent)]).await.unwrap();
    stream.shutdown().await.unwrap();
    head
}

/// What a header of a request says.
fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn key(head: &str) -> &str {
    value(head, "idempotency-key").expect("a key")
}

/// The program, with its state in `folder` and no keyring.
fn program(server: &Server, arguments: &[&str], folder: &Folder) -> Command {
    let mut command = command(&server.url(), arguments);
    command.env("DUET_STATE_DIR", folder.path()).stdin(std::process::Stdio::null());
    command.env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR").env("PATH", "/nonexistent");
    command
}

async fn run(server: &Server, arguments: &[&str], folder: &Folder) -> (i32, String, String) {
    end(programs::run(program(server, arguments, folder))).await
}

/// Comes in by a link; then asks for a token as the member that it is.
async fn join(server: &Server, folder: &Folder) -> (i32, String) {
    let link = format!("duet://bob@{}/room1#{INVITE}", server.address);
    let (code, _, err) = run(server, &["join", &link, "--plain"], folder).await;
    (code, err)
}

/// All that is kept of memberships.
fn kept(folder: &Folder) -> String {
    let Ok(files) = std::fs::read_dir(folder.path().join("credentials")) else { return String::new() };
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

fn token() -> String {
    json!({"token": "t1"}).to_string()
}

fn membership() -> String {
    json!({"token": "t1", "refresh_token": "duet_ref_x", "padding": "x".repeat(350)}).to_string()
}

#[tokio::test]
async fn an_invite_whose_answer_breaks_off_is_redeemed_again_with_the_same_key() {
    let folder = Folder::fresh();
    // The last one ends the talk.
    let answers = vec![Cut(200, membership()), Whole(200, membership()), Whole(401, problem("refresh_invalid"))];
    let server = Server::start(answers).await;
    let (code, err) = join(&server, &folder).await;
    assert!(code == 4 && err.contains("a sentence"), "{code} {err}");
    assert!(kept(&folder).contains("duet_ref_x") && !kept(&folder).contains(INVITE), "{}", kept(&folder));
    let asked = server.asked().await;
    assert_eq!(key(&asked[0]), key(&asked[1]));
    assert_eq!(value(&asked[2], "authorization"), Some("bearer duet_ref_x"));
}

#[tokio::test]
async fn what_does_not_speak_of_an_invite_leaves_its_key_for_the_next_time() {
    let portal = || "<html>Room number?</html>".to_owned();
    for answer in [
        Whole(200, portal()),
        Whole(302, portal()),
        Whole(401, portal()),
        Whole(403, portal()),
        Whole(404, portal()),
        Whole(511, portal()),
    ] {
        let Whole(status, _) = answer else { unreachable!() };
        let folder = Folder::fresh();
        let server = Server::start(vec![Cut(200, membership()), answer]).await;
        let (code, err) = join(&server, &folder).await;
        assert_eq!(code, 4, "{status}: {err}");
        let before = server.asked().await;
        assert!(kept(&folder).contains(key(&before[0])), "{status}: {}", kept(&folder));
    }
}

#[tokio::test]
async fn an_invite_is_refused_by_what_is_heard_whole_alone() {
    let folder = Folder::fresh();
    let server = Server::start(vec![Cut(401, problem("invite_used")), Whole(401, problem("invite_used"))]).await;
    let (code, err) = join(&server, &folder).await;
    assert!(code == 4 && err.contains("a sentence"), "{code} {err}");
    assert_eq!(kept(&folder), "");
    let asked = server.asked().await;
    assert_eq!(key(&asked[0]), key(&asked[1]));
}

#[tokio::test]
async fn a_message_whose_answer_breaks_off_is_sent_again_with_the_same_id() {
    let sent = || json!({"status": "Message sent to room: room1"}).to_string();
    for (cut, arguments) in [
        (Cut(200, sent()), &["send", "room1", "hi"][..]),
        (Cut(200, sent()), &["send", "room1", "hi", "--queue"]),
        // From a proxy on the way, or of a token that is over: nobody knows.
        (Cut(401, problem("token_expired")), &["send", "room1", "hi"]),
        (Cut(404, problem("not_found")), &["send", "room1", "hi"]),
        (Cut(422, problem("invalid_request")), &["send", "room1", "hi", "--queue"]),
    ] {
        let folder = Folder::fresh();
        let server = Server::start(vec![Whole(200, token()), cut, Whole(200, sent())]).await;
        assert_eq!(run(&server, arguments, &folder).await, (0, String::new(), String::new()), "{arguments:?}");
        let asked = server.asked().await;
        assert_eq!(key(&asked[1]), key(&asked[2]), "{arguments:?}");
    }
}

#[tokio::test]
async fn whatever_is_asked_is_asked_again_when_its_answer_breaks_off() {
    let page = |seqs| page(3, seqs);
    let found = || {
        let messages = page(3..=3)["messages"].take();
        json!({"room_id": "room1", "epoch": "e1", "messages": messages}).to_string()
    };
    let room = || {
        json!({"room_id": "room1", "head": 3, "occupants": [{"user": "bob", "state": "here", "since": "2026-11-22T14:02:11.125Z"}]}).to_string()
    };
    for (arguments, body) in [
        (&["history", "room1"][..], page(1..=3).to_string()),
        (&["history", "room1", "--search", "hi"], found()),
        (&["export", "room1", "--output", "-"], page(1..=3).to_string()),
        (&["tail", "room1", "--no-follow"], page(1..=3).to_string()),
        (&["who", "room1"], room()),
    ] {
        let folder = Folder::fresh();
        let answers = vec![
            Cut(200, token()),
            Whole(200, token()),
            Cut(200, body.clone()),
            Cut(404, problem("x")),
            Whole(200, body),
        ];
        let server = Server::start(answers).await;
        let (code, out, err) = run(&server, arguments, &folder).await;
        assert!(code == 0 && !out.is_empty(), "{arguments:?}: {code} {err}");
        server.asked().await;
    }
}
