//! Whom a notification reaches and when, what stands in the title, and both in a real terminal.

use std::process::Command;
use std::time::Duration;

use crossterm::event::KeyCode;
use shared::frames::{Reached, Receipt, Resume};
use shared::message::Seq;
use tui_client::app::Event;
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Notifications;
use tui_client::app::receipts::Focus;

use crate::scripted::Scripted;
use crate::stage::{Stage, name, time};
use crate::tmux::Tmux;

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

/// alice is in a room with bob, and looks elsewhere since 14:00.
fn away(wanted: Notifications) -> Stage {
    let mut stage = Stage::joined(80, 10, 0);
    stage.state.preferences.notifications = wanted;
    stage.happens(Event::Looks(Focus::Elsewhere))
}

fn told(stage: &Stage) -> Vec<String> {
    let words = |notification: &&Notification| match notification {
        Notification::Bell => "bell".to_owned(),
        Notification::Words { title, text } => format!("{title}: {text}"),
    };
    stage.notifications().iter().map(words).collect()
}

#[track_caller]
fn expect_told(stage: Stage, expected: &[&str]) -> Stage {
    assert_eq!(told(&stage), expected);
    stage
}

#[track_caller]
fn tick(mut stage: Stage, clock: &str) -> Stage {
    assert_eq!(stage.state.next_tick(), Some(time(clock)));
    stage.now = time(clock);
    stage.happens(Event::Tick)
}

#[test]
fn who_looks_elsewhere_is_told_as_they_want_it() {
    for (wanted, expected) in [
        (Notifications::Off, vec![]),
        (Notifications::Bell, vec!["bell"]),
        (Notifications::Names, vec!["bob in room1: 1 new message"]),
        (Notifications::Full, vec!["bob in room1: are you there?"]),
    ] {
        expect_told(away(wanted).says(1, "14:00", "bob", "are\nyou  there?"), &expected);
    }
    expect_told(away(Notifications::Full).says(1, "14:00", "-", "build green"), &["outside in room1: build green"]);
    let long = away(Notifications::Full).says(1, "14:00", "bob", &"x".repeat(60_000));
    assert!(told(&long)[0].ends_with("xx…") && told(&long)[0].len() < 150, "{:?}", told(&long));
}

#[test]
fn nobody_is_told_of_what_they_see_know_or_said_themselves() {
    expect_told(away(Notifications::Full).says(1, "14:00", "alice", "from my other window"), &[]);
    let here = away(Notifications::Full).happens(Event::Looks(Focus::Here)).at("15:00");
    expect_told(here.says(1, "15:00", "bob", "hi"), &[]);
    // What was there when we came in, and what another client of ours has read.
    let mut stage = Stage::opens(80, 10).happens(Event::Looks(Focus::Elsewhere));
    stage.state.preferences.notifications = Notifications::Full;
    let receipt = |read| Receipt { user: name("alice"), reached: Reached { delivered: Seq(9), read: Seq(read) } };
    let stage = stage.welcome_with(2, &["alice", "bob"], Resume::Recent, vec![receipt(0)]);
    let stage = expect_told(stage.says(1, "13:00", "bob", "one"), &[]);
    let stage = expect_told(stage.says(2, "13:00", "bob", "two"), &[]);
    let stage = stage.lost("refused", "14:00").welcome_with(4, &["alice", "bob"], Resume::Complete, vec![receipt(3)]);
    let stage = expect_told(stage.says(3, "14:00", "bob", "three"), &[]);
    // What was said while there was no connection is news.
    expect_told(stage.says(4, "14:00", "bob", "four"), &["bob in room1: four"]);
}

#[test]
fn one_is_told_at_once_and_then_in_five_seconds_how_many() {
    let stage = expect_told(away(Notifications::Full).says(1, "14:00", "bob", "one"), &["bob in room1: one"]);
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.at("14:00:01").says(2, "14:00", "bob", "two");
    let stage = expect_told(stage, &[]).says(3, "14:00", "bob", "three");
    let stage = expect_told(tick(expect_told(stage, &[]), "14:00:05"), &["bob in room1: 2 new messages"]);
    assert!(!stage.draws());
    // One alone says what it is; several who wrote are not named.
    let stage = stage.at("14:00:06").says(4, "14:00", "bob", "four");
    let stage = expect_told(tick(expect_told(stage, &[]), "14:00:10"), &["bob in room1: four"]);
    let stage = stage.at("14:00:12").says(5, "14:00", "bob", "five").says(6, "14:00", "-", "six");
    let stage = expect_told(tick(stage, "14:00:15"), &["room1: 2 new messages"]);
    // Whoever is back by then sees it.
    let stage = stage.at("14:00:16").says(7, "14:00", "bob", "seven").press(KeyCode::Left);
    assert_eq!(stage.state.next_tick(), None);
    // Coming back and turning away again is no way around it.
    let stage = stage.happens(Event::Looks(Focus::Elsewhere)).says(8, "14:00", "bob", "eight");
    expect_told(tick(expect_told(stage, &[]), "14:00:20"), &["bob in room1: eight"]);
}

