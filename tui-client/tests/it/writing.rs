//! Pictures: writing, pasting, sending, commands and leaving.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shared::frames::TypingState;
use shared::names::MessageId;
use tui_client::app::{Effect, Event};
use tui_client::network::{NetworkEvent, Request};
use tui_client::outbox::lines::{Held, Kept};

use crate::stage::{Stage, message, post, time};

#[test]
fn ours_waits_until_it_comes_back_and_is_never_seen_twice() {
    let echo = |stage: Stage| {
        let mut echo = message(7, "14:00", "alice", "on it");
        echo.id = MessageId::new("run-1").unwrap();
        stage.hears(NetworkEvent::Message(echo))
    };
    let sent = || {
        Stage::joined(80, 8, 6).sends("on it").expect_requests(&[post(1, "on it")]).expect_text("alice on it waiting")
    };
    let accepted = |stage: Stage| stage.hears(NetworkEvent::Posted(MessageId::new("run-1").unwrap()));
    for stage in [echo(accepted(sent())), accepted(echo(sent())), echo(sent())] {
        let screen = stage.expect_no_text("waiting").screen();
        assert_eq!(screen.matches("on it").count(), 1, "{screen}");
    }
    accepted(sent()).expect_no_text("waiting").expect_text("alice on it");
}

#[test]
fn ours_keeps_its_words_in_place_when_the_mark_goes() {
    let text = "a message that is long enough to be wrapped where the mark would stand if it were not kept free";
    for width in [40, 80] {
        let stage = Stage::joined(width, 14, 6).sends(text);
        let before = stage.screen().replace("waiting", "");
        let after = stage.hears(NetworkEvent::Posted(MessageId::new("run-1").unwrap())).screen().replace("sent", "");
        let trimmed = |screen: &str| screen.lines().map(|row| row.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&before), trimmed(&after));
    }
}

#[test]
fn the_composer_grows_to_eight_rows_and_then_scrolls() {
    let mut stage = Stage::joined(60, 20, 3).types("1");
    for line in 2..=9 {
        stage = stage.alt_enter().types(&line.to_string());
    }
    stage.expect_screen(
        "
 room1   alice · bob is here                           live









 > 2
   3
   4
   5
   6
   7
   8
   9▏

 Enter send · Alt+Enter new line · F1 help
",
    );
}

#[test]
fn where_there_is_little_room_the_composer_takes_half_of_it() {
    let five = |stage: Stage| (2..=5).fold(stage.types("1"), |stage, line| stage.alt_enter().types(&line.to_string()));
    five(Stage::joined(20, 5, 3)).expect_screen(
        "
 room1         live


 > 4
   5▏
",
    );
    five(Stage::joined(1, 1, 3)).expect_screen("▏5\n").ctrl('_').expect_screen("▏\n");
}

#[test]
fn a_paste_is_a_text_and_never_a_key() {
    Stage::joined(80, 10, 3)
        .happens(Event::Paste("one\r\ntwo\rthree\u{1b}[201~\u{7}\t.".into()))
        .expect_requests(&[Request::Typing(TypingState::Active)])
        .press(KeyCode::Enter)
        .expect_requests(&[post(1, "one\ntwo\nthree␛[201~␇\t.")]);
}

#[test]
fn what_is_too_long_is_not_taken_and_nothing_is_lost() {
    Stage::joined(80, 10, 3)
        .types("draft")
        .happens(Event::Paste("x".repeat(1_000_000)))
        .expect_text("Not pasted: the message would be 977 KiB, and the room takes at most 1 KiB.")
        .expect_text("> draft▏")
        .types(&"y".repeat(1_020))
        .press(KeyCode::Enter)
        .expect_requests(&[])
        .expect_text("Not sent: the message is 2 KiB, and the room takes at most 1 KiB. Shorten it")
        .expect_text("yyyy▏");
}

#[test]
fn a_slash_begins_a_command_and_two_begin_a_text() {
    Stage::joined(80, 10, 3)
        .sends("/quiet now")
        .expect_requests(&[])
        .expect_text("There is no command /quiet. /help shows those there are")
        .expect_text("> /quiet now▏")
        .ctrl('c')
        .sends("//etc/hosts")
        .expect_requests(&[post(1, "/etc/hosts")]);
    let stage = Stage::joined(80, 10, 3).sends("/quit");
    assert!(stage.quits());
}

#[test]
fn ctrl_c_clears_a_draft_and_leaves_an_empty_one() {
    let stage = Stage::joined(80, 10, 3)
        .types("half a thought")
        .ctrl('c')
        .expect_text("Cleared. Ctrl+Y brings it back, Ctrl+C leaves Duet.")
        .ctrl('y')
        .expect_text("> half a thought▏")
        .ctrl('c')
        .ctrl('c');
    assert!(stage.quits());
}

#[test]
fn the_help_is_made_of_the_table_and_can_be_searched() {
    Stage::joined(80, 100, 1)
        .types("?")
        .expect_text("Ctrl+R /retry connect now instead of waiting")
        .types("older")
        .expect_text("look for: older▏ Reading PgUp scroll to older messages Esc goes back")
        .press(KeyCode::Esc)
        .expect_text("> ▏");
    Stage::joined(80, 10, 1)
        .types("a?")
        .expect_text("> a?▏")
        .press(KeyCode::F(1))
        .expect_text("Keys and commands")
        .press(KeyCode::PageDown)
        .press(KeyCode::F(1))
        .expect_text("> a?▏");
}

#[test]
fn a_second_question_mark_is_the_beginning_of_a_message() {
    Stage::joined(80, 12, 6).types("??").expect_text("> ?▏").sends(" really").expect_requests(&[post(1, "? really")]);
}

