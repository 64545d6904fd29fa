//! `join --plain`: lines in, lines out, and the outbox between.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

use serde_json::json;
use tokio::task::JoinHandle;

use crate::cli::command;
use crate::corpus::corpus;
use crate::deeds::{Deeds, Place};
use crate::programs::{self, end};
use crate::scripted::Scripted;
use crate::tmux::Tmux;
use crate::together::{Server, say};

/// A folder for an outbox, gone with the value.
struct State(PathBuf);

impl State {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("duet-plain-{name}-{}", std::process::id())))
    }

    fn join(&self, server: &Scripted, arguments: &[&str]) -> Command {
        let mut command = command(&server.url(), &[&["join", "room1"], arguments].concat());
        command.env("DUET_STATE_DIR", &self.0).env("TZ", "UTC");
        command
    }

    /// Pipes `input` in while the test plays the server.
    fn pipe(&self, server: &Scripted, input: &[u8]) -> JoinHandle<std::process::Output> {
        let (mut child, input) = (programs::spawn(self.join(server, &["--last", "2"])), input.to_vec());
        tokio::spawn(async move {
            child.stdin.take().unwrap().write_all(&input).await.unwrap();
            child.wait_with_output().await.unwrap()
        })
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.0.join("outbox")).map_or(0, Iterator::count)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Where nothing was kept there is no folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn accepted() -> serde_json::Value {
    json!({"status": "Message sent to room: room1"})
}

#[tokio::test]
async fn lines_that_are_piped_in_are_sent_in_order_and_its_end_waits_for_them() {
    let (mut server, state) = (Scripted::start().await, State::new("pipe"));
    let program = state.pipe(&server, b"one\\\nand a half\n//two\n\nthree");
    server.give_token("t1").await;
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?last=2&attention=idle");
    let mut socket = request.upgrade(Some("duet.v1")).await;
    assert!(!server.is_asked_within(Duration::from_millis(100)).await, "the room may be full");
    socket.welcome("recent", 1).await;
    for content in ["one\nand a half", "/two", "three"] {
        let request = server.expect("POST /message").await;
        assert_eq!(request.body["content"], content);
        assert_eq!(state.files(), 1, "it is on disk");
        request.ok(accepted());
    }
    // It ends only when what was there on entering is printed.
    socket.message(1, "hello").await;
    while socket.next().await.is_some() {}
    let expected = "-- room1 as alice: nobody else is here; somebody joins with: tui-client join room1 --user bob \
                    --server URL\n-- Sunday 22 November 2026\n14:02 bob: hello\n";
    assert_eq!(end(program).await, (0, expected.replace("URL", &server.url()), String::new()));
    assert_eq!(state.files(), 0);
}

#[tokio::test]
async fn what_is_refused_is_said_and_ends_with_4() {
    let (mut server, state) = (Scripted::start().await, State::new("refused"));
    let program = state.pipe(&server, b"one\n\xff\n");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    server.expect("POST /message").await.problem(422, "invalid_body", "not \u{1b}that");
    while socket.next().await.is_some() {}
    let (code, out, err) = end(program).await;
    assert_eq!(code, 4, "{err}");
    assert!(out.contains("-- not sent: the line is not UTF-8 text\n"), "{out}");
    assert!(out.contains("-- not sent: not ␛that; `tui-client outbox` keeps it\n"), "{out}");
    assert!(err.contains("1 message was refused and stays in the outbox"), "{err}");
}

#[tokio::test]
async fn a_line_that_is_no_command_and_one_that_was_not_ended_are_not_sent_and_it_says_so() {
    let (mut server, state) = (Scripted::start().await, State::new("lines"));
    let program = state.pipe(&server, b"/etc/hosts is gone\n/quit\n");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    while socket.next().await.is_some() {}
    let (code, out, err) = end(program).await;
    assert_eq!((code, err.as_str()), (4, "tui-client: not everything was sent\n"));
    assert!(out.contains("-- not sent: there is no command /etc/hosts is gone: "), "{out}");

    let tmux = Tmux::start().await;
    let client = env!("CARGO_BIN_EXE_tui-client");
    tmux.shell(&format!("TERM=dumb {client} join room1 --user alice --server {}; echo ended with $?", server.url()));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    tmux.expect("nobody else is here").await;
    tmux.text("half");
    tmux.keys(&["C-d", "C-d"]);
    while socket.next().await.is_some() {}
    tmux.expect("-- not sent: the input ended within the line").await;
    tmux.expect("ended with 4").await;
}

