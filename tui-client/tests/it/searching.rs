//! Words are looked for in the whole history, and found where they stand.

use crossterm::event::KeyCode;
use shared::frames::Resume;
use shared::message::Seq;
use shared::rest::SearchPage;
use tui_client::app::Event;
use tui_client::network::{NetworkEvent, Request};

use crate::stage::{Stage, message, page};

fn found(query: &str, places: &[u64], earlier: Option<u64>) -> NetworkEvent {
    let messages = places.iter().map(|seq| message(*seq, "14:00", "bob", &format!("message {seq}"))).collect();
    let page = SearchPage { room_id: "room1".parse().unwrap(), epoch: "e".into(), messages, earlier: earlier.map(Seq) };
    NetworkEvent::Found { query: query.into(), page }
}

fn search(query: &str, before: Option<u64>) -> Request {
    Request::Search { query: query.into(), before: before.map(Seq) }
}

#[test]
fn what_is_typed_is_asked_once_the_keys_rest_and_marked_where_it_stands() {
    let stage = Stage::joined(80, 12, 20).bob_counts_to(20).ctrl('f').expect_requests(&[]);
    let stage = stage.expect_row(10, " search: ▏  words to look for · Esc back");
    let stage = stage.types("1").expect_requests(&[]).types("7").expect_requests(&[]);
    let stage = stage.expect_text("looking").rests().expect_requests(&[search("17", None)]).expect_text("looking");
    assert_eq!(stage.state.next_tick(), None);
    // An answer to what stands there no more changes nothing.
    let stage = stage.hears(found("1", &[1, 10], None)).expect_requests(&[]).expect_text("looking");
    stage
        .hears(found("17", &[17], None))
        .expect_screen(
            "
 room1   alice · bob is here                                               live
 14:00  bob      message 13
 14:00           message 14
 14:00           message 15
 14:00           message 16
>14:00           message 17
 14:00           message 18
 14:00           message 19
 14:00           message 20

 search: 17▏  1 of 1 · Up older · Down newer · Enter stay · Esc back

",
        )
        .expect_styles(5, "\n>14:00           message 17\nbddddd                   rr\n\n");
}

#[test]
fn the_one_that_is_shown_has_a_sign_and_what_lacks_a_word_is_not_marked() {
    let stage = Stage::joined(80, 12, 3).says(1, "14:00", "bob", "red apple").says(2, "14:00", "bob", "red pear");
    let stage = stage.says(3, "14:00", "bob", "a red apple").ctrl('f').types("red apple").rests();
    let stage = stage.hears(found("red apple", &[1, 3], None));
    let stage = stage.expect_text(">14:00 a red apple").expect_text(" 14:00 bob red apple");
    let stage = stage.expect_styles(3, "\n 14:00           red pear\n ddddd\n\n");
    stage.press(KeyCode::Up).expect_text(">14:00 bob red apple").expect_text(" 14:00 a red apple");
}

#[test]
fn up_goes_to_the_one_before_and_esc_back_to_where_one_was() {
    let stage = Stage::joined(80, 8, 60).bob_counts_to(60).press(KeyCode::PageUp);
    let before = stage.screen();
    let stage = stage.press(KeyCode::F(3)).types("mess").rests().hears(found("mess", &[5, 30, 58], Some(5)));
    let stage = stage.expect_text("message 58").expect_text("1 of 3+");
    let stage = stage.press(KeyCode::Up).expect_text("message 30").expect_text("2 of 3+");
    let stage = stage.press(KeyCode::F(3)).expect_text("message 5 ").expect_text("3 of 3+");
    let stage = stage.press(KeyCode::Up).expect_requests(&[search("mess", Some(5))]);
    // Nothing among so many, and more to look through.
    let stage = stage.hears(found("mess", &[], Some(4))).expect_requests(&[search("mess", Some(4))]);
    let stage = stage.hears(found("mess", &[2], None)).expect_text("message 2").expect_text("4 of 4 ");
    let stage = stage.press(KeyCode::Up).expect_requests(&[]).press(KeyCode::Down).expect_text("3 of 4");
    let stage = stage.press(KeyCode::Esc);
    assert_eq!(stage.screen(), before);
}

#[test]
fn enter_stays_where_it_was_found_and_the_draft_is_still_there() {
    let stage = Stage::joined(80, 10, 60).bob_counts_to(60).types("half a thought").press(KeyCode::F(3));
    let stage = stage.expect_no_text("half a thought").types("12").rests().hears(found("12", &[12], None));
    let stage =
        stage.press(KeyCode::Enter).expect_text("message 12").expect_text("> half a thought").expect_requests(&[]);
    stage.press(KeyCode::End).expect_text("message 60");
}

