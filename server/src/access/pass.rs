//! By what somebody is in a room: their token, and another one when that ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::names::{RoomId, Username};

use crate::access::gate::Gate;
use crate::access::term::{Due, Term};
use crate::clock;
use crate::rooms::Voice;

/// What a connection holds of the token it came by.
#[derive(Debug)]
pub struct Pass {
    /// Until when it may stay; `None` for as long as it likes.
    pub term: Option<Term>,
    /// Whose it is.
    pub user: Username,
    /// Who looks at the next one.
    pub gate: Arc<Gate>,
}

/// What a new token has brought.
#[derive(Debug, Clone, Copy)]
pub struct Renewed {
    /// How long it holds.
    pub left: Duration,
    /// When it was made, if it says so.
    pub issued_at: Option<Timestamp>,
}

impl Pass {
    /// When [`Pass::due`] is next of use.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.term.as_ref().map(Term::next)
    }

    /// When the connection is to end, if ever.
    #[must_use]
    pub fn over_at(&self) -> Option<Instant> {
        self.term.as_ref().map(Term::over_at)
    }

    /// What is to be done now.
    pub fn due(&mut self, now: Instant) -> Due {
        self.term.as_mut().map_or(Due::Nothing, |term| term.due(now))
    }

    /// Goes on with a new token of the same user for the same room. `None` for any other, with which nothing changes.
    pub fn renew(&mut self, token: &str, room: &RoomId) -> Option<Renewed> {
        let claims = self.gate.check_for(token, room).ok().filter(|claims| claims.username == self.user)?;
        self.term = self.gate.term(&claims, Voice::DuetV1);
        let left = self.term.map_or(Duration::MAX, |term| term.left(clock::now().instant));
        Some(Renewed { left, issued_at: claims.issued_at() })
    }
}
