//! Pictures: what becomes of messages that the server will not take or the outbox cannot keep, and the question to
//! whoever leaves meanwhile.

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use shared::frames::Resume;
use shared::names::MessageId;
use tui_client::app::{Effect, Event};
use tui_client::network::NetworkEvent;
use tui_client::outbox::lines::{Held, Kept, Refused};

use crate::stage::{Stage, message, post, time};

fn id(number: u64) -> MessageId {
    format!("run-{number}").parse().unwrap()
}

fn refuse(stage: Stage, number: u64) -> Stage {
    stage.hears(NetworkEvent::PostRefused { id: id(number), reason: "say it shorter".to_owned() })
}

fn no_outbox(number: u64) -> Event {
    Event::NoOutbox { id: id(number), reason: "the outbox /x does not work".to_owned() }
}

#[test]
fn a_refused_post_stays_says_why_and_can_be_taken_back() {
    let stage = refuse(Stage::joined(80, 14, 6).sends("too much"), 1);
    let refusal = Effect::Refuse { id: id(1), reason: "say it shorter".to_owned() };
    assert!(stage.effects.contains(&refusal) && !stage.effects.contains(&Effect::Forget(id(1))));
    let stage = stage
        .expect_text("A message was not sent: say it shorter. Ctrl+T takes it back. > ▏")
        .says(7, "14:01", "bob", "hm")
        .expect_text("hm 14:00 alice too much not sent: say it shorter. Ctrl+T takes it back.")
        .types("half")
        .ctrl('t')
        .expect_text("What you were writing is cut; Ctrl+Y brings it back. > too much▏")
        .expect_no_text("not sent");
    assert!(stage.effects.contains(&Effect::Forget(id(1))));
    stage.ctrl('t').expect_text("No message was refused. > too much▏");
}

#[test]
fn a_text_that_began_with_a_slash_is_taken_back_as_it_was_typed() {
    refuse(Stage::joined(80, 14, 6).sends("//etc"), 1)
        .ctrl('t')
        .expect_text("> //etc▏")
        .press(KeyCode::Enter)
        .expect_requests(&[post(2, "/etc")]);
}

#[test]
fn a_refused_post_stands_behind_what_was_written_before_it_and_below_the_history() {
    let stage = Stage::joined(80, 14, 0).sends("first").sends("second");
    let stage = refuse(stage, 2).says(7, "14:01", "bob", "hm");
    let screen = stage.screen();
    let place = |text| screen.find(text).unwrap();
    assert!(place("hm") < place("first") && place("first") < place("second"), "{screen}");
}

#[test]
fn what_was_refused_earlier_is_shown_at_the_end_and_not_sent_again() {
    let kept = Kept { id: id(9), content: "from \u{1b} before".to_owned(), at: time("13:58") };
    let refused = vec![Refused { kept, reason: "say it shorter".to_owned() }];
    Stage::opens(80, 14)
        .happens(Event::Adopted { held: Held { waiting: Vec::new(), refused }, trouble: None })
        .expect_requests(&[])
        .expect_text("An earlier message was not sent. Ctrl+T takes it back.")
        .welcome(7, &["alice"], Resume::Recent)
        .says(7, "13:59", "bob", "hm")
        .expect_text("hm 13:58 alice from ␛ before not sent: say it shorter. Ctrl+T takes it back.")
        .ctrl('t')
        .expect_text("> from ␛ before▏");
}

#[test]
fn without_an_outbox_a_message_is_sent_while_the_server_is_there_and_it_is_told_once() {
    let stage = Stage::joined(80, 14, 6)
        .sends("one")
        .happens(no_outbox(1))
        .expect_requests(&[post(1, "one")])
        .expect_text("Messages are sent but not kept until the server has them: the outbox /x does not work.")
        .sends("two")
        .happens(no_outbox(2))
        .expect_requests(&[post(2, "two")])
        .expect_no_text("not kept")
        .ctrl('c')
        .expect_text(
            "2 messages are nowhere but here. Ctrl+C again leaves; they are lost then, for the outbox does not work.",
        );
    let mut echo = message(7, "14:00", "alice", "one");
    echo.id = id(1);
    stage.hears(NetworkEvent::Message(echo)).expect_text("1 message is nowhere but here.");
}

#[test]
fn without_an_outbox_and_a_server_it_stays_a_draft() {
    Stage::joined(80, 14, 6)
        .lost("refused", "14:01")
        .sends("one")
        .happens(no_outbox(1))
        .expect_requests(&[])
        .expect_text("Not sent: the outbox /x does not work. > one▏")
        .expect_no_text("waiting");
}

#[test]
fn leaving_asks_once_while_something_waits_or_was_refused() {
    let stage = Stage::joined(80, 14, 3).sends("one").sends("two").ctrl('c').expect_text(
        "2 messages are still waiting to be sent. Ctrl+C again leaves; the outbox keeps them and sends them when you are \
         back in this room.",
    );
    assert!(!stage.quits());
    assert!(stage.ctrl('c').quits());
    let stage = refuse(Stage::joined(80, 14, 3).sends("one"), 1).ctrl('c').expect_text(
        "1 message was refused. Ctrl+C again leaves; the outbox keeps it until you are back in this room.",
    );
    assert!(stage.ctrl('c').quits());
    refuse(Stage::joined(80, 14, 3).sends("one").sends("two"), 1).ctrl('c').expect_text(
        "1 message is still waiting to be sent, 1 message was refused. Ctrl+C again leaves; the outbox keeps them",
    );
}

#[test]
fn the_question_goes_when_nothing_waits_any_more() {
    let asked = || Stage::joined(80, 14, 3).sends("one").ctrl('c').expect_text("1 message is still waiting");
    asked().hears(NetworkEvent::Posted(id(1))).expect_no_text("Ctrl+C again");
    asked().types("x").expect_no_text("Ctrl+C again");
    let delayed = asked().hears(NetworkEvent::PostDelayed("busy".to_owned()));
    delayed.expect_text("1 message is still waiting");
}

#[test]
fn the_question_is_short_where_there_is_little_room() {
    let mut stage = Stage::joined(20, 5, 3).sends("one").ctrl('c').expect_row(3, " 1 unsent · Ctrl+C");
    stage = stage.happens(Event::Resized(Size::new(48, 5)));
    stage.expect_row(3, " 1 message unsent. Ctrl+C again leaves.");
}
