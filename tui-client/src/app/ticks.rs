//! Pure. What changes by itself as time goes by, and when it does so next.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::arrivals::Picture;
use crate::app::{Connection, Effect, State};

impl State {
    /// When something changes next by itself. Never while nothing does.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        [self.next_second(), self.next_typing_tick()].into_iter().flatten().min()
    }

    /// A moment came that [`State::next_tick`] named.
    pub(crate) fn tick(&mut self, effects: &mut Vec<Effect>) -> Picture {
        let typing = self.typing_tick(effects);
        let counts_down = matches!(self.connection, Connection::Lost { .. });
        if counts_down { Picture::Changed } else { typing }
    }

    /// The next second of the countdown to the next attempt.
    fn next_second(&self) -> Option<Timestamp> {
        let Connection::Lost { retry_at, .. } = &self.connection else { return None };
        let left = retry_at.duration_since(self.now).as_millis();
        // The figure shown is rounded up, so it changes when a whole number of seconds is left.
        let until_next = u64::try_from(left).ok().filter(|left| *left > 0)?;
        self.now.checked_add(Duration::from_millis((until_next - 1) % 1000 + 1)).ok()
    }
}
