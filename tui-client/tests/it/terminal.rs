//! The built program in a real terminal: what it draws there, and that it leaves it as it was.

use std::cell::Cell;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tui_client::app::widths::SAMPLES;

use crate::corpus::corpus;
use crate::deeds::{Deeds, Place};
use crate::scripted::{Scripted, ServerSocket};
use crate::skipped;
use crate::tmux::{Tmux, pid, runs};

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

/// A shell in which `before` was typed, and then alice's client, which has the terminal now.
async fn joining(server: &Scripted) -> Tmux {
    let tmux = Tmux::start().await;
    tmux.shell("echo before");
    tmux.expect("\nbefore").await;
    let (command, _) = tmux.with_pid(&format!("{CLIENT} join room1 --user alice --server {}", server.url()));
    tmux.shell(&format!("{command}; echo ended with $?"));
    tmux.expect("Enter send").await;
    tmux
}

/// As [`joining`], in a room in which bob has said `hello`.
pub(crate) async fn joined(server: &mut Scripted) -> (Tmux, ServerSocket) {
    let tmux = joining(server).await;
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    socket.message(1, "hello").await;
    tmux.expect("hello").await;
    (tmux, socket)
}

/// The shell is back with what it showed before, it echoes what is typed, and pastes are plain text again.
pub(crate) async fn expect_as_before(tmux: &Tmux, words: &str) {
    let screen = tmux.expect(words).await;
    assert!(screen.contains("\nbefore"), "{screen}");
    assert_eq!(tmux.modes(), "0 1");
    tmux.shell("stty -a");
    let settings = tmux.expect("echoctl").await;
    for setting in [" icanon", " isig", " echo ", "opost", " icrnl", " ixon"] {
        assert!(settings.replace('\n', " ").contains(setting), "no {setting}:\n{settings}");
    }
    expect_modes_as_before(tmux, "echoctl").await;
}

/// Every mode that was ever turned on is off once `behind` was written, whichever it is; and those that the client lives by
/// were on.
async fn expect_modes_as_before(tmux: &Tmux, behind: &str) {
    let deeds = Deeds::of(&tmux.written_with(behind).await);
    assert_eq!(deeds.modes_left_on(), [""; 0]);
    for mode in ["?1049", "?2004", "?1004", "?1007", "?2026", "kitty keyboard", "modify keys 4"] {
        assert!(deeds.modes_used().contains(mode), "{mode} was never on");
    }
}

#[tokio::test]
async fn the_first_frame_comes_before_any_answer_and_leaving_gives_the_terminal_back() {
    let mut server = Scripted::start().await;
    let tmux = joining(&server).await;
    tmux.expect("connecting").await;
    assert_eq!(tmux.modes(), "1 1");
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    tmux.expect("Nobody has written here yet").await;
    tmux.keys(&["C-c"]);
    expect_as_before(&tmux, "ended with 0").await;
}

#[tokio::test]
async fn what_is_typed_is_posted_and_what_is_said_is_seen() {
    let mut server = Scripted::start().await;
    let (tmux, mut socket) = joined(&mut server).await;
    tmux.text("hi bob");
    tmux.keys(&["M-Enter"]);
    tmux.paste("one\ntwo");
    tmux.expect("two").await;
    tmux.keys(&["Enter"]);
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "hi bob\none\ntwo"}));
    tmux.expect("waiting").await;
    request.ok(json!({"status": "Message sent to room: room1"}));
    tmux.until("mark gone".to_owned(), || (!tmux.screen().contains("waiting")).then_some(())).await;
    socket.message(2, "you too 👩\u{200d}👩\u{200d}👧\u{200d}👦 é").await;
    tmux.expect("you too").await;
    tmux.text("/quit");
    tmux.keys(&["Enter"]);
    expect_as_before(&tmux, "ended with 0").await;
}

#[tokio::test]
async fn the_wheel_scrolls_and_the_key_that_it_sends_moves_the_caret() {
    let mut server = Scripted::start().await;
    let (tmux, mut socket) = joined(&mut server).await;
    for seq in 2..=40 {
        socket.message(seq, &format!("message {seq}")).await;
    }
    tmux.expect("message 40").await;
    tmux.text("a draft");
    tmux.expect("> a draft").await;
    tmux.bytes(b"\x1b[A\x1b[A\x1b[A");
    tmux.until("message 40 gone".to_owned(), || (!tmux.screen().contains("message 40")).then_some(())).await;
    tmux.keys(&["Up"]);
    tmux.text("still ");
    tmux.expect("> still a draft").await;
    tmux.bytes(b"\x1bOB\x1bOB\x1bOB");
    tmux.expect("message 40").await;
}

