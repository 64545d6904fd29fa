//! Receipts: what the others are told of us, and the word at the end of our last message.

use std::process::{Command, Stdio};
use std::time::Duration;

use crossterm::event::KeyCode;
use serde_json::json;
use shared::frames::{Reached, Receipt, Resume};
use shared::message::Seq;
use shared::names::MessageId;
use shared::rest::HistoryPage;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tui_client::app::Event;
use tui_client::app::receipts::Focus;
use tui_client::network::{NetworkEvent, Request};

use crate::client::{Client, joined};
use crate::programs;
use crate::scripted::{Scripted, ServerSocket};
use crate::stage::{Stage, name};
use crate::tmux::Tmux;

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

fn reached(delivered: u64, read: u64) -> Reached {
    Reached { delivered: Seq(delivered), read: Seq(read) }
}

fn receipt(user: &str, delivered: u64, read: u64) -> NetworkEvent {
    NetworkEvent::Receipt(Receipt { user: name(user), reached: reached(delivered, read) })
}

/// alice has said two things and bob one, at the places 1 to 3.
fn talk() -> Stage {
    Stage::joined(80, 10, 3)
        .says(1, "14:02", "alice", "did it go through?")
        .says(2, "14:02", "alice", "hello?")
        .says(3, "14:03", "bob", "hm")
}

const SENT: &str = " 14:02           hello?                                                    sent";
const DELIVERED: &str = " 14:02           hello?                                               delivered";
const READ: &str = " 14:02           hello?                                                    read";

#[test]
fn the_last_of_ours_says_how_far_it_came() {
    let stage = talk()
        .expect_row(3, SENT)
        .hears(receipt("bob", 1, 1))
        .expect_row(3, SENT)
        .hears(receipt("bob", 2, 1))
        .expect_row(2, " 14:02  alice    did it go through?")
        .expect_row(3, DELIVERED)
        .hears(receipt("bob", 3, 3))
        .expect_row(3, READ);
    // One that is on its way has its own word, and the last one in the room keeps its.
    let stage = stage.sends("now").expect_row(3, READ).expect_text("now waiting");
    let mut echo = crate::stage::message(4, "14:04", "alice", "now");
    echo.id = MessageId::new("run-1").unwrap();
    stage
        .hears(NetworkEvent::Message(echo))
        .expect_row(3, READ.trim_end_matches("read").trim_end())
        .expect_text("now sent");
}

#[test]
fn older_messages_of_ours_take_no_word() {
    let mut older = crate::stage::message(1, "14:01", "alice", "from before");
    older.id = MessageId::new("older").unwrap();
    let page =
        HistoryPage { room_id: "room1".parse().unwrap(), epoch: "e".into(), head: Seq(3), messages: vec![older] };
    Stage::joined(80, 10, 3)
        .says(2, "14:02", "alice", "hello?")
        .hears(NetworkEvent::Page(page))
        .expect_row(2, " 14:01  alice    from before")
        .expect_row(3, SENT);
}

#[test]
fn a_receipt_draws_only_when_the_word_changes() {
    let mut stage = talk().happens(Event::Drawn);
    for (user, delivered, read, is_news) in [
        ("bob", 1, 0, false),
        ("bob", 2, 0, true),
        ("bob", 3, 1, false),
        // Neither goes back, and our own other clients are not the ones we wait for.
        ("bob", 1, 1, false),
        ("alice", 3, 3, false),
        ("bob", 3, 2, true),
        ("bob", 3, 3, false),
    ] {
        stage = stage.hears(receipt(user, delivered, read));
        assert_eq!(stage.draws(), is_news, "{user} {delivered} {read}");
    }
}

#[test]
fn the_peer_counts_and_while_there_is_none_whoever_came_furthest() {
    let with = |occupants: &[&str]| {
        Stage::opens(80, 10)
            .welcome(2, occupants, Resume::Recent)
            .says(1, "14:02", "alice", "did it go through?")
            .says(2, "14:02", "alice", "hello?")
            .hears(receipt("carol", 2, 2))
            .hears(receipt("bob", 2, 0))
    };
    with(&["alice", "bob"]).expect_row(3, DELIVERED);
    with(&["alice", "dave"]).expect_row(3, SENT);
    with(&["alice"]).expect_row(3, READ);
}

#[test]
fn a_welcome_tells_where_everybody_is_and_a_new_history_forgets_it() {
    let tells =
        |stage: Stage, resume, receipts: Vec<Receipt>| stage.welcome_with(3, &["alice", "bob"], resume, receipts);
    let bob = |delivered, read| vec![Receipt { user: name("bob"), reached: reached(delivered, read) }];
    let stage = tells(talk(), Resume::Complete, bob(3, 3)).expect_row(3, READ);
    // A server that was killed may have forgotten the last of it; we have not.
    let stage = tells(stage, Resume::Complete, bob(2, 0)).expect_row(3, READ);
    tells(stage, Resume::Reset, bob(1, 0))
        .says(1, "14:05", "alice", "anew")
        .says(2, "14:05", "alice", "and again")
        .expect_text("and again sent");
}

