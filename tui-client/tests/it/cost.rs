//! What a picture costs, in bytes and in time.

use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use shared::message::Seq;
use tui_client::app::wrap;
use tui_client::painter::Painter;
use tui_client::view::view;

use crate::stage::Stage;

#[test]
fn a_frame_that_changes_a_character_costs_less_than_a_hundred_bytes() {
    let stage = Stage::joined(120, 40, 500).bob_counts_to(500);
    let size = Size::new(120, 40);
    let mut painter = Painter::new(size);
    painter.frame(size, |picture| view(&stage.state, picture)).unwrap();
    let stage = stage.types("x");
    let bytes = painter.frame(size, |picture| view(&stage.state, picture)).unwrap().len();
    assert!(bytes < 100, "{bytes}");
}

#[test]
fn a_message_that_comes_in_at_the_foot_of_a_full_window_costs_less_than_three_hundred_bytes() {
    // No two rows have more than a character in common, so that what has not moved would have to be drawn.
    let text = |seq: u64| char::from(b'a' + u8::try_from(seq % 26).unwrap()).to_string().repeat(60);
    let size = Size::new(120, 40);
    let mut stage = Stage::joined(120, 40, 100);
    let mut painter = Painter::new(size);
    let mut terminal = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
    for seq in 1..=100 {
        stage = stage.says(seq, "14:00", "bob", &text(seq));
        let bytes = painter.frame(size, |picture| view(&stage.state, picture)).unwrap();
        terminal.process(&bytes);
        assert!(seq < 50 || bytes.len() < 300, "{} bytes for message {seq}", bytes.len());
        let seen: Vec<String> = terminal.screen().rows(0, 120).map(|row| row.trim_end().to_owned()).collect();
        let picture = stage.screen().replace('▏', "");
        assert_eq!(seen, picture.lines().map(str::trim_end).collect::<Vec<_>>());
    }
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
        let mut stage = Stage { state: stage.state.clone(), now: stage.now, effects: vec![], wish: None };
        let start = processor_time();
        for _ in 0..20 {
            stage = stage.press(KeyCode::PageUp);
            std::hint::black_box(stage.screen());
        }
        processor_time() - start
    };
    let (few, many) = (long(1_000), long(100_000));
    assert_eq!(many.state.log.first_seq(), Some(Seq(1)));
    // The best of five, for the caches of the processor are those of others as well.
    let best = |stage: &Stage| (0..5).map(|_| time(stage)).min().unwrap_or_default();
    let (few, many) = (best(&few), best(&many));
    assert!(many < few * 3, "{few:?} and {many:?}");
}

#[test]
fn a_key_in_a_long_draft_wraps_it_once() {
    // Many at once, for the system counts in ticks.
    const KEYS: u32 = 20;
    let draft = "words that are wrapped ".repeat(60 * 1024 / 23);
    let keys = |draft: &str| {
        let mut stage = Stage::joined(120, 40, 1).says(1, "14:00", "bob", "hello");
        stage.state.composer.insert(draft);
        let start = processor_time();
        for _ in 0..KEYS {
            stage = stage.press(KeyCode::Char('x'));
            std::hint::black_box(stage.screen());
        }
        processor_time() - start
    };
    let wraps = || {
        let start = processor_time();
        (0..KEYS).for_each(|_| drop(std::hint::black_box(wrap::rows(&draft, 116))));
        processor_time() - start
    };
    let best = |time: &dyn Fn() -> Duration| (0..3).map(|_| time()).min().unwrap_or_default();
    let (empty, long, wraps) = (best(&|| keys("")), best(&|| keys(&draft)), best(&wraps));
    assert!(long < empty * 2 + wraps * 2, "{long:?}, without a draft {empty:?}, {KEYS} times wrapped {wraps:?}");
}

/// What this thread has used so far, by the system's own count: the machine has other things to do as well.
pub(crate) fn processor_time() -> Duration {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(counts.split_whitespace().next().unwrap().parse().unwrap())
}
