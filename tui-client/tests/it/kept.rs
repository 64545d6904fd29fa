//! The outbox as a person and a script meet it: the built program, killed, cut off, on a full disk, and come back.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::outbox::Folder;
use crate::programs::{self, end};
use crate::scripted::Scripted;
use crate::tmux::{Tmux, pid, runs};
use crate::together::{Server, say};

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

fn run(url: &str, state: &Path, arguments: &[&str]) -> JoinHandle<Output> {
    let mut command = Command::new(CLIENT);
    command.args(arguments).env("DUET_SERVER", url).env("DUET_USER", "alice").env("DUET_STATE_DIR", state);
    command.env("XDG_CONFIG_HOME", state).stdin(Stdio::null());
    programs::run(command)
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What waits in the outbox of a terminal: contents and ids.
async fn waiting(state: &Path) -> Vec<(String, String)> {
    let (code, out, err) = end(run("http://127.0.0.1:1", state, &["outbox", "--json"])).await;
    assert_eq!(code, 0, "{err}");
    let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
    lines(&out).iter().map(|line| (text(line, "content"), text(line, "id"))).collect()
}

#[tokio::test]
async fn what_was_sent_offline_outlives_kill_9_and_arrives_once_in_order_with_its_id() {
    let mut server = Server::fresh();
    let bob = server.joined_by("bob").await;
    let alice = Tmux::start().await;
    let join = format!("{CLIENT} join room1 --user alice --server http://{}", server.address);
    let (command, file) = alice.with_pid(&join);
    alice.shell(&command);
    alice.expect("live").await;
    say(&alice, "message one");
    bob.expect("message one").await;
    alice.until("empty outbox".to_owned(), || state_is_empty(&alice).then_some(())).await;
    server.kill();
    alice.expect("no connection").await;
    for text in ["message two", "message three", "//message four"] {
        say(&alice, text);
        // Three lines that a busy client reads at once are a paste.
        until_it_waits(&alice, text.trim_start_matches('/')).await;
    }
    let pid = pid(&file).expect("the client's process id");
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    alice.until("the end of the client".to_owned(), || (!runs(&pid)).then_some(())).await;
    let kept = waiting(&alice.state).await;
    let contents: Vec<&str> = kept.iter().map(|(content, _)| content.as_str()).collect();
    assert_eq!(contents, ["message two", "message three", "/message four"]);

    // The terminal is as the killed client left it; a new one takes its place.
    let (listen, folder) = (server.address.to_string(), server.folder.clone());
    let server = Server::start(&listen, &folder);
    let again = Tmux::start_with(&alice.state).await;
    again.shell(&join);
    again.expect("live").await;
    bob.expect("/message four").await;
    let settled = || Some(again.screen()).filter(|screen| !screen.contains("waiting"));
    again.until("nothing waits".to_owned(), settled).await;
    say(&again, "message five");
    bob.expect("message five").await;
    for person in [&again, &bob] {
        let screen = person.expect("message five").await;
        let said: Vec<&str> = screen.lines().filter_map(|line| line.split("message ").nth(1)).collect();
        let said: Vec<&str> = said.iter().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(said, ["one", "two", "three", "four", "five"], "{screen}");
    }
    let url = format!("http://{}", server.address);
    let (_, history, _) = end(run(&url, &alice.state, &["history", "room1", "--json"])).await;
    let ids: Vec<String> = lines(&history).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids[1..4], kept.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
    again.until("empty outbox".to_owned(), || state_is_empty(&alice).then_some(())).await;
}

/// Waits until the screen shows a message as one that waits. In the composer it may still be a draft.
async fn until_it_waits(tmux: &Tmux, text: &str) {
    let is_shown = || tmux.screen().lines().any(|line| line.contains(text) && line.ends_with(" waiting"));
    tmux.until(format!("{text:?} waiting"), || is_shown().then_some(())).await;
}

/// Whether nothing stands in the outbox of a terminal's programs.
fn state_is_empty(tmux: &Tmux) -> bool {
    tui_client::outbox::look(&tmux.state.join("outbox")).unwrap().is_empty()
}

#[tokio::test]
async fn it_is_on_disk_before_the_composer_is_seen_empty_and_while_the_server_says_503() {
    let mut server = Scripted::start().await;
    let alice = Tmux::start().await;
    alice.shell(&format!("{CLIENT} join room1 --user alice --server {}; echo ended with $?", server.url()));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    alice.expect("Nobody has written here yet").await;
    say(&alice, "hello there");
    let request = server.expect("POST /message").await;
    let id = request.header("idempotency-key").unwrap().to_owned();
    request.problem(503, "unavailable", "RabbitMQ is not reachable");
    alice.expect("Still waiting: RabbitMQ is not reachable.").await;
    assert_eq!(waiting(&alice.state).await, [("hello there".to_owned(), id.clone())]);
    alice.keys(&["C-c"]);
    let asked = alice.expect("1 message is still waiting to be sent.").await;
    assert!(asked.contains("sends it when you are back"), "{asked}");
    // Until the client has gone, the server answers as before.
    alice.keys(&["C-c"]);
    let left = alice.expect("ended with 0").await;
    let words = left.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "1 message waits to be sent: it goes out when you join room1 as alice again, or with `tui-client outbox --send`";
    assert!(words.contains(said), "{left}");
    assert_eq!(waiting(&alice.state).await.len(), 1);

    server.stop();
    let mut server = Scripted::start().await;
    let (code, out, _) = end(run(&server.url(), &alice.state, &["outbox"])).await;
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
    assert!(out.contains("room1 as alice at http://127.0.0.1:") && out.contains("  hello there"), "{out}");
    // It is of another server, and is left alone.
    let sending = run(&server.url(), &alice.state, &["send", "room1", "for the other one", "--queue"]);
    server.give_token("token").await;
    let request = server.expect("POST /message").await;
    assert_eq!(request.body["content"], "for the other one");
    request.ok(json!({"status": "Message sent to room: room1"}));
    assert_eq!(end(sending).await, (0, String::new(), String::new()));
    assert_eq!(waiting(&alice.state).await, [("hello there".to_owned(), id)]);
}

#[tokio::test]
async fn on_a_full_disk_a_message_is_sent_unkept_and_without_a_server_it_stays_in_the_composer() {
    let mut server = Scripted::start().await;
    let alice = Tmux::start().await;
    // What is written past the limit fails as on a full disk, the signal being ignored; one block is 512 bytes.
    alice.shell(&format!(
        "trap '' XFSZ; (ulimit -f 1; exec {CLIENT} join room1 --user alice --server {}); echo ended with $?",
        server.url()
    ));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    alice.expect("Nobody has written here yet").await;
    let long = "long ".repeat(100);
    say(&alice, &long);
    let request = server.expect("POST /message").await;
    assert_eq!(request.body["content"], long.trim_end());
    request.ok(json!({"status": "Message sent to room: room1"}));
    let screen = alice.expect("Messages are sent but not kept").await;
    assert!(screen.split_whitespace().collect::<Vec<_>>().join(" ").contains("name another folder with --state-dir"));
    // What there is room for goes on being kept and sent, and nothing of the other is left behind.
    say(&alice, "short");
    let request = server.expect("POST /message").await;
    assert_eq!(request.body["content"], "short");
    request.hang();
    assert_eq!(waiting(&alice.state).await.len(), 1);
    drop(socket);
    server.stop();
    alice.expect("no connection").await;
    let lost = "lost ".repeat(100);
    say(&alice, &lost);
    let screen = alice.expect("Not sent: the outbox").await;
    assert!(screen.contains("> lost lost"), "{screen}");
    assert_eq!(waiting(&alice.state).await.len(), 1);
}

#[tokio::test]
async fn what_is_refused_outlives_the_client_and_is_shown_again_until_it_is_taken_back() {
    let mut server = Scripted::start().await;
    let alice = Tmux::start().await;
    let join = format!("{CLIENT} join room1 --user alice --server {}", server.url());
    let (command, file) = alice.with_pid(&join);
    alice.shell(&command);
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    alice.expect("Nobody has written here yet").await;
    say(&alice, "hello there");
    server.expect("POST /message").await.problem(413, "too_large", "say it shorter");
    alice.expect("A message was not sent: say it shorter. Ctrl+T takes it back.").await;
    let pid = pid(&file).expect("the client's process id");
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    alice.until("the end of the client".to_owned(), || (!runs(&pid)).then_some(())).await;
    let (_, out, _) = end(run(&server.url(), &alice.state, &["outbox"])).await;
    assert!(out.contains("  hello there\n        refused: say it shorter\n"), "{out}");

    let again = Tmux::start_with(&alice.state).await;
    again.shell(&format!("{join}; echo ended with $?"));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    socket.message(1, "how are you").await;
    let screen = again.expect("how are you").await;
    assert!(screen.find("how are you") < screen.find("not sent: say it shorter"), "{screen}");
    again.keys(&["C-c"]);
    again.expect("1 message was refused.").await;
    again.keys(&["C-t"]);
    again.expect("> hello there").await;
    again.until("empty outbox".to_owned(), || state_is_empty(&again).then_some(())).await;
    again.keys(&["C-c", "C-c"]);
    again.expect("ended with 0").await;
}

#[tokio::test]
async fn two_clients_of_one_user_send_their_own_and_the_living_takes_over_from_the_dead() {
    let mut server = Server::fresh();
    let bob = server.joined_by("bob").await;
    let one = Tmux::start().await;
    let join = format!("{CLIENT} join room1 --user alice --server http://{}", server.address);
    let (command, file) = one.with_pid(&join);
    one.shell(&command);
    one.expect("live").await;
    let other = Tmux::start_with(&one.state).await;
    other.shell(&join);
    other.expect("live").await;
    server.kill();
    for tmux in [&one, &other] {
        tmux.expect("no connection").await;
    }
    for (tmux, text) in [(&one, "from one"), (&other, "from the other"), (&one, "one again")] {
        say(tmux, text);
        until_it_waits(tmux, text).await;
    }
    let pid = pid(&file).expect("the client's process id");
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    one.until("the end of the client".to_owned(), || (!runs(&pid)).then_some(())).await;
    let (listen, folder) = (server.address.to_string(), server.folder.clone());
    let server = Server::start(&listen, &folder);
    bob.expect("from the other").await;
    other.until("empty outbox".to_owned(), || state_is_empty(&other).then_some(())).await;
    for person in [&bob, &other] {
        person.expect("one again").await;
        let settled = || Some(person.screen()).filter(|screen| !screen.contains("waiting"));
        let screen = person.until("nothing waits".to_owned(), settled).await;
        for text in ["from one", "from the other", "one again"] {
            assert_eq!(screen.matches(text).count(), 1, "{text} in\n{screen}");
        }
        assert!(screen.find("from one") < screen.find("one again"), "{screen}");
    }
    drop(server);
}

#[tokio::test]
async fn send_queue_keeps_offline_and_the_next_one_sends_both() {
    let state = Folder::fresh();
    let server = Scripted::start().await;
    let (url, address) = (server.url(), server.address());
    server.stop();
    let queued = ["send", "room1", "written offline", "--queue", "--id", "key-1", "--timeout", "300ms"];
    let (code, out, err) = end(run(&url, state.path(), &queued)).await;
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("kept in the outbox (refused)") && err.contains("tui-client outbox --send"), "{err}");
    assert_eq!(waiting(state.path()).await, [("written offline".to_owned(), "key-1".to_owned())]);

    let mut server = Scripted::start_at(&address).await;
    let program = run(&url, state.path(), &["send", "room1", "and online", "--queue", "--id", "key-2"]);
    server.give_token("t1").await;
    for id in ["key-1", "key-2"] {
        let request = server.expect("POST /message").await;
        assert_eq!(request.header("idempotency-key"), Some(id));
        request.ok(json!({"status": "Message sent to room: room1"}));
    }
    assert_eq!(end(program).await, (0, String::new(), String::new()));
    assert_eq!(end(run(&url, state.path(), &["outbox"])).await.2, "tui-client: nothing waits to be sent\n");
}

