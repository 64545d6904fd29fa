//! Pictures and effects: a message selected, copied, quoted; a link opened.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;
use shared::frames::Resume;
use tui_client::app::{Effect, Event};
use tui_client::network::NetworkEvent;

use crate::stage::{Stage, message};

impl Stage {
    pub(crate) fn selects(self) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::Up, KeyModifiers::ALT)))
    }

    #[track_caller]
    fn expect_copied(self, expected: &str) -> Self {
        assert!(self.effects.contains(&Effect::Copy(expected.to_owned())), "{:?}", self.effects);
        self
    }

    #[track_caller]
    fn expect_done_nothing(self) -> Self {
        let done = self.effects.iter().filter(|effect| matches!(effect, Effect::Copy(_) | Effect::Open(_)));
        assert_eq!(done.count(), 0, "{:?}", self.effects);
        self
    }
}

fn with_three() -> Stage {
    Stage::joined(80, 12, 3)
        .says(1, "14:01", "bob", "one")
        .says(2, "14:02", "bob", "**two**\n```\na\nb\n```\n```sh\nls\n```")
        .says(3, "14:03", "bob", "read http://example.org/a")
}

#[test]
fn a_message_is_selected_beside_its_text_and_the_keys_are_told() {
    with_three().selects().press(KeyCode::Up).expect_screen(
        "
 room1   alice · bob is here                                               live
 14:01  bob      one
▌14:02           two
▌                │ a
▌                │ b
▌
▌                │ sh
▌                │ ls
 14:03           read http://example.org/a [1]

 > ▏
 y copy · c code · l link · o open · Enter quote · Esc back
",
    );
}

#[test]
fn of_a_folded_message_it_is_told_how_to_unfold_it_and_always_how_to_go_back() {
    let long = (1..=300).map(|line| format!("line {line}\n")).collect::<String>();
    let selected = |width| Stage::joined(width, 30, 3).says(1, "14:01", "bob", &long).selects();
    let hint = "f unfold · y copy · c code · l link · o open · Enter quote · Esc back";
    selected(80).expect_text(hint).press(KeyCode::Char('f')).expect_no_text("f unfold");
    selected(40).expect_text("f unfold · y copy · c code · Esc back");
    selected(20).expect_text("Esc back");
}

#[test]
fn what_is_copied_is_what_was_written() {
    let stage = with_three().selects().press(KeyCode::Up).press(KeyCode::Char('y'));
    let stage = stage.expect_copied("**two**\n```\na\nb\n```\n```sh\nls\n```").expect_text("Copied, 8 lines.");
    let stage =
        stage.press(KeyCode::Char('c')).expect_copied("ls").expect_text("Copied a code block (2 of 2), 2 bytes.");
    let stage = stage.press(KeyCode::Char('c')).expect_copied("a\nb").press(KeyCode::Char('c')).expect_copied("ls");
    stage.press(KeyCode::Up).press(KeyCode::Char('c')).expect_done_nothing().expect_text("no code block");
}

#[test]
fn a_link_is_copied_without_what_stands_around_it() {
    let stage = with_three().selects().press(KeyCode::Char('l'));
    let stage = stage.expect_copied("http://example.org/a").expect_text("Copied a link (the only one), 20 bytes.");
    stage.press(KeyCode::Up).press(KeyCode::Char('l')).expect_done_nothing().expect_text("no link in this message");
}

#[test]
fn a_question_is_answered_in_letters_too_and_no_answer_is_typed() {
    let asked = || with_three().sends("/open 1").expect_text("Open on example.org?");
    asked().press(KeyCode::Char('y')).expect_text("Opening example.org.");
    asked().press(KeyCode::Char('n')).expect_no_text("Open on").expect_text("> ▏");
}

#[test]
fn the_address_that_is_asked_about_can_be_copied_instead() {
    for key in ['c', 'l'] {
        let stage = with_three().alt('o').press(KeyCode::Char(key)).expect_copied("http://example.org/a");
        stage.expect_text("Copied the address, 20 bytes.").expect_no_text("Open on").expect_text("> ▏");
    }
}

