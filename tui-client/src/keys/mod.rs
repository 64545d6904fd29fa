//! The keyboard: bytes in, keys, pastes and the terminal's answers out.
//!
//! Not crossterm's reader: after the beginning of a paste whose end never comes it takes every key for a part of that
//! paste, for ever, and it reads a terminal that has gone away over and over. What is read here is never waited for
//! longer than [`parser::Parser::patience`] says.

pub mod burst;
pub mod parser;
mod sequences;
pub mod wheel;

use std::io;
use std::time::Instant;

use crossterm::event::KeyEvent;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::app::commands::Direction;
use crate::app::receipts::Focus;
use crate::keys::wheel::Keyboard;

/// How much is read at a time: more than the kernel holds for one terminal.
const CHUNK_BYTES: usize = 16 * 1024;

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// The wheel was turned by so many rows.
    Wheel {
        /// Where to.
        direction: Direction,
        /// How far.
        rows: usize,
    },
    /// A text was pasted, newlines as the terminal sends them.
    Paste(String),
    /// A text of so many bytes was pasted, more than any message holds, and not kept.
    PastedTooMuch(usize),
    /// The person looks at this terminal, or elsewhere.
    Looks(Focus),
    /// The answer to a question where the cursor is, counted from 1.
    CursorAt {
        /// The row.
        row: u16,
        /// The column.
        column: u16,
    },
}

/// The keyboard.
#[derive(Debug)]
pub struct Keys {
    terminal: AsyncFd<io::Stdin>,
    keyboard: Keyboard,
    chunk: Vec<u8>,
    last_byte: Instant,
}

/// What there is to be had of the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// All that was there; none where it is only begun.
    Inputs(Vec<Input>),
    /// The terminal is gone.
    Gone,
}

impl Keys {
    /// Of the terminal at standard input.
    ///
    /// # Errors
    /// When it cannot be waited for, as a file cannot.
    pub fn open() -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "the other way is unsafe, which is forbidden here; standard input stays open as long as we run"
        )]
        let terminal = AsyncFd::with_interest(io::stdin(), Interest::READABLE)?;
        Ok(Self { terminal, keyboard: Keyboard::default(), chunk: vec![0; CHUNK_BYTES], last_byte: Instant::now() })
    }

    /// Waits for what is typed, and takes all that is there. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub async fn next(&mut self) -> io::Result<Typed> {
        loop {
            if let Some(typed) = self.now()? {
                return Ok(typed);
            }
            let left = self.keyboard.patience().map(|patience| patience.saturating_sub(self.last_byte.elapsed()));
            let readable = self.terminal.readable();
            let readable = match left {
                Some(left) => timeout(left, readable).await,
                None => Ok(readable.await),
            };
            match readable {
                // Whether it is so still, the next look shows.
                Ok(readable) => readable?.clear_ready(),
                Err(_) => {
                    let mut inputs = Vec::new();
                    self.keyboard.give_up(&mut inputs);
                    return Ok(Typed::Inputs(inputs));
                }
            }
        }
    }

    fn now(&mut self) -> io::Result<Option<Typed>> {
        match look(&self.terminal)? {
            Look::Nothing => return Ok(None),
            Look::Gone => return Ok(Some(Typed::Gone)),
            Look::Something => {}
        }
        let mut inputs = Vec::new();
        match rustix::io::read(&self.terminal, &mut self.chunk) {
            Ok(count) => self.keyboard.feed(self.chunk.get(..count).unwrap_or_default(), &mut inputs),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // It went between the look and the read.
            Err(Errno::IO) => return Ok(Some(Typed::Gone)),
            Err(error) => return Err(error.into()),
        }
        self.last_byte = Instant::now();
        Ok(Some(Typed::Inputs(inputs)))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Nothing,
    Something,
    Gone,
}

/// Whether there is something to read. Not by a read that does not wait: that is a setting of the terminal, which others share.
fn look(terminal: &AsyncFd<io::Stdin>) -> io::Result<Look> {
    let mut looked = [PollFd::new(terminal, PollFlags::IN)];
    match poll(&mut looked, Some(&Timespec::default())) {
        Ok(0) | Err(Errno::INTR) => return Ok(Look::Nothing),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let [terminal] = looked;
    let is_gone = terminal.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ok(if is_gone { Look::Gone } else { Look::Something })
}