#[tokio::test]
async fn quit_ends_as_the_end_of_the_input_does() {
    let (mut server, state) = (Scripted::start().await, State::new("quit"));
    let program = state.pipe(&server, b"one\n/quit\ntwo\n");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    server.expect("POST /message").await.problem(422, "invalid_body", "not that");
    while socket.next().await.is_some() {}
    let (code, _, err) = end(program).await;
    assert_eq!(code, 4, "{err}");

    // Of a person, without a connection: what waits is in the outbox, and they need not wait.
    let tmux = Tmux::start().await;
    let client = env!("CARGO_BIN_EXE_tui-client");
    tmux.shell(&format!("TERM=dumb {client} join room1 --user alice --server {}; echo ended with $?", server.url()));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    tmux.expect("nobody else is here").await;
    server.stop();
    drop(socket);
    tmux.expect("-- no connection").await;
    tmux.shell("hello");
    tmux.expect("-- kept").await;
    tmux.shell("/quit");
    tmux.expect("ended with 5").await;
    assert!(tmux.screen().contains("1 message waits to be sent"), "{}", tmux.screen());
}

#[tokio::test]
async fn what_a_killed_one_left_goes_out_once_with_its_own_id() {
    let (mut server, state) = (Scripted::start().await, State::new("killed"));
    let mut child = programs::spawn(state.join(&server, &[]));
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"keep this\n").await.unwrap();
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    let request = server.expect("POST /message").await;
    let id = request.header("idempotency-key").unwrap().to_owned();
    request.hang();
    child.kill().await.unwrap();
    drop((socket, input));

    let program = state.pipe(&server, b"");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    let request = server.expect("POST /message").await;
    assert_eq!((request.header("idempotency-key"), &request.body["content"]), (Some(&*id), &json!("keep this")));
    request.ok(accepted());
    while socket.next().await.is_some() {}
    let (code, out, err) = end(program).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("-- 1 message of before goes out now\n"), "{out}");
    assert_eq!(state.files(), 0);
}

#[tokio::test]
async fn a_full_room_ends_it_with_3_or_is_waited_for() {
    let (mut server, state) = (Scripted::start().await, State::new("full"));
    let program = state.pipe(&server, b"never sent\n");
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    let (code, _, err) = end(program).await;
    assert_eq!((code, err.as_str()), (3, "tui-client: the room holds two other users\n"));
    assert_eq!(state.files(), 0);

    let mut child = programs::spawn(state.join(&server, &["--wait"]));
    let mut socket = crate::listening::full_for_a_while(&mut server).await;
    socket.welcome("live", 0).await;
    drop(child.stdin.take());
    while socket.next().await.is_some() {}
    let output = programs::ended(child).await;
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with("-- the room holds two other users, waiting for a seat\n-- room1 as alice"), "{out}");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn it_ends_with_the_signals_number_and_quietly_when_nobody_reads() {
    let (mut server, state) = (Scripted::start().await, State::new("ends"));
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("", 0)] {
        let mut child = programs::spawn(state.join(&server, &[]));
        server.give_token("t1").await;
        let mut socket = server.let_in().await;
        socket.welcome("live", 0).await;
        let out = programs::begin_to_read(&mut child).await;
        if name.is_empty() {
            drop(out);
        } else {
            programs::signal(&child, name);
        }
        // The seat is given back properly.
        while socket.next().await.is_some() {}
        let output = programs::ended(child).await;
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(code), &b""[..]), "{name}");
    }
}

