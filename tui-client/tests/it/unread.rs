//! Pictures: what is not read, the line where it begins, and what is below the window.

use std::time::Duration;

use crossterm::event::KeyCode;
use shared::frames::{AttentionState, Reached, Receipt, Resume};
use shared::message::Seq;
use tui_client::app::Event;
use tui_client::app::commands::Direction;
use tui_client::app::receipts::Focus;
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, name, page};

fn read(user: &str, read: u64) -> Receipt {
    Receipt { user: name(user), reached: Reached { delivered: Seq(read), read: Seq(read) } }
}

/// alice has read up to place `read` of a room of forty messages, of which the last ten are loaded.
fn back(width: u16, height: u16, until: u64) -> Stage {
    let stage = Stage::opens(width, height);
    let mut stage = stage.welcome_with(40, &["alice", "bob"], Resume::Recent, vec![read("alice", until)]);
    for seq in 31..=40 {
        stage = stage.says(seq, "14:00", "bob", &format!("message {seq}"));
    }
    stage
}

fn away(stage: Stage) -> Stage {
    stage.happens(Event::Looks(Focus::Elsewhere))
}

fn here(stage: Stage) -> Stage {
    stage.happens(Event::Looks(Focus::Here))
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
    let stage = away(stage).says(10, "14:01", "bob", "ten").happens(Event::Drawn);
    assert_eq!(stage.state.unread(), 2);
    assert_eq!(here(stage).state.unread(), 0);
}