#[tokio::test]
async fn a_signal_gives_the_terminal_back() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut server = Scripted::start().await;
        let (tmux, _socket) = joined(&mut server).await;
        let (_, file) = tmux.with_pid("");
        let pid = pid(&file).expect("the client's process id");
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        expect_as_before(&tmux, &format!("ended with {code}")).await;
    }
}

#[tokio::test]
async fn a_paste_that_is_not_marked_as_one_is_read_to_its_end() {
    let mut server = Scripted::start().await;
    let (tmux, _socket) = joined(&mut server).await;
    tmux.paste_unmarked(&format!("{} the end", "x".repeat(3_000)));
    tmux.expect("the end").await;
    tmux.keys(&["C-c", "C-c"]);
    tmux.expect("ended with 0").await;
}

#[tokio::test]
async fn a_terminal_that_is_closed_ends_the_program() {
    // In a session of its own it gets no signal: all it sees is that nothing more can be read.
    for session in ["", "setsid -w "] {
        let server = Scripted::start().await;
        let tmux = Tmux::start().await;
        let (command, file) = tmux.with_pid(&format!("{CLIENT} join room1 --user alice --server {}", server.url()));
        tmux.shell(&format!("{session}{command}"));
        tmux.expect("Enter send").await;
        let pid = pid(&file).expect("the client's process id");
        assert!(runs(&pid));
        tmux.close();
        tmux.until(format!("the end of {session}{pid}"), || (!runs(&pid)).then_some(())).await;
    }
}

#[tokio::test]
async fn it_stops_for_the_shell_and_comes_back() {
    let mut server = Scripted::start().await;
    let (tmux, mut socket) = joined(&mut server).await;
    let shell_is_back = || (tmux.modes() == "0 1").then_some(());
    tmux.text("half a thought");
    tmux.expect("half a thought").await;
    let questions = || tmux.written().windows(4).filter(|bytes| *bytes == b"\x1b[6n").count();
    let asked = SAMPLES.len();
    tmux.until("questions".to_owned(), || (questions() == asked).then_some(())).await;
    tmux.keys(&["C-z"]);
    tmux.until("shell".to_owned(), shell_is_back).await;
    tmux.shell("echo still $((6 * 7))");
    tmux.expect("still 42").await;
    expect_modes_as_before(&tmux, "still 42").await;
    socket.message(2, "said meanwhile").await;
    tmux.shell("fg");
    let screen = tmux.expect("said meanwhile").await;
    assert!(screen.contains("> half a thought"), "{screen}");
    assert_eq!(tmux.modes(), "1 1");
    // It may be another terminal, which draws otherwise. They come behind the first frame.
    tmux.until("as many questions again".to_owned(), || (questions() >= 2 * asked).then_some(())).await;
    tmux.keys(&["C-c", "C-c"]);
    tmux.until("shell".to_owned(), shell_is_back).await;
    // What is typed while the client says goodbye is for the shell.
    tmux.shell("clear; echo; echo before; echo after");
    expect_as_before(&tmux, "\nafter").await;
    assert_eq!(questions(), 2 * asked);
}

#[tokio::test]
async fn where_no_shell_waits_it_says_so_and_goes_on() {
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    // The shell gives its place to the client, so nobody is left who could continue it.
    tmux.shell(&format!("exec {CLIENT} join room1 --user alice --server {}", server.url()));
    tmux.expect("Enter send").await;
    server.give_token("token").await;
    tmux.keys(&["C-z"]);
    tmux.expect("There is no shell here to go back to.").await;
    assert_eq!(tmux.modes(), "1 1");
}

#[tokio::test]
async fn hostile_text_reaches_a_real_terminal_as_text() {
    let mut server = Scripted::start().await;
    let (tmux, mut socket) = joined(&mut server).await;
    let the_end = "a\u{1b}]52;c;aGk=\u{7}b\u{9b}2J the end".to_owned();
    for (seq, text) in (2..).zip(corpus().into_iter().chain([the_end])) {
        socket.message(seq, &text).await;
    }
    tmux.expect("a␛]52;c;aGk=␇b\u{fffd}2J the end").await;
    tmux.keys(&["C-c"]);
    tmux.expect("ended with 0").await;
    let written = tmux.written_with("ended with 0").await;
    let taken = find_last(&written, b"\x1b[?1049h").expect("the terminal was taken");
    let given_back = find_last(&written, b"\x1b[?1049l").expect("the terminal was given back");
    Deeds::of(written.get(taken..given_back).unwrap()).expect_only_ours(Place::Session { commands: &["2"] });
}

