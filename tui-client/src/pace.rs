//! When frames are drawn: at once for a person who waits, and sixty times a second at most for everything else.

use std::time::Duration;

use tokio::time::Instant;

/// Sixty frames a second are as smooth as a terminal gets.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

/// How soon a change is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// A person waits for it.
    AtOnce,
    /// With the next frame.
    NextFrame,
}

/// The frame that stands on the screen, and the next one.
#[derive(Debug)]
pub(crate) struct Pace {
    last: Instant,
    due: Option<Instant>,
}

impl Pace {
    /// A frame stands on the screen since `now`, and shows the state.
    pub(crate) fn new(now: Instant) -> Self {
        Self { last: now, due: None }
    }

    /// The screen does not show the state any more.
    pub(crate) fn ask(&mut self, haste: Haste) {
        let due = match haste {
            Haste::AtOnce => Instant::now(),
            Haste::NextFrame => self.last + FRAME,
        };
        self.due = Some(self.due.map_or(due, |already| already.min(due)));
    }

    /// When the next frame is to be drawn; never while the screen shows the state.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A frame was drawn.
    pub(crate) fn drawn(&mut self, now: Instant) {
        *self = Self::new(now);
    }
}
