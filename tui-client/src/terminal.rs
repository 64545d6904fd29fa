//! The terminal as a guard that puts everything back on every way out.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::event::{KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, queue, terminal};
use ratatui::layout::Size;

use crate::app::client::Client;
use crate::app::notifications::Notification;
use crate::notify::Notifier;
use crate::painter::Painter;
use crate::view::view_client;

/// The longest that xterm takes for its clipboard, in bytes of base64; others take more.
const MAX_CLIPBOARD_BYTES: usize = 74_994;

/// Puts the title on the terminal's stack of titles, and takes it from there (XTWINOPS 22 and 23,
/// <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>). A terminal without one keeps ours.
const PUT_TITLE_ASIDE: &[u8] = b"\x1b[22;2t";
const TAKE_TITLE_BACK: &[u8] = b"\x1b[23;2t";

/// The wheel as the keys Up and Down on the alternate screen, which is not so everywhere by itself: what is set is saved, and
/// restored as it was (XTSAVE and XTRESTORE, see above).
const TAKE_WHEEL: &str = "\x1b[?1007s\x1b[?1007h";
const WHEEL_AS_EVER: &str = "\x1b[?1007r";

/// Whether the terminal is in our hands. Global, for a panic hook has nothing else to go by.
static IS_OURS: AtomicBool = AtomicBool::new(false);
/// Whether its title is ours, and the one before put aside.
static HAS_OUR_TITLE: AtomicBool = AtomicBool::new(false);

/// kitty's protocol, as far as it tells apart what has always been one: Shift+Enter and Enter, Esc and the beginning of a
/// sequence. With it comes the key's place on a Latin keyboard.
const TELLING_KEYS_APART: KeyboardEnhancementFlags =
    KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES.union(KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS);
/// The same of xterm and tmux: modifyOtherKeys 1, which leaves alone what has a meaning of its own.
const TELL_KEYS_APART: &str = "\x1b[>4;1m";
/// modifyOtherKeys as it was set by the person.
const TELL_KEYS_AS_EVER: &str = "\x1b[>4m";

/// The terminal in raw mode, on its alternate screen, telling pastes apart and when it is looked at. Dropping it puts everything back.
#[derive(Debug)]
pub struct Terminal {
    painter: Painter,
    notifier: Notifier,
    title: String,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal cannot be set or written to.
    pub fn take(size: Size) -> io::Result<Self> {
        let notifier = Notifier::of(|variable| std::env::var(variable).ok());
        let mut terminal = Self { painter: Painter::new(size), notifier, title: String::new() };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Puts one frame on the screen, in one write.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn draw(&mut self, client: &Client) -> io::Result<()> {
        // A panic in another task has put the terminal back, and the loop is about to hear of it.
        if !IS_OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        let frame = self.painter.frame(client.size(), |picture| view_client(client, picture))?;
        write(&frame)?;
        Ok(())
    }

    /// Puts this into the title, if another one is there.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn title(&mut self, title: &str) -> io::Result<()> {
        let bytes = self.notifier.title(title);
        if self.title == title || bytes.is_empty() || !IS_OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        title.clone_into(&mut self.title);
        if !HAS_OUR_TITLE.swap(true, Ordering::SeqCst) {
            write(PUT_TITLE_ASIDE)?;
        }
        write(&bytes)
    }

    /// Tells somebody who looks elsewhere.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn notify(&self, notification: &Notification) -> io::Result<()> {
        if !IS_OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        write(&self.notifier.notification(notification))
    }

    /// Forgets what is on the screen, so that the next frame draws every cell.
    pub fn repaint(&mut self) {
        self.painter.forget();
    }

    /// Puts one frame on the screen, and has the terminal tell before it how wide it draws the samples.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub(crate) fn probe(&mut self, client: &Client) -> io::Result<()> {
        write(&self.painter.samples()?)?;
        self.draw(client)
    }

    /// Gives the terminal a text for its clipboard, which may be that of another computer, and says whether it is short
    /// enough. Whether the terminal takes it, it does not tell.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn copy(&mut self, text: &str) -> io::Result<bool> {
        let fits = text.len().div_ceil(3) * 4 <= MAX_CLIPBOARD_BYTES;
        if !fits || !IS_OURS.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        write(&bytes)?;
        Ok(true)
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) {
        put_back();
    }

    /// Takes the terminal again after [`Terminal::leave`].
    ///
    /// # Errors
    /// When the terminal cannot be set or written to.
    pub fn enter(&mut self) -> io::Result<()> {
        IS_OURS.store(true, Ordering::SeqCst);
        self.title.clear();
        terminal::enable_raw_mode()?;
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Print(TAKE_WHEEL))?;
        queue!(bytes, PushKeyboardEnhancementFlags(TELLING_KEYS_APART), Print(TELL_KEYS_APART))?;
        // Terminals that know neither may take the latter for an underline.
        queue!(bytes, SetAttribute(Attribute::Reset))?;
        write(&bytes)?;
        self.repaint();
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        put_back();
    }
}

/// The size of the terminal, or a guess where it does not tell.
#[must_use]
pub fn size() -> Size {
    let (width, height) = terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((80, 24));
    Size::new(width, height)
}

/// Puts the terminal back as it was, if it is ours. Nobody is left to tell when that fails.
pub(crate) fn put_back() {
    if !IS_OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    if HAS_OUR_TITLE.swap(false, Ordering::SeqCst) {
        bytes.extend_from_slice(TAKE_TITLE_BACK);
    }
    let written = queue!(
        bytes,
        EndSynchronizedUpdate,
        // Before the screen is left: terminals keep them for each of the two.
        PopKeyboardEnhancementFlags,
        Print(TELL_KEYS_AS_EVER),
        SetAttribute(Attribute::Reset),
        DisableBracketedPaste,
        DisableFocusChange,
        Print(WHEEL_AS_EVER),
        cursor::Show,
        LeaveAlternateScreen
    )
    .and_then(|()| write(&bytes));
    // Both are tried whatever becomes of the other; a hung-up terminal needs neither.
    drop((written, terminal::disable_raw_mode()));
}

fn write(bytes: &[u8]) -> io::Result<()> {
    // Not through the standard library's buffer, which would cut a frame at its newlines and at 1 KiB.
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
