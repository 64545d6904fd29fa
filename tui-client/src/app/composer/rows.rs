//! Pure. How the draft is wrapped, where the caret stands in its rows, and which of them are in view.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::app::composer::Composer;
use crate::app::widths::Widths;
use crate::app::wrap;

/// The rows that were asked for last. A key and its frame ask several times, and a draft may hold 64 KiB.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrapped(RefCell<Option<Rows>>);

#[derive(Debug, Clone)]
struct Rows {
    width: usize,
    widths: Widths,
    rows: Rc<[Range<usize>]>,
}

/// It follows from the text, so that none differs from another by it.
impl PartialEq for Wrapped {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Wrapped {}

impl Composer {
    /// The rows of the draft at `width` columns, as ranges of its text.
    #[must_use]
    pub fn rows(&self, width: usize) -> Rc<[Range<usize>]> {
        let widths = Widths::held();
        let mut wrapped = self.wrapped.0.borrow_mut();
        if let Some(last) = wrapped.as_ref().filter(|last| last.width == width && last.widths == widths) {
            return Rc::clone(&last.rows);
        }
        let rows: Rc<[_]> = wrap::rows(&self.text, width).into();
        *wrapped = Some(Rows { width, widths, rows: Rc::clone(&rows) });
        rows
    }

    /// The row and the column of the caret. The column is `width` at the most, one past the last of the text.
    #[must_use]
    pub fn caret(&self, rows: &[Range<usize>], width: usize) -> (usize, usize) {
        // The end of a row that goes on without a newline is the beginning of the next one.
        let row = rows.iter().rposition(|row| row.start <= self.caret).unwrap_or(0);
        let start = rows.get(row).map_or(0, |row| row.start);
        (row, self.column(start, self.caret).min(width))
    }

    /// The first of the rows that are in view.
    #[must_use]
    pub fn top(&self) -> usize {
        self.top
    }

    /// Scrolls so that the caret is among the `height` rows in view.
    pub fn follow_caret(&mut self, width: usize, height: usize) {
        let rows = self.rows(width);
        let (caret_row, _) = self.caret(&rows, width);
        let lowest_top = rows.len().saturating_sub(height);
        let at_least = (caret_row + 1).saturating_sub(height);
        self.top = self.top.clamp(at_least, caret_row.max(at_least)).min(lowest_top.max(at_least));
    }

    pub(super) fn move_rows(&mut self, by: isize, width: usize) {
        let rows = self.rows(width);
        let (row, column) = self.caret(&rows, width);
        let goal = self.goal.unwrap_or(column);
        let Some(target) = row.checked_add_signed(by).and_then(|row| rows.get(row)) else {
            self.caret = if by < 0 { 0 } else { self.text.len() };
            self.goal = None;
            return;
        };
        let text = self.text.get(target.clone()).unwrap_or_default();
        let goes_on = rows.iter().any(|row| row.start == target.end && row.start > target.start);
        let mut at = 0;
        self.caret = target.start;
        for piece in wrap::pieces(text) {
            at += piece.columns(at);
            let end = target.start + piece.end();
            if at > goal || (goes_on && end == target.end) {
                break;
            }
            self.caret = end;
        }
        self.goal = Some(goal);
    }

    fn column(&self, from: usize, to: usize) -> usize {
        wrap::columns(self.text.get(from..to).unwrap_or_default())
    }

    /// The row of the caret.
    pub(super) fn row(&self, width: usize) -> usize {
        self.caret(&self.rows(width), width).0
    }
}
