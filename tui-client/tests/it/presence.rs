//! Pictures and requests: who is writing, who is there, and what is not read.

use crossterm::event::KeyCode;
use shared::frames::{Activity, Reached, Receipt, Resume, Typing, TypingState};
use shared::message::Seq;
use tui_client::app::Event;
use tui_client::app::receipts::Focus;
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, name, page, time};

const ACTIVE: Request = Request::Typing(TypingState::Active);
const STOPPED: Request = Request::Typing(TypingState::Stopped);

fn types(user: &str, state: TypingState) -> NetworkEvent {
    NetworkEvent::Typing(Typing { user: name(user), activity: Activity { state } })
}

fn read(user: &str, read: u64) -> Receipt {
    Receipt { user: name(user), reached: Reached { delivered: Seq(read), read: Seq(read) } }
}

/// Goes to the next moment that the state named.
fn tick(mut stage: Stage, clock: &str) -> Stage {
    assert_eq!(stage.state.next_tick(), Some(time(clock)));
    stage.now = time(clock);
    stage.happens(Event::Tick)
}

#[test]
fn who_writes_says_so_at_once_then_every_three_seconds_and_that_they_rest() {
    let stage = Stage::joined(80, 10, 1).at("14:00:00").types("h").expect_requests(&[ACTIVE]);
    let stage = stage.at("14:00:01").types("ow").expect_requests(&[]);
    // What was written meanwhile is told of without another key.
    let stage = tick(stage, "14:00:03").expect_requests(&[ACTIVE]);
    assert!(!stage.draws());
    let stage = stage.at("14:00:05").types(" are").expect_requests(&[]);
    let stage = tick(stage, "14:00:06").expect_requests(&[ACTIVE]);
    let stage = tick(stage, "14:00:10").expect_requests(&[STOPPED]);
    assert!(!stage.draws());
    // From here on nobody is told anything until the draft changes.
    let stage = stage.at("14:00:20").press(KeyCode::Left).expect_requests(&[]);
    stage.types("n").expect_requests(&[ACTIVE]);
}

#[test]
fn an_emptied_draft_has_stopped_and_a_sent_one_says_so_by_itself() {
    let stage = Stage::joined(80, 10, 1).types("h").press(KeyCode::Backspace).expect_requests(&[STOPPED]);
    let stage = stage.types("h").expect_requests(&[ACTIVE]).ctrl('c').expect_requests(&[STOPPED]);
    let stage = stage.types("hi").press(KeyCode::Enter);
    assert!(matches!(stage.requests()[..], [Request::Post { .. }]), "{:?}", stage.requests());
    stage.happens(Event::Paste("a long text".into())).expect_requests(&[ACTIVE]);
}

#[test]
fn what_is_no_message_is_nobodys_business() {
    Stage::joined(80, 10, 1).types("/he").expect_requests(&[]).types("lp retry").expect_requests(&[]);
    Stage::joined(80, 10, 1).types(" ").expect_requests(&[]);
    Stage::joined(80, 10, 1).types("//").expect_requests(&[ACTIVE]);
    Stage::joined(80, 10, 1).types("hi").press(KeyCode::Home).types("/").expect_requests(&[STOPPED]);
    Stage::opens(80, 10).types("nobody is there yet").expect_requests(&[]);
    let lost = Stage::joined(80, 10, 1).types("hi").lost("refused", "14:01").types("!").expect_requests(&[]);
    lost.welcome(1, &["alice", "bob"], Resume::Complete).types("!").expect_requests(&[ACTIVE]);
}

#[test]
fn that_somebody_writes_stands_above_the_composer_and_moves_nothing() {
    for (width, height) in [(200, 50), (80, 24), (20, 5)] {
        let stage = Stage::joined(width, height, 2).says(1, "14:02", "bob", "hello").types("half a");
        let before = stage.screen();
        let stage = stage.hears(types("bob", TypingState::Active));
        assert!(stage.draws());
        let after = stage.screen();
        let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(before, after)| before != after).collect();
        assert_eq!(changed, [("", " bob is typing")], "{before}\n{after}");
        assert_eq!(stage.hears(types("bob", TypingState::Stopped)).screen(), before);
    }
    Stage::joined(18, 3, 2).hears(types("bob", TypingState::Active)).expect_no_text("typing");
}

#[test]
fn somebody_writes_until_they_have_said_it_or_gone_or_for_six_seconds() {
    let writes = || Stage::joined(80, 10, 1).hears(types("bob", TypingState::Active)).expect_text("bob is typing");
    writes().says(1, "14:00", "bob", "there").expect_no_text("typing");
    writes().says(1, "14:00", "-", "a program").expect_text("bob is typing");
    writes().lost("refused", "14:01").expect_no_text("typing");
    writes().welcome(1, &["alice"], Resume::Complete).expect_no_text("typing");
    let again = writes().at("14:00:03").hears(types("bob", TypingState::Active));
    assert!(!again.draws(), "nothing has changed");
    let stage = tick(again, "14:00:09").expect_no_text("typing");
    assert!(stage.draws());
    assert_eq!(stage.state.next_tick(), None);
    Stage::joined(80, 10, 1).hears(types("alice", TypingState::Active)).expect_no_text("typing");
}

#[test]
fn a_sentence_for_the_person_comes_before_who_writes() {
    let stage = Stage::joined(80, 10, 1).hears(types("bob", TypingState::Active)).ctrl('t');
    stage.expect_text("No message was refused.").expect_no_text("typing").press(KeyCode::Left).expect_text("typing");
}

#[test]
fn unread_is_what_others_said_behind_what_was_read_here_or_elsewhere() {
    let with = |resume, receipts| Stage::opens(80, 10).welcome_with(9, &["alice", "bob"], resume, receipts);
    let hear = |stage: Stage| {
        let stage = stage.says(7, "14:00", "bob", "seven").says(8, "14:00", "alice", "eight");
        stage.says(9, "14:00", "-", "nine")
    };
    // Who was never here has missed nothing.
    assert_eq!(hear(with(Resume::Recent, vec![])).state.unread(), 0);
    assert_eq!(hear(with(Resume::Recent, vec![read("bob", 2)])).state.unread(), 0);
    assert_eq!(hear(with(Resume::Recent, vec![read("alice", 6)])).state.unread(), 2);
    assert_eq!(hear(with(Resume::Recent, vec![read("alice", 7)])).state.unread(), 1);
    // 4 to 6 are not loaded yet; then they are.
    let stage = hear(with(Resume::Recent, vec![read("alice", 3)]));
    assert_eq!(stage.state.unread(), 5);
    let stage = stage.hears(page(1..7));
    assert_eq!(stage.state.unread(), 5);
    assert_eq!(stage.happens(Event::Drawn).state.unread(), 0);
    // What another client of ours has read is read.
    let stage = hear(with(Resume::Recent, vec![read("alice", 6)])).hears(NetworkEvent::Receipt(read("alice", 8)));
    assert!(stage.draws());
    assert_eq!(stage.state.unread(), 1);
    let stage = stage.happens(Event::Looks(Focus::Elsewhere)).says(10, "14:01", "bob", "ten").happens(Event::Drawn);
    assert_eq!(stage.state.unread(), 2);
    assert_eq!(stage.happens(Event::Looks(Focus::Here)).state.unread(), 0);
}
