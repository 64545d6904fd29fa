//! Pure. One row of the screen.

use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Rect;

use crate::app::preferences::Glyphs;
use crate::view::picture::Line;

/// A row that is on the screen.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it shows.
    line: Line,
    /// That in short.
    pub(crate) print: u64,
    /// The same as cells; where on the screen they stand is for whoever draws to say.
    pub(crate) cells: Buffer,
    /// The columns behind graphemes that are wide and made of several characters. A terminal that shows their parts one
    /// by one has drawn into them, which ratatui does not know.
    reached_into: Vec<u16>,
}

impl Row {
    /// A blank one.
    pub(crate) fn blank(width: u16) -> Self {
        let line = Line::default();
        let cells = Buffer::empty(Rect::new(0, 0, width, 1));
        Self { print: line.print(), line, cells, reached_into: Vec::new() }
    }

    /// Makes it blank.
    pub(crate) fn clear(&mut self) {
        *self = Self::blank(self.cells.area.width);
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
        for x in self.reached_into.drain(..) {
            if let Some(cell) = self.cells.cell_mut((x, 0)) {
                // Like no other: what stands there is not known.
                cell.set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
        std::mem::swap(&mut self.line, line);
        self.print = print;
        let mut cells = Buffer::empty(self.cells.area);
        self.line.fill(glyphs, &mut cells.content);
        for (x, _, cell) in self.cells.diff_iter(&cells) {
            draw(x, cell);
        }
        self.cells = cells;
        let made_of_several = |symbol: &str| symbol.len() > 1 && symbol.chars().nth(1).is_some();
        let wide = (0..).zip(&self.cells.content).filter(|(_, cell)| made_of_several(cell.symbol()));
        self.reached_into = wide
            .flat_map(|(x, cell): (u16, _)| (1..cell.cell_width()).map(move |behind| x.saturating_add(behind)))
            .collect();
    }
}
