//! The question how wide the terminal draws, asked once behind the first frame.

use std::time::{Duration, Instant};

use crate::app::widths::{SAMPLES, Widths};

/// A terminal answers by then or not at all. An answer that comes later is no answer, and no timer waits for one.
const PATIENCE: Duration = Duration::from_millis(200);

/// The row that the samples stand in, counted from 0. In the first one the answer would be that of a key.
pub(crate) const ROW: u16 = 1;

/// A question and the answers so far.
#[derive(Debug)]
pub(crate) struct Probe {
    asked: Instant,
    columns: Vec<u16>,
}

impl Probe {
    pub(crate) fn asked(now: Instant) -> Self {
        Self { asked: now, columns: Vec::new() }
    }

    /// Takes an answer, row and column being counted from 1, and tells what is known when it is the last one.
    pub(crate) fn answer(&mut self, now: Instant, row: u16, column: u16) -> Option<Widths> {
        if row != ROW + 1 || now.duration_since(self.asked) > PATIENCE {
            return None;
        }
        self.columns.push(column.saturating_sub(1));
        <[u16; SAMPLES.len()]>::try_from(self.columns.as_slice()).ok().map(Widths::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::widths::Drawn;

    #[test]
    fn the_last_answer_tells_and_one_too_late_or_of_another_row_does_not() {
        let start = Instant::now();
        let mut probe = Probe::asked(start);
        assert_eq!(probe.answer(start, 2, 2), None);
        assert_eq!(probe.answer(start, 1, 5), None);
        assert_eq!(probe.answer(start, 2, 5), None);
        let widths = Widths { selected: Drawn::Parts, toned: Drawn::Parts, joined: Drawn::Whole };
        assert_eq!(probe.answer(start, 2, 3), Some(widths));
        assert_eq!(Probe::asked(start).answer(start + 2 * PATIENCE, 2, 2), None);
    }
}
