//! The keyboard, read by a thread of its own.
//!
//! crossterm reads a terminal that has gone away over and over, without an end and without a word. So it is asked only
//! when there is something to read, and never by the loop, which has to go on and put things in order. Its feature
//! `use-dev-tty` is on for the way it waits: the other one forgets what is past the first kilobyte of a paste until the
//! next key.

use std::io;
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many events may wait for the loop, which takes all of them at once: a paste that the terminal does not mark as
/// one comes key by key.
const WAITING_EVENTS: usize = 1024;

/// How long to look for a further event. crossterm does not look at all in no time, and does not sleep in less than a
/// millisecond: for so long this thread would keep the processor from the loop that is to draw.
const BRIEFLY: Duration = Duration::from_micros(50);

/// Starts reading. The events end when the terminal is gone.
///
/// # Errors
/// When no thread can be started.
pub fn read() -> io::Result<Receiver<io::Result<Event>>> {
    let (sender, events) = channel(WAITING_EVENTS);
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        if let Err(error) = pass_on(&sender) {
            // Nobody is left to tell when the loop has ended.
            drop(sender.blocking_send(Err(error)));
        }
    })?;
    Ok(events)
}

fn pass_on(events: &Sender<io::Result<Event>>) -> io::Result<()> {
    while is_there(&io::stdin())? {
        while event::poll(BRIEFLY)? {
            if events.blocking_send(Ok(event::read()?)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits until there is something to read. `false` when the terminal is gone.
fn is_there(terminal: &io::Stdin) -> io::Result<bool> {
    let mut waiting = [PollFd::new(terminal, PollFlags::IN)];
    loop {
        match poll(&mut waiting, None) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [terminal] = waiting;
    Ok(!terminal.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL))
}
