//! The keyboard, read by a thread of its own: bytes in, keys, pastes and the terminal's answers out.
//!
//! Not crossterm's reader: after the beginning of a paste whose end never comes it takes every key for a part of that
//! paste, for ever, and it reads a terminal that has gone away over and over. What is read here is never waited for
//! longer than [`parser::Parser::patience`] says.

pub mod burst;
pub mod parser;
mod sequences;
pub mod wheel;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::app::commands::Direction;
use crate::app::receipts::Focus;
use crate::keys::wheel::Keyboard;

/// How many inputs may wait for the loop, which takes all of them at once: a long line that the terminal does not mark
/// as pasted comes key by key.
const WAITING_INPUTS: usize = 1024;
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

/// Starts reading. The inputs end when the terminal is gone.
///
/// # Errors
/// When no thread can be started.
pub fn read() -> io::Result<Receiver<io::Result<Input>>> {
    let (sender, inputs) = channel(WAITING_INPUTS);
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        if let Err(error) = pass_on(&sender) {
            // Nobody is left to tell when the loop has ended.
            drop(sender.blocking_send(Err(error)));
        }
    })?;
    Ok(inputs)
}

fn pass_on(sender: &Sender<io::Result<Input>>) -> io::Result<()> {
    let terminal = io::stdin();
    let mut keyboard = Keyboard::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut inputs = Vec::new();
    let mut last_byte = Instant::now();
    loop {
        let left = keyboard.patience().map(|patience| patience.saturating_sub(last_byte.elapsed()));
        match wait(&terminal, left)? {
            Waited::InVain => keyboard.give_up(&mut inputs),
            Waited::Gone => return Ok(()),
            // What is typed after the end is for the shell.
            Waited::Readable if sender.is_closed() => return Ok(()),
            Waited::Readable => {
                match rustix::io::read(&terminal, &mut chunk) {
                    Ok(count) => keyboard.feed(chunk.get(..count).unwrap_or_default(), &mut inputs),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    // It went between the wait and the read.
                    Err(Errno::IO) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
                last_byte = Instant::now();
            }
        }
        for input in inputs.drain(..) {
            if sender.blocking_send(Ok(input)).is_err() {
                return Ok(());
            }
        }
    }
}

enum Waited {
    /// There is something to read.
    Readable,
    /// There was nothing for as long as was asked.
    InVain,
    /// The terminal is gone.
    Gone,
}

/// Waits until there is something to read, for no longer than `at_most`; a signal lets that time begin anew.
fn wait(terminal: &io::Stdin, at_most: Option<Duration>) -> io::Result<Waited> {
    let at_most = at_most.and_then(|at_most| Timespec::try_from(at_most).ok());
    let mut waiting = [PollFd::new(terminal, PollFlags::IN)];
    loop {
        match poll(&mut waiting, at_most.as_ref()) {
            Ok(0) => return Ok(Waited::InVain),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [terminal] = waiting;
    let is_gone = terminal.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ok(if is_gone { Waited::Gone } else { Waited::Readable })
}
