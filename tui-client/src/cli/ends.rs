//! What ends a command that runs on by itself: a signal, a reader that is gone; and the goodbye after it.

use std::io::Write;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Signal as Posix;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::cli::exit::{Exit, Failure};
use crate::cli::lines::written;
use crate::network::{Network, NetworkEvent};

/// How work came to its end.
pub(crate) enum End<T> {
    Done(T),
    NobodyReads,
    /// A signal of this number came first.
    Signal(i32),
}

/// Works until it is done, a signal asks for the end or nobody reads what is printed.
pub(crate) async fn until_the_end<T>(work: impl Future<Output = T>) -> Result<End<T>, Failure> {
    let mut stop = Stop::new()?;
    Ok(tokio::select! {
        done = work => End::Done(done),
        () = nobody_reads() => End::NobodyReads,
        signal = stop.asked() => End::Signal(signal),
    })
}

/// Works until it is done or a signal asks for the end: for what goes into a file, whoever reads standard output.
pub(crate) async fn until_a_signal<T>(work: impl Future<Output = T>) -> Result<Result<T, i32>, Failure> {
    let mut stop = Stop::new()?;
    Ok(tokio::select! {
        done = work => Ok(done),
        signal = stop.asked() => Err(signal),
    })
}

/// The signals that ask a program to end.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::new(Exit::Unexpected, format!("taking signals: {e}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits until one comes, and gives its number.
    async fn asked(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => Posix::INT.as_raw(),
            _ = self.terminate.recv() => Posix::TERM.as_raw(),
        }
    }
}

/// Waits until the pipe or the terminal that standard output goes to is closed at its other end. A room that is silent
/// would not show it, and the seat would stay taken.
async fn nobody_reads() {
    let (word, closed) = oneshot::channel();
    std::thread::spawn(move || {
        let stdout = std::io::stdout();
        // Asked for nothing, poll tells of errors and hang-ups alone.
        let mut waiting = [PollFd::new(&stdout, PollFlags::empty())];
        while poll(&mut waiting, None) == Err(Errno::INTR) {}
        // Nobody waits any more when the program is ending.
        let _ = word.send(());
    });
    if closed.await.is_err() {
        std::future::pending().await
    }
}

/// Writes to standard output; false when nobody reads it any more. On a thread of its own, for a pipe may block and a
/// signal must end us all the same.
pub(crate) async fn print(out: String) -> Result<bool, Failure> {
    let writing = spawn_blocking(move || {
        let mut stdout = std::io::stdout();
        stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush())
    });
    written(writing.await.map_err(|e| Failure::new(Exit::Unexpected, e.to_string()))?)
}

/// Closes the connection properly. Gives what was told and not taken, and what happened meanwhile.
pub(crate) async fn leave(network: Network) -> Vec<NetworkEvent> {
    let Network { requests, mut events, task } = network;
    drop(requests);
    let mut rest = vec![];
    while let Some(event) = events.recv().await {
        rest.push(event);
    }
    // A panic of the task is told by its own message.
    _ = task.await;
    rest
}