#[test]
fn at_20_by_5_the_question_has_the_host_and_its_answers() {
    let stage = Stage::joined(20, 5, 1).says(1, "14:01", "bob", "see http://example.org/a/long/path").alt('o');
    stage.expect_screen(
        "
 room1         live
   rg/a/long/path
   [1]
 example.org? y/n/c
 > ▏
",
    );
}

#[test]
fn the_last_message_is_copied_without_selecting_it() {
    with_three().alt('y').expect_copied("read http://example.org/a");
    with_three().sends("/copy").expect_copied("read http://example.org/a");
    Stage::joined(80, 12, 0).alt('y').expect_done_nothing().expect_text("There is no message to copy.");
}

#[test]
fn what_was_hostile_is_harmless_when_it_is_copied() {
    Stage::joined(80, 12, 1).says(1, "14:01", "bob", "a\u{1b}[201~b\u{202e}").alt('y').expect_copied("a␛[201~b<RLO>");
}

#[test]
fn a_quote_goes_into_the_draft() {
    let stage = with_three().types("well").selects().press(KeyCode::Enter);
    assert_eq!(stage.state.composer.text(), "well\n> read http://example.org/a\n");
    assert_eq!(stage.types("ok").state.composer.text(), "well\n> read http://example.org/a\nok");
}

#[test]
fn keys_that_mean_nothing_to_a_selected_message_go_back_to_writing() {
    let stage = with_three().selects().types("xy");
    assert_eq!((stage.state.selected(), stage.state.composer.text()), (None, "xy"));
    let stage = with_three().selects().press(KeyCode::PageUp);
    assert_eq!(stage.state.selected(), None);
}

#[test]
fn what_is_gone_is_no_longer_selected() {
    let stage = with_three().selects().welcome(0, &["alice", "bob"], Resume::Reset).bob_counts_to(4);
    assert_eq!(stage.state.selected(), None);
    assert_eq!(stage.types("ok").state.composer.text(), "ok");
}

#[test]
fn a_message_on_its_way_stays_selected_whatever_comes_and_goes_before_it() {
    let refused = |number: u64| NetworkEvent::PostRefused {
        id: format!("run-{number}").parse().unwrap(),
        reason: "say it shorter".to_owned(),
    };
    let copies = |stage: Stage, text: &str| stage.press(KeyCode::Char('y')).expect_copied(text);
    let stage = with_three().sends("too much").hears(refused(1)).selects().says(4, "14:04", "bob", "hm");
    let stage = copies(stage, "too much").press(KeyCode::Esc).sends("gone").sends("here").hears(refused(3)).selects();
    let mut echo = message(5, "14:05", "alice", "gone");
    echo.id = "run-2".parse().unwrap();
    let stage = copies(stage.hears(NetworkEvent::Message(echo)), "here").press(KeyCode::Up);
    // And one that comes back while it is selected.
    let stage = copies(stage, "too much").press(KeyCode::Esc).sends("back").selects();
    let mut echo = message(6, "14:06", "alice", "back");
    echo.id = "run-4".parse().unwrap();
    let stage = stage.hears(NetworkEvent::Message(echo));
    copies(stage, "back")
        .says(7, "14:07", "bob", "well")
        .press(KeyCode::Up)
        .press(KeyCode::Char('y'))
        .expect_copied("gone");
}

#[test]
fn the_window_follows_the_selected_message() {
    let mut stage = Stage::joined(80, 10, 30).bob_counts_to(30).selects();
    for _ in 0..20 {
        stage = stage.press(KeyCode::Up);
    }
    let stage = stage.expect_text("message 10").expect_no_text("message 9 ");
    let marked = stage.screen().lines().any(|line| line.starts_with('▌') && line.ends_with("message 10"));
    assert!(marked, "{}", stage.screen());
    let stage = (0..20).fold(stage, |stage, _| stage.press(KeyCode::Down));
    stage.expect_text("message 30").says(31, "14:09", "bob", "news").expect_text("news");
}

