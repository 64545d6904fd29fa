//! Pure. Puts text into cells.

use std::num::NonZero;

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::layout::cells;
use crate::app::wrap;

/// A text in one style.
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Run {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// The columns of runs that follow each other.
pub(crate) fn columns(runs: &[Run]) -> usize {
    runs.iter().map(|run| wrap::columns(&run.text)).sum()
}

/// Puts runs one after the other into row `y` of `area`, from its column `x` on.
pub(crate) fn runs(buffer: &mut Buffer, area: Rect, x: usize, y: u16, runs: &[Run]) {
    let mut x = x;
    for run in runs {
        text(buffer, area, x, y, &run.text, run.style);
        x += wrap::columns(&run.text);
    }
}

/// Puts a text without newlines into row `y` of `area`, from its column `x` on. What does not fit is left out.
pub(crate) fn text(buffer: &mut Buffer, area: Rect, x: usize, y: u16, text: &str, style: Style) {
    styled(buffer, area, (x, y), text, |_| style);
}

/// As [`text`], from column and row `place` on, in the style that each byte of it has at which a grapheme begins.
pub(crate) fn styled(
    buffer: &mut Buffer,
    area: Rect,
    (x, y): (usize, u16),
    text: &str,
    mut style_at: impl FnMut(usize) -> Style,
) {
    let width = usize::from(area.width);
    let row = area.y.saturating_add(y);
    if y >= area.height {
        return;
    }
    let mut at = 0;
    for piece in wrap::pieces(text) {
        let wide = piece.columns(at);
        if x + at + wide > width {
            return;
        }
        let style = style_at(piece.start);
        let symbol = if piece.text == "\t" { " " } else { piece.text };
        for column in at..at + wide {
            let Some(cell) = buffer.cell_mut((area.x.saturating_add(cells(x + column)), row)) else { return };
            cell.reset();
            // The cells behind a wide grapheme stay empty; a tab is as many spaces.
            if column == at || piece.text == "\t" {
                cell.set_symbol(symbol);
            }
            cell.set_style(style);
        }
        // Where the terminal draws otherwise than ratatui measures, it has to be told. A single byte, of which a tab is
        // several, both know.
        let start = (area.x.saturating_add(cells(x + at)), row);
        let cell = if symbol.len() > 1 { buffer.cell_mut(start) } else { None };
        if let Some(cell) = cell.filter(|cell| usize::from(cell.cell_width()) != wide) {
            cell.set_diff_option(NonZero::new(cells(wide)).map_or(CellDiffOption::None, CellDiffOption::ForcedWidth));
        }
        at += wide;
    }
}
