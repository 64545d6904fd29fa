//! Pictures: emoji and commands that are begun, offered and completed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_client::app::Event;
use tui_client::app::preferences::{Glyphs, Switch};

use crate::stage::{Stage, post};

fn stage() -> Stage {
    Stage::joined(80, 12, 3)
}

impl Stage {
    fn tab(self) -> Self {
        self.press(KeyCode::Tab)
    }

    fn shift_tab(self) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)))
    }
}

#[test]
fn emoji_are_offered_from_two_letters_on_and_tab_goes_through_them() {
    stage().types("nice :s").expect_no_text(":smile:");
    let begun = || stage().types("nice :smi");
    begun()
        .expect_row(9, " 😄 :smile:   😏 :smirk:   😃 :smiley:   😸 :smile_cat:   😼 :smirk_cat:   +7")
        .tab()
        .expect_text("> nice 😄▏");
    let second = begun().tab().tab().screen();
    assert!(!second.contains("> nice 😄"), "{second}");
    begun().tab().tab().shift_tab().expect_text("> nice 😄▏");
    begun().tab().shift_tab().tab().expect_text("> nice 😄▏");
    // Any other key takes it.
    begun().tab().press(KeyCode::Esc).expect_text("> nice 😄▏").expect_no_text(":smile:");
    begun().tab().sends("!").expect_requests(&[post(1, "nice 😄!")]);
    begun().tab().ctrl('_').expect_text("> nice :smi▏");
}

#[test]
fn a_shortcode_that_is_known_becomes_an_emoji_with_its_last_colon() {
    stage().sends("done :tada: :+1:").expect_requests(&[post(1, "done 🎉 👍")]);
    stage().types(":tada:").ctrl('_').expect_text("> :tada:▏").sends("").expect_requests(&[post(1, ":tada:")]);
    for text in [":nosuchthing:", "at 12:30:45", "`:tada:`", "https://example.org/:tada:", "std::io::Error", "::tada:"]
    {
        stage().sends(text).expect_requests(&[post(1, text)]);
    }
}

#[test]
fn where_emoji_are_not_wanted_shortcodes_stay_what_they_are() {
    let unwanted: [fn(&mut Stage); 2] =
        [|stage| stage.state.preferences.glyphs = Glyphs::Ascii, |stage| stage.state.preferences.emoji = Switch::Off];
    for unwanted in unwanted {
        let mut stage = stage();
        unwanted(&mut stage);
        let stage = stage.types(":tada: :smi").expect_text(" :smile: ").expect_no_text("😄");
        stage.tab().expect_text("> :tada: :smile:▏");
    }
}

#[test]
fn commands_are_offered_with_what_they_do() {
    stage().types("/re").expect_text("/retry connect now instead of waiting > /re▏").tab().expect_text("> /retry▏");
    stage().types("/he").tab().types("scroll").expect_text("> /help scroll▏");
    let many = stage().types("/").tab();
    let (offers, chosen) = many.state.offers();
    assert!(offers.len() > 1 && chosen == Some(0), "{offers:?}");
    let chosen = format!("> {}▏", offers[0].text);
    many.expect_text(&format!("{} 1 of {}", offers[0].help, offers.len())).expect_text(&chosen);
    // All can be come by, and behind the last is the first.
    let count = stage().types("/").state.offers().0.len();
    assert!(count > 10, "{count}");
    let last = (0..count).fold(stage().types("/"), |stage, _| stage.tab());
    last.expect_text(&format!("{count} of {count}")).tab().expect_text(&format!("1 of {count}"));
    let row = " /join   /leave   /help   /quit   /unread   /times   /search   /copy   +3";
    stage().types("/").expect_row(9, row);
    // Within a text it is no command.
    stage().types("a /re").expect_no_text("/retry");
    stage().types("//re").expect_no_text("/retry");
}

#[test]
fn where_there_is_nothing_to_complete_tab_is_a_tab() {
    stage().types("a").tab().types("b").shift_tab().press(KeyCode::Enter).expect_requests(&[post(1, "a\tb")]);
    stage().types(":s").tab().press(KeyCode::Enter).expect_requests(&[post(1, ":s")]);
}

#[test]
fn a_row_too_narrow_for_all_shows_what_fits() {
    Stage::joined(20, 5, 3).types(":smi").expect_row(3, " 😄 :smile:   +11");
    let fourth = (0..4).fold(Stage::joined(60, 12, 3).types(":smi"), |stage, _| stage.tab());
    let (offers, _) = fourth.state.offers();
    fourth.expect_text(&format!("{} 4 of {}", offers[3].offer, offers.len()));
    Stage::joined(1, 1, 3).types(":smi").tab().sends("").expect_requests(&[post(1, "😄")]);
}
