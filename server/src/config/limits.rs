//! How often things may be done and how much there may be, as it is set.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use crate::config::Limit;
use crate::limits::allowance;
use crate::limits::lengths::{Lengths, MAX_ROOM_BYTES, MAX_USER_BYTES};
use crate::limits::rate::Rate;
use crate::limits::{Rates, Usual};

/// How much may be set to wait for a WebSocket, in bytes. With less a page of usual messages would not fit.
const OUTBOUND_BYTES: RangeInclusive<usize> = 64 * 1024..=1024 * 1024 * 1024;

/// How long a message of a client may be on a WebSocket where nothing is set, in bytes. What it says has hardly a meaning; this
/// bounds what it costs.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// How long it may be set to be. A new token, which is the longest that is understood, is to go in.
const FRAME_BYTES: RangeInclusive<usize> = 4 * 1024..=16 * 1024 * 1024;

/// Limits of requests, rooms and what waits for people.
#[derive(Debug, Clone, Args)]
pub struct LimitSettings {
    /// How often each user may post to a room, such as "20/s burst 100", or none [default: none when open, 20/s burst 100
    /// when closed]
    #[arg(long, env = "DUET_POSTS_PER_USER", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    posts_per_user: Limit<Allowed>,

    /// How often all together may post to a room [default: none when open, 50/s burst 250 when closed]
    #[arg(long, env = "DUET_POSTS_PER_ROOM", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    posts_per_room: Limit<Allowed>,

    /// How often may be posted from one address, of IPv6 from one network of 64 bits; this machine's own are not counted
    /// [default: none when open, 100/s burst 500 when closed]
    #[arg(long, env = "DUET_POSTS_PER_ADDRESS", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    posts_per_address: Limit<Allowed>,

    /// How often one address may try to enter rooms [default: none when open, 10/s burst 100 when closed]
    #[arg(long, env = "DUET_JOINS_PER_ADDRESS", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    joins_per_address: Limit<Allowed>,

    /// How often one address may ask for tokens; who has the issuer key is not counted [default: none when open, 10/s burst 100 when closed]
    #[arg(long, env = "DUET_TOKENS_PER_ADDRESS", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    tokens_per_address: Limit<Allowed>,

    /// How often one address may ask about invites and members of rooms [default: none when open, 10/s burst 100 when closed]
    #[arg(long, env = "DUET_INVITES_PER_ADDRESS", value_name = "RATE", value_parser = allowed)]
    #[arg(default_value = "", hide_default_value = true)]
    invites_per_address: Limit<Allowed>,

    /// How many frames of a WebSocket are read, pings among them, or none; what is more waits to be read [default: 200/s burst 200]
    #[arg(long, env = "DUET_FRAMES_PER_CONNECTION", value_name = "RATE", value_parser = frames)]
    #[arg(default_value = "", hide_default_value = true)]
    frames_per_connection: Limit<Allowed>,

    /// How long a message may be that a client sends on a WebSocket, in bytes; a longer one ends the connection (1009)
    #[arg(long, env = "DUET_MAX_FRAME_BYTES", default_value_t = MAX_FRAME_BYTES, value_name = "BYTES", value_parser = frame)]
    pub max_frame_bytes: usize,

    /// How long the name of a room may be, in bytes of UTF-8
    #[arg(long, env = "DUET_MAX_ROOM_BYTES", default_value_t = MAX_ROOM_BYTES, value_name = "BYTES", value_parser = room_name)]
    max_room_bytes: usize,

    /// How long the name of a user may be, in bytes of UTF-8
    #[arg(long, env = "DUET_MAX_USER_BYTES", default_value_t = MAX_USER_BYTES, value_name = "BYTES", value_parser = user_name)]
    max_user_bytes: usize,

    /// How many rooms there may be people in at a time
    #[arg(long, env = "DUET_MAX_ROOMS", default_value = "20000", value_name = "COUNT", value_parser = rooms)]
    pub max_rooms: NonZeroUsize,

    /// How many bytes may wait for one WebSocket whose reader is slow; what is said beyond, it catches up from history
    #[arg(long, env = "DUET_MAX_OUTBOUND_BYTES", default_value = "1048576", value_name = "BYTES", value_parser = outbound)]
    pub max_outbound_bytes: usize,
}

/// What is allowed where it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// As often as anybody likes.
    Everything,
    /// So often.
    Rate(Rate),
}

impl LimitSettings {
    /// What is allowed; where nothing is set, as usual.
    #[must_use]
    pub fn rates(&self, usual: Usual) -> Rates {
        let usual = usual.rates();
        Rates {
            posts_per_user: set(self.posts_per_user, usual.posts_per_user),
            posts_per_room: set(self.posts_per_room, usual.posts_per_room),
            posts_per_address: set(self.posts_per_address, usual.posts_per_address),
            joins_per_address: set(self.joins_per_address, usual.joins_per_address),
            tokens_per_address: set(self.tokens_per_address, usual.tokens_per_address),
            invites_per_address: set(self.invites_per_address, usual.invites_per_address),
        }
    }

