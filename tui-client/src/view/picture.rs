//! Pure. A frame as texts in rows, before any cell is filled: what has not changed since the last frame never is.

use std::num::NonZero;
use std::ops::Range;

use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Style;
use ratatui::widgets::Widget;

use crate::app::layout::cells;
use crate::app::preferences::Glyphs;
use crate::app::{sanitize, wrap};
use crate::view::ascii;
use crate::view::kept::Kept;

/// What is to be on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u16,
    lines: Vec<Line>,
    glyphs: Glyphs,
    caret: Position,
    /// What the frame before had, for the next one.
    kept: Kept,
}

/// One row of it. Rows of the same texts look the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// All texts, one behind the other.
    text: String,
    spans: Vec<Span>,
}

/// A text in one style. A later one covers an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    bytes: Range<usize>,
    style: Style,
    /// The columns it may take. What does not fit is left out.
    columns: Range<u16>,
}

/// What stands in a column of a row of plain texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column<'a> {
    byte: u8,
    style: &'a Style,
}

/// How it looks where nothing stands.
static BLANK: Style = Style::new();

impl Column<'_> {
    /// The same as a cell.
    pub(crate) fn cell(&self) -> Cell {
        let mut cell = Cell::EMPTY;
        cell.set_char(char::from(self.byte)).set_style(*self.style);
        cell
    }
}

impl Picture {
    /// A blank one.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let lines = (0..size.height).map(|_| Line::default()).collect();
        Self { width: size.width, lines, glyphs: Glyphs::Unicode, caret: Position::ORIGIN, kept: Kept::default() }
    }

    /// Makes it blank, for the next frame.
    pub fn clear(&mut self) {
        self.lines.iter_mut().for_each(Line::clear);
        self.caret = Position::ORIGIN;
    }

    /// Where the caret is. The terminal's own cursor belongs there: input methods open their window there.
    #[must_use]
    pub fn caret(&self) -> Position {
        self.caret
    }

    pub(crate) fn set_caret(&mut self, caret: Position) {
        let last = Position::new(self.width.saturating_sub(1), cells(self.lines.len()).saturating_sub(1));
        self.caret = Position::new(caret.x.min(last.x), caret.y.min(last.y));
    }

    pub(crate) fn set_glyphs(&mut self, glyphs: Glyphs) {
        self.glyphs = glyphs;
    }

    /// What all of it is drawn with.
    pub(crate) fn glyphs(&self) -> Glyphs {
        self.glyphs
    }

    /// Puts a line in row `y` in place of what is there.
    pub(crate) fn set_line(&mut self, y: u16, line: &Line) {
        if let Some(row) = self.lines.get_mut(usize::from(y)) {
            row.text.clone_from(&line.text);
            row.spans.clone_from(&line.spans);
        }
    }

    /// What the frame before had.
    pub(crate) fn kept(&mut self) -> &mut Kept {
        &mut self.kept
    }

    pub(crate) fn lines(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    /// Puts texts into row `y` of `area`, from its column `x` on, each with its style. They hold no newlines and no tabs.
    pub(crate) fn put<'t>(&mut self, area: Rect, x: usize, y: u16, texts: impl IntoIterator<Item = (&'t str, Style)>) {
        if y >= area.height {
            return;
        }
        let Some(line) = self.lines.get_mut(usize::from(area.y.saturating_add(y))) else { return };
        let end = area.right().min(self.width);
        let mut at = usize::from(area.x) + x;
        // Measured when another one follows, which is seldom.
        let mut before = None;
        for (text, style) in texts {
            at += before.replace(text).map_or(0, wrap::columns);
            if at >= usize::from(end) {
                return;
            }
            let start = line.text.len();
            line.text.push_str(text);
            line.spans.push(Span { bytes: start..line.text.len(), style, columns: cells(at)..end });
        }
    }
}

impl Line {
    fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// What rows of the same texts have in common, and others hardly ever.
    pub(crate) fn print(&self) -> u64 {
        // As FxHash mixes: an odd number with its bits all over, once for eight bytes.
        const MIX: u64 = 0x517c_c1b7_2722_0a95;
        let mix = |print: u64, word: u64| (print.rotate_left(5) ^ word).wrapping_mul(MIX);
        let (words, rest) = self.text.as_bytes().as_chunks();
        let print = words.iter().fold(0, |print, word| mix(print, u64::from_le_bytes(*word)));
        let print = rest.iter().fold(print, |print, byte| mix(print, u64::from(*byte)));
        self.spans.iter().fold(print, |print, span| mix(print, u64::from(span.columns.start)))
    }

    /// The columns of the row where all of its texts are such that each byte is one.
    pub(crate) fn columns(&self, width: u16) -> Option<Vec<Column<'_>>> {
        if !wrap::is_plain(&self.text) {
            return None;
        }
        let mut row = vec![Column { byte: b' ', style: &BLANK }; usize::from(width)];
        for Span { bytes, style, columns } in &self.spans {
            let text = self.text.as_bytes().get(bytes.clone())?;
            let room = row.get_mut(usize::from(columns.start)..usize::from(columns.end))?;
            for (column, byte) in room.iter_mut().zip(text) {
                *column = Column { byte: *byte, style };
            }
        }
        Some(row)
    }

    /// Fills the cells of a row, which are blank. Nothing comes into them that is not harmless.
    pub(crate) fn fill(&self, glyphs: Glyphs, row: &mut [Cell]) {
        for Span { bytes, style, columns } in &self.spans {
            let text = self.text.get(bytes.clone()).unwrap_or_default();
            let Some(room) = row.get_mut(usize::from(columns.start)..usize::from(columns.end)) else { continue };
            fill(room, text, *style);
        }
        sanitize::sweep(row);
        if glyphs == Glyphs::Ascii {
            ascii::replace_our_own(row);
        }
    }
}

fn fill(room: &mut [Cell], text: &str, style: Style) {
    let mut at = 0;
    for piece in wrap::pieces(text) {
        let wide = piece.columns(at);
        let Some(reached) = room.get_mut(at..at + wide) else { return };
        for cell in &mut *reached {
            cell.reset();
            cell.set_style(style);
        }
        // The cells behind a wide grapheme stay empty.
        if let Some(first) = reached.first_mut() {
            first.set_symbol(piece.text);
            // Where the terminal draws otherwise than ratatui measures, it has to be told. A single byte both know.
            if piece.text.len() > 1 && usize::from(first.cell_width()) != wide {
                let forced = NonZero::new(cells(wide)).map_or(CellDiffOption::None, CellDiffOption::ForcedWidth);
                first.set_diff_option(forced);
            }
        }
        at += wide;
    }
}

impl Widget for &Picture {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        for (y, line) in (0..area.height).zip(&self.lines) {
            let mut row = Buffer::empty(Rect::new(area.x, area.y + y, self.width, 1));
            line.fill(self.glyphs, &mut row.content);
            buffer.merge(&row);
        }
    }
}
