//! Hostile text, by every way it can come, down to the bytes that reach the terminal. A new way is a line in a table.

use std::num::NonZero;
use std::thread;

use crossterm::event::KeyCode;
use shared::frames::{Activity, Reached, Receipt, Resume, Typing, TypingState};
use shared::message::Seq;
use shared::names::{MessageId, Username};
use shared::rest::{HistoryPage, SearchPage};
use tui_client::app::Event;
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Notifications;
use tui_client::app::receipts::Focus;
use tui_client::network::NetworkEvent;
use tui_client::notify::Notifier;
use tui_client::outbox::lines::{Held, Kept, Refused};
use tui_client::painter::Painter;
use tui_client::view::view;

use crate::cli::{command, run};
use crate::corpus::{self, corpus};
use crate::deeds::{Deeds, Place, expect_harmless};
use crate::programs::end;
use crate::scripted::Scripted;
use crate::stage::{Stage, message, time};

/// Something that others have chosen, on a screen.
type Way<T> = fn(&T) -> Stage;

/// The ways of a text to the screen.
const TEXTS: &[(&str, Way<str>)] = &[
    ("said", |text| said(80, 24, text)),
    ("said in a narrow terminal", |text| said(40, 10, text)),
    ("said in a tiny terminal", |text| said(12, 3, text)),
    ("said below the window", |text| {
        said(80, 10, "a\n".repeat(30).trim()).press(KeyCode::PageUp).says(3, "14:03", "bob", text)
    }),
    ("said long ago", |text| {
        Stage::joined(80, 24, 2).says(2, "14:02", "bob", "now").hears(older(text)).press(KeyCode::PageUp)
    }),
    ("a loss", |text| {
        wide().hears(NetworkEvent::Lost { reason: text.into(), retry_at: time("14:09"), is_reached: true })
    }),
    ("a refusal", |text| wide().hears(NetworkEvent::Refused(text.into()))),
    ("a page that failed", |text| wide().hears(NetworkEvent::PageFailed(text.into()))),
    ("a search that failed", |text| {
        wide().hears(NetworkEvent::SearchFailed { query: text.into(), reason: text.into() })
    }),
    ("found by a search", |text| {
        let messages = vec![message(1, "13:00", "bob", text)];
        let page = SearchPage { room_id: "room1".parse().unwrap(), epoch: "e".into(), messages, earlier: None };
        let stage = wide().says(1, "13:00", "bob", text).ctrl('f').types("a").rests();
        stage.hears(NetworkEvent::Found { query: "a".into(), page })
    }),
    ("looked for in the room", |text| wide().ctrl('f').happens(Event::Paste(text.into()))),
    ("a page of help that was pasted into", |text| {
        Stage::joined(80, 24, 1).types("?").happens(Event::Paste(text.into()))
    }),
    ("selected", |text| said(80, 10, text).selects()),
    ("opened", |text| said(80, 10, text).selects().types("f")),
    ("quoted", |text| said(80, 10, text).selects().press(KeyCode::Enter)),
    ("a post that waits", |text| wide().sends("hello").hears(NetworkEvent::PostDelayed(text.into()))),
    ("a post refused", |text| {
        wide().sends("hello").hears(NetworkEvent::PostRefused { id: id("run-1"), reason: text.into() })
    }),
    ("a post not kept", |text| wide().sends("hello").happens(Event::NotKept { id: id("run-1"), reason: text.into() })),
    ("no outbox", |text| wide().sends("hello").happens(Event::NoOutbox { id: id("run-1"), reason: text.into() })),
    ("left in the outbox", |text| wide().happens(adopted(text, None))),
    ("trouble with the outbox", |text| wide().happens(adopted(text, Some(text.into())))),
    ("taken back", |text| wide().happens(adopted(text, None)).ctrl('t')),
    ("pasted", |text| Stage::joined(80, 24, 1).happens(Event::Paste(text.into()))),
    ("pasted and sent", |text| Stage::joined(80, 24, 1).happens(Event::Paste(text.into())).press(KeyCode::Enter)),
    ("typed", |text| Stage::joined(80, 24, 1).types(&beginning(text))),
    ("looked for in the help", |text| Stage::joined(80, 24, 1).types("?").types(&beginning(text))),
    ("a command", |text| Stage::joined(80, 24, 1).types("/").types(&beginning(text)).press(KeyCode::Enter)),
];

/// The ways of a name, for what passes as one.
const NAMES: &[(&str, Way<Username>)] = &[
    ("who says something", |name| {
        let mut said = message(1, "14:02", "bob", "hello");
        said.sender = Some(name.clone());
        wide().hears(NetworkEvent::Message(said))
    }),
    ("who is there", |name| wide().welcome(1, &["alice", name.as_str()], Resume::Complete)),
    ("who was there", |name| {
        wide().welcome(1, &["alice", name.as_str()], Resume::Complete).welcome(1, &["alice"], Resume::Complete)
    }),
    ("who writes", |name| {
        let activity = Activity { state: TypingState::Active };
        wide().hears(NetworkEvent::Typing(Typing { user: name.clone(), activity }))
    }),
    ("who has read", |name| {
        let reached = Reached { delivered: Seq(1), read: Seq(1) };
        wide().says(1, "14:02", "alice", "hi").hears(NetworkEvent::Receipt(Receipt { user: name.clone(), reached }))
    }),
];

