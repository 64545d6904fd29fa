//! Counts what is done against its limit, for all connections at once.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use prometheus_client::metrics::counter::Counter;
use shared::names::{RoomId, Username};

use crate::clock;
use crate::http::error::ApiError;
use crate::limits::Rates;
use crate::limits::rate::Rate;
use crate::limits::table::{Table, TooEarly};
use crate::listener::address::ClientAddress;
use crate::metrics::Limited;

/// How many buckets are kept for each limit: 1 MiB, of which the system gives what is used.
const KEYS: usize = 64 * 1024;

/// In how many parts, each under a lock of its own: two requests at a time hardly ever meet in one.
const SHARDS: usize = 64;

/// Everything that is limited.
#[derive(Debug)]
pub struct Limits {
    posts_per_user: Limiter,
    posts_per_room: Limiter,
    posts_per_address: Limiter,
    joins_per_address: Limiter,
    tokens_per_address: Limiter,
    invites_per_address: Limiter,
}

/// One limit. Without a rate it is a branch.
#[derive(Debug)]
struct Limiter {
    counted: Option<Counted>,
    /// How many requests were refused by it.
    refused: Counter,
}

#[derive(Debug)]
struct Counted {
    rate: Rate,
    /// With keys of its own, so that nobody outside knows who shares a set with whom.
    hasher: RandomState,
    since: Instant,
    shards: Box<[Mutex<Table>]>,
}

/// What was done too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} come faster than {rate} allows: try again in {} s", self.wait_seconds())]
pub(super) struct TooMany {
    pub(super) what: &'static str,
    pub(super) rate: Rate,
    pub(super) wait: Duration,
}

impl Limits {
    /// Allows what `rates` do.
    #[must_use]
    pub fn new(rates: &Rates, limited: &Limited) -> Self {
        Self {
            posts_per_user: Limiter::new(rates.posts_per_user, &limited.posts_per_user),
            posts_per_room: Limiter::new(rates.posts_per_room, &limited.posts_per_room),
            posts_per_address: Limiter::new(rates.posts_per_address, &limited.posts_per_address),
            joins_per_address: Limiter::new(rates.joins_per_address, &limited.joins_per_address),
            tokens_per_address: Limiter::new(rates.tokens_per_address, &limited.tokens_per_address),
            invites_per_address: Limiter::new(rates.invites_per_address, &limited.invites_per_address),
        }
    }

    /// Counts a request by where it comes from, before anything else is looked at. This machine's own are not counted: there
    /// anything goes. Nor are the operator's, who speaks for many from one address: `is_operators` is asked where that may be.
    pub(super) fn request(
        &self,
        (method, path): (&Method, &str),
        client: ClientAddress,
        is_operators: impl Fn() -> bool,
    ) -> Result<(), ApiError> {
        if client.0.is_loopback() {
            return Ok(());
        }
        match (method, path) {
            (&Method::POST, "/message") => self.posts_per_address.take(&client.block(), "posts from this address"),
            (&Method::POST, "/generate-token") if !is_operators() => {
                self.tokens_per_address.take(&client.block(), "requests for tokens from this address")
            }
            _ if path.starts_with("/updates/") => {
                self.joins_per_address.take(&client.block(), "attempts to enter rooms from this address")
            }
            _ if is_of_invites(path) && !is_operators() => {
                self.invites_per_address.take(&client.block(), "requests about invites from this address")
            }
            _ => Ok(()),
        }
    }

    /// Counts a post. Those from outside are together like one user, so that they leave the room to its people.
    pub(super) fn post(&self, room: &RoomId, sender: Option<&Username>) -> Result<(), ApiError> {
        self.posts_per_user.take(&(room, sender), "this user's posts to the room")?;
        self.posts_per_room.take(room, "posts to the room")
    }
}

/// Whether a path is one of a room's invites or members.
fn is_of_invites(path: &str) -> bool {
    let of_room = path.strip_prefix("/rooms/").and_then(|rest| rest.split('/').nth(1));
    matches!(of_room, Some("invites" | "members"))
}

impl Limiter {
    fn new(rate: Option<Rate>, refused: &Counter) -> Self {
        Self { counted: rate.map(Counted::new), refused: refused.clone() }
    }

    fn take(&self, key: &impl Hash, what: &'static str) -> Result<(), ApiError> {
        let Some(counted) = &self.counted else { return Ok(()) };
        counted.take(key, clock::instant()).map_err(|TooEarly(wait)| {
            self.refused.inc();
            ApiError::TooManyRequests(TooMany { what, rate: counted.rate, wait })
        })
    }
}

