//! Waiting for a seat in a full room. Pure.

use std::time::Duration;

use shared::frames::SEAT_KEPT_FOR;
use shared::names::Username;
use shared::rest::Occupant;
use tokio::time::Instant;

/// The shortest time between two questions for a seat; two and a half times as long at the most.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// How long whoever waits for a seat leaves it to those who had it, when the server was gone: as long as a seat is kept for
/// somebody who broke off, and some seconds more in which they find that the server is back.
const HOLD_BACK: Duration = SEAT_KEPT_FOR.saturating_add(Duration::from_secs(5));
/// How many users a room holds.
const SEATS: usize = 2;

/// What whoever waits for a seat knows of them.
#[derive(Default)]
pub(crate) struct SeatWait {
    /// Who held the seats by the last answer; `None` before the first.
    known: Option<Vec<Occupant>>,
    /// Until when a free seat is left to those who had it.
    hold_until: Option<Instant>,
    /// Whether it was told that the server is gone, and not yet that it still waits.
    pub(crate) is_lost: bool,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seats {
    /// There is one for us.
    Free,
    /// There is one, for those who had it.
    Held,
    /// These users have them.
    Taken(Vec<Username>),
}

impl SeatWait {
    /// Begins to wait. Of what is known from before it was turned away, only that the server was gone still counts.
    pub(crate) fn begin(before: Option<Self>) -> Self {
        Self { hold_until: before.and_then(|seat| seat.hold_until), ..Self::default() }
    }

    /// Takes an answer. The first one only tells who holds the seats: whoever was turned away a moment ago and hears of a
    /// free seat would be back at once, and turned away again.
    pub(crate) fn hear(&mut self, occupants: Vec<Occupant>, me: &Username, now: Instant) -> Seats {
        let users: Vec<_> = occupants.iter().map(|occupant| occupant.user.clone()).collect();
        let is_first = self.known.is_none();
        self.learn(occupants, now);
        if users.len() >= SEATS && !users.contains(me) {
            return Seats::Taken(users);
        }
        if is_first || self.hold_until.is_some_and(|until| now < until) { Seats::Held } else { Seats::Free }
    }

    /// The server is gone: those who had seats come first when it is back.
    pub(crate) fn hold_back(&mut self, now: Instant) {
        self.hold_until = Some(now + HOLD_BACK);
    }

    /// When to ask again, given a `chance` from 0 to 1.
    pub(crate) fn ask_at(now: Instant, chance: f64) -> Instant {
        now + ASK_AFTER.mul_f64(1.0 + 1.5 * chance)
    }

    /// When to try to get in at a server that does not tell who is there.
    pub(crate) fn try_at(&self, ask_at: Instant) -> Instant {
        self.hold_until.unwrap_or(ask_at).max(ask_at)
    }

    /// Where nobody is there any more as they were when it last asked, the server may have been gone in between.
    fn learn(&mut self, occupants: Vec<Occupant>, now: Instant) {
        let known = self.known.replace(occupants).unwrap_or_default();
        let stays = |occupant: &Occupant| known.contains(occupant);
        if !known.is_empty() && !self.known.iter().flatten().any(stays) {
            self.hold_back(now);
        }
    }
}
