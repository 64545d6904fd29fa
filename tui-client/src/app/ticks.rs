//! Pure. What changes by itself as time goes by, and when it does so next.

use jiff::Timestamp;

use crate::app::arrivals::Picture;
use crate::app::layout::{self, Shape};
use crate::app::log::Entry;
use crate::app::people::PeerPresence;
use crate::app::preferences::Times;
use crate::app::receipts::Focus;
use crate::app::times::{changes_at, how_long, next_second};
use crate::app::{Connection, Effect, Screen, State};

impl State {
    /// When something changes next by itself. Never while nothing does.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let moments = [
            self.next_second(),
            self.next_typing_tick(),
            self.next_attention_tick(),
            self.next_notification_tick(),
            self.next_search_tick(),
            self.next_notice_tick(),
            self.next_figure(),
        ];
        moments.into_iter().flatten().min()
    }

    /// A moment came that [`State::next_tick`] named; the event before it was at `before`.
    pub(crate) fn tick(&mut self, before: Timestamp, effects: &mut Vec<Effect>) -> Picture {
        let counts_down = matches!(self.connection, Connection::Lost { .. }) && self.is_seen();
        let figures = if counts_down || self.figures_change(before) { Picture::Changed } else { Picture::Same };
        self.notification_tick(effects);
        self.search_tick(effects);
        let all = [figures, self.notice_tick(before), self.typing_tick(effects), self.attention_tick(effects)];
        if all.contains(&Picture::Changed) { Picture::Changed } else { Picture::Same }
    }

    /// When a time that is told by how long it is past is told in another way.
    fn next_figure(&self) -> Option<Timestamp> {
        self.figures().filter_map(|since| changes_at(since, self.now)).min()
    }

    fn figures_change(&self, before: Timestamp) -> bool {
        self.figures().any(|since| how_long(since, before) != how_long(since, self.now))
    }

    /// What is told by how long it is past: since when the other person is idle, and messages where the person wants that.
    fn figures(&self) -> impl Iterator<Item = Timestamp> {
        let is_shown = self.is_seen();
        let idle = self.peer.as_ref().and_then(|peer| match peer.presence {
            PeerPresence::IdleSince(since) if is_shown => Some(since),
            PeerPresence::IdleSince(_) | PeerPresence::Here | PeerPresence::GoneSince(_) => None,
        });
        let has_times = is_shown && layout::columns(self).shape == Shape::Wide;
        let are_relative = has_times && self.preferences.times == Times::Relative;
        // Each takes a row at the least, so no others are in the window.
        let rows = if are_relative { usize::from(layout::areas(self).messages.height) } else { 0 };
        let slots = self.log.up_from(self.foot().slot).take(rows);
        let entries = slots.filter_map(|slot| self.log.get(slot));
        idle.into_iter().chain(entries.filter_map(Entry::at))
    }

    /// Whether the room is on the screen, if there is anybody to see that.
    pub(crate) fn is_seen(&self) -> bool {
        self.screen == Screen::Chat && self.focus != Focus::OtherRoom
    }

    /// The next second of the countdown to the next attempt.
    fn next_second(&self) -> Option<Timestamp> {
        let Connection::Lost { retry_at, .. } = &self.connection else { return None };
        next_second(*retry_at, self.now).filter(|_| self.is_seen())
    }
}
