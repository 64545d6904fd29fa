//! What the bench is to do. Pure.

use std::time::{Duration, Instant};

use reqwest::Url;

use crate::cli::bench::http::Bearer;
use crate::cli::bench::ledger::{LISTENERS, Stamp};

/// The most bytes a message is given. Servers take 64 KiB unless they are told to take more.
const MAX_SIZE: usize = 1024 * 1024;

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// Open loop: so many a second, whether the server keeps up or not. One sender a room.
    Rate(f64),
    /// Closed loop: so many senders, each sending when its last message was answered.
    Closed(u32),
    /// Connections only.
    None,
}

/// The whole of it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// `host:port`, for the socket and the `Host` header, of one server or of several that are one.
    pub(crate) addresses: Vec<String>,
    /// Makes the rooms of this run its own.
    pub(crate) run: String,
    pub(crate) load: Load,
    pub(crate) rooms: u32,
    pub(crate) idle: u32,
    pub(crate) size: usize,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    pub(crate) threads: u32,
    /// What a closed server asks for before it gives tokens.
    pub(crate) issuer_key: Option<Bearer>,
}

/// When things happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The first message.
    pub(crate) start: Instant,
    /// From here on latency counts.
    pub(crate) begin: Instant,
    /// The last message.
    pub(crate) end: Instant,
}

impl Plan {
    /// Where the `number`th of several goes: they take turns, so that those of a room are at different servers.
    pub(crate) fn address(&self, number: u32) -> &str {
        let turn = (number as usize).checked_rem(self.addresses.len());
        turn.and_then(|turn| self.addresses.get(turn)).map_or("", String::as_str)
    }

    /// Checks that the plan can be carried out.
    ///
    /// # Errors
    /// With a sentence that says what to change.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let (size, least) = (self.size, Stamp::MAX_BYTES);
        if size < least {
            return Err(format!("--size is {size} bytes: at least {least} are needed to tell messages apart"));
        }
        if size > MAX_SIZE {
            return Err(format!("--size is {size} bytes: at most {MAX_SIZE} are sent"));
        }
        if self.listening() == 0 {
            return Err(
                "--idle 0 alone measures nothing: give at least 1, or a load with --rate or --closed".to_owned()
            );
        }
        if self.duration.is_zero() {
            return Err("--duration is nothing: give at least 1s".to_owned());
        }
        Ok(self)
    }

    pub(crate) fn times(&self, start: Instant) -> Times {
        let begin = start + self.warmup;
        Times { start, begin, end: begin + self.duration }
    }

    pub(crate) fn room(&self, room: u32) -> String {
        format!("bench-{}-{room}", self.run)
    }

    /// Idle connections sit two in a room as well.
    pub(crate) fn idle_room(&self, idle: u32) -> String {
        format!("bench-{}-idle-{}", self.run, idle / LISTENERS)
    }

    /// The rooms of one thread. Without a load there are none.
    pub(crate) fn rooms_of(&self, thread: u32) -> impl Iterator<Item = u32> + use<> {
        let rooms = if self.load == Load::None { 0 } else { self.rooms };
        let threads = self.threads;
        (0..rooms).filter(move |room| room % threads == thread)
    }

    pub(crate) fn thread_of(&self, room: u32) -> usize {
        (room % self.threads) as usize
    }

    /// How many senders a room has.
    pub(crate) fn senders_in(&self, room: u32) -> u32 {
        match self.load {
            Load::Rate(_) => 1,
            Load::Closed(senders) => senders / self.rooms + u32::from(room < senders % self.rooms),
            Load::None => 0,
        }
    }

    /// How many connections listen.
    pub(crate) fn listening(&self) -> u32 {
        self.idle + if self.load == Load::None { 0 } else { self.rooms * LISTENERS }
    }
}

/// The address of a server that is spoken to without TLS.
///
/// # Errors
/// When it is a server on `https` or one below a path.
pub(crate) fn plain_address(server: &Url) -> Result<String, String> {
    if server.scheme() != "http" || server.path() != "/" {
        return Err(format!("bench speaks to a server over plain http and without a path, not to {server}"));
    }
    let host = server.host_str().unwrap_or_default();
    Ok(format!("{host}:{}", server.port_or_known_default().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(load: Load, rooms: u32, threads: u32) -> Plan {
        let (warmup, duration) = (Duration::ZERO, Duration::from_secs(1));
        let (addresses, run) = (vec![String::new()], "r".to_owned());
        Plan { addresses, run, load, rooms, idle: 0, size: 128, warmup, duration, threads, issuer_key: None }
    }

    #[test]
    fn every_room_belongs_to_one_thread_and_every_sender_to_one_room() {
        let plan = plan(Load::Closed(64), 50, 3);
        let mut rooms: Vec<u32> = (0..3).flat_map(|thread| plan.rooms_of(thread)).collect();
        rooms.sort_unstable();
        assert_eq!(rooms, (0..50).collect::<Vec<_>>());
        assert_eq!(rooms.iter().map(|room| plan.senders_in(*room)).sum::<u32>(), 64);
    }

    #[test]
    fn a_message_too_small_to_be_told_apart_or_too_large_is_refused() {
        for (size, is_good) in [(10, false), (52, true), (MAX_SIZE, true), (MAX_SIZE + 1, false)] {
            assert_eq!(Plan { size, ..plan(Load::Rate(1.0), 1, 1) }.checked().is_ok(), is_good, "{size}");
        }
    }

    #[test]
    fn a_plan_that_measures_nothing_is_refused() {
        assert!(plan(Load::None, 1, 1).checked().is_err());
        assert!(Plan { idle: 1, ..plan(Load::None, 1, 1) }.checked().is_ok());
    }

    #[test]
    fn only_plain_http_is_spoken() {
        assert_eq!(plain_address(&Url::parse("http://127.0.0.1:8000").unwrap()).unwrap(), "127.0.0.1:8000");
        assert_eq!(plain_address(&Url::parse("http://[::1]").unwrap()).unwrap(), "[::1]:80");
        assert!(plain_address(&Url::parse("https://example.org").unwrap()).is_err());
        assert!(plain_address(&Url::parse("http://example.org/duet").unwrap()).is_err());
    }
}
