//! Turns pictures into the bytes that make a terminal show them, each frame as the difference from the one before.

mod canvas;
mod row;
mod scroll;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::style::Print;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};

use crate::app::widths::{SAMPLES, WIDEST};
use crate::painter::canvas::Canvas;
use crate::painter::row::Row;
use crate::painter::scroll::Scroll;
use crate::probe;

/// What the terminal shows, and how it comes to show something else.
///
/// It never asks the terminal anything: the size is the caller's, and the bytes are for the caller to write.
#[derive(Debug)]
pub struct Painter {
    /// Where the next frame is painted.
    canvas: ratatui::Terminal<Canvas>,
    pen: CrosstermBackend<Bytes>,
    bytes: Bytes,
    size: Size,
    /// What is on the screen, from top to bottom.
    shown: Vec<Row>,
    /// The cells of it that a grapheme of several characters reaches into from the left. A terminal that shows its parts one
    /// by one has drawn into them, which ratatui does not know.
    reached_into: Vec<Position>,
    /// Whether anything may be on the screen.
    is_unknown: bool,
}

impl Painter {
    /// A painter for a terminal that may show anything.
    ///
    /// # Errors
    /// Never, since it writes to memory; ratatui's types do not know that.
    pub fn new(size: Size) -> io::Result<Self> {
        let area = Rect::from((Position::ORIGIN, size));
        let viewport = TerminalOptions { viewport: Viewport::Fixed(area) };
        let canvas = ratatui::Terminal::with_options(Canvas::default(), viewport).map_err(io::Error::other)?;
        let bytes = Bytes::default();
        let pen = CrosstermBackend::new(bytes.clone());
        let blank = Buffer::empty(Rect { height: 1, ..area });
        let print = row::print(&blank.content);
        let shown = (0..size.height).map(|_| Row::new(&blank.content, print)).collect();
        Ok(Self { canvas, pen, bytes, size, shown, reached_into: Vec::new(), is_unknown: true })
    }

    /// The bytes of the next frame, of this size and as `view` paints it, bracketed so that a terminal which knows mode 2026
    /// shows it in one piece.
    ///
    /// # Errors
    /// Never, see [`Painter::new`].
    pub fn frame(&mut self, size: Size, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<Vec<u8>> {
        if self.size != size {
            *self = Self::new(size)?;
        }
        let Self { canvas, pen, bytes, shown, reached_into, is_unknown, .. } = self;
        let next = canvas.draw(view).map_err(io::Error::other)?.buffer;
        queue!(bytes, BeginSynchronizedUpdate)?;
        if std::mem::take(is_unknown) {
            queue!(bytes, Clear(ClearType::All))?;
        }
        let cells: Vec<&[Cell]> = next.content.chunks(usize::from(size.width).max(1)).collect();
        let prints: Vec<u64> = cells.iter().map(|cells| row::print(cells)).collect();
        if let Some(scroll) = Scroll::between(shown, &prints) {
            scroll.queue(bytes)?;
            scroll.apply(shown);
            reached_into.iter_mut().for_each(|position| scroll.follow(position));
        }
        for position in std::mem::take(reached_into) {
            let row = shown.get_mut(usize::from(position.y));
            if let Some(cell) = row.and_then(|row| row.cells.cell_mut((position.x, 0))) {
                // Like no other: what stands there is not known.
                cell.set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
        let mut changed: Vec<(u16, &mut Row, Row)> = (0..)
            .zip(shown.iter_mut())
            .zip(cells.iter().zip(prints))
            .filter(|((_, before), (cells, print))| !before.is_like(cells, *print))
            .map(|((y, before), (cells, print))| (y, before, Row::new(cells, print)))
            .collect();
        pen.draw(
            changed
                .iter()
                .flat_map(|(y, before, after)| before.cells.diff_iter(&after.cells).map(|(x, _, cell)| (x, *y, cell))),
        )?;
        reached_into.extend(cells_reached_into(next));
        for (_, before, after) in &mut changed {
            std::mem::swap(*before, after);
        }
        let caret = canvas.backend().caret();
        queue!(bytes, cursor::Show, cursor::MoveTo(caret.x, caret.y), EndSynchronizedUpdate)?;
        Ok(bytes.0.take())
    }

    /// The bytes that draw the samples and ask for the cursor behind each. The next frame, which is to follow at once,
    /// draws over them.
    ///
    /// # Errors
    /// Never, see [`Painter::new`].
    pub fn samples(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate)?;
        for sample in SAMPLES {
            queue!(bytes, cursor::MoveTo(0, probe::ROW), Print(sample), Print("\u{1b}[6n"))?;
        }
        // Further than the widest, for a terminal may have its own mind.
        self.reached_into.extend((0..2 * WIDEST).map(|x| Position::new(x, probe::ROW)));
        Ok(bytes)
    }

    /// Forgets what is on the screen, so that the next frame draws every cell.
    ///
    /// # Errors
    /// Never, see [`Painter::new`].
    pub fn repaint(&mut self) -> io::Result<()> {
        *self = Self::new(self.size)?;
        Ok(())
    }
}

/// The cells behind graphemes that are wide and made of several characters.
fn cells_reached_into(buffer: &Buffer) -> impl Iterator<Item = Position> {
    let made_of_several = |symbol: &str| symbol.len() > 1 && symbol.chars().nth(1).is_some();
    buffer.content.iter().enumerate().filter(move |(_, cell)| made_of_several(cell.symbol())).flat_map(
        |(index, cell)| {
            let (x, y) = buffer.pos_of(index);
            (1..cell.cell_width()).map(move |behind| Position::new(x.saturating_add(behind), y))
        },
    )
}

/// What was drawn since it was taken last. Flushes, of which ratatui makes several a frame, do nothing.
#[derive(Debug, Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