#[test]
fn a_line_stands_where_unread_begins_and_stays_while_it_is_read() {
    let stage = Stage::joined(80, 10, 0).says(1, "14:00", "bob", "seen").happens(Event::Drawn);
    let stage = away(stage.at("14:02")).says(2, "14:05", "alice", "from my other window");
    let stage = stage.says(3, "14:07", "bob", "one").says(4, "14:08", "bob", "two").happens(Event::Drawn);
    let stage = here(stage).happens(Event::Drawn).expect_screen(
        "
 room1   alice · bob is here                                               live
                               Sunday 22 November
 14:00  bob      seen
 14:05  alice    from my other window                                      sent
                            ── 2 new since 14:02 ──
 14:07  bob      one
 14:08           two

 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
    // What is said before the eyes of the person needs no line.
    let stage = stage.says(5, "14:09", "bob", "three").happens(Event::Drawn).expect_text("2 new since 14:02 ──");
    let stage = stage.sends("four").expect_text("── 2 new since 14:02 ──");
    // It has done its work when they turn away, and comes again with the next thing that is said.
    let stage = away(stage.at("14:10"));
    assert!(stage.draws());
    let stage = stage.expect_no_text("new ──").says(6, "14:11", "-", "five").expect_text("── 1 new since 14:10 ──");
    // Turning away from what is not read leaves it where it is.
    let stage = here(stage.press(KeyCode::F(1))).happens(Event::Drawn);
    let stage = away(stage).says(7, "14:12", "bob", "six").press(KeyCode::Esc);
    stage.expect_text("── 2 new since 14:10 ── 14:11 outside five");
}

#[test]
fn in_every_shape_the_line_takes_one_row() {
    for (width, height) in [(200, 50), (80, 24), (40, 12), (20, 7)] {
        let stage = Stage::joined(width, height, 0).says(1, "14:00", "bob", "seen").happens(Event::Drawn);
        let stage = away(stage).says(2, "14:07", "bob", "news").expect_text("1 new since 14:00");
        stage.press(KeyCode::PageUp).press(KeyCode::PageUp).press(KeyCode::End).expect_text("news");
    }
    // There is room for the last message alone.
    away(Stage::joined(12, 1, 0)).says(2, "14:07", "bob", "news").expect_no_text("──");
}

#[test]
fn whoever_comes_back_finds_the_line_where_they_had_stopped() {
    // In the window from the first frame on.
    back(80, 24, 38).expect_text("message 38 ── 2 new ── 14:00 bob message 39").expect_no_text("above");
    // Frames that come between do not move it.
    let stage = Stage::opens(80, 24).welcome_with(3, &["alice", "bob"], Resume::Recent, vec![read("alice", 1)]);
    let stage = (1..=3).fold(stage, |stage, seq| stage.says(seq, "14:00", "bob", "x").happens(Event::Drawn));
    stage.expect_text("x ── 2 new ── 14:00 bob x");
    // All was read, or all of it is ours.
    back(80, 24, 40).expect_no_text("new ──");
    let stage = Stage::opens(80, 24).welcome_with(2, &["alice"], Resume::Recent, vec![read("alice", 1)]);
    stage.says(1, "14:00", "bob", "x").says(2, "14:00", "alice", "y").expect_no_text("new ──");
}

#[test]
fn unread_above_the_window_is_told_until_it_was_seen_and_alt_u_goes_there() {
    let stage = back(80, 10, 31).happens(Event::Drawn).expect_text("9 new above · Alt+U");
    let stage = stage.alt('u').expect_screen(
        "
 room1   alice · bob is here                                               live
                               Sunday 22 November
 14:00  bob      message 31
                                  ── 9 new ──
 14:00  bob      message 32
 14:00           message 33
 14:00           message 34
 End goes back to the newest message
 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
    stage.happens(Event::Drawn).press(KeyCode::End).expect_no_text("above");
    // A short look elsewhere does not take off what nobody has seen yet.
    let glanced = here(away(back(80, 10, 31).happens(Event::Drawn))).expect_text("9 new above · Alt+U");
    glanced.alt('u').expect_text("── 9 new ──");
    Stage::joined(80, 10, 0).alt('u').expect_text("Nothing is new.");
    back(20, 5, 31).expect_row(3, " 9 new above · Alt+U");
    back(20, 5, 5).expect_row(3, " 35 new · Alt+U");
    back(200, 8, 31).expect_row(5, " 9 new above · Alt+U");
    back(80, 10, 36).sends("/unread").expect_text("message 36 ── 4 new ── 14:00 bob message 37");
}

#[test]
fn alt_u_fetches_as_many_pages_as_it_takes() {
    let stage = back(80, 10, 5).expect_text("35 new above · Alt+U").expect_no_text("──");
    let stage = stage.alt('u').expect_requests(&[Request::PageBefore(Seq(31))]).expect_text("fetching");
    let stage = stage.hears(page(20..31)).expect_requests(&[Request::PageBefore(Seq(20))]);
    stage.hears(page(1..20)).expect_row(3, "                                  ── 35 new ──").expect_text("message 6");
    // Whoever does something else meanwhile is left in peace.
    let stage = back(80, 10, 5).alt('u').types("x").hears(page(20..31)).expect_requests(&[]);
    stage.expect_text("message 40");
    // What has expired is no longer waited for.
    let stage = back(80, 10, 5).alt('u').hears(page(25..31)).expect_requests(&[Request::PageBefore(Seq(25))]);
    stage.hears(page(1..1)).expect_text("24 messages are no longer kept").expect_text("── 16 new ──");
    let failed = back(80, 10, 5).alt('u').hears(NetworkEvent::PageFailed("timed out".into()));
    failed.expect_text("Older messages could not be fetched").hears(page(1..31)).expect_text("message 40");
    back(80, 10, 5).lost("refused", "14:01").alt('u').expect_requests(&[]).expect_text("no connection to fetch it by");
}

#[test]
fn while_scrolled_up_the_last_of_what_is_below_is_told() {
    let scrolled = |width, height, above| {
        let stage = Stage::joined(width, height, 60).bob_counts_to(60).happens(Event::Drawn).press(KeyCode::PageUp);
        let stage = stage.says(61, "14:10", "bob", "news");
        let stage = stage.says(62, "14:10", "-", "build 812\n\tis green, and it took a while");
        let row = usize::from(height) - above;
        move |expected: &str| stage.expect_row(row, expected)
    };
    scrolled(200, 50, 4)(" 2 new below · outside: build 812 is green, and it took a while · End");
    scrolled(80, 24, 4)(" 2 new below · outside: build 812 is green, and it took a while · End");
    scrolled(50, 10, 3)(" 2 new below · outside: build 812 is green… · End");
    scrolled(20, 5, 2)(" 2 new below · End");
    // What comes while somebody is scrolled up has a line as well, and what they have seen by then is not new below.
    let stage = scrolled(80, 10, 3)(" 2 new below · outside: build 812 is green, and it took a while · End");
    let stage = stage.happens(Event::Drawn);
    let down = Event::Wheel { direction: Direction::Down, rows: 1 };
    let stage = (0..7).fold(stage, |stage, _| stage.happens(down.clone()).happens(Event::Drawn));
    stage.expect_text("message 60 ── 2 new ──").expect_text("1 new below").press(KeyCode::End).expect_no_text("below");
}

#[test]
fn after_five_minutes_without_a_key_nobody_is_here_and_nothing_is_read() {
    let idle = |stage: Stage| {
        let mut stage = stage.at("14:05");
        stage.state.preferences.idle_after = Some(Duration::from_secs(300));
        assert_eq!(stage.state.next_tick(), Some(stage.now));
        stage.happens(Event::Tick)
    };
    let told = |state| [Request::Attention(state)];
    let stage = idle(Stage::joined(80, 10, 0)).expect_requests(&told(AttentionState::Idle));
    assert!(!stage.draws());
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.at("14:20").says(1, "14:20", "bob", "there?").happens(Event::Drawn).expect_requests(&[]);
    assert_eq!(stage.state.unread(), 1);
    let stage = stage.at("14:30").press(KeyCode::Left).expect_requests(&told(AttentionState::Here));
    let stage = stage.happens(Event::Drawn).expect_requests(&[Request::Read(Seq(1))]);
    let stage = stage.expect_text("── 1 new since 14:00 ──");
    assert_eq!(stage.state.next_tick(), Some(crate::stage::time("14:35")));

    // A look is as good as a key, also for what had come.
    let stage = idle(away(Stage::joined(80, 10, 0))).expect_requests(&told(AttentionState::Idle));
    let stage = here(stage.says(1, "14:20", "bob", "there?"));
    stage.expect_requests(&[Request::Attention(AttentionState::Here), Request::Read(Seq(1))]);
    let stage = away(Stage::joined(80, 10, 0).at("14:03"));
    assert!(!stage.draws());
}

#[test]
fn the_last_of_what_is_below_is_told_as_it_is_shown() {
    let stage = Stage::joined(80, 10, 30).bob_counts_to(30).press(KeyCode::PageUp);
    stage
        .says(31, "14:09", "bob", "second **new** see https://a.example end")
        .expect_text("1 new below · bob: second new see https://a.example end ·");
}
