//! How a connection ends, and what comes then: another server, a wait, or nothing until somebody asks.

use std::time::Duration;

use shared::frames::{Bye, CloseCode};
use tokio::time::Instant;

use crate::network::backoff::Backoff;
use crate::network::connection::Connection;
use crate::network::connection::link::Link;
use crate::network::error::TOO_OFTEN;
use crate::network::fleet::Next;
use crate::network::{NetworkEvent, end_of};

/// A connection that lived this long was a good one: the next loss is a new one, not the same again.
const GOOD_AFTER: Duration = Duration::from_secs(5);

/// Said when the server has closed for good.
const REVOKED: &str = "you may not be in this room any more: ask for a new invite";

impl Connection {
    pub(super) fn closed(&mut self, code: u16) {
        match code {
            1001 | 1012 => self.end(Some("server restarting"), String::new()),
            1013 => self.end(Some("connection too slow"), String::new()),
            code if code == CloseCode::TokenExpired as u16 => self.end(Some("token expired"), String::new()),
            code if code == CloseCode::Revoked as u16 => self.park(NetworkEvent::Refused(REVOKED.to_owned())),
            code if CloseCode::may_reconnect(code) => self.end(None, format!("closed by the server, code {code}")),
            _ => self.park(NetworkEvent::RoomFull),
        }
    }

    /// The connection has ended: for a `known` reason, or for the one the server gave, or `otherwise`.
    pub(super) fn end(&mut self, known: Option<&str>, otherwise: String) {
        let (said, retry_after) = match self.bye.take() {
            None => (None, None),
            Some(Bye { reason, retry_after_ms: None }) => return self.park(NetworkEvent::Refused(reason)),
            Some(Bye { reason, retry_after_ms: Some(ms) }) => (Some(reason), Some(Duration::from_millis(ms))),
        };
        self.lose(known.map(str::to_owned).or(said).unwrap_or(otherwise), retry_after);
    }

    /// Goes to another server, or waits for the next attempt.
    pub(super) fn lose(&mut self, reason: String, retry_after: Option<Duration>) {
        let welcomed_at = self.welcomed_at.take();
        if welcomed_at.is_some_and(|at| at.elapsed() >= GOOD_AFTER) {
            self.backoff.reset();
            self.servers.answered();
        }
        if self.servers.pass() == Next::Another && self.seat.is_none() {
            return self.go_elsewhere(reason, welcomed_at.map(|_| Backoff::pause(rand::random(), retry_after)));
        }
        let wait = self.backoff.next_wait(rand::random(), retry_after);
        let now = Instant::now();
        self.link = match &mut self.seat {
            // Whoever waits for a seat does not come in first when the server is back.
            Some(seat) => {
                seat.hold_back(now);
                seat.is_lost = true;
                Link::Seatless(now + wait)
            }
            None => Link::Waiting { until: now + wait, may_hurry: retry_after.is_none() },
        };
        self.tell_lost(reason, wait);
    }

    /// The server is there and was asked too often: the same one is asked again, and only a long wait is told.
    pub(super) fn slow_down(&mut self, retry_after: Option<Duration>) {
        let wait = self.backoff.next_wait(rand::random(), retry_after);
        let until = Instant::now() + wait;
        self.link = match self.seat {
            Some(_) => Link::Seatless(until),
            None => Link::Waiting { until, may_hurry: false },
        };
        if !self.backoff.is_brief() {
            self.tell_lost(TOO_OFTEN.to_owned(), wait);
        }
    }

    /// Tries another server at once; after a pause where this one was lost and not only tried. Of that nothing is told: there
    /// was no connection before.
    fn go_elsewhere(&mut self, reason: String, pause: Option<Duration>) {
        let wait = pause.unwrap_or_default();
        self.link = Link::Waiting { until: Instant::now() + wait, may_hurry: true };
        if pause.is_some() {
            self.tell_lost(reason, wait);
        }
    }

    pub(super) fn tell_lost(&mut self, reason: String, wait: Duration) {
        self.tell(NetworkEvent::Lost { reason, retry_at: end_of(wait), is_reached: self.is_reached });
    }

    pub(super) fn park(&mut self, event: NetworkEvent) {
        self.welcomed_at = None;
        self.link = Link::Parked;
        self.tell(event);
    }

    /// The machine slept: what was connected is dead or will be, and waiting makes no sense any more.
    pub(super) fn wake(&mut self) {
        self.start_over();
        self.backoff.reset();
        self.connect();
    }

    /// Where one connection is dead without a word, those of the posts are as well.
    pub(super) fn start_over(&mut self) {
        self.servers.start_over();
        self.posts.start_over(self.servers.fork());
    }
}
