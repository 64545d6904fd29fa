//! Turns pictures into the bytes that make a terminal show them, each frame as the difference from the one before.

mod row;
mod scroll;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::style;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::Size;

use crate::app::preferences::Glyphs;
use crate::app::widths::{SAMPLES, WIDEST};
use crate::painter::row::Row;
use crate::painter::scroll::Scroll;
use crate::probe;
use crate::view::picture::{Line, Picture};

/// What the terminal shows, and how it comes to show something else.
///
/// It never asks the terminal anything: the size is the caller's, and the bytes are for the caller to write.
#[derive(Debug)]
pub struct Painter {
    size: Size,
    /// What is on the screen, from top to bottom.
    shown: Vec<Row>,
    /// What it is drawn with.
    glyphs: Glyphs,
    /// Whether anything may be on the screen.
    is_unknown: bool,
    /// Lent to whoever paints the next frame.
    picture: Picture,
    pen: CrosstermBackend<Bytes>,
    bytes: Bytes,
}

impl Painter {
    /// A painter for a terminal that may show anything.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let bytes = Bytes::default();
        Self {
            size,
            shown: (0..size.height).map(|_| Row::blank(size.width)).collect(),
            glyphs: Glyphs::Unicode,
            is_unknown: true,
            picture: Picture::new(size),
            pen: CrosstermBackend::new(bytes.clone()),
            bytes,
        }
    }

    /// The bytes of the next frame, of this size and as `view` paints it; bracketed so that a terminal which knows mode
    /// 2026 shows it in one piece.
    ///
    /// # Errors
    /// Never, since it writes to memory; ratatui's types do not know that.
    pub fn frame(&mut self, size: Size, view: impl FnOnce(&mut Picture)) -> io::Result<Vec<u8>> {
        if self.size != size {
            *self = Self::new(size);
        }
        self.picture.clear();
        view(&mut self.picture);
        if self.glyphs != self.picture.glyphs() {
            self.glyphs = self.picture.glyphs();
            self.forget();
        }
        let Self { shown, is_unknown, picture, pen, bytes, glyphs, .. } = self;
        queue!(bytes, BeginSynchronizedUpdate)?;
        if std::mem::take(is_unknown) {
            queue!(bytes, Clear(ClearType::All))?;
        }
        let prints: Vec<u64> = picture.lines().iter().map(Line::print).collect();
        if let Some(scroll) = Scroll::between(shown, &prints) {
            scroll.queue(bytes)?;
            scroll.apply(shown);
        }
        let mut drawn = Vec::new();
        for (((y, row), line), print) in (0..).zip(shown).zip(picture.lines()).zip(prints) {
            if !row.shows(line) {
                row.show(line, print, *glyphs, |x, cell| drawn.push((x, y, cell.clone())));
            }
        }
        pen.draw(drawn.iter().map(|(x, y, cell)| (*x, *y, cell)))?;
        let caret = picture.caret();
        queue!(bytes, cursor::Show, cursor::MoveTo(caret.x, caret.y), EndSynchronizedUpdate)?;
        Ok(bytes.0.take())
    }

    /// The bytes that draw the samples and ask for the cursor behind each. The next frame, which is to follow at once,
    /// draws over them.
    ///
    /// # Errors
    /// Never, see [`Painter::frame`].
    pub fn samples(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate)?;
        for sample in SAMPLES {
            queue!(bytes, cursor::MoveTo(0, probe::ROW), style::Print(sample), style::Print("\u{1b}[6n"))?;
        }
        if let Some(row) = self.shown.get_mut(usize::from(probe::ROW)) {
            // Further than the widest, for a terminal may have its own mind.
            row.forget(0..2 * WIDEST);
        }
        Ok(bytes)
    }

    /// Forgets what is on the screen, so that the next frame draws every cell.
    pub fn forget(&mut self) {
        self.shown.iter_mut().for_each(Row::clear);
        self.is_unknown = true;
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