#[test]
fn from_a_plain_server_ours_come_back_without_a_word() {
    Stage::joined(80, 10, 0)
        .sends("hi")
        .hears(NetworkEvent::Posted(MessageId::new("run-1").unwrap()))
        .says(1, "14:02", "-", "hi")
        .expect_no_text("sent");
}

#[test]
fn what_stands_on_the_screen_before_the_person_is_read_once() {
    let read = |seq| [Request::Read(Seq(seq))];
    Stage::joined(80, 8, 0)
        .happens(Event::Drawn)
        .expect_requests(&[])
        .bob_counts_to(30)
        .expect_requests(&[])
        .happens(Event::Drawn)
        .expect_requests(&read(30))
        .happens(Event::Drawn)
        .expect_requests(&[])
        // Ours that wait have no place yet.
        .sends("mine")
        .happens(Event::Drawn)
        .expect_requests(&[])
        .says(31, "14:01", "bob", "more")
        .happens(Event::Drawn)
        .expect_requests(&read(31));
}

#[test]
fn what_is_below_the_window_or_behind_the_help_is_not_read() {
    let scrolled = Stage::joined(80, 8, 30).bob_counts_to(30).press(KeyCode::PageUp).press(KeyCode::PageUp);
    let scrolled = scrolled.happens(Event::Drawn);
    let [Request::Read(place)] = scrolled.requests()[..] else { panic!("{:?}", scrolled.requests()) };
    assert!(scrolled.screen().contains(&format!("message {place}\n")), "{place}:\n{}", scrolled.screen());
    assert!(!scrolled.screen().contains(&format!("message {}\n", place.next())));
    scrolled
        .says(31, "14:01", "bob", "more")
        .happens(Event::Drawn)
        .expect_requests(&[])
        .press(KeyCode::End)
        .happens(Event::Drawn)
        .expect_requests(&[Request::Read(Seq(31))])
        .press(KeyCode::F(1))
        .says(32, "14:01", "bob", "unseen")
        .happens(Event::Drawn)
        .expect_requests(&[])
        .press(KeyCode::Esc)
        .happens(Event::Drawn)
        .expect_requests(&[Request::Read(Seq(32))]);
}

#[test]
fn what_comes_while_the_person_looks_elsewhere_is_read_when_they_look_here_again() {
    Stage::joined(80, 8, 0)
        .happens(Event::Looks(Focus::Elsewhere))
        .says(1, "14:01", "bob", "psst")
        .happens(Event::Drawn)
        .expect_requests(&[])
        .happens(Event::Looks(Focus::Here))
        .expect_requests(&[Request::Read(Seq(1))]);
}

#[test]
fn whoever_types_looks_here() {
    Stage::joined(80, 8, 0)
        .happens(Event::Looks(Focus::Elsewhere))
        .says(1, "14:01", "bob", "psst")
        .types("y")
        .happens(Event::Drawn)
        .expect_requests(&[Request::Read(Seq(1))]);
}

/// The next receipt a client sends, as a text; all else is passed over.
async fn next_receipt(socket: &mut ServerSocket) -> String {
    loop {
        if let Some(Message::Text(text)) = socket.next().await {
            let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == "receipt" {
                return format!("{} {}", frame["delivered"], frame["read"]);
            }
        }
    }
}

#[tokio::test]
async fn what_the_screen_was_handed_is_delivered_and_told_at_once_and_then_in_lumps() {
    let (_server, mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    assert_eq!(next_receipt(&mut socket).await, "1 0");
    let started = Instant::now();
    for seq in 2..=200 {
        socket.message(seq, "flood").await;
        client.hear().await;
    }
    let mut receipts = 1;
    while next_receipt(&mut socket).await != "200 0" {
        receipts += 1;
    }
    let most = started.elapsed().as_millis() / 300 + 1;
    assert!(receipts <= most, "{receipts} in {:?}", started.elapsed());
    client.ask(Request::Read(Seq(150))).await;
    assert_eq!(next_receipt(&mut socket).await, "200 150");
    // What it does not have it cannot have shown.
    client.ask(Request::Read(Seq(999))).await;
    client.ask(Request::Read(Seq(151))).await;
    assert_eq!(next_receipt(&mut socket).await, "200 151");
}

#[tokio::test]
async fn every_welcome_is_followed_by_how_far_we_are() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    client.ask(Request::Read(Seq(1))).await;
    while next_receipt(&mut socket).await != "1 1" {}
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    let mut socket = server.let_in().await;
    socket.welcome("complete", 1).await;
    assert_eq!(next_receipt(&mut socket).await, "1 1");
    drop(socket);
    assert_eq!(client.hear().await, "welcome Complete");
    assert_eq!(client.hear().await, "lost: connection broken");
    // Of another history we have nothing yet.
    let mut socket = server.let_in().await;
    socket.welcome_to("e2", "reset", 7).await;
    assert_eq!(client.hear().await, "welcome Reset");
    socket.message(7, "anew").await;
    assert_eq!(next_receipt(&mut socket).await, "7 0");
}