    /// How many frames of a WebSocket are read.
    #[must_use]
    pub fn frames_per_connection(&self) -> Option<Rate> {
        set(self.frames_per_connection, Some(allowance::USUAL))
    }

    /// How long names may be.
    #[must_use]
    pub fn lengths(&self) -> Lengths {
        Lengths { room: self.max_room_bytes, user: self.max_user_bytes }
    }
}

fn set(allowed: Limit<Allowed>, usual: Option<Rate>) -> Option<Rate> {
    match allowed {
        None => usual,
        Some(Allowed::Everything) => None,
        Some(Allowed::Rate(rate)) => Some(rate),
    }
}

/// Reads what is allowed; an empty text is as usual.
fn allowed(text: &str) -> Result<Limit<Allowed>, String> {
    match text {
        "" => Ok(None),
        "none" => Ok(Some(Allowed::Everything)),
        _ => text.parse().map(|rate| Some(Allowed::Rate(rate))).map_err(|e| format!("{e}; or none")),
    }
}

/// Reads how many frames are read. With fewer, pongs would wait so long that those who send them counted as gone.
fn frames(text: &str) -> Result<Limit<Allowed>, String> {
    match allowed(text)? {
        Some(Allowed::Rate(rate)) if rate.interval() > Duration::from_secs(1) => {
            Err("write a rate of 1/s or more, such as 200/s burst 200, or none".to_owned())
        }
        allowed => Ok(allowed),
    }
}

/// Reads how many rooms there may be.
fn rooms(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a number of rooms from 1, such as 20000".to_owned())
}

/// Reads how much may wait for a WebSocket.
fn outbound(text: &str) -> Result<usize, String> {
    bytes(text, OUTBOUND_BYTES, 1024 * 1024)
}

/// Reads how long a message of a client may be.
fn frame(text: &str) -> Result<usize, String> {
    bytes(text, FRAME_BYTES, MAX_FRAME_BYTES)
}

/// Reads how long the name of a room may be. Longer than every client counts on it cannot be.
fn room_name(text: &str) -> Result<usize, String> {
    bytes(text, 1..=MAX_ROOM_BYTES, MAX_ROOM_BYTES)
}

/// Reads how long the name of a user may be.
fn user_name(text: &str) -> Result<usize, String> {
    bytes(text, 1..=MAX_USER_BYTES, MAX_USER_BYTES)
}

fn bytes(text: &str, range: RangeInclusive<usize>, example: usize) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| range.contains(bytes));
    let (least, most) = range.into_inner();
    bytes.ok_or_else(|| format!("write a number of bytes from {least} to {most}, such as {example}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Settings;

    fn settings(arguments: &[&str]) -> LimitSettings {
        Settings::parse_from([&["duet-server"], arguments].concat()).limits
    }

    #[test]
    fn a_rate_that_is_set_wins_and_none_is_none() {
        let set = settings(&["--posts-per-user", "3/min", "--posts-per-room", "none"]);
        for usual in [Usual::Unlimited, Usual::Sane] {
            let Rates { posts_per_user, posts_per_room, .. } = set.rates(usual);
            assert_eq!((posts_per_user, posts_per_room), ("3/min".parse().ok(), None));
        }
    }

    #[test]
    fn where_none_is_set_it_is_as_usual() {
        for arguments in [[].as_slice(), &["--posts-per-user=", "--posts-per-room="]] {
            assert_eq!(settings(arguments).rates(Usual::Unlimited), Rates::default());
            assert_eq!(settings(arguments).rates(Usual::Sane), Usual::Sane.rates());
        }
    }

    #[test]
    fn the_help_says_what_is_usual() {
        let help = <Settings as clap::CommandFactory>::command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let usual = Usual::Sane.rates();
        let of_address = [usual.posts_per_address, usual.joins_per_address, usual.tokens_per_address];
        for rate in [usual.posts_per_user, usual.posts_per_room].into_iter().chain(of_address) {
            assert!(help.contains(&format!("[default: none when open, {} when closed]", rate.unwrap())), "{rate:?}");
        }
        assert!(help.contains(&format!("waits to be read [default: {}]", allowance::USUAL)));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_one_that_is() {
        for (setting, value, expected) in [
            ("posts-per-user", "20", "such as 20/s burst 100"),
            ("posts-per-room", "None", "; or none"),
            ("max-rooms", "0", "from 1, such as 20000"),
            ("frames-per-connection", "59/min", "1/s or more, such as 200/s burst 200, or none"),
            ("max-frame-bytes", "4095", "from 4096 to 16777216, such as 1048576"),
            ("max-room-bytes", "0", "from 1 to 128, such as 128"),
            ("max-room-bytes", "129", "from 1 to 128, such as 128"),
            ("max-user-bytes", "65", "from 1 to 64, such as 64"),
            ("max-user-bytes", "", "from 1 to 64, such as 64"),
            ("max-outbound-bytes", "65535", "from 65536 to 1073741824, such as 1048576"),
            ("max-outbound-bytes", "1M", "from 65536 to 1073741824, such as 1048576"),
        ] {
            let refused = Settings::try_parse_from(["duet-server", &format!("--{setting}={value}")]).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
    }
}
