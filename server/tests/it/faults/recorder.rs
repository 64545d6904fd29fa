//! Writes down what happens, in the order in which it does, and shows it to the checker at once.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::faults::checker::Checker;
use crate::faults::event::{At, Author, Event, Number, Room};

/// The one clock and the one order of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    checker: Mutex<Checker>,
}

impl Recorder {
    pub(crate) fn new(rooms: u16) -> Self {
        Self { start: Instant::now(), checker: Mutex::new(Checker::new(rooms)) }
    }

    pub(crate) fn now(&self) -> At {
        At(self.start.elapsed().as_micros() as u64)
    }

    /// Under the lock, so that times rise with the order.
    fn locked(&self) -> (MutexGuard<'_, Checker>, At) {
        let checker = self.checker.lock().unwrap();
        (checker, self.now())
    }

    pub(crate) fn note(&self, event: Event) {
        let (mut checker, now) = self.locked();
        checker.note(now, event);
    }

    pub(crate) fn fault(&self, what: impl Into<String>) {
        self.note(Event::Fault(what.into()));
    }

    pub(crate) fn begin(&self, room: Room, author: Author) -> Number {
        let (mut checker, now) = self.locked();
        checker.begin(now, room, author)
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Checker, At) -> T) -> T {
        let (mut checker, now) = self.locked();
        act(&mut checker, now)
    }
}
