//! The signals that concern a program with a screen.

use std::io;

use rustix::process::Signal as Posix;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) terminate: Signal,
    pub(crate) hang_up: Signal,
    pub(crate) interrupt: Signal,
    pub(crate) proceed: Signal,
    pub(crate) resize: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            proceed: signal(SignalKind::from_raw(Posix::CONT.as_raw()))?,
            resize: signal(SignalKind::window_change())?,
        })
    }
}