#[test]
fn a_link_is_asked_about_with_its_host_and_opened_by_enter_alone() {
    let open = Effect::Open("http://example.org/a".to_owned());
    let stage = with_three()
        .alt('o')
        .expect_text("Open on example.org? http://example.org/a Enter opens · c copies · Esc not")
        .expect_done_nothing();
    assert!(stage.press(KeyCode::Enter).effects.contains(&open));
    with_three().alt('o').expect_styles(
        9,
        "
 Open on example.org? http://example.org/a  Enter opens · c copies · Esc not
 bbbbbbbb###########bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

",
    );
    let stage = with_three().alt('o').press(KeyCode::Esc).press(KeyCode::Enter);
    stage.expect_done_nothing().expect_no_text("Open on");
    let stage = with_three().selects().press(KeyCode::Char('o')).press(KeyCode::Enter);
    assert!(stage.effects.contains(&open));
    with_three().sends("/open 1").expect_text("Open on example.org? http://example.org/a");
    with_three().sends("/open 7").expect_text("There is no link [7] in the window.");
}

#[test]
fn of_several_links_one_is_chosen_by_its_number() {
    let stage = Stage::joined(80, 12, 1)
        .says(1, "14:01", "bob", "http://one.example [bank](http://evil.example/b)")
        .alt('o')
        .expect_text("Which link? Press its number, Esc goes back.")
        .press(KeyCode::Char('2'))
        .expect_text("Open on evil.example? http://evil.example/b")
        .press(KeyCode::Enter);
    assert!(stage.effects.contains(&Effect::Open("http://evil.example/b".to_owned())));
}

/// A host of 240 characters that looks like another one at its beginning.
fn long_host() -> String {
    let (start, end) = ("accounts.google.com.", ".evil.com");
    let labels = "a".repeat(59) + ".";
    let middle = labels.repeat(4).chars().take(240 - start.len() - end.len()).collect::<String>();
    format!("{start}{middle}{end}")
}

#[test]
fn a_link_is_asked_about_with_all_of_its_host_or_not_opened() {
    let host = long_host();
    assert_eq!(host.len(), 240);
    let asked = |width, height, host: &str| {
        Stage::joined(width, height, 1).says(1, "14:01", "bob", &format!("http://{host}/x")).alt('o')
    };
    let opened =
        |stage: Stage| stage.press(KeyCode::Enter).effects.iter().any(|effect| matches!(effect, Effect::Open(_)));
    let shows = |stage: &Stage, text: &str| stage.screen().split_whitespace().collect::<String>().contains(text);
    let stage = asked(80, 24, &host);
    assert!(shows(&stage, &format!("Openon{host}?http://accounts")), "{}", stage.screen());
    assert!(opened(stage));
    for (width, height) in [(30, 6), (20, 5), (10, 3)] {
        let stage = asked(width, height, &host);
        assert!(!shows(&stage, "opens"), "{}", stage.screen());
        assert!(!opened(stage), "{width}x{height}");
    }
    asked(30, 6, &host).expect_text("The link is not");
    assert!(opened(asked(40, 8, &host)), "the question takes the rows of the conversation");
    assert!(opened(asked(40, 8, "example.org").expect_text("Open on example.org?")));
    for (width, height) in [(20, 5), (20, 4), (18, 3), (9, 4)] {
        let stage = asked(width, height, "example.org");
        assert!(shows(&stage, "example.org?y/n/c"), "{}", stage.screen());
        assert!(opened(stage), "{width}x{height}");
    }
    assert!(!opened(asked(20, 1, "example.org")) && !opened(asked(2, 9, "example.org")));
}

#[test]
fn a_link_that_was_asked_about_is_not_opened_by_an_enter_that_no_longer_shows_its_host() {
    let stage = Stage::joined(80, 24, 1).says(1, "14:01", "bob", &format!("http://{}/x", long_host())).alt('o');
    let stage = stage.happens(Event::Resized(Size::new(30, 6))).expect_text("The link is not");
    stage.press(KeyCode::Enter).expect_done_nothing();
}