/// The ways of a page of history to standard output.
const LINES: &[&[&str]] = &[&["history", "room1", "--last", "500"], &["tail", "room1", "--no-follow", "--last", "500"]];

/// The ways of a text that was pasted into a command line that is not understood.
const COMMAND_LINES: &[&[&str]] = &[
    &["TEXT"],
    &["--TEXT"],
    &["who", "room1", "TEXT"],
    &["send", "room1", "hello", "--TEXT"],
    &["history", "room1", "--last", "TEXT"],
    &["tail", "room1", "--since", "TEXT"],
    &["join", "room1", "--theme", "TEXT"],
    &["who", "room1", "--server", "http://TEXT"],
];

fn wide() -> Stage {
    Stage::joined(100, 10, 1)
}

fn said(width: u16, height: u16, text: &str) -> Stage {
    Stage::joined(width, height, 1).says(1, "14:02", "bob", text).says(2, "14:02", "-", text)
}

fn older(text: &str) -> NetworkEvent {
    let messages = vec![message(1, "13:00", "bob", text)];
    NetworkEvent::Page(HistoryPage { room_id: "room1".parse().unwrap(), epoch: "e".into(), head: Seq(2), messages })
}

fn adopted(text: &str, trouble: Option<String>) -> Event {
    let kept = |id: &str| Kept { id: id.parse().unwrap(), content: text.into(), at: time("13:00") };
    let refused = Refused { reason: text.into(), kept: kept("old-2") };
    Event::Adopted { held: Held { waiting: vec![kept("old-1")], refused: vec![refused] }, trouble }
}

fn id(id: &str) -> MessageId {
    id.parse().unwrap()
}

fn beginning(text: &str) -> String {
    text.chars().take(50).collect()
}

/// What reaches the terminal, and what is seen there.
#[track_caller]
fn check(way: &str, text: &str, stage: &Stage) {
    let size = stage.state.size;
    let bytes = Painter::new(size).frame(size, |picture| view(&stage.state, picture)).unwrap();
    Deeds::of(&bytes).expect_only_ours(Place::Frame);
    // A terminal of its own mind shows what the picture says, so nothing of the text was an order.
    let [rows, columns] = [size.height, size.width].map(|cells| NonZero::new(cells).unwrap());
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(&bytes);
    if text.is_ascii() {
        let seen: Vec<String> = terminal.screen().rows(0, size.width).map(|row| row.trim_end().to_owned()).collect();
        // The caret stands in a blank of its row, or between two characters.
        let is_seen = ["", " "].iter().any(|caret| {
            let picture = stage.screen().replace('▏', caret);
            seen.iter().map(String::as_str).eq(picture.lines().map(str::trim_end))
        });
        assert!(is_seen, "{way}: {:?} is not seen as\n{}", beginning(text), stage.screen());
    }
    assert!(!terminal.screen().bracketed_paste() && !terminal.screen().alternate_screen(), "{way}: {text:?}");
}