#[test]
fn where_the_terminal_does_not_tell_the_bell_rings_after_two_minutes_without_a_key() {
    let mut stage = Stage::joined(80, 10, 0).types("x");
    stage.state.preferences.notifications = Notifications::Full;
    let stage = expect_told(stage.at("14:01:59").says(1, "14:01", "bob", "one"), &[]);
    let stage = expect_told(stage.at("14:02").says(2, "14:02", "bob", "two"), &["bell"]);
    expect_told(stage.at("14:03").types("y").says(3, "14:03", "bob", "three"), &[]);
}

#[test]
fn the_title_counts_what_is_not_read() {
    let stage = Stage::joined(80, 10, 0);
    assert_eq!(stage.state.title(), "room1");
    let stage = stage.happens(Event::Looks(Focus::Elsewhere)).says(1, "14:00", "bob", "a").says(2, "14:00", "-", "b");
    assert_eq!(stage.state.title(), "(2) bob");
    assert_eq!(stage.happens(Event::Looks(Focus::Here)).state.title(), "room1");
    let nobody = Stage::opens(80, 10).welcome(0, &["alice"], Resume::Live).happens(Event::Looks(Focus::Elsewhere));
    assert_eq!(nobody.says(1, "14:00", "-", "b").state.title(), "(1) room1");
}

#[tokio::test]
async fn a_real_terminal_is_told_only_while_it_is_not_looked_at_and_gets_its_title_back() {
    const LOOKS_HERE: [&str; 4] = ["-H", "1b", "5b", "49"];
    const LOOKS_ELSEWHERE: [&str; 4] = ["-H", "1b", "5b", "4f"];
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    let tmux = &tmux;
    let title_is =
        |title: &'static str| tmux.until(format!("title {title:?}"), move || (tmux.title() == title).then_some(()));
    tmux.shell("printf '\\033]2;mine\\033\\\\'");
    title_is("mine").await;
    // As in foot; no tmux is between us and the terminal, as far as the client knows.
    tmux.shell(&format!("env -u TMUX TERM=foot {CLIENT} join room1 --user alice --server {}", server.url()));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    socket.message(1, "seen").await;
    tmux.expect("seen").await;
    title_is("room1").await;
    assert_eq!(notifications(tmux), 0);
    tmux.keys(&LOOKS_ELSEWHERE);
    // That it looks elsewhere is seen by the first message that stays unread.
    let mut seq = 1;
    while tmux.title() == "room1" {
        seq += 1;
        assert!(seq < 50, "all is read");
        socket.message(seq, &format!("psst {seq}.")).await;
        tmux.expect(&format!("psst {seq}.")).await;
        // The title comes behind the message, and would count one more.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    title_is("(1) room1").await;
    tmux.until("one notification".to_owned(), || (notifications(tmux) == 1).then_some(())).await;
    tmux.keys(&LOOKS_HERE);
    title_is("room1").await;
    socket.message(seq + 1, "seen as well").await;
    tmux.expect("seen as well").await;
    tmux.keys(&["C-c", "C-c"]);
    title_is("mine").await;
    let written = String::from_utf8_lossy(&tmux.written_with("\x1b[23;2t").await).into_owned();
    assert_eq!(written.matches("\x1b]2;room1\x1b\\").count(), 2, "{written:?}");
    assert_eq!(notifications(tmux), 1, "{written:?}");
}

/// How often the terminal was asked to tell of a message.
fn notifications(tmux: &Tmux) -> usize {
    String::from_utf8_lossy(&tmux.written()).matches("\x1b]777;notify;").count()
}

/// A tmux that runs within the terminal of a test.
struct Inner(std::path::PathBuf);

impl Drop for Inner {
    fn drop(&mut self) {
        // It has ended with its program where the test went well.
        let _ = Command::new("tmux").arg("-S").arg(&self.0).arg("kill-server").output();
    }
}

#[tokio::test]
async fn within_tmux_a_notification_comes_through_to_the_terminal_and_the_bell_rings() {
    let mut server = Scripted::start().await;
    let terminal = Tmux::start().await;
    std::fs::create_dir_all(&terminal.state).unwrap();
    let inner = Inner(terminal.state.join("inner"));
    let config = terminal.state.join("tmux.conf");
    std::fs::write(&config, "set -g allow-passthrough on\nset -g focus-events on\n").unwrap();
    // WezTerm around tmux, as far as the client knows.
    terminal.shell(&format!(
        "env -u TMUX tmux -S {} -f {} new-session 'env WEZTERM_PANE=0 {CLIENT} join room1 --user alice --server {}'",
        inner.0.display(),
        config.display(),
        server.url()
    ));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    terminal.expect("Nobody has written here yet").await;
    let told = || {
        let written = String::from_utf8_lossy(&terminal.written()).into_owned();
        let (_, rest) = written.split_once("\x1b]777;notify;bob in room1;1 new message\x07")?;
        rest.contains('\x07').then_some(())
    };
    terminal.bytes(b"\x1b[O");
    // That it looks elsewhere is seen by what it tells.
    let mut seq = 0;
    while told().is_none() {
        seq += 1;
        assert!(seq < 50, "all is read");
        socket.message(seq, &format!("psst {seq}.")).await;
        terminal.expect(&format!("psst {seq}.")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
