//! The themes and plain ASCII, at every size.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use tui_client::app::Event;
use tui_client::app::preferences::{Glyphs, Preferences, ThemeName};

use crate::rooms::House;
use crate::stage::Stage;

const SIZES: [(u16, u16); 3] = [(20, 5), (80, 24), (200, 50)];

/// What was drawn, with all its styles.
fn buffer(stage: &Stage) -> Buffer {
    stage.terminal().backend().buffer().clone()
}

/// Rooms and other screens that show all there is to colour.
fn scenes(width: u16, height: u16) -> Vec<Stage> {
    let talk = || {
        Stage::joined(width, height, 0)
            .says(1, "14:01", "bob", "see `this` and https://example.org")
            .says(2, "14:02", "-", "build 812 is green")
            .says(3, "14:03", "alice", "```rust\nfn main() { let a = \"b\"; } // 1\n```")
            .sends("and this one waits")
    };
    vec![
        Stage::opens(width, height),
        Stage::joined(width, height, 0),
        talk(),
        talk().lost("refused", "14:09").types("a draft that is longer than twenty columns"),
        talk().sends("/quiet"),
        talk().types("?"),
    ]
}

fn with(theme: ThemeName, mut stage: Stage) -> Stage {
    stage.state.preferences.theme = theme;
    stage
}

#[test]
fn a_theme_changes_styles_and_never_a_character() {
    for (width, height) in SIZES {
        for (number, dark) in scenes(width, height).into_iter().enumerate() {
            for theme in [ThemeName::Light, ThemeName::HighContrast, ThemeName::None] {
                let other = with(theme, scenes(width, height).remove(number));
                assert_eq!(other.screen(), dark.screen());
            }
        }
    }
}

#[test]
fn high_contrast_is_never_faint_and_none_has_no_colour() {
    let mut urgent = 0;
    for (width, height) in SIZES {
        for number in 0..scenes(width, height).len() {
            for theme in [ThemeName::HighContrast, ThemeName::None] {
                for cell in buffer(&with(theme, scenes(width, height).remove(number))).content {
                    assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
                    assert!(theme == ThemeName::None || !cell.modifier.contains(Modifier::DIM));
                    urgent += usize::from(cell.modifier.contains(Modifier::REVERSED));
                }
            }
        }
    }
    assert!(urgent > 0, "nothing was urgent");
}

#[test]
fn with_ascii_everything_that_we_draw_is_ascii() {
    let mut replaced = 0;
    for (width, height) in SIZES {
        for mut stage in scenes(width, height) {
            let unicode = buffer(&stage);
            stage.state.preferences.glyphs = Glyphs::Ascii;
            for (cell, before) in buffer(&stage).content.iter().zip(&unicode.content) {
                assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
                replaced += usize::from(cell.symbol() != before.symbol());
            }
        }
    }
    assert!(replaced > 0, "there was nothing to replace");
}

#[test]
fn with_ascii_the_bar_of_rooms_is_ascii_too() {
    let names: Vec<String> = (1..=9).map(|number| format!("a-room-of-a-long-name-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (width, height) in SIZES {
        let bar = |glyphs| {
            let opened = House::opens_with(width, height, &names, Preferences { glyphs, ..Preferences::default() });
            let next = Event::Key(KeyEvent::new(KeyCode::PageDown, KeyModifiers::CONTROL));
            let middle = (0..4).fold(opened, |house, _| house.happens(next.clone()));
            let terminal = middle.terminal();
            let buffer = terminal.backend().buffer();
            (0..width).map(|x| buffer[(x, height - 1)].symbol().to_owned()).collect::<String>()
        };
        let [unicode, ascii] = [Glyphs::Unicode, Glyphs::Ascii].map(bar);
        assert!(ascii.is_ascii() && !unicode.is_ascii(), "{unicode}\n{ascii}");
    }
}

#[test]
fn with_ascii_an_ellipsis_at_the_edge_is_three_dots() {
    let mut stage = Stage::opens(80, 24);
    stage.state.preferences.glyphs = Glyphs::Ascii;
    stage.expect_text("connecting...");
}

#[test]
fn with_ascii_what_people_write_stays_as_it_is() {
    let mut stage = Stage::joined(80, 24, 0).says(1, "14:01", "bob", "Grüße 你好");
    stage.state.preferences.glyphs = Glyphs::Ascii;
    stage.expect_text("Grüße 你好");
}
