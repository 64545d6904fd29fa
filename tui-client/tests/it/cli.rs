//! The program as scripts use it: arguments and standard input in; standard output, standard error and exit code out.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use crate::programs::{self, begin_to_read, end, signal};
use crate::scripted::{SOON, Scripted};

pub(crate) fn command(server: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tui-client"));
    command.args(arguments).env("DUET_SERVER", server).env("DUET_USER", "alice").env_remove("DUET_EMAIL");
    // What the person who runs the tests has configured is no part of them.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("DUET_CONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with `input` on its standard input while the test plays the server.
pub(crate) fn run(server: &Scripted, arguments: &[&str], input: &[u8]) -> JoinHandle<Output> {
    let (mut child, input) = (programs::spawn(command(&server.url(), arguments)), input.to_vec());
    tokio::spawn(async move {
        // A program that reads nothing has closed it already.
        let _ = child.stdin.take().unwrap().write_all(&input).await;
        child.wait_with_output().await.unwrap()
    })
}

fn sent() -> Value {
    json!({"status": "Message sent to room: room1"})
}

#[tokio::test]
async fn send_ends_with_0_when_the_server_keeps_the_message() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["send", "room1", "Hello,", "Room!", "--email", "a@example.org", "--id", "key-1"], b"");
    let request = server.expect("POST /generate-token").await;
    assert_eq!(request.body, json!({"username": "alice", "email": "a@example.org", "room_id": "room1"}));
    request.ok(json!({"token": "t1"}));
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "Hello, Room!"}));
    assert_eq!(request.header("idempotency-key"), Some("key-1"));
    request.ok(sent());
    assert_eq!(end(program).await, (0, String::new(), String::new()));
}

#[test]
fn an_invite_in_the_place_of_a_room_is_told_without_its_secret() {
    let link = "duet://bob@chat.example.org/room1#duet_inv_0123456789abcdefghijklmn";
    let with_room = ["history", "who", "doctor", "tail", "export", "token", "logout"].map(|name| vec![name, link]);
    for arguments in with_room.into_iter().chain([vec!["send", link, "hi"], vec!["invite", link, "--for", "bob"]]) {
        let output = command("http://127.0.0.1:1", &arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("this is an invite and no room: use it once with tui-client join"), "{said}");
        assert!(!said.contains("0123456789"), "{said}");
    }
}

#[tokio::test]
async fn send_reads_standard_input_whole_and_tries_again_with_one_id() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["send", "room1", "-"], "first\nsecond ü\n".as_bytes());
    server.give_token("t1").await;
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "first\nsecond ü"}));
    let id = request.header("idempotency-key").expect("an id").to_owned();
    request.drop_connection();
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some(id.as_str()));
    request.ok(sent());
    assert_eq!(end(program).await, (0, String::new(), String::new()));
}

#[tokio::test]
async fn send_makes_a_block_of_code_that_nothing_in_it_closes() {
    let mut server = Scripted::start().await;
    for (language, code, expected) in
        [("rust", "fn main() {}\n", "```rust\nfn main() {}\n```"), ("", "a ``` b", "````\na ``` b\n````")]
    {
        let program = run(&server, &["send", "room1", "-", "--code", language], code.as_bytes());
        server.give_token("t1").await;
        let request = server.expect("POST /message").await;
        assert_eq!(request.body["content"], expected);
        request.ok(sent());
        assert_eq!(end(program).await.0, 0);
    }
    assert_eq!(end(run(&server, &["send", "room1", "hi", "--code", "a b"], b"")).await.0, 2);
}

#[tokio::test]
async fn send_ends_with_4_and_the_servers_sentence_when_it_is_refused() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["send", "room1", "hi"], b"");
    server.give_token("t1").await;
    server.expect("POST /message").await.problem(413, "too_large", "say it \u{1b}[31mshorter");
    let (code, out, err) = end(program).await;
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(err.contains("shorter") && !err.contains('\u{1b}'), "{err:?}");
}

