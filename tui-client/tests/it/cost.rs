//! What a picture costs, in bytes and in time.

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use shared::message::Seq;
use tui_client::terminal::Painter;
use tui_client::view::view;

use crate::stage::Stage;

#[test]
fn a_frame_that_changes_a_character_costs_less_than_a_hundred_bytes() {
    let stage = Stage::joined(120, 40, 500).bob_counts_to(500);
    let size = Size::new(120, 40);
    let mut painter = Painter::new(size).unwrap();
    painter.frame(size, |frame| view(&stage.state, frame)).unwrap();
    let stage = stage.types("x");
    let bytes = painter.frame(size, |frame| view(&stage.state, frame)).unwrap().len();
    assert!(bytes < 100, "{bytes}");
}

#[test]
fn a_hundred_thousand_messages_are_drawn_as_fast_as_a_hundred() {
    let long = |count: u64| {
        let mut stage = Stage::joined(120, 40, count);
        for seq in 1..=count {
            stage =
                stage.says(seq, "14:00", "bob", "a message that is long enough to be wrapped now and then, it seems");
        }
        stage
    };
    let time = |stage: &Stage| {
        let mut stage = Stage { state: stage.state.clone(), now: stage.now, effects: vec![] };
        let start = std::time::Instant::now();
        for _ in 0..20 {
            stage = stage.press(KeyCode::PageUp);
            std::hint::black_box(stage.screen());
        }
        start.elapsed()
    };
    let (few, many) = (long(1_000), long(100_000));
    assert_eq!(many.state.log.first_seq(), Some(Seq(1)));
    // The best of five, for the machine has other things to do as well.
    let best = |stage: &Stage| (0..5).map(|_| time(stage)).min().unwrap_or_default();
    let (few, many) = (best(&few), best(&many));
    assert!(many < few * 3, "{few:?} and {many:?}");
}
