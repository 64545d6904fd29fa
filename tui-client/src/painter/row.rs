//! Pure. One row of the screen.

use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Rect;

use crate::app::preferences::Glyphs;
use crate::view::picture::Line;

/// A row that is on the screen; where on it is for whoever draws to say.
#[derive(Debug)]
pub(crate) struct Row {
    width: u16,
    /// What it shows.
    line: Line,
    /// That in short.
    pub(crate) print: u64,
    /// The columns behind graphemes that are wide and made of several characters. A terminal that shows their parts one
    /// by one has drawn into them, which ratatui does not know.
    reached_into: Vec<u16>,
}

impl Row {
    /// A blank one.
    pub(crate) fn blank(width: u16) -> Self {
        let line = Line::default();
        Self { width, print: line.print(), line, reached_into: Vec::new() }
    }

    /// Makes it blank.
    pub(crate) fn clear(&mut self) {
        *self = Self::blank(self.width);
    }

    /// What stands from this column on is not known.
    pub(crate) fn forget(&mut self, columns: impl IntoIterator<Item = u16>) {
        self.reached_into.extend(columns);
    }

    /// Whether the screen shows this line here, in every cell.
    pub(crate) fn shows(&self, line: &Line) -> bool {
        self.reached_into.is_empty() && self.line == *line
    }

    /// Shows this line from now on, and leaves in its place what was shown before. Has the cells drawn that change.
    pub(crate) fn show(&mut self, line: &mut Line, print: u64, glyphs: Glyphs, mut draw: impl FnMut(u16, &Cell)) {
        let is_known = self.reached_into.is_empty();
        std::mem::swap(&mut self.line, line);
        self.print = print;
        // Most rows are such that a byte is a column: then there is no need to fill cells and to ask how wide they are.
        if is_known && let (Some(before), Some(now)) = (line.columns(self.width), self.line.columns(self.width)) {
            let changed = (0..).zip(before.into_iter().zip(now)).filter(|(_, (before, now))| before != now);
            return changed.for_each(|(x, (_, now))| draw(x, &now.cell()));
        }
        let mut before = cells(line, self.width, glyphs);
        for x in self.reached_into.drain(..) {
            if let Some(cell) = before.cell_mut((x, 0)) {
                // Like no other: what stands there is not known.
                cell.set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
        let now = cells(&self.line, self.width, glyphs);
        for (x, _, cell) in before.diff_iter(&now) {
            draw(x, cell);
        }
        let made_of_several = |symbol: &str| symbol.len() > 1 && symbol.chars().nth(1).is_some();
        let wide = (0..).zip(&now.content).filter(|(_, cell)| made_of_several(cell.symbol()));
        self.reached_into = wide
            .flat_map(|(x, cell): (u16, _)| (1..cell.cell_width()).map(move |behind| x.saturating_add(behind)))
            .collect();
    }
}

#[cfg(test)]
impl Row {
    /// What can be read in it.
    pub(crate) fn text(&self) -> String {
        cells(&self.line, self.width, Glyphs::Unicode).content.iter().map(Cell::symbol).collect()
    }
}

/// A line as cells.
fn cells(line: &Line, width: u16, glyphs: Glyphs) -> Buffer {
    let mut cells = Buffer::empty(Rect::new(0, 0, width, 1));
    line.fill(glyphs, &mut cells.content);
    cells
}