/// Tries every way with all of the corpus, each in a thread of its own.
fn check_ways<W: Sync>(ways: &[(&'static str, W)], stage: impl Fn(&W, &str) -> Option<Stage> + Sync) {
    thread::scope(|scope| {
        for (name, way) in ways {
            scope.spawn(|| {
                for text in corpus() {
                    if let Some(stage) = stage(way, &text) {
                        check(name, &text, &stage);
                    }
                }
            });
        }
    });
}

#[test]
fn no_text_of_others_reaches_the_terminal_as_an_order() {
    check_ways(TEXTS, |way, text| Some(way(text)));
}

#[test]
fn no_name_reaches_the_terminal_as_an_order() {
    // What a name may not hold never becomes one; the rest of the corpus does.
    check_ways(NAMES, |way, text| text.parse().ok().map(|name| way(&name)));
}

#[tokio::test]
async fn no_text_of_others_reaches_a_pipe_as_an_order() {
    for arguments in LINES {
        let mut server = Scripted::start().await;
        let program = run(&server, arguments, b"");
        server.give_token("t1").await;
        let messages: Vec<_> = (1..).zip(corpus()).map(|(seq, text)| message(seq, "14:02", "bob", &text)).collect();
        let head = Seq(messages.len() as u64);
        let page = HistoryPage { room_id: "room1".parse().unwrap(), epoch: "e".into(), head, messages };
        server.expect("GET /rooms/room1/messages").await.ok(serde_json::to_value(page).unwrap());
        let (code, out, _) = end(program).await;
        assert_eq!(code, 0, "{arguments:?}");
        assert!(out.contains(&"x".repeat(60_000)), "{arguments:?}: it was all printed");
        Deeds::of(out.replace('\t', " ").as_bytes()).expect_only_ours(Place::Lines);
    }
}

#[tokio::test]
async fn no_words_of_a_server_reach_the_terminal_of_a_command_as_an_order() {
    let words: String = corpus::short().join(" ");
    for arguments in
        [["send", "room1", "hello"].as_slice(), &["history", "room1"], &["tail", "room1"], &["join", "room1"]]
    {
        let mut server = Scripted::start().await;
        let program = run(&server, arguments, b"");
        server.expect("POST /generate-token").await.problem(422, "invalid_body", &words);
        let (code, out, err) = end(program).await;
        assert_ne!(code, 0, "{arguments:?}");
        Deeds::of(format!("{out}{err}").as_bytes()).expect_only_ours(Place::Lines);
        assert!(format!("{out}{err}").contains("a␛b"), "{arguments:?} says why: {out}{err}");
    }
}

#[test]
fn no_command_line_that_is_not_understood_is_repeated_as_an_order() {
    let words: String = corpus::short().join(" ").replace('\0', "");
    for arguments in COMMAND_LINES {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("TEXT", &words)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = command("http://127.0.0.1:1", &arguments).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{err}");
        Deeds::of(err.replace(['\n', '\t'], " ").as_bytes()).expect_only_ours(Place::Lines);
    }
    let output = command("http://127.0.0.1:1", &["send", "room1", "--a\u{1b}]0;X\u{7}b"]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: unexpected argument '--a␛]0;X␇b' found\n"), "what was typed is seen: {err}");
}

/// What the terminal of this environment would do that is told of `notification`.
fn told(environment: &[(&str, &str)], notification: &Notification) -> Deeds {
    let of = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let written = Notifier::of(of).notification(notification);
    let written =
        written.strip_suffix(b"\x07").filter(|rest| !rest.is_empty() && of("TMUX").is_some()).unwrap_or(&written);
    let Some(passed_on) = written.strip_prefix(b"\x1bPtmux;") else { return Deeds::of(written) };
    // As tmux does it: the sequence ends with the first ESC that is not one of two.
    let passed_on = String::from_utf8_lossy(passed_on.strip_suffix(b"\x1b\\").unwrap()).replace("\x1b\x1b", "\0");
    assert!(!passed_on.contains('\x1b'), "{passed_on:?}");
    Deeds::of(passed_on.replace('\0', "\x1b").as_bytes())
}

#[test]
fn no_text_of_others_leaves_a_title_or_a_notification() {
    let terminals: [&[(&str, &str)]; 6] = [
        &[("TERM", "xterm-kitty")],
        &[("TERM", "foot")],
        &[("TERM_PROGRAM", "iTerm.app")],
        &[("VTE_VERSION", "7600")],
        &[("TMUX", "x"), ("KITTY_WINDOW_ID", "1")],
        &[("TERM", "xterm")],
    ];
    for text in corpus() {
        let sender = text.parse::<Username>().unwrap_or_else(|_| "bob".parse().unwrap());
        let mut stage = Stage::joined(80, 10, 0).happens(Event::Looks(Focus::Elsewhere));
        stage.state.preferences.notifications = Notifications::Full;
        let mut said = message(1, "14:02", "bob", &text);
        said.sender = Some(sender.clone());
        let stage = stage.welcome(0, &["alice", sender.as_str()], Resume::Complete);
        let stage = stage.hears(NetworkEvent::Message(said));
        let [notification] = stage.notifications()[..] else { panic!("{:?}", stage.effects) };
        for terminal in terminals {
            let deeds = told(terminal, notification);
            assert_eq!(deeds.text, "", "{text:?}");
            let (bells, rest): (Vec<_>, Vec<_>) = deeds.foreign.iter().partition(|deed| *deed == "control 0x7");
            assert!(bells.len() <= 1 && rest.len() <= 2, "{text:?}: {:?}", deeds.foreign);
            for deed in rest {
                let kind = [
                    "OSC 99;i=duet:d=0:o=unfocused;",
                    "OSC 99;i=duet:p=body:o=unfocused;",
                    "OSC 777;notify;",
                    "OSC 9;",
                ];
                let rest = kind.iter().find_map(|kind| deed.strip_prefix(kind)).expect(deed);
                assert_eq!(rest.matches(';').count(), usize::from(deed.starts_with("OSC 777")), "{deed:?}");
                expect_harmless(rest);
                assert!(tui_client::app::wrap::columns(rest) < 2 * 121, "{deed:?}");
            }
        }
        let title = Notifier::of(|name| (name == "TERM").then(|| "xterm".into())).title(&stage.state.title());
        let deeds = Deeds::of(&title);
        let [title] = deeds.foreign.as_slice() else { panic!("{:?}", deeds.foreign) };
        expect_harmless(title.strip_prefix("OSC 2;").unwrap());
        assert_eq!(deeds.text, "");
    }
}
