//! Pure. The two seats of a room.

use std::time::Instant;

use shared::names::Username;

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
    user: Username,
    /// Until when it is kept for a user with no connection; `None` while there is one.
    kept_until: Option<Instant>,
}

/// What came of asking for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// The user had it all along.
    Had,
    /// The user is here now who was not before.
    Took,
    /// Two others have them.
    Full,
}

impl Seats {
    /// Gives `user` a seat.
    pub(super) fn take(&mut self, user: &Username) -> Taking {
        if let Some(seat) = self.taken.iter_mut().find(|seat| seat.user == *user) {
            return if seat.kept_until.take().is_some() { Taking::Took } else { Taking::Had };
        }
        if self.taken.len() >= SEATS {
            return Taking::Full;
        }
        self.taken.push(Seat { user: user.clone(), kept_until: None });
        Taking::Took
    }

    /// Keeps the seat of a user with no connection until then.
    pub(super) fn keep(&mut self, user: &Username, until: Instant) {
        if let Some(seat) = self.taken.iter_mut().find(|seat| seat.user == *user) {
            seat.kept_until = Some(until);
        }
    }

    /// Frees a seat.
    pub(super) fn free(&mut self, user: &Username) {
        self.taken.retain(|seat| seat.user != *user);
    }

    /// Frees the seats whose time has run out and says whose they were.
    pub(super) fn free_expired(&mut self, now: Instant) -> Vec<Username> {
        let (expired, taken) = std::mem::take(&mut self.taken)
            .into_iter()
            .partition(|seat| seat.kept_until.is_some_and(|until| until <= now));
        self.taken = taken;
        let expired: Vec<Seat> = expired;
        expired.into_iter().map(|seat| seat.user).collect()
    }

    /// Who sits here, by name.
    pub(super) fn occupants(&self) -> Vec<Username> {
        let mut users: Vec<Username> = self.taken.iter().map(|seat| seat.user.clone()).collect();
        users.sort_unstable();
        users
    }

    /// Whether both are free.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}