#[tokio::test]
async fn outbox_send_sends_what_waits_and_says_what_became_of_it() {
    let state = Folder::fresh();
    let mut server = Scripted::start().await;
    for text in ["too long", "fine"] {
        let queued = ["send", "room1", text, "--queue", "--timeout", "0s"];
        assert_eq!(end(run(&server.url(), state.path(), &queued)).await.0, 0);
    }
    let program = run(&server.url(), state.path(), &["outbox", "--send"]);
    loop {
        let request = server.any().await;
        match request.body["content"].as_str() {
            None => request.ok(json!({"token": "t1"})),
            Some("too long") => request.problem(413, "too_large", "say it shorter"),
            Some(_) => break request.ok(json!({"status": "Message sent to room: room1"})),
        }
    }
    let (code, _, err) = end(program).await;
    assert_eq!(code, 4, "{err}");
    for words in ["sending 2", "was refused and stays in the outbox: say it shorter", "sent 1 of 2"] {
        assert!(err.contains(words), "no {words:?} in {err}");
    }
    let (content, id) = waiting(state.path()).await.remove(0);
    assert_eq!(content, "too long");
    assert!(err.contains(&format!("outbox --drop {id}")), "{err}");
    let (code, _, err) = end(run(&server.url(), state.path(), &["outbox", "--send"])).await;
    assert_eq!(
        (code, err.as_str()),
        (0, "tui-client: nothing waits to be sent\n"),
        "what was refused is not sent again"
    );
    let (_, out, _) = end(run(&server.url(), state.path(), &["outbox"])).await;
    let shown = out.lines().nth(1).unwrap().split_whitespace().nth(2).unwrap().to_owned();
    assert!(shown.len() < id.len() && out.contains("        refused: say it shorter\n"), "{out}");
    let (code, _, err) = end(run(&server.url(), state.path(), &["outbox", "--drop", "another"])).await;
    assert_eq!((code, waiting(state.path()).await.len()), (2, 1), "{err}");
    let (code, _, err) = end(run(&server.url(), state.path(), &["outbox", "--drop", &shown])).await;
    assert!(code == 0 && err.contains("for room1 is out of the outbox and will not be sent"), "{err}");
    assert!(waiting(state.path()).await.is_empty());
}