#[tokio::test]
async fn send_waits_as_long_as_the_server_asks_and_not_in_vain() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["send", "room1", "hi", "--id", "key-1"], b"");
    server.give_token("t1").await;
    server.expect("POST /message").await.too_often(2);
    assert!(!server.is_asked_within(Duration::from_millis(1700)).await);
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("key-1"));
    request.ok(sent());
    assert_eq!(end(program).await, (0, String::new(), String::new()));

    let begun = Instant::now();
    let program = run(&server, &["send", "room1", "hi", "--timeout", "8s"], b"");
    server.give_token("t1").await;
    server.expect("POST /message").await.too_often(60);
    assert_eq!(end(program).await, (5, String::new(), "tui-client: posts come too fast\n".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn send_ends_with_5_when_there_is_no_server() {
    let server = Scripted::start().await;
    let address = server.url();
    server.stop();
    let command = command(&address, &["send", "room1", "hi", "--timeout", "300ms"]);
    let output = programs::run(command).await.unwrap();
    assert_eq!(output.status.code(), Some(5));
    let address = address.trim_start_matches("http://");
    let words = format!(
        "tui-client: connecting to {address} for 300ms: refused: start a server there, or name another one with --server\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), words);
}

#[tokio::test]
async fn what_cannot_be_meant_ends_with_2() {
    let server = Scripted::start().await;
    let cases: [(&[&str], &[u8]); 8] = [
        (&["send", "room1"], b""),
        (&["send", "room1", ""], b""),
        (&["send", "room1", " \t"], b""),
        (&["send", "duet://bob@a.b/room1#duet_inv_x", "hi"], b""),
        (&["send", "room1", "-"], b"\n"),
        (&["send", "room1", "-"], b"\xff\xfe"),
        (&["send", "..", "hi"], b""),
        (&["send", "room1", "hi", "--user", ""], b""),
    ];
    for (arguments, input) in cases {
        let (code, out, err) = end(run(&server, arguments, input)).await;
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[tokio::test]
async fn token_prints_the_token_alone() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["token", "room1"], b"");
    server.give_token("head.claims.signature").await;
    assert_eq!(end(program).await, (0, "head.claims.signature\n".to_owned(), String::new()));
}

pub(crate) fn page(head: u64, seqs: std::ops::RangeInclusive<u64>) -> Value {
    let message = |seq| {
        json!({"seq": seq, "id": format!("id-{seq}"), "sender": "bob", "content": "hi",
            "sent_at": "2026-11-22T14:02:11.125Z"})
    };
    json!({"room_id": "room1", "epoch": "e1", "head": head, "messages": seqs.map(message).collect::<Vec<_>>()})
}

#[track_caller]
pub(crate) fn check_seqs(out: &str, seqs: std::ops::RangeInclusive<u64>) {
    let read = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap());
    assert_eq!(read.collect::<Vec<_>>(), seqs.collect::<Vec<_>>());
}

#[tokio::test]
async fn history_pages_through_everything() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["history", "room1", "--json", "--all"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=500&after=0");
    request.ok(page(700, 1..=500));
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=500&after=500");
    request.ok(page(700, 501..=700));
    let (code, out, _) = end(program).await;
    assert_eq!(code, 0);
    check_seqs(&out, 1..=700);
}

#[tokio::test]
async fn history_goes_back_for_the_last_messages_and_prints_them_forwards() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["history", "room1", "--json", "--last", "600"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=500");
    request.ok(page(700, 201..=700));
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=100&before=201");
    request.ok(page(700, 101..=200));
    check_seqs(&end(program).await.1, 101..=700);
}

#[tokio::test]
async fn history_looks_for_words_as_far_back_as_wanted_and_prints_forwards() {
    let mut server = Scripted::start().await;
    // A page of a search is one of history with `earlier`, and without `head`.
    let found = |places, earlier: Option<u64>| {
        let mut page = page(9, places);
        page["earlier"] = earlier.into();
        page
    };
    let program = run(&server, &["history", "room1", "--json", "--search", "a b&c", "--last", "5"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/search").await;
    assert_eq!(request.line, "GET /rooms/room1/search?q=a+b%26c&limit=5");
    request.ok(found(7..=9, Some(7)));
    let request = server.expect("GET /rooms/room1/search").await;
    assert_eq!(request.line, "GET /rooms/room1/search?q=a+b%26c&limit=2&before=7");
    request.ok(found(3..=4, Some(3)));
    let (code, out, _) = end(program).await;
    assert_eq!((code, out.lines().count()), (0, 5));
    assert!(out.lines().next().unwrap().contains("\"seq\":3"), "{out}");

    let program = run(&server, &["history", "room1", "--search", "x", "--after", "2", "--before", "9"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/search").await;
    assert_eq!(request.line, "GET /rooms/room1/search?q=x&limit=100&before=9");
    request.ok(found(1..=2, Some(1)));
    assert_eq!(end(program).await, (0, String::new(), "tui-client: nothing found\n".to_owned()));

    // A server that does not get on.
    let program = run(&server, &["history", "room1", "--search", "x", "--all"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1/search").await.ok(found(NOTHING, Some(7)));
    server.expect("GET /rooms/room1/search").await.ok(found(NOTHING, Some(7)));
    assert_eq!(end(program).await, (0, String::new(), "tui-client: nothing found\n".to_owned()));

    // One that has no end of it.
    let program = run(&server, &["history", "room1", "--json", "--search", "x", "--all"], b"");
    server.give_token("t1").await;
    for page in (1..=100).rev() {
        let first = page * 100 + 1;
        server.expect("GET /rooms/room1/search").await.ok(found(first..=first + 99, Some(first)));
    }
    let (code, out, err) = end(program).await;
    let words = "tui-client: these are the newest 10000: there may be more with --before 101\n";
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 10_000, words));
}

#[expect(clippy::reversed_empty_ranges, reason = "a page without a message")]
const NOTHING: std::ops::RangeInclusive<u64> = 1..=0;

#[tokio::test]
async fn history_of_which_nothing_is_kept_says_so() {
    let mut server = Scripted::start().await;
    for (arguments, head, words) in [
        (&[][..], 7, "-- messages 1 to 7 are no longer kept --\n"),
        (&["--all"], 1, "-- message 1 is no longer kept --\n"),
        (&["--after", "5"], 7, "-- messages 6 to 7 are no longer kept --\n"),
        (&["--after", "7"], 7, ""),
    ] {
        let program = run(&server, &[&["history", "room1"], arguments].concat(), b"");
        server.give_token("t1").await;
        server.expect("GET /rooms/room1/messages").await.ok(page(head, NOTHING));
        assert_eq!(end(program).await, (0, words.to_owned(), String::new()), "{arguments:?}");
    }
}

#[tokio::test]
async fn history_of_a_room_in_which_nothing_was_said_says_so() {
    let mut server = Scripted::start().await;
    for arguments in
        [&["history", "room1"][..], &["history", "room1", "--all", "--json"], &["tail", "room1", "--no-follow"]]
    {
        let program = run(&server, arguments, b"");
        server.give_token("t1").await;
        server.expect("GET /rooms/room1/messages").await.ok(page(0, NOTHING));
        let told = "tui-client: there are no messages in room1\n".to_owned();
        assert_eq!(end(program).await, (0, String::new(), told), "{arguments:?}");
    }
}

#[tokio::test]
async fn what_no_search_finds_is_told_of_in_the_words_of_the_command_line() {
    let server = Scripted::start().await;
    for words in ["", " ", "?!", "a b c d e f g h i", &"x".repeat(257)] {
        let (code, out, err) = end(run(&server, &["history", "room1", "--search", words], b"")).await;
        assert_eq!((code, out.as_str()), (2, ""), "{words}: {err}");
        assert!(err.contains("'--search <WORDS>'"), "{words}: {err}");
    }
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_before_what_is() {
    let mut server = Scripted::start().await;
    for arguments in [
        &["history", "room1", "--all"][..],
        &["history", "room1", "--after", "0"],
        &["history", "room1", "--last", "3"],
        &["tail", "room1", "--after", "0", "--no-follow"],
        &["tail", "room1", "--last", "3", "--no-follow"],
        &["tail", "room1", "--after", "0"],
    ] {
        for (style, expected) in [
            (&["--json"][..], r#"{"type":"gap","v":1,"room":"room1","from":1,"to":10}"#),
            (&[], "-- messages 1 to 10 are no longer kept --"),
        ] {
            let mut child = programs::spawn(command(&server.url(), &[arguments, style].concat()));
            server.give_token("t1").await;
            let mut follows = None;
            if arguments.first() == Some(&"tail") && !arguments.contains(&"--no-follow") {
                let mut socket = server.let_in().await;
                socket.welcome("live", 12).await;
                server.give_token("t1").await;
                follows = Some(socket);
            }
            server.expect("GET /rooms/room1/messages").await.ok(page(12, 11..=12));
            if arguments.contains(&"--last") {
                server.expect("GET /rooms/room1/messages").await.ok(page(12, NOTHING));
            }
            let line = programs::next(&mut programs::lines(&mut child)).await;
            assert_eq!(line.as_deref(), Some(expected), "{arguments:?}");
            // One that follows would go on, and come back if it outlived its connection.
            child.kill().await.unwrap();
            drop(follows);
        }
    }
}

/// The words of a command that ends at once with 4.
async fn refused(program: JoinHandle<Output>) -> String {
    let (code, out, err) = end(program).await;
    assert_eq!((code, out.as_str()), (4, ""), "{err}");
    err
}

#[tokio::test]
async fn a_server_that_is_not_duets_is_told_of_in_a_sentence() {
    let mut server = Scripted::start().await;
    let address = server.address();
    // One of the first system, as FastAPI answers for a route it does not have.
    let program = run(&server, &["who", "room1"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.answer(404, "", r#"{"detail":"Not Found"}"#.to_owned());
    let told = "tui-client: this server does not tell who is in a room: it is none of Duet, or an old one\n";
    assert_eq!(refused(program).await, told);

    // Any other one.
    for status in [404, 405] {
        let program = run(&server, &["who", "room1"], b"");
        server.expect("POST /generate-token").await.answer(status, "", "<html>".to_owned());
        let err = refused(program).await;
        assert!(err.contains(&format!("there is no Duet server at http://{address}/ (it answers {status} ")), "{err}");
        assert!(err.ends_with("): is a path missing behind it, or is it another --server?\n"), "{err}");
    }
}

#[tokio::test]
async fn an_address_with_a_slip_says_what_to_try() {
    let mut server = Scripted::start().await;
    let address = server.address();
    let program = run(&server, &["who", "room1", "--server", &format!("http://{address}/duet")], b"");
    server.expect("POST /duet/generate-token").await.problem(404, "not_found", "nothing is here");
    let err = refused(program).await;
    assert!(
        err.contains("/duet (it answers 404 ") && err.ends_with(&format!("): try --server http://{address}\n")),
        "{err}"
    );

    // What a server answers that was sent a TLS handshake.
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // The client closes.
        _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    let program = run(&server, &["who", "room1", "--server", &format!("https://{address}")], b"");
    let told = format!("tui-client: no TLS is spoken at {address}: try --server http://{address}\n");
    assert_eq!(refused(program).await, told);
    answering.await.unwrap();
}

#[tokio::test]
async fn tail_follows_through_a_loss_and_ends_with_0_on_sigterm() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1", "--json", "--last", "2"]));
    server.give_token("t1").await;
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?last=2&attention=idle");
    let mut socket = request.upgrade(Some("duet.v1")).await;
    socket.welcome("recent", 1).await;
    socket.message(1, "one").await;
    let mut lines = programs::lines(&mut child);
    let mut read = async || serde_json::from_str::<Value>(&programs::next(&mut lines).await.unwrap()).unwrap();
    let line = read().await;
    assert_eq!((&line["v"], &line["type"], &line["content"]), (&json!(1), &json!("message"), &json!("one")));
    drop(socket);
    let mut socket = server.let_in().await;
    socket.welcome("complete", 2).await;
    socket.message(1, "one").await;
    socket.message(2, "two").await;
    assert_eq!(read().await["content"], "two");
    signal(&child, "-TERM");
    // The server answers the close.
    while socket.next().await.is_some() {}
    assert_eq!(programs::next(&mut lines).await, None);
    let output = programs::ended(child).await;
    assert_eq!(output.status.code(), Some(0));
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "tui-client: no connection (connection broken), trying again\ntui-client: connected again\n");
}

#[tokio::test]
async fn tail_ends_with_0_when_nobody_reads_it_any_more() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1"]));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    // The room is silent; only the pipe can tell.
    drop(child.stdout.take());
    while socket.next().await.is_some() {}
    let output = programs::ended(child).await;
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

#[tokio::test]
async fn tail_ends_with_3_when_the_room_is_full() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["tail", "room1"], b"");
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    let (code, _, err) = end(program).await;
    assert_eq!((code, err.as_str()), (3, "tui-client: room room1 holds two other users\n"));
}

#[tokio::test]
async fn tail_ends_on_a_signal_while_its_pipe_is_full() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1"]));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    // A pipe holds 64 KiB by default.
    for seq in 1..=4 {
        socket.message(seq, &"x".repeat(60_000)).await;
    }
    let reading = tokio::spawn(async move { while socket.next().await.is_some() {} });
    let _out = begin_to_read(&mut child).await;
    signal(&child, "-INT");
    assert_eq!(programs::ended(child).await.status.code(), Some(0));
    reading.await.unwrap();
}

#[tokio::test]
async fn tail_ends_on_a_signal_while_its_pipe_is_full_of_what_was_said_before() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1", "--after", "0"]));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 4).await;
    server.give_token("t1").await;
    let mut said = page(4, 1..=4);
    for message in said["messages"].as_array_mut().unwrap() {
        message["content"] = "x".repeat(60_000).into();
    }
    server.expect("GET /rooms/room1/messages").await.ok(said);
    let reading = tokio::spawn(async move { while socket.next().await.is_some() {} });
    let _out = begin_to_read(&mut child).await;
    signal(&child, "-TERM");
    tokio::time::timeout(SOON, reading).await.expect("it leaves").unwrap();
}