#[tokio::test]
async fn who_has_not_typed_for_long_is_idle_and_reads_nothing_until_they_do() {
    let (mut server, tmux) = (Scripted::start().await, Tmux::start().await);
    let client = env!("CARGO_BIN_EXE_tui-client");
    let config = "printf '[writing]\\nidle-after = \"2s\"\\n' > $DUET_STATE_DIR.toml";
    tmux.shell(config);
    let url = server.url();
    tmux.shell(&format!("DUET_CONFIG=$DUET_STATE_DIR.toml {client} join room1 --plain --user alice --server {url}"));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    socket.message(1, "one").await;
    crate::listening::told(&mut socket, "\"read\":1").await;
    crate::listening::told(&mut socket, "idle").await;
    socket.message(2, "two").await;
    let receipt = crate::listening::told(&mut socket, "\"delivered\":2").await;
    assert!(receipt.contains("\"read\":1"), "{receipt}");
    tmux.keys(&["Enter"]);
    crate::listening::told(&mut socket, "here").await;
    crate::listening::told(&mut socket, "\"read\":2").await;
    tmux.shell("/quit");
    while socket.next().await.is_some() {}
    tmux.shell("rm $DUET_STATE_DIR.toml; echo removed");
    tmux.expect("removed\nshell$").await;
}

#[tokio::test]
async fn no_text_of_others_is_an_order_to_a_terminal() {
    let (mut server, state) = (Scripted::start().await, State::new("hostile"));
    let program = state.pipe(&server, b"");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    let corpus = corpus();
    let names = corpus.iter().filter(|text| text.parse::<shared::names::Username>().is_ok()).take(40);
    let (texts, names): (Vec<_>, Vec<_>) = (corpus.clone(), names.collect());
    socket.welcome("recent", texts.len() as u64 + names.len() as u64).await;
    let frame = |seq: usize, sender: &str, content: &str| {
        json!({"type": "message", "seq": seq, "id": format!("id-{seq}"), "sender": sender, "content": content,
            "sent_at": "2026-11-22T14:02:11.125Z"})
    };
    for (i, text) in texts.iter().enumerate() {
        socket.send(frame(i + 1, "bob", text)).await;
    }
    for (i, name) in names.iter().enumerate() {
        socket.send(frame(texts.len() + i + 1, name, "hi")).await;
    }
    while socket.next().await.is_some() {}
    let (code, out, _) = end(program).await;
    assert_eq!(code, 0);
    for line in out.lines() {
        assert!(["-- ", "14:02 ", "      "].iter().any(|start| line.starts_with(start)), "{line:?}");
    }
    let deeds = Deeds::of(out.replace(['\n', '\t'], " ").as_bytes());
    assert!(deeds.text.contains(&"x".repeat(60_000)), "it was all printed");
    deeds.expect_only_ours(Place::Lines);
}

#[tokio::test]
async fn two_people_talk_without_a_screen_and_read_is_told() {
    let server = Server::fresh();
    let mut people = vec![];
    for user in ["alice", "bob"] {
        let tmux = Tmux::start().await;
        let client = env!("CARGO_BIN_EXE_tui-client");
        let address = server.address;
        tmux.shell(&format!(
            "TERM=dumb {client} join room1 --user {user} --server http://{address}; echo ended with $?"
        ));
        tmux.expect(&format!("-- room1 as {user}: ")).await;
        people.push(tmux);
    }
    let [alice, bob] = people.as_slice() else { panic!("two people") };
    alice.expect("-- bob has come").await;
    say(alice, "did the deploy go through?");
    bob.expect("alice: did the deploy go through?").await;
    say(bob, "yes");
    alice.expect("bob: yes").await;
    let screen = alice.screen();
    assert_eq!(screen.matches("did the deploy").count(), 1, "what was typed stands there once:\n{screen}");
    let status = || {
        say(alice, "/status");
        Some(()).filter(|()| alice.screen().contains("-- your last message was read"))
    };
    alice.until("a receipt".to_owned(), status).await;
    bob.keys(&["C-d"]);
    bob.expect("ended with 0").await;
    alice.expect("-- bob has gone").await;
    alice.keys(&["C-c"]);
    alice.expect("ended with 130").await;
    // From the start of the program to its end no order is given to the terminal.
    let written = String::from_utf8(alice.written_with("ended with 130").await).unwrap();
    let ours = &written[written.find("-- room1 as").unwrap()..written.find("ended with 130").unwrap()];
    assert!(!ours.contains('\u{1b}'), "{ours:?}");
}