#[tokio::test]
async fn outbox_send_ends_with_5_while_a_client_that_runs_has_what_waits() {
    let state = Folder::fresh();
    let server = Scripted::start().await;
    let queued = ["send", "room1", "hi", "--queue", "--timeout", "0s"];
    assert_eq!(end(run(&server.url(), state.path(), &queued)).await.0, 0);
    let file = std::fs::read_dir(state.path().join("outbox")).unwrap().next().unwrap().unwrap().path();
    let held = std::fs::File::open(&file).unwrap();
    held.lock().unwrap();
    let (code, _, err) = end(run(&server.url(), state.path(), &["outbox", "--send"])).await;
    assert!(code == 5 && err.contains("a client that is running has what waits, and sends it"), "{code}: {err}");
}

#[tokio::test]
async fn send_queue_that_is_refused_ends_with_4_and_keeps_nothing() {
    let state = Folder::fresh();
    let mut server = Scripted::start().await;
    let program = run(&server.url(), state.path(), &["send", "room1", "too long", "--queue"]);
    server.give_token("t1").await;
    server.expect("POST /message").await.problem(413, "too_large", "say it shorter");
    assert_eq!(end(program).await, (4, String::new(), "tui-client: say it shorter\n".to_owned()));
    assert!(waiting(state.path()).await.is_empty());
}

#[tokio::test]
async fn what_is_accepted_while_the_person_leaves_is_not_sent_again() {
    let mut server = Scripted::start().await;
    let alice = Tmux::start().await;
    alice.shell(&format!("{CLIENT} join room1 --user alice --server {}; echo ended with $?", server.url()));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    alice.expect("Nobody has written here yet").await;
    say(&alice, "bye");
    let request = server.expect("POST /message").await;
    alice.expect("waiting").await;
    alice.keys(&["C-c", "C-c"]);
    alice.until("the shell's screen".to_owned(), || (alice.modes() == "0 1").then_some(())).await;
    request.ok(json!({"status": "Message sent to room: room1"}));
    alice.expect("ended with 0").await;
    assert!(state_is_empty(&alice));
}
