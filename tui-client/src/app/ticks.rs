//! Pure. What changes by itself as time goes by, and when it does so next.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::arrivals::Picture;
use crate::app::people::PeerPresence;
use crate::app::times::{changes_at, how_long};
use crate::app::{Connection, Effect, State};

impl State {
    /// When something changes next by itself. Never while nothing does.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let moments = [
            self.next_second(),
            self.next_typing_tick(),
            self.next_attention_tick(),
            self.next_notification_tick(),
            self.next_figure(),
        ];
        moments.into_iter().flatten().min()
    }

    /// A moment came that [`State::next_tick`] named; the event before it was at `before`.
    pub(crate) fn tick(&mut self, before: Timestamp, effects: &mut Vec<Effect>) -> Picture {
        let counts_down = matches!(self.connection, Connection::Lost { .. });
        let figures = if counts_down || self.figures_change(before) { Picture::Changed } else { Picture::Same };
        self.notification_tick(effects);
        let all = [figures, self.typing_tick(effects), self.attention_tick(effects)];
        if all.contains(&Picture::Changed) { Picture::Changed } else { Picture::Same }
    }

    /// When a time that is told by how long it is past is told in another way.
    fn next_figure(&self) -> Option<Timestamp> {
        self.figures().filter_map(|since| changes_at(since, self.now)).min()
    }

    fn figures_change(&self, before: Timestamp) -> bool {
        self.figures().any(|since| how_long(since, before) != how_long(since, self.now))
    }

    /// What is told by how long it is past.
    fn figures(&self) -> impl Iterator<Item = Timestamp> {
        self.peer.iter().filter_map(|peer| match peer.presence {
            PeerPresence::IdleSince(since) => Some(since),
            PeerPresence::Here | PeerPresence::GoneSince(_) => None,
        })
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
