//! Turns pictures into the bytes that make a terminal show them, each frame as the difference from the one before.

mod canvas;
mod scroll;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::style::Print;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, TerminalOptions, Viewport};

use crate::app::widths::{SAMPLES, WIDEST};
use crate::painter::canvas::Canvas;
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
    /// What is on the screen.
    shown: Buffer,
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
        Ok(Self { canvas, pen, bytes, shown: Buffer::empty(area), reached_into: Vec::new(), is_unknown: true })
    }

    /// The bytes of the next frame, of this size and as `view` paints it, bracketed so that a terminal which knows mode 2026
    /// shows it in one piece.
    ///
    /// # Errors
    /// Never, see [`Painter::new`].
    pub fn frame(&mut self, size: Size, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<Vec<u8>> {
        if self.shown.area.as_size() != size {
            *self = Self::new(size)?;
        }
        let Self { canvas, pen, bytes, shown, reached_into, is_unknown } = self;
        let next = canvas.draw(view).map_err(io::Error::other)?.buffer;
        queue!(bytes, BeginSynchronizedUpdate)?;
        if std::mem::take(is_unknown) {
            queue!(bytes, Clear(ClearType::All))?;
        }
        if let Some(scroll) = Scroll::between(shown, next) {
            scroll.queue(bytes)?;
            scroll.apply(shown);
            reached_into.iter_mut().for_each(|position| scroll.follow(position));
        }
        for position in std::mem::take(reached_into) {
            if let Some(cell) = shown.cell_mut(position) {
                // Like no other: what stands there is not known.
                cell.set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
        let changed: Vec<(Buffer, Buffer)> = changed_rows(shown, next).collect();
        pen.draw(changed.iter().flat_map(|(before, after)| before.diff_iter(after)))?;
        reached_into.extend(cells_reached_into(next));
        for (_, after) in changed {
            let start = shown.index_of(0, after.area.y);
            shown.content.splice(start..start + after.content.len(), after.content);
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
        *self = Self::new(self.shown.area.as_size())?;
        Ok(())
    }
}

/// The rows that differ, as they are and as they are to be. ratatui's own comparison of the whole looks at every cell thrice.
fn changed_rows<'a>(shown: &'a Buffer, next: &'a Buffer) -> impl Iterator<Item = (Buffer, Buffer)> + 'a {
    let width = usize::from(next.area.width).max(1);
    let rows = (0..).zip(shown.content.chunks(width).zip(next.content.chunks(width)));
    rows.filter(|(_, (before, after))| !scroll::is_same_row(before, after)).map(|(y, (before, after))| {
        let area = Rect { y, height: 1, ..next.area };
        (Buffer { area, content: before.to_vec() }, Buffer { area, content: after.to_vec() })
    })
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