#[tokio::test]
async fn nothing_is_written_while_nothing_happens() {
    let mut server = Scripted::start().await;
    let (tmux, _socket) = joined(&mut server).await;
    // Whatever the tty and the log still lack of the frame with `hello` has come by then, and two looks see the same.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen = Cell::new(0);
    let written = || Some(tmux.written().len()).filter(|written| seen.replace(*written) == *written);
    let before = tmux.until("rest".to_owned(), written).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(tmux.written().len(), before);
}

/// The library that gives a program another clock, where Debian's package `faketime` has put it.
fn libfaketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

#[tokio::test]
async fn after_a_sleep_of_the_machine_it_connects_anew_within_seconds() {
    let Some(library) = libfaketime() else { return skipped("there is no libfaketime; install faketime") };
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    let clock = tmux.state.join("clock");
    std::fs::create_dir(&tmux.state).unwrap();
    std::fs::write(&clock, "+0").unwrap();
    // A sleep is what the wall clock has seen and the monotonic one has not.
    tmux.shell(&format!(
        "env LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
         {CLIENT} join room1 --user alice --server {}",
        library.display(),
        clock.display(),
        server.url()
    ));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    socket.message(1, "hello").await;
    tmux.expect("hello").await;
    assert!(!server.is_asked_within(Duration::from_millis(2500)).await, "awake it stays connected");
    let woken = Instant::now();
    std::fs::write(&clock, "+180").unwrap();
    // The old connection says nothing: to the client it looks as it did before.
    let request = server.expect("GET /updates/room1").await;
    // It looks every second. A connection that says nothing is given up after 25 s.
    assert!(woken.elapsed() < Duration::from_secs(4), "{:?}", woken.elapsed());
    assert_eq!(request.line, "GET /updates/room1?after=1&epoch=e1&last=100");
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

#[tokio::test]
async fn what_follows_an_emoji_stands_where_this_terminal_has_its_end() {
    let mut server = Scripted::start().await;
    let (tmux, mut socket) = joined(&mut server).await;
    // tmux draws the heart as one column and the thumb, part by part, as four; Unicode wants two of each.
    socket.message(2, "so \u{2764}\u{fe0f}|\u{1f44d}\u{1f3fd}|你| end").await;
    tmux.expect("so \u{2764}\u{fe0f}|\u{1f44d}\u{1f3fd}|你| end").await;
    let written = tmux.written_with("\x1b[6n").await;
    let first_frame = find_last(&written, b"\x1b[?1049h").unwrap();
    let question = written.windows(4).position(|bytes| bytes == b"\x1b[6n").unwrap();
    let frames = written[first_frame..question].windows(8).filter(|bytes| *bytes == b"\x1b[?2026l").count();
    assert_eq!(frames, 1, "it is asked behind the first frame");
}

#[tokio::test]
async fn what_is_copied_can_be_pasted_and_a_link_opens_in_the_persons_browser() {
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    let [browser, opened] = ["browser", "opened"].map(|name| tmux.state.with_extension(name));
    std::fs::write(&browser, format!("#!/bin/sh\necho \"$# $1 $2\" > '{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&browser, Permissions::from_mode(0o755)).unwrap();
    tmux.shell(&format!("export BROWSER='{} --new-tab'", browser.display()));
    tmux.shell(&format!("{CLIENT} join room1 --user alice --server {}", server.url()));
    tmux.expect("Enter send").await;
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    socket.message(1, "**two**\nhttp://example.org/a;b").await;
    tmux.expect("[1]").await;
    tmux.keys(&["M-y"]);
    tmux.expect("Copied the last message, 2 lines.").await;
    tmux.until("text in tmux's buffer".to_owned(), || {
        (tmux.buffer().as_deref() == Some("**two**\nhttp://example.org/a;b")).then_some(())
    })
    .await;
    tmux.written_with("\x1b]52;c;Kip0d28qKgpodHRwOi8vZXhhbXBsZS5vcmcvYTti").await;
    tmux.keys(&["M-o"]);
    tmux.expect("Open on example.org? http://example.org/a;b").await;
    assert!(!opened.exists(), "nothing opens before it is answered");
    tmux.keys(&["Enter"]);
    tmux.expect("Opening example.org.").await;
    let arguments = tmux.until("address in the browser".to_owned(), || {
        std::fs::read_to_string(&opened).ok().filter(|arguments| arguments.ends_with('\n'))
    });
    assert_eq!(arguments.await, "2 --new-tab http://example.org/a;b\n");
    for file in [browser, opened] {
        std::fs::remove_file(file).unwrap();
    }
}
