//! Pictures and requests: who is writing and who is there.

use crossterm::event::KeyCode;
use shared::frames::{Activity, Idle, Presence, PresenceState, Resume, Typing, TypingState, Welcome};
use shared::message::Seq;
use tui_client::app::Event;
use tui_client::app::receipts::Focus;
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, name, time};

const ACTIVE: Request = Request::Typing(TypingState::Active);
const STOPPED: Request = Request::Typing(TypingState::Stopped);

fn types(user: &str, state: TypingState) -> NetworkEvent {
    NetworkEvent::Typing(Typing { user: name(user), activity: Activity { state } })
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

fn idle(since: &str) -> NetworkEvent {
    NetworkEvent::Presence(Presence {
        user: name("bob"),
        state: PresenceState::Idle,
        since: time(since),
        occupants: vec![name("alice"), name("bob")],
    })
}

#[test]
fn who_is_idle_is_told_the_coarser_the_longer() {
    let stage = Stage::joined(80, 10, 1).at("14:00:30").hears(idle("14:00:30")).expect_text("bob idle live");
    let stage = tick(stage, "14:01").expect_text("bob idle 1 min");
    assert!(stage.draws());
    let stage = tick(stage.at("14:10").happens(Event::Tick).expect_text("bob idle 10 min"), "14:15");
    let stage = tick(stage.at("16:59").happens(Event::Tick).expect_text("bob idle 2 h"), "17:00");
    // What changes nothing that is seen draws nothing.
    let stage = stage.expect_text("bob idle 3 h").at("17:30").happens(Event::Tick);
    assert!(!stage.draws());
    // Something about ourselves says nothing of bob.
    let about_us = |state| Presence {
        user: name("alice"),
        state,
        since: time("17:31"),
        occupants: vec![name("alice"), name("bob")],
    };
    let stage = stage.hears(NetworkEvent::Presence(about_us(PresenceState::Idle))).expect_text("bob idle 3 h");
    let here = Presence { user: name("bob"), ..about_us(PresenceState::Here) };
    let stage = stage.hears(NetworkEvent::Presence(here)).expect_text("bob is here");
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.hears(idle("17:32"));
    let gone = Presence {
        user: name("bob"),
        state: PresenceState::Gone,
        since: time("17:40"),
        occupants: vec![name("alice")],
    };
    stage.at("17:41").hears(NetworkEvent::Presence(gone)).expect_text("bob was here 17:40");
}

#[test]
fn how_long_somebody_is_idle_stands_where_there_is_room_and_changes_where_it_is_seen() {
    for (width, height) in [(200, 50), (80, 24), (60, 5)] {
        Stage::joined(width, height, 1).hears(idle("13:56")).expect_text("alice · bob idle 4 min live");
    }
    // There is no room for people; the connection is told.
    Stage::joined(20, 5, 1).hears(idle("13:56")).expect_row(0, " room1         live");
    for elsewhere in [Event::Looks(Focus::OtherRoom), Event::Key(KeyCode::F(1).into())] {
        let stage = Stage::joined(80, 10, 1).hears(idle("13:56")).alt('t').happens(elsewhere);
        assert_eq!(stage.state.next_tick(), None);
        let stage = stage.happens(Event::Looks(Focus::Here)).press(KeyCode::Esc);
        assert_eq!(stage.state.next_tick(), Some(time("14:01")));
    }
}

#[test]
fn a_welcome_tells_who_is_idle() {
    let welcome = |idle| Welcome {
        room_id: "room1".parse().unwrap(),
        user: name("alice"),
        epoch: "e".into(),
        head: Seq(0),
        receipts: vec![],
        idle,
        occupants: vec![name("alice"), name("bob")],
        resume: Resume::Live,
        max_content_bytes: 1024,
    };
    let since = |user: &str| Idle { user: name(user), since: time("13:40") };
    let stage = Stage::opens(80, 10).hears(NetworkEvent::Welcomed(welcome(vec![since("alice"), since("bob")])));
    // Idle or not, bob is in the room and need not be asked in.
    let stage = stage.expect_text("alice · bob idle 20 min").expect_text("Write something below.");
    let stage = stage.lost("refused", "14:01").expect_text("bob was here 14:00");
    stage.hears(NetworkEvent::Welcomed(welcome(vec![]))).expect_text("bob is here");
}

#[test]
fn times_are_told_by_the_clock_or_by_how_long_ago() {
    let stage = Stage::joined(80, 12, 4)
        .says(1, "2026-11-20T13:00", "bob", "the day before yesterday")
        .says(2, "12:30", "bob", "this noon")
        .says(3, "13:13:50", "bob", "before")
        .says(4, "13:58:30", "bob", "now");
    let stage = stage.expect_text("13:58 now").at("14:00:10").alt('t').expect_screen(
        "
 room1   alice · bob is here                                               live
                               Friday 20 November
 2 d    bob      the day before yesterday
                               Sunday 22 November
 1 h    bob      this noon
 45 min          before
 2 min           now



 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
    // Once a minute at the most, and never where no figure changes.
    let stage = tick(stage, "14:01").expect_text("3 min now");
    assert!(stage.draws());
    let stage = stage.at("14:08").happens(Event::Tick).expect_text("10 min now");
    let stage = tick(stage, "14:13").expect_text("15 min now").expect_text("1 h before");
    let mut hours = stage.at("20:59").happens(Event::Tick).expect_text("7 h now");
    hours = tick(hours, "21:13").expect_text("8 h before");
    assert!(!hours.at("21:20").happens(Event::Tick).draws());
    // What is not in the window changes nothing.
    let below = Stage::joined(80, 10, 30).bob_counts_to(30).at("14:30").says(31, "14:30", "bob", "now").alt('t');
    assert_eq!(below.state.next_tick(), Some(time("14:31")));
    let above = below.press(KeyCode::PageUp).press(KeyCode::PageUp);
    assert_eq!(above.state.next_tick(), Some(time("14:35")));
    let stage = above.sends("/times").expect_text("14:00");
    assert_eq!(stage.state.next_tick(), None);
}