impl Counted {
    fn new(rate: Rate) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Table::new(rate, KEYS / SHARDS))).collect();
        Self { rate, hasher: RandomState::new(), since: clock::instant(), shards }
    }

    fn take(&self, key: &impl Hash, now: Instant) -> Result<(), TooEarly> {
        let key = self.hasher.hash_one(key);
        // The table goes by the lowest bits.
        let shard = usize::try_from(key >> 32).unwrap_or_default() % SHARDS;
        let Some(table) = self.shards.get(shard) else { return Ok(()) };
        table.lock().unwrap_or_else(PoisonError::into_inner).take(key, now.saturating_duration_since(self.since))
    }
}

impl TooMany {
    /// For `Retry-After`: whole seconds, so that whoever waits them gets through.
    pub(super) fn wait_seconds(&self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn limits(per_user: &str, per_room: &str) -> Limits {
        let (posts_per_user, posts_per_room) = (per_user.parse().ok(), per_room.parse().ok());
        Limits::new(&Rates { posts_per_user, posts_per_room, ..Rates::default() }, &Metrics::new().limited)
    }

    /// How many of `posts` go through.
    fn through(limits: &Limits, room: &str, sender: Option<&str>, posts: usize) -> usize {
        let (room, sender) = (RoomId::new(room).unwrap(), sender.map(|name| Username::new(name).unwrap()));
        (0..posts).filter(|_| limits.post(&room, sender.as_ref()).is_ok()).count()
    }

    #[test]
    fn a_user_in_one_room_takes_nothing_from_another_user_or_room() {
        let limits = limits("1/h burst 3", "1/h burst 8");
        assert_eq!(through(&limits, "room1", Some("alice"), 9), 3);
        assert_eq!(through(&limits, "room1", Some("bob"), 9), 3);
        assert_eq!(through(&limits, "room2", Some("alice"), 9), 3);
        assert_eq!(limits.posts_per_user.refused.get(), 18);
    }

    #[test]
    fn all_who_are_outside_are_one_and_a_room_takes_no_more_than_its_own() {
        let limits = limits("1/h burst 3", "1/h burst 4");
        assert_eq!(through(&limits, "room1", None, 9), 3);
        assert_eq!(through(&limits, "room1", Some("alice"), 9), 1);
        assert_eq!(through(&limits, "room2", None, 9), 3);
    }

    /// Whether requests come through, one each hour for each thing.
    fn of_address() -> impl Fn(&str, &str, bool) -> bool {
        let one = "1/h burst 1".parse().ok();
        let [posts_per_address, joins_per_address, tokens_per_address, invites_per_address] = [one; 4];
        let rates =
            Rates { posts_per_address, joins_per_address, tokens_per_address, invites_per_address, ..Rates::default() };
        let limits = Limits::new(&rates, &Metrics::new().limited);
        move |path, address, is_operators| {
            let method = if path.starts_with("/updates/") { Method::GET } else { Method::POST };
            limits.request((&method, path), ClientAddress(address.parse().unwrap()), || is_operators).is_ok()
        }
    }

    #[test]
    fn an_address_is_counted_for_each_thing_alone_and_this_machine_never() {
        let ask = of_address();
        for path in ["/message", "/generate-token", "/updates/room1", "/rooms/a%2Fb/invites"] {
            let asked = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"];
            let answers = asked.map(|address| ask(path, address, false));
            assert_eq!(answers, [true, false, true, true, false, true], "{path}");
            assert!((0..9).all(|_| ask(path, "127.0.0.1", false) && ask(path, "::1", false)), "{path}");
        }
        for path in ["/rooms/room2/invites/5b3c1f0a9d2e", "/rooms/room2/members/alice"] {
            assert!(!ask(path, "192.0.2.1", false), "{path} is one of the invites");
        }
        for path in ["/docs", "/rooms/invites", "/rooms/invites/messages", "/rooms/room1/search"] {
            assert!((0..9).all(|_| ask(path, "192.0.2.1", false)), "{path}");
        }
    }

    #[test]
    fn the_operator_asks_for_many_and_takes_nothing_from_the_others_of_the_address() {
        let ask = of_address();
        for path in ["/generate-token", "/rooms/room1/invites"] {
            assert!((0..9).all(|_| ask(path, "192.0.2.1", true)), "{path}");
            assert_eq!([ask(path, "192.0.2.1", false), ask(path, "192.0.2.1", false)], [true, false], "{path}");
            assert!(ask(path, "192.0.2.1", true), "{path}");
        }
    }

    #[test]
    fn without_a_rate_everything_goes_through() {
        assert_eq!(through(&limits("", ""), "room1", None, 10_000), 10_000);
    }

    #[test]
    fn the_wait_is_said_in_whole_seconds_and_never_too_few() {
        let rate = "20/s burst 100".parse().unwrap();
        for (wait, seconds) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2), (3_600_000, 3_600)] {
            let many = TooMany { what: "posts to the room", rate, wait: Duration::from_millis(wait) };
            assert_eq!(many.wait_seconds(), seconds, "{wait} ms");
            let said = format!("posts to the room come faster than 20/s burst 100 allows: try again in {seconds} s");
            assert_eq!(many.to_string(), said);
        }
    }
}
