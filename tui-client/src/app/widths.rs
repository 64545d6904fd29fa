//! Pure. How wide this terminal draws emoji that are made of several characters.
//!
//! Terminals draw them as one of two columns, as Unicode wants it, or part by part. There is one terminal, so what is
//! known of it holds for the thread that draws, as the tables of Unicode do, and need not be handed to whatever measures
//! a text; when it changes, everything is laid out anew.

use std::cell::Cell;

use ratatui::buffer::CellWidth;

/// What is drawn to find out, each of another kind of [`Widths`] and at most this wide.
pub const SAMPLES: [&str; 3] =
    ["\u{2764}\u{fe0f}", "\u{1f44d}\u{1f3fd}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"];

/// The most columns that a sample may take.
pub const WIDEST: u16 = 6;

/// How a kind of emoji is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Drawn {
    /// As one, two columns wide.
    #[default]
    Whole,
    /// Part by part, as wide as the parts are.
    Parts,
}

/// How wide a terminal draws. The default is what Unicode says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Widths {
    /// A sign that is an emoji by the selector behind it, and keycaps.
    pub selected: Drawn,
    /// With a tone of skin.
    pub toned: Drawn,
    /// Several that are joined: families, professions, flags of a kind.
    pub joined: Drawn,
}

thread_local! {
    static HERE: Cell<Widths> = const { Cell::new(Widths { selected: Drawn::Whole, toned: Drawn::Whole, joined: Drawn::Whole }) };
}

impl Widths {
    /// What the columns tell that the terminal took for each of [`SAMPLES`].
    #[must_use]
    pub fn of(columns: [u16; SAMPLES.len()]) -> Self {
        let mut drawn = SAMPLES.iter().zip(columns).map(|(sample, columns)| {
            let is_by_parts = columns != sample.cell_width() && columns == parts(sample);
            if is_by_parts { Drawn::Parts } else { Drawn::Whole }
        });
        let mut next = || drawn.next().unwrap_or_default();
        Self { selected: next(), toned: next(), joined: next() }
    }

    /// Measures like this from now on, in this thread.
    pub fn hold(self) {
        HERE.set(self);
    }

    /// What this thread measures by.
    #[must_use]
    pub fn held() -> Self {
        HERE.get()
    }

    fn columns(self, grapheme: &str) -> u16 {
        let drawn = grapheme.chars().skip(1).find_map(|c| match c {
            '\u{200d}' => Some(self.joined),
            '\u{1f3fb}'..='\u{1f3ff}' => Some(self.toned),
            _ => None,
        });
        let selected = if grapheme.contains('\u{fe0f}') { self.selected } else { Drawn::Whole };
        match drawn.unwrap_or(selected) {
            Drawn::Whole => grapheme.cell_width(),
            Drawn::Parts => parts(grapheme),
        }
    }
}

/// The columns of a grapheme in this terminal.
pub(crate) fn columns(grapheme: &str) -> u16 {
    if let [b' '..=b'~'] = grapheme.as_bytes() {
        return 1;
    }
    let here = HERE.get();
    let is_one = || grapheme.chars().nth(1).is_none();
    if here == Widths::default() || is_one() { grapheme.cell_width() } else { here.columns(grapheme) }
}

fn parts(grapheme: &str) -> u16 {
    let mut bytes = [0; 4];
    grapheme.chars().map(|c| c.encode_utf8(&mut bytes).cell_width()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::wrap;

    #[test]
    fn what_a_terminal_answers_is_what_is_measured() {
        // tmux 3.3 (facts measured by hand), one that follows Unicode, and answers that make no sense.
        let tmux = Widths::of([1, 4, 2]);
        assert_eq!(tmux, Widths { selected: Drawn::Parts, toned: Drawn::Parts, joined: Drawn::Whole });
        assert_eq!(Widths::of([2, 2, 2]), Widths::default());
        assert_eq!(Widths::of([0, 3, 77]), Widths::default());
        let text = "a\u{2764}\u{fe0f}\u{1f44d}\u{1f3fd}你e\u{301}1\u{fe0f}\u{20e3}🇦🇺";
        assert_eq!(wrap::columns(text), 1 + 2 + 2 + 2 + 1 + 2 + 2);
        tmux.hold();
        assert_eq!(wrap::columns(text), 1 + 1 + 4 + 2 + 1 + 1 + 2);
    }

    #[test]
    fn no_sample_is_wider_than_is_made_room_for() {
        for sample in SAMPLES {
            assert!(parts(sample).max(sample.cell_width()) <= WIDEST, "{sample}");
        }
    }
}
