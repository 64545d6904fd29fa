//! Pure. One row of the screen, and what tells it from others at a glance.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

/// A row that is on the screen.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its cells; where on the screen it stands is for whoever draws to say.
    pub(crate) cells: Buffer,
    /// See [`print`].
    pub(crate) print: u64,
}

impl Row {
    /// A row of these cells, which have this print.
    pub(crate) fn new(cells: &[Cell], print: u64) -> Self {
        let width = u16::try_from(cells.len()).unwrap_or(u16::MAX);
        Self { cells: Buffer { area: Rect::new(0, 0, width, 1), content: cells.to_vec() }, print }
    }

    /// Makes it blank.
    pub(crate) fn clear(&mut self) {
        self.cells.reset();
        self.print = print(&self.cells.content);
    }

    /// Whether it looks like these cells, which have this print.
    pub(crate) fn is_like(&self, cells: &[Cell], print: u64) -> bool {
        self.print == print && is_same(&self.cells.content, cells)
    }
}

/// A number that two rows have in common when they look the same. Others may have it in common too, if hardly ever.
pub(crate) fn print(cells: &[Cell]) -> u64 {
    // As FxHash mixes: an odd number with its bits all over, once a cell.
    const MIX: u64 = 0x517c_c1b7_2722_0a95;
    cells.iter().fold(0, |print: u64, cell| {
        let modifier = u64::from(cell.modifier.bits());
        let word = cell.symbol().bytes().fold(modifier, |word, byte| word.rotate_left(8) ^ u64::from(byte));
        (print.rotate_left(5) ^ word).wrapping_mul(MIX)
    })
}

/// Whether two rows look the same. Most cells hold one byte, and are compared without a call.
fn is_same(before: &[Cell], after: &[Cell]) -> bool {
    before.iter().zip(after).all(|(a, b)| match (a.symbol().as_bytes(), b.symbol().as_bytes()) {
        ([x], [y]) => {
            x == y
                && a.modifier == b.modifier
                && a.fg == b.fg
                && a.bg == b.bg
                && a.underline_color == b.underline_color
                && a.diff_option == b.diff_option
        }
        _ => a == b,
    })
}
