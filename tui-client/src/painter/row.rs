//! Pure. One row of the screen, and what tells it from others at a glance.

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::Rect;

/// A row that is on the screen.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its cells; where on the screen it stands is for whoever draws to say.
    pub(crate) cells: Buffer,
    /// What it has in common with rows that look the same.
    pub(crate) print: Print,
}

/// What two rows have in common when they look the same. Others may have it in common too, if hardly ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    sum: u64,
    /// Whether every cell holds one byte.
    is_plain: bool,
}

impl Print {
    pub(crate) fn of(cells: &[Cell]) -> Self {
        // As FxHash mixes: an odd number with its bits all over, once a cell.
        const MIX: u64 = 0x517c_c1b7_2722_0a95;
        let mut print = Self { sum: 0, is_plain: true };
        for cell in cells {
            let symbol = cell.symbol().as_bytes();
            print.is_plain &= symbol.len() == 1;
            let modifier = u64::from(cell.modifier.bits());
            let word = symbol.iter().fold(modifier, |word, byte| word.rotate_left(8) ^ u64::from(*byte));
            print.sum = (print.sum.rotate_left(5) ^ word).wrapping_mul(MIX);
        }
        print
    }
}

impl Row {
    /// A row of these cells, which have this print.
    pub(crate) fn new(cells: &[Cell], print: Print) -> Self {
        let width = u16::try_from(cells.len()).unwrap_or(u16::MAX);
        Self { cells: Buffer { area: Rect::new(0, 0, width, 1), content: cells.to_vec() }, print }
    }

    /// Makes it blank.
    pub(crate) fn clear(&mut self) {
        self.cells.reset();
        self.print = Print::of(&self.cells.content);
    }

    /// Whether it looks like these cells, which have this print.
    pub(crate) fn is_like(&self, cells: &[Cell], print: Print) -> bool {
        self.print == print && is_same(&self.cells.content, cells)
    }

    /// The columns behind graphemes that are wide and made of several characters. A terminal that shows their parts one by
    /// one has drawn into them.
    pub(crate) fn reached_into(&self) -> impl Iterator<Item = u16> {
        let cells: &[Cell] = if self.print.is_plain { &[] } else { &self.cells.content };
        let made_of_several = |symbol: &str| symbol.len() > 1 && symbol.chars().nth(1).is_some();
        (0..)
            .zip(cells)
            .filter(move |(_, cell)| made_of_several(cell.symbol()))
            .flat_map(|(x, cell): (u16, _)| (1..cell.cell_width()).map(move |behind| x.saturating_add(behind)))
    }
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