#[test]
fn a_command_with_words_behind_it_is_not_done() {
    Stage::joined(80, 12, 6)
        .sends("/quit now please")
        .expect_text("/quit takes nothing behind it.")
        .expect_text("> /quit now please▏");
}

#[test]
fn a_post_that_has_to_wait_says_why() {
    Stage::joined(80, 12, 6)
        .sends("hello?")
        .hears(NetworkEvent::PostDelayed("RabbitMQ is not reachable: connection refused".to_owned()))
        .expect_text("Still waiting: RabbitMQ is not reachable: connection refused.")
        .hears(NetworkEvent::Posted(MessageId::new("run-1").unwrap()))
        .expect_no_text("Still waiting");
}

fn kept(id: &str, clock: &str, content: &str) -> Kept {
    Kept { id: MessageId::new(id).unwrap(), content: content.to_owned(), at: time(clock) }
}

#[test]
fn a_message_is_written_down_before_anything_else_and_forgotten_when_the_server_has_it() {
    let id = || MessageId::new("run-1").unwrap();
    let forgotten = |stage: &Stage| stage.effects.contains(&Effect::Forget(id()));
    let sent = || Stage::joined(80, 8, 6).at("14:07").sends("on it");
    let noted = Effect::NoteSent("on it".to_owned());
    assert_eq!(sent().effects, [Effect::Keep(kept("run-1", "14:07", "on it")), noted, Effect::Draw]);
    assert!(forgotten(&sent().hears(NetworkEvent::Posted(id()))));
    let mut echo = message(7, "14:07", "alice", "on it");
    echo.id = id();
    assert!(forgotten(&sent().hears(NetworkEvent::Message(echo))));
    assert!(!forgotten(&sent().hears(NetworkEvent::PostDelayed("busy".to_owned()))));
}

#[test]
fn what_could_not_be_written_down_is_a_draft_again() {
    let not_kept = || Event::NotKept { id: MessageId::new("run-1").unwrap(), reason: "the disk is full".to_owned() };
    Stage::joined(80, 10, 6)
        .sends("on it")
        .happens(not_kept())
        .expect_requests(&[])
        .expect_text("Not sent: the disk is full. > on it▏")
        .expect_no_text("waiting");
    // Sent again it means the same.
    Stage::joined(80, 10, 6)
        .sends("//etc/hosts")
        .happens(not_kept())
        .expect_text("> //etc/hosts▏")
        .press(KeyCode::Enter)
        .expect_requests(&[post(2, "/etc/hosts")]);
}

#[test]
fn what_an_earlier_client_left_waits_with_its_own_time_and_goes_out_before_what_is_written_now() {
    let posts = vec![kept("old-1", "13:58", "from before"), kept("old-2", "13:59", "and this")];
    let of = |id: &str| MessageId::new(id).unwrap();
    let post = |id, content: &str| tui_client::network::Request::Post { id: of(id), content: content.to_owned() };
    Stage::opens(80, 10)
        .happens(Event::Adopted { held: Held { waiting: posts, ..Held::default() }, trouble: None })
        .expect_requests(&[post("old-1", "from before"), post("old-2", "and this")])
        .sends("now")
        .welcome(0, &["alice", "bob"], shared::frames::Resume::Recent)
        .expect_row(2, " 13:58  alice    from before                                            waiting")
        .expect_row(3, " 13:59           and this                                               waiting")
        .expect_row(4, " 14:00           now                                                    waiting")
        // It may be in the room already, further back than what is shown; then it does not come again.
        .hears(NetworkEvent::Posted(of("old-1")))
        .expect_no_text("from before")
        .says(8, "14:01", "alice", "from before")
        .expect_row(2, " 14:01  alice    from before                                               sent");
}

#[test]
fn what_cannot_be_taken_over_is_told() {
    let trouble = Some("the outbox /x does not work".to_owned());
    Stage::joined(80, 10, 6)
        .happens(Event::Adopted { held: Held::default(), trouble })
        .expect_text("Earlier messages may still be waiting to be sent: the outbox /x does not work.");
    let stage = Stage::joined(80, 10, 6).happens(Event::Adopted { held: Held::default(), trouble: None });
    assert!(!stage.draws(), "nothing has changed");
}

#[test]
fn each_welcome_is_a_time_to_look_for_what_others_left() {
    let stage = Stage::joined(80, 10, 6);
    assert!(stage.effects.contains(&Effect::Adopt));
}

#[test]
fn what_was_sent_in_this_room_can_be_written_anew() {
    let sent = || Stage::joined(80, 12, 6).sends("one").sends("/retry").sends("two").types("a draft");
    sent().ctrl('p').expect_text("> two▏").ctrl('p').expect_text("> /retry▏").ctrl('p').expect_text("> one▏");
    sent().ctrl('p').ctrl('n').expect_text("> a draft▏");
    sent().press(KeyCode::Up).expect_text("> two▏").press(KeyCode::Down).expect_text("> a draft▏");
    let empty = || sent().ctrl('u').expect_text("> ▏");
    empty().press(KeyCode::Up).expect_text("> two▏").press(KeyCode::Down).expect_text("> ▏");
    sent().ctrl('p').press(KeyCode::Enter).expect_requests(&[post(3, "two")]).expect_text("> a draft▏");
}

#[test]
fn a_change_can_be_taken_back_and_made_again() {
    let alt = |stage: Stage, c| stage.happens(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT)));
    let stage = Stage::joined(80, 12, 6).types("ship it").ctrl('_').expect_text("> ship ▏");
    let stage = alt(stage, '_').expect_text("> ship it▏").ctrl('a');
    alt(stage, 'd').expect_text("> ▏it").ctrl('/').expect_text("> ▏ship it");
}
