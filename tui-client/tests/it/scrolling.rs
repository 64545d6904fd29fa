//! Pictures: scrolling, older messages, and what history has no more.

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use shared::frames::{Gap, Resume};
use shared::message::Seq;
use tui_client::app::Event;
use tui_client::app::commands::Direction::{Down, Up};
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, message, page};

#[test]
fn what_history_has_no_more_is_told() {
    Stage::joined(80, 9, 6)
        .says(1, "14:02", "bob", "one")
        .hears(NetworkEvent::Gap(Gap { from: Seq(2), to: Seq(4) }))
        .says(5, "14:03", "bob", "five")
        .hears(NetworkEvent::Gap(Gap { from: Seq(6), to: Seq(6) }))
        .expect_screen(
            "
 room1   alice · bob is here                                               live
                               Sunday 22 November
 14:02  bob    one
                         3 messages are no longer kept
 14:03  bob    five
                          1 message is no longer kept

 > ▏
 Enter send · Alt+Enter new line · ? help
"
            .replace("bob    ", "bob      ")
            .as_str(),
        );
}

#[test]
fn page_up_keeps_its_place_whatever_comes_before_or_behind() {
    let stage = Stage::joined(80, 10, 30).bob_counts_to(30).press(KeyCode::PageUp);
    let before: Vec<String> = stage.screen().lines().skip(1).take(6).map(str::to_owned).collect();
    let stage = stage
        .says(31, "14:10", "bob", "news")
        .says(32, "14:10", "bob", "more news")
        .expect_text("2 new below · bob: more news · End");
    assert!(stage.screen().lines().skip(1).take(6).eq(before));
    stage.press(KeyCode::End).expect_text("more news").expect_no_text("new below");
}

#[test]
fn the_foot_stays_at_a_message_on_its_way_whatever_comes_before_it() {
    let mut stage = Stage::joined(80, 10, 30).bob_counts_to(30);
    for number in 1..=3 {
        let id = format!("run-{number}").parse().unwrap();
        let refusal = NetworkEvent::PostRefused { id, reason: "say it shorter".to_owned() };
        stage = stage.sends(&format!("mine {number}")).hears(refusal);
    }
    // The last one and its reason are below.
    let stage = stage.press(KeyCode::Esc).happens(Event::Wheel { direction: Up, rows: 2 });
    let last_row = |stage: &Stage| stage.screen().lines().nth(6).unwrap_or_default().to_owned();
    let reason = last_row(&stage);
    let stage = stage.expect_text("mine 2").expect_no_text("mine 3").says(31, "14:10", "bob", "news");
    let stage = stage.expect_text("mine 2").expect_no_text("mine 3");
    assert_eq!(last_row(&stage), reason);
    // One before it comes back, and one is taken back.
    let mut echo = message(32, "14:11", "alice", "mine 1");
    echo.id = "run-1".parse().unwrap();
    let stage = stage.hears(NetworkEvent::Message(echo)).expect_text("mine 2").expect_no_text("mine 3");
    assert_eq!(last_row(&stage), reason);
    stage.ctrl('t').expect_text("mine 2").expect_text("> mine 3▏");
}

#[test]
fn older_messages_are_fetched_before_they_are_needed_and_nothing_jumps() {
    let mut stage = Stage::joined(80, 10, 130);
    for seq in 101..=130 {
        stage = stage.says(seq, "14:00", "bob", &format!("message {seq}"));
    }
    while stage.requests().is_empty() {
        stage = stage.press(KeyCode::PageUp);
    }
    let before = stage.expect_requests(&[Request::PageBefore(Seq(101))]).press(KeyCode::PageUp);
    assert_eq!(before.requests(), [], "one page at a time");
    let picture = before.screen();
    let after = before.hears(page(60..101));
    // Only the two rows at the top are others: the day and the name were told of what was the first message.
    assert!(picture.lines().skip(3).take(4).eq(after.screen().lines().skip(3).take(4)), "{picture}{}", after.screen());
    after.press(KeyCode::PageUp).expect_text("message 97").press(KeyCode::End).expect_text("message 130");
}

#[test]
fn the_top_of_a_history_that_has_expired_says_what_is_missing() {
    let mut stage = Stage::joined(80, 10, 42);
    for seq in 40..=42 {
        stage = stage.says(seq, "14:00", "bob", &format!("message {seq}"));
    }
    let stage = stage.press(KeyCode::PageUp).expect_requests(&[Request::PageBefore(Seq(40))]);
    stage.hears(page(1..1)).expect_text("39 messages are no longer kept").press(KeyCode::PageUp).expect_requests(&[]);
}

#[test]
fn a_page_that_failed_says_so_and_is_asked_for_again() {
    Stage::joined(80, 10, 42)
        .says(42, "14:00", "bob", "hello")
        .press(KeyCode::PageUp)
        .hears(NetworkEvent::PageFailed("timed out".into()))
        .expect_text("Older messages could not be fetched (timed out). PgUp tries again.")
        .press(KeyCode::PageUp)
        .expect_requests(&[Request::PageBefore(Seq(42))]);
}

#[test]
fn a_message_taller_than_the_window_scrolls_by_row() {
    let tall: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    let stage = Stage::joined(80, 10, 1).says(1, "14:00", "bob", &tall.join("\n")).expect_text("line 30");
    let stage = stage.expect_row(1, "        bob      line 25").wheel(Up).expect_row(1, "        bob      line 22");
    stage
        .press(KeyCode::PageUp)
        .expect_row(1, "        bob      line 17")
        .wheel(Down)
        .expect_row(1, "        bob      line 20");
}

#[test]
fn the_wheel_scrolls_whatever_is_written_and_goes_through_what_is_chosen_from() {
    let stage = Stage::joined(80, 10, 60).bob_counts_to(60).types("a draft").expect_text("message 60");
    let stage = stage.wheel(Up).expect_no_text("message 58").expect_text("message 57").expect_text("> a draft▏");
    let stage = stage.wheel(Down).expect_text("message 60").expect_text("> a draft▏");
    stage.press(KeyCode::F(1)).wheel(Down).press(KeyCode::Esc).expect_text("message 60").expect_text("> a draft▏");
}

#[test]
fn a_resize_keeps_the_message_at_the_foot_of_the_window() {
    let stage = Stage::joined(80, 10, 60).bob_counts_to(60).press(KeyCode::PageUp).press(KeyCode::PageUp);
    let foot = |stage: &Stage| stage.screen().lines().nth(6).unwrap_or_default().trim().to_owned();
    assert!(foot(&stage).ends_with("message 50"), "{}", stage.screen());
    let stage = stage.happens(Event::Resized(Size::new(40, 10)));
    assert!(foot(&stage).ends_with("message 50"), "{}", stage.screen());
}

#[test]
fn a_new_history_says_so() {
    Stage::joined(80, 10, 2)
        .says(1, "14:00", "bob", "one")
        .lost("server restarting", "14:01")
        .welcome(0, &["alice", "bob"], Resume::Reset)
        .expect_text("The server has another history now, restored or begun anew: this is what is in it.")
        .expect_no_text("one ");
}