#[tokio::test]
async fn a_plain_server_is_told_nothing() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    let mut socket = server.expect("GET /updates/room1").await.upgrade(None).await;
    assert_eq!(client.hear().await, "welcome Live");
    socket.send_text("hello").await;
    assert_eq!(client.hear().await, "1 hello");
    client.ask(Request::Read(Seq(1))).await;
    let told = timeout(Duration::from_millis(500), async {
        loop {
            if let Some(Message::Text(text)) = socket.next().await {
                return text;
            }
        }
    });
    assert!(told.await.is_err());
}

#[tokio::test]
async fn tail_has_received_and_never_read() {
    let mut server = Scripted::start().await;
    let mut command = Command::new(CLIENT);
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.args(["tail", "room1", "--user", "alice", "--server", &server.url()]).stdout(Stdio::null());
    let _child = programs::spawn(command);
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 2).await;
    socket.message(1, "one").await;
    socket.message(2, "two").await;
    let mut last = next_receipt(&mut socket).await;
    while last != "2 0" {
        assert_eq!(last, "1 0");
        last = next_receipt(&mut socket).await;
    }
}

#[tokio::test]
async fn a_real_terminal_that_is_not_looked_at_reads_nothing() {
    const LOOKS_HERE: [&str; 4] = ["-H", "1b", "5b", "49"];
    const LOOKS_ELSEWHERE: [&str; 4] = ["-H", "1b", "5b", "4f"];
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    tmux.shell(&format!("{CLIENT} join room1 --user alice --server {}", server.url()));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    socket.message(1, "hello").await;
    while next_receipt(&mut socket).await != "1 1" {}
    tmux.text("half a thought");
    tmux.expect("half a thought").await;
    tmux.keys(&LOOKS_ELSEWHERE);
    // That it looks elsewhere is seen by what it does not read any more.
    let mut seq = 1;
    let unread = loop {
        seq += 1;
        assert!(seq < 50, "all is read");
        socket.message(seq, "are you there?").await;
        let (delivered, read) = (format!("{seq} {}", seq - 1), format!("{seq} {seq}"));
        let mut receipt = next_receipt(&mut socket).await;
        if receipt == delivered {
            // The rest comes with the next receipt, if it comes.
            match timeout(Duration::from_millis(600), next_receipt(&mut socket)).await {
                Ok(next) => receipt = next,
                Err(_) => break seq,
            }
        }
        assert_eq!(receipt, read);
    };
    let screen = tmux.expect("> half a thought\n").await;
    assert!(screen.contains("are you there?"), "{screen}");
    tmux.keys(&LOOKS_HERE);
    assert_eq!(next_receipt(&mut socket).await, format!("{unread} {unread}"));
    // And what bob's client says of ours is a word at its end.
    socket
        .send(json!({"type": "message", "seq": unread + 1, "id": "x", "sender": "alice", "content": "from my other window",
            "sent_at": "2026-11-22T14:02:11.125Z"}))
        .await;
    socket.send(json!({"type": "receipt", "user": "bob", "delivered": unread + 1, "read": unread})).await;
    let has_word = || tmux.screen().lines().any(|line| line.contains("window") && line.ends_with(" delivered"));
    tmux.until("the word".to_owned(), || has_word().then_some(())).await;
}

#[test]
fn what_the_server_keeps_is_sent_even_while_it_is_not_back_from_another_history() {
    let posted = |number: u64| NetworkEvent::Posted(format!("run-{number}").parse().unwrap());
    let stage = Stage::joined(80, 12, 6)
        .says(6, "13:59", "alice", "before")
        .lost("refused", "14:01")
        .sends("one")
        .sends("two")
        .welcome(3, &["alice", "bob"], Resume::Reset)
        .says(3, "13:50", "alice", "restored")
        .hears(posted(1))
        .expect_row(2, " 13:50  alice    restored")
        .expect_row(3, " 14:00           one                                                       sent")
        .expect_row(4, " 14:00           two                                                    waiting")
        .hears(posted(2))
        .expect_row(3, " 14:00           one")
        .expect_row(4, " 14:00           two                                                       sent");
    let mut echo = crate::stage::message(4, "14:01", "alice", "one");
    echo.id = "run-1".parse().unwrap();
    stage.hears(NetworkEvent::Message(echo)).expect_row(3, " 14:01           one");
}
