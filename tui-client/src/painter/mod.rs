//! Turns pictures into the bytes that make a terminal show them, each frame as the difference from the one before.

mod row;
mod scroll;

use std::cell::RefCell;
use std::io::{self, Sink, Write};
use std::rc::Rc;

use crossterm::style;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};

use crate::app::widths::{SAMPLES, WIDEST};
use crate::painter::row::{Print, Row};
use crate::painter::scroll::Scroll;
use crate::probe;

/// What the terminal shows, and how it comes to show something else.
///
/// It never asks the terminal anything: the size is the caller's, and the bytes are for the caller to write.
#[derive(Debug)]
pub struct Painter {
    /// Lends the frame to paint on; it draws nothing, for what of a frame is to be drawn is found out here.
    canvas: ratatui::Terminal<CrosstermBackend<Sink>>,
    /// Whether the canvas is blank.
    is_wiped: bool,
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
        let canvas = ratatui::Terminal::with_options(CrosstermBackend::new(io::sink()), viewport)?;
        let bytes = Bytes::default();
        let pen = CrosstermBackend::new(bytes.clone());
        let blank = Buffer::empty(Rect { height: 1, ..area });
        let print = Print::of(&blank.content);
        let shown = (0..size.height).map(|_| Row::new(&blank.content, print)).collect();
        Ok(Self { canvas, is_wiped: true, pen, bytes, size, shown, reached_into: Vec::new(), is_unknown: true })
    }

    /// The bytes of the next frame, of this size and as `view` paints it, which says where the caret is; bracketed so that a terminal which knows mode 2026
    /// shows it in one piece.
    ///
    /// # Errors
    /// Never, see [`Painter::new`].
    pub fn frame(&mut self, size: Size, view: impl FnOnce(&mut Frame<'_>) -> Position) -> io::Result<Vec<u8>> {
        if self.size != size {
            *self = Self::new(size)?;
        }
        self.wipe();
        self.is_wiped = false;
        let Self { canvas, pen, bytes, shown, reached_into, is_unknown, .. } = self;
        let caret = view(&mut canvas.get_frame());
        let next = &*canvas.current_buffer_mut();
        queue!(bytes, BeginSynchronizedUpdate)?;
        if std::mem::take(is_unknown) {
            queue!(bytes, Clear(ClearType::All))?;
        }
        let cells: Vec<&[Cell]> = next.content.chunks(usize::from(size.width).max(1)).collect();
        let prints: Vec<Print> = cells.iter().map(|cells| Print::of(cells)).collect();
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
        for (_, before, after) in &mut changed {
            std::mem::swap(*before, after);
        }
        reached_into
            .extend((0..).zip(shown.iter()).flat_map(|(y, row)| row.reached_into().map(move |x| Position { x, y })));
        queue!(bytes, cursor::Show, cursor::MoveTo(caret.x, caret.y), EndSynchronizedUpdate)?;
        Ok(bytes.0.take())
    }

    /// Makes ready for the next frame what can be: better while nobody waits for this one any more.
    pub fn wipe(&mut self) {
        if !std::mem::replace(&mut self.is_wiped, true) {
            self.canvas.current_buffer_mut().reset();
        }
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
            queue!(bytes, cursor::MoveTo(0, probe::ROW), style::Print(sample), style::Print("\u{1b}[6n"))?;
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
