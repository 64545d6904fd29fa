//! What the bytes of frame after frame make a terminal show is the picture of the last one.

use crossterm::event::KeyCode;
use proptest::prelude::*;
use ratatui::layout::Size;
use tui_client::app::Event;
use tui_client::painter::Painter;
use tui_client::view::view;

use crate::stage::Stage;

/// What moves rows, and what leaves them where they are.
#[derive(Debug, Clone)]
enum Turn {
    Says(&'static str, String),
    Press(KeyCode),
    Resize(u16, u16),
}

fn turns() -> impl Strategy<Value = Turn> {
    let keys = [
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::End,
        KeyCode::Enter,
        KeyCode::Backspace,
        KeyCode::Char('x'),
    ];
    prop_oneof![
        6 => (prop::sample::select(vec!["alice", "bob", "-"]), "[a-c \t]{0,90}(\n[a-c\t]{0,9}){0,3}").prop_map(|(who, text)| Turn::Says(who, text)),
        6 => prop::sample::select(keys.to_vec()).prop_map(Turn::Press),
        1 => (4_u16..100, 1_u16..30).prop_map(|(width, height)| Turn::Resize(width, height)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_screen_is_the_picture_whatever_scrolls(turns in prop::collection::vec(turns(), 1..80)) {
        let mut stage = Stage::joined(60, 16, 0);
        let mut painter = Painter::new(stage.state.size);
        let mut terminal = vt100::Parser::new(16.try_into().unwrap(), 60.try_into().unwrap(), 0);
        for (seq, turn) in (1..).zip(turns) {
            stage = match turn {
                Turn::Says(who, text) => stage.says(seq, "14:00", who, &text),
                Turn::Press(key) => stage.press(key),
                Turn::Resize(width, height) => {
                    terminal.screen_mut().set_size(height.try_into().unwrap(), width.try_into().unwrap());
                    stage.happens(Event::Resized(Size::new(width, height)))
                }
            };
            let size = stage.state.size;
            terminal.process(&painter.frame(size, |picture| view(&stage.state, picture)).unwrap());
            let seen: Vec<String> = terminal.screen().rows(0, size.width).map(|row| row.trim_end().to_owned()).collect();
            let picture = stage.screen().replace('▏', "");
            prop_assert_eq!(seen, picture.lines().map(str::trim_end).collect::<Vec<_>>());
        }
    }
}
