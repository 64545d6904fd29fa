//! Pictures: what the room, the people and the connection look like.

use std::time::Duration;

use crossterm::event::KeyCode;
use shared::frames::{Presence, PresenceState, Resume};
use shared::names::MessageId;
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Notifications;
use tui_client::app::receipts::Focus;
use tui_client::app::{Effect, Event};
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, name, time};

#[test]
fn the_first_frame_needs_no_server() {
    Stage::opens(60, 8).expect_screen(
        "
 room1   alice                                  connecting…





 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
}

#[test]
fn a_conversation_stands_in_columns_and_names_are_told_once_for_a_run() {
    Stage::joined(80, 20, 6)
        .says(1, "14:02", "bob", "morning. did the deploy go through?")
        .says(2, "14:02", "alice", "yes, twice\nthe second time with the right config")
        .says(3, "14:05", "-", "build 812 is green, 4 min 12 s")
        .says(4, "14:07", "bob", "try this\n\tfn main() {}")
        .says(5, "14:08", "bob", "and read https://example.org/a/long/path")
        .hears(NetworkEvent::RoundTrip(Duration::from_millis(12)))
        .at("14:09")
        .sends("on it")
        .types("so I think we can ship it today, if the last test")
        .expect_screen(
            "
 room1   alice · bob is here                                       live · 12 ms
                               Sunday 22 November
 14:02  bob      morning. did the deploy go through?
 14:02  alice    yes, twice
                 the second time with the right config                     sent
 14:05  outside  build 812 is green, 4 min 12 s
 14:07  bob      try this
                     fn main() {}
 14:08           and read https://example.org/a/long/path [1]
 14:09  alice    on it                                                  waiting







 > so I think we can ship it today, if the last test▏

 Enter send · Alt+Enter new line · F1 help
",
        );
}

#[test]
fn an_empty_room_says_how_to_begin() {
    Stage::opens(80, 10).welcome(0, &["alice"], Resume::Live).expect_screen(
        "
 room1   alice · nobody else is here                                       live

 Nobody has written here yet. Write something below, or ask somebody in:

 tui-client join room1 --user bob

 A room holds two people, and any program that posts to it.

 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
}

#[test]
fn a_room_is_not_called_empty_before_its_messages_have_come() {
    Stage::opens(80, 10).expect_no_text("Nobody").welcome(3, &["alice"], Resume::Recent).expect_no_text("Nobody");
}

#[test]
fn a_lost_connection_says_why_and_when_it_is_tried_again_and_nothing_else_moves() {
    let stage = Stage::joined(110, 8, 1).says(1, "14:02", "bob", "hello").at("14:09");
    let before = stage.screen();
    let stage = stage.lost("refused", "14:09:03").expect_row(
        0,
        " room1   alice · bob was here 14:09                       no connection (refused) · again in 3 s · Ctrl+R now",
    );
    assert!(before.lines().skip(1).eq(stage.screen().lines().skip(1)));
}

#[test]
fn the_countdown_ticks_once_a_second_and_only_while_there_is_one() {
    let stage = Stage::joined(110, 8, 1);
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.at("14:09:00.250").lost("refused", "14:09:03");
    assert_eq!(stage.state.next_tick(), Some(time("14:09:01")));
    let stage = stage.at("14:09:01").happens(Event::Tick).expect_text("again in 2 s");
    assert_eq!(stage.state.next_tick(), Some(time("14:09:02")));
    let stage = stage.at("14:09:03").happens(Event::Tick).expect_text("again now");
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.hears(NetworkEvent::Connecting).expect_text("connecting again…");
    assert_eq!(stage.welcome(1, &["alice", "bob"], Resume::Complete).state.next_tick(), None);
}

#[test]
fn the_wait_of_what_was_sent_too_often_ticks_once_a_second_and_only_while_it_is_seen() {
    let is_delayed =
        |stage: Stage| stage.at("14:09:00.250").hears(NetworkEvent::PostedTooOften { retry_at: time("14:09:03") });
    let joined = |width, height| Stage::joined(width, height, 1).sends("hello");
    let stage = is_delayed(joined(80, 10)).expect_text("Still waiting: sent too often, trying again in 3 s.");
    assert_eq!(stage.state.next_tick(), Some(time("14:09:01")));
    let stage = stage.at("14:09:01").happens(Event::Tick).expect_text("trying again in 2 s.");
    assert!(stage.state.is_in_trouble() && stage.effects.contains(&Effect::Draw));
    assert_eq!(stage.state.next_tick(), Some(time("14:09:02")));
    let stage = stage.at("14:09:03").happens(Event::Tick).expect_text("trying again now.");
    assert_eq!(stage.state.next_tick(), None);
    stage.hears(NetworkEvent::Posted(MessageId::new("run-1").unwrap())).expect_no_text("Still waiting");

    let in_help = is_delayed(joined(80, 10).press(KeyCode::F(1)));
    let with_one_row = is_delayed(joined(40, 5)).expect_text("Still waiting").expect_no_text("in 3 s");
    let asked_whether_to_leave = is_delayed(joined(80, 10).ctrl('c')).expect_no_text("Still waiting");
    for stage in [in_help, with_one_row, asked_whether_to_leave] {
        assert_eq!(stage.state.next_tick(), None, "{}", stage.screen());
    }
}

#[test]
fn the_words_on_the_connection_get_shorter_before_anything_goes() {
    for (width, expected) in [
        (90, " room1   alice · bob was here 14:09    no connection (refused) · again in 3 s · Ctrl+R now"),
        (80, " room1   alice · bob was here 14:09      no connection (refused) · again in 3 s"),
        (70, " room1   alice · bob was here 14:09      no connection · again in 3 s"),
        (52, " room1   alice · bob was here 14:09   no connection"),
        (44, " room1      no connection · again in 3 s"),
        (22, " room1  no connection"),
    ] {
        let stage = Stage::joined(width, 8, 1).at("14:09").lost("refused", "14:09:03");
        let row = stage.screen().lines().next().unwrap_or_default().to_owned();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
        assert!(row.chars().count() < usize::from(width));
    }
}

#[test]
fn who_is_here_follows_what_the_server_says() {
    let presence = |state, clock: &str, occupants: &[&str]| {
        NetworkEvent::Presence(Presence {
            user: name("bob"),
            state,
            since: time(clock),
            occupants: occupants.iter().copied().map(name).collect(),
        })
    };
    Stage::opens(80, 8)
        .welcome(1, &["alice"], Resume::Recent)
        .expect_text("alice · nobody else is here")
        .hears(presence(PresenceState::Here, "14:01", &["alice", "bob"]))
        .expect_text("alice · bob is here")
        .hears(presence(PresenceState::Away, "14:02", &["alice", "bob"]))
        .expect_text("alice · bob was here 14:02")
        .hears(presence(PresenceState::Here, "14:03", &["alice", "bob"]))
        .expect_text("alice · bob is here")
        .hears(presence(PresenceState::Gone, "14:04", &["alice"]))
        .expect_text("alice · bob was here 14:04")
        .at("2026-11-23T09:00")
        .expect_text("bob was here 14:04")
        .happens(Event::Tick)
        .expect_text("bob was here 22 November 14:04");
}

#[test]
fn a_person_named_outside_is_told_from_a_voice_from_outside() {
    Stage::joined(80, 10, 2)
        .says(1, "14:02", "Outside", "I am a person")
        .says(2, "14:03", "-", "I am a program\n 14:04  bob      I am not")
        .expect_row(2, " 14:02  \"Outside\"  I am a person")
        .expect_row(3, " 14:03  outside    I am a program")
        .expect_row(4, "                    14:04  bob      I am not");
}

#[test]
fn a_new_day_has_a_line_and_another_year_is_named() {
    Stage::joined(80, 12, 3)
        .says(1, "2025-12-31T23:59", "bob", "old")
        .says(2, "2026-11-21T23:59", "bob", "yesterday")
        .says(3, "2026-11-22T00:00", "bob", "today")
        .expect_text("Wednesday 31 December 2025 23:59 bob old")
        .expect_text("Saturday 21 November 23:59 bob yesterday")
        .expect_text("Sunday 22 November 00:00 bob today");
}

#[test]
fn a_narrow_screen_drops_the_time_and_puts_the_name_above() {
    Stage::joined(40, 12, 3)
        .says(1, "14:02", "bob", "morning. did the deploy go through, or not?")
        .says(2, "14:02", "bob", "hello?")
        .sends("yes")
        .expect_screen(
            "
 room1   alice · bob is here       live
           Sunday 22 November
 bob
   morning. did the deploy go through,
   or not?
   hello?
 alice
   yes                          waiting


 > ▏
 Enter send · ? help
",
        );
}

#[test]
fn a_tiny_screen_has_the_last_message_and_the_composer() {
    Stage::joined(18, 3, 3).says(1, "14:02", "bob", "morning. did the deploy go through?").expect_screen(
        "
morning. did the
deploy go through?
 > ▏
",
    );
}

#[test]
fn in_a_full_room_a_seat_is_waited_for() {
    let stage = Stage::opens(80, 10)
        .hears(NetworkEvent::RoomFull)
        .expect_requests(&[Request::WaitForSeat])
        .expect_text("room1 is full: two others are in it.")
        .hears(NetworkEvent::SeatsTaken(vec![name("bob"), name("carol")]))
        .expect_screen(
            "
 room1   alice                                               waiting for a seat

 room1 is full: bob and carol are in it.

 You are let in when one of them leaves. Waiting since 14:00.



 > ▏
 Alt+K other room · Ctrl+C leave · Ctrl+R ask now · ? help
",
        )
        .sends("hello?")
        .expect_requests(&[])
        .expect_text("Not sent: you are not in the room yet. You are let in when a seat is free.")
        .expect_text("> hello?▏")
        .expect_no_text("Enter send")
        .at("14:03")
        .ctrl('r')
        .expect_requests(&[Request::RetryNow])
        .expect_text("Asking for a seat…")
        // What it tries, and that somebody else was faster, changes nothing in the picture.
        .hears(NetworkEvent::Connecting);
    assert!(!stage.draws());
    stage
        .hears(NetworkEvent::RoomFull)
        .expect_no_text("Asking")
        .expect_text("You are let in when one of them leaves. Waiting since 14:00.")
        .welcome(0, &["alice", "bob"], Resume::Recent)
        .expect_text("live")
        .expect_text("A seat was free: you are in room1 now.")
        .expect_text("Enter send");
}

#[test]
fn a_room_that_is_full_says_so_once_wherever_there_is_room() {
    let full = |stage: Stage| {
        stage.hears(NetworkEvent::RoomFull).hears(NetworkEvent::SeatsTaken(vec![name("bob"), name("carol")]))
    };
    full(Stage::opens(20, 5)).expect_screen(
        "
 room1         full
 room1 is full: bob
 and carol are in

 > ▏
",
    );
    // Behind a conversation it stands above what is written.
    let left = full(Stage::joined(80, 10, 1).says(1, "14:01", "bob", "back soon").lost("refused", "14:02"));
    left.expect_text("back soon")
        .expect_row(6, " room1 is full: bob and carol are in it. You are let in when one of them");
}

#[test]
fn whoever_waited_for_a_seat_is_called() {
    let found = |stage: Stage| {
        let stage = stage.hears(NetworkEvent::RoomFull).welcome(0, &["alice"], Resume::Recent);
        stage.notifications().into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(found(Stage::opens(80, 10)), [Notification::Bell]);
    let words = |title: &str, text: &str| Notification::Words { title: title.to_owned(), text: text.to_owned() };
    let elsewhere = Stage::opens(80, 10).happens(Event::Looks(Focus::Elsewhere));
    assert_eq!(found(elsewhere), [words("room1", "A seat was free: you are in room1 now.")]);
    let mut silent = Stage::opens(80, 10);
    silent.state.preferences.notifications = Notifications::Off;
    assert_eq!(found(silent), []);
}

#[test]
fn a_refusal_is_a_sentence_and_harmless() {
    Stage::opens(80, 10)
        .hears(NetworkEvent::Refused("the server\u{1b}[2J has moved to http://x: give that to --server".into()))
        .expect_text("not let in")
        .expect_text("the server␛[2J has moved to http://x: give that to --server. Ctrl+R tries again.")
        .expect_row(9, " Alt+K other room · Ctrl+C leave · Ctrl+R try again · ? help");
}

#[test]
fn a_long_refusal_is_all_there_where_there_is_nothing_else_to_be_seen() {
    let sentence = "bob is not invited into room1: ask somebody in the room for an invite (tui-client invite), or whoever keeps \
                    the server; or come under the name that was invited, with --user NAME";
    let refused = || NetworkEvent::Refused(sentence.to_owned());
    let whole = format!("{sentence}. Ctrl+R tries again.");
    Stage::opens(40, 10).hears(refused()).expect_text(&whole).expect_row(8, " > ▏");
    // What is written has its rows all the same.
    Stage::opens(40, 10).hears(refused()).types(&"word ".repeat(60)).expect_text("not let in").expect_text("word ▏");
    // Beside a conversation it has a third, and what was news goes for it.
    Stage::joined(40, 10, 3).ctrl('r').expect_text("The connection is up.").hears(refused()).expect_text("bob is not");
}

#[test]
fn a_round_trip_draws_only_what_a_person_would_notice() {
    let took = |stage: Stage, ms| stage.hears(NetworkEvent::RoundTrip(Duration::from_millis(ms)));
    let stage = took(Stage::joined(80, 10, 1), 2);
    assert!(stage.draws(), "the first figure is news");
    let stage = took(stage, 19);
    assert!(!stage.draws());
    let stage = took(stage, 300);
    assert!(stage.draws());
    let stage = took(stage.expect_text("live · 300 ms"), 400);
    assert!(!stage.draws());
    took(stage, 1).expect_text("live · 1 ms");
}

#[test]
fn wide_and_combined_characters_keep_the_columns() {
    Stage::joined(62, 9, 2)
        .says(1, "14:02", "bob", "👩\u{200d}👩\u{200d}👧\u{200d}👦 你好 e\u{301} 👍🏽 🇦🇺 ok")
        .sends("你好 👍🏽")
        .expect_row(2, " 14:02  bob      👩\u{200d}👩\u{200d}👧\u{200d}👦 你好 e\u{301} 👍🏽 🇦🇺 ok")
        .expect_row(3, " 14:00  alice    你好 👍🏽                              waiting")
        .types("你|")
        .press(KeyCode::Left)
        .expect_row(7, " > 你▏|");
}

#[test]
fn where_no_server_is_found_the_screen_names_the_address_and_a_way_on() {
    Stage::opens(80, 12)
        .lost("refused", "14:03")
        .expect_text("No server was reached at http://")
        .expect_text("Start one there with duet-server");
    Stage::opens(80, 12)
        .hears(NetworkEvent::Lost { reason: "asked too often".into(), retry_at: time("14:03"), is_reached: true })
        .expect_text("no connection (asked too often)")
        .expect_no_text("No server was reached");
}

#[test]
fn an_empty_room_invites_nobody_when_both_are_there() {
    Stage::opens(80, 12)
        .welcome(0, &["alice", "bob"], shared::frames::Resume::Recent)
        .expect_text("Write something below.")
        .expect_no_text("tui-client join");
}

#[test]
fn news_are_bold_and_go_by_themselves_and_trouble_is_red_and_stays_until_a_key() {
    let stage = Stage::joined(40, 8, 0).sends("/retry").expect_styles(
        5,
        "
 The connection is up.
 bbbbbbbbbbbbbbbbbbbbb

",
    );
    assert_eq!(stage.state.next_tick(), Some(time("14:00:10")));
    let stage = stage.rests().expect_no_text("connection is up");
    assert!(stage.draws());
    assert_eq!(stage.state.next_tick(), None);
    let stage = stage.happens(Event::Told("No.".into())).expect_styles(
        5,
        "
 No.
 bbb
 rrr
",
    );
    assert_eq!(stage.state.next_tick(), None);
    stage.press(KeyCode::Home).expect_no_text("No.");
}

#[test]
fn a_long_name_of_a_room_is_cut_before_the_people_and_the_connection_go() {
    let mut stage = Stage::joined(80, 8, 0);
    stage.state.room = "a-room-".repeat(9);
    let stage = stage.expect_text("… alice · bob is here live");
    stage.happens(Event::Resized(ratatui::layout::Size::new(40, 8))).expect_text("… alice · bob is here live");
}

#[test]
fn a_message_without_end_is_folded_until_it_is_opened() {
    let lines: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    let stage = Stage::joined(80, 24, 1).says(1, "14:02", "bob", lines.trim()).says(2, "14:03", "-", "after");
    let stage = stage.expect_text("line 200").expect_text("+100 lines · Alt+Up, then f").expect_text("after");
    let stage = stage.selects().press(KeyCode::Up).types("f");
    assert!(!stage.screen().contains("+100 lines"), "{}", stage.screen());
    let stage = stage.press(KeyCode::Esc).press(KeyCode::End).expect_text("line 300");
    // Ours are as long as we wrote them.
    let ours = Stage::joined(80, 24, 1).says(1, "14:02", "alice", lines.trim());
    ours.expect_text("line 300");
    stage.selects().press(KeyCode::Up).types("f").press(KeyCode::Esc).press(KeyCode::End).expect_text("+100 lines");
}