#[test]
fn what_is_not_loaded_is_fetched_until_it_is_there() {
    let mut stage = Stage::joined(80, 10, 1_000);
    for seq in 951..=1_000 {
        stage = stage.says(seq, "14:00", "bob", &format!("message {seq}"));
    }
    let stage =
        stage.types("/search message 700").press(KeyCode::Enter).expect_requests(&[search("message 700", None)]);
    let stage = stage.hears(found("message 700", &[700], None)).expect_requests(&[Request::PageBefore(Seq(951))]);
    let stage = stage.expect_text("1 of 1 · fetching 251 messages");
    let stage = stage.press(KeyCode::Enter).expect_text("search: message 700");
    let stage =
        stage.hears(page(751..951)).expect_requests(&[Request::PageBefore(Seq(751))]).expect_text("fetching 51");
    let stage = stage.hears(page(551..751)).expect_requests(&[]).expect_text("message 700").expect_text("1 of 1 ·");
    let stage = stage.press(KeyCode::Backspace).types("1").rests().hears(found("message 701", &[400], None));
    let stage = stage.expect_requests(&[Request::PageBefore(Seq(551))]);
    // Any key ends it.
    let stage = stage.press(KeyCode::PageUp).hears(page(351..551)).expect_requests(&[]);
    let stage = stage.expect_no_text("message 400").press(KeyCode::Esc).expect_text("message 1000");
    stage.expect_no_text("search:");
}

#[test]
fn without_a_connection_it_says_so_and_looks_when_that_is_back() {
    let stage = Stage::joined(80, 10, 3).bob_counts_to(3).lost("refused", "14:01").ctrl('f').types("mess");
    let stage = stage.expect_requests(&[]).expect_text("search: mess▏ no connection to look by");
    let stage = stage.welcome(3, &["alice"], Resume::Complete).expect_requests(&[search("mess", None)]);
    let failed = NetworkEvent::SearchFailed { query: "mess".into(), reason: "the server is \u{1b}[31mbusy".into() };
    let stage = stage.hears(failed).expect_text("the server is").expect_no_text("\u{1b}");
    let stage = stage.types("!").rests().hears(found("mess!", &[], None)).expect_text("nothing found");
    stage.ctrl('u').expect_requests(&[]).expect_text("words to look for").ctrl('c').expect_no_text("search:");
}

#[test]
fn another_history_is_searched_anew() {
    let stage = Stage::joined(80, 8, 60).bob_counts_to(60).press(KeyCode::PageUp).ctrl('f').types("mess").rests();
    let stage = stage.hears(found("mess", &[5, 30], None)).welcome(40, &["alice"], Resume::Reset);
    let stage = stage.expect_requests(&[search("mess", None)]).expect_text("looking").bob_counts_to(40);
    let stage = stage.hears(found("mess", &[7], None)).expect_text("1 of 1").expect_text("message 7");
    stage.press(KeyCode::Esc).expect_text("message 40");
}

#[test]
fn a_paste_is_looked_for_and_the_line_takes_what_the_server_takes() {
    let stage = Stage::joined(60, 10, 3).bob_counts_to(3).ctrl('f').happens(Event::Paste("two\nwords".into())).rests();
    let stage = stage.expect_requests(&[search("two words", None)]);
    let stage = stage.ctrl('w').rests().expect_requests(&[search("two ", None)]);
    let stage = stage.happens(Event::Paste("x".repeat(300))).rests();
    let Some(Request::Search { query, .. }) = stage.requests().first().cloned() else { panic!() };
    assert_eq!(query.len(), 256);
    stage.expect_text("xxxx▏ looking");
}

#[test]
fn a_server_that_does_not_get_on_is_not_asked_without_end() {
    let stage = Stage::joined(80, 10, 60).bob_counts_to(60).types("/search mess").press(KeyCode::Enter);
    let stage = stage.hears(found("mess", &[], Some(40))).expect_requests(&[search("mess", Some(40))]);
    let stage = stage.hears(found("mess", &[], Some(40))).expect_requests(&[]).expect_text("nothing found");
    stage.press(KeyCode::Up).expect_requests(&[]);
}

#[test]
fn enter_and_up_ask_without_a_pause() {
    let stage = Stage::joined(80, 10, 60).bob_counts_to(60).ctrl('f').types("2");
    let stage = stage.press(KeyCode::Enter).expect_requests(&[search("2", None)]).expect_text("search: 2");
    let stage = stage.types("2").press(KeyCode::Up).expect_requests(&[search("22", None)]);
    let stage = stage.hears(found("22", &[22], None)).expect_text("message 22").press(KeyCode::Enter);
    stage.expect_text("message 22").expect_no_text("search:");
}
