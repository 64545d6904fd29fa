//! Pure. The two seats of a room.

use std::time::Instant;

use jiff::Timestamp;
use shared::frames::{Idle, PresenceState};
use shared::names::Username;
use shared::rest::Occupant;

/// How many users a room holds.
const SEATS: usize = 2;

/// Who sits in a room.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// At most [`SEATS`], each of another user.
    taken: Vec<Seat>,
}

#[derive(Debug)]
struct Seat {
    /// Whose it is and what they are: `away` also until their first connection is in.
    occupant: Occupant,
    /// Until when it is kept for a user with no connection; `None` while there is one.
    kept_until: Option<Instant>,
}

impl Seats {
    /// Gives `user` a seat, unless two others have them.
    pub(super) fn take(&mut self, user: &Username, now: Timestamp) -> bool {
        if let Some(seat) = self.of(user) {
            seat.kept_until = None;
            return true;
        }
        let is_free = self.taken.len() < SEATS;
        if is_free {
            let occupant = Occupant { user: user.clone(), state: PresenceState::Away, since: now };
            self.taken.push(Seat { occupant, kept_until: None });
        }
        is_free
    }

    /// Notes what a user is now. Whether that is news.
    pub(super) fn note(&mut self, user: &Username, state: PresenceState, now: Timestamp) -> bool {
        let Some(Seat { occupant, .. }) = self.of(user) else { return false };
        let is_news = occupant.state != state;
        if is_news {
            (occupant.state, occupant.since) = (state, now);
        }
        is_news
    }

    /// Keeps the seat of a user with no connection until then.
    pub(super) fn keep(&mut self, user: &Username, until: Instant) {
        if let Some(seat) = self.of(user) {
            seat.kept_until = Some(until);
        }
    }

    /// Frees a seat.
    pub(super) fn free(&mut self, user: &Username) {
        self.taken.retain(|seat| seat.occupant.user != *user);
    }

    /// Frees the seats whose time has run out and says whose they were.
    pub(super) fn free_expired(&mut self, now: Instant) -> Vec<Username> {
        let (expired, taken) = std::mem::take(&mut self.taken)
            .into_iter()
            .partition(|seat| seat.kept_until.is_some_and(|until| until <= now));
        self.taken = taken;
        let expired: Vec<Seat> = expired;
        expired.into_iter().map(|seat| seat.occupant.user).collect()
    }

    /// Who sits here, by name.
    pub(super) fn occupants(&self) -> Vec<Username> {
        self.all().into_iter().map(|occupant| occupant.user).collect()
    }

    /// Who sits here, by name, and what they are.
    pub(super) fn all(&self) -> Vec<Occupant> {
        let mut all: Vec<Occupant> = self.taken.iter().map(|seat| seat.occupant.clone()).collect();
        all.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        all
    }

    /// Those at whose clients nobody is, by name.
    pub(super) fn idle(&self) -> Vec<Idle> {
        let is_idle = |occupant: &Occupant| occupant.state == PresenceState::Idle;
        let idle = |Occupant { user, since, .. }| Idle { user, since };
        self.all().into_iter().filter(is_idle).map(idle).collect()
    }

    /// Whether both are free.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn of(&mut self, user: &Username) -> Option<&mut Seat> {
        self.taken.iter_mut().find(|seat| seat.occupant.user == *user)
    }
}
