//! How the values of settings are read, with what to write where one is wrong.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use crate::access::invites::MAX_LIFE;
use crate::config::Limit;

/// The highest that the longest content may be set to, in bytes of UTF-8. In JSON a byte may become six, and clients take
/// no frame beyond 16 MiB.
const MAX_MAX_CONTENT_BYTES: usize = 2 * 1024 * 1024;

/// The longest time that people may be given to leave.
const MAX_DRAIN: Duration = Duration::from_secs(60 * 60);

/// Reads an address to listen on.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8000 or [::]:8000".to_owned())
}

/// Reads for how long to keep messages; an empty text is for ever.
pub(super) fn keep_for(text: &str) -> Result<Limit<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time(text).filter(|time| !time.is_zero());
    time.map(Some).ok_or_else(|| "write a time such as 90d, 12h or 30m".to_owned())
}

/// Reads how long an invite is good for.
pub(super) fn invite_life(text: &str) -> Result<Duration, String> {
    let time = time(text).filter(|time| (Duration::from_secs(1)..=MAX_LIFE).contains(time));
    time.ok_or_else(|| "write a time from 1s to 30d, such as 24h or 7d".to_owned())
}

/// Reads over which time people leave; an empty text is as usual.
pub(super) fn drain(text: &str) -> Result<Limit<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time(text).filter(|time| *time <= MAX_DRAIN);
    time.map(Some).ok_or_else(|| "write a time up to 1h, such as 0s, 30s or 5m".to_owned())
}

/// Reads a time; a day is 24 hours.
pub(crate) fn time(text: &str) -> Option<Duration> {
    let span = text.parse::<Span>().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok()
}

/// Reads how many messages to keep; an empty text is all.
pub(super) fn keep_messages(text: &str) -> Result<Limit<NonZeroU64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "write a number of messages from 1, such as 10000".to_owned())
}

/// Reads how long a content may be.
pub(super) fn content_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=MAX_MAX_CONTENT_BYTES).contains(bytes));
    bytes.ok_or_else(|| format!("write a number of bytes from 1 to {MAX_MAX_CONTENT_BYTES}, such as 65536"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Settings;
    use crate::history::Retention;

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["duet-server"], arguments].concat())
    }

    #[test]
    fn messages_are_kept_for_ever_or_for_a_time_that_reads_well() {
        const HOUR: u64 = 3_600;
        let kept = |time| settings(&["--keep-for", time]).keep_for.unwrap().as_secs();
        assert_eq!(settings(&[]).retention(), Retention::default());
        for (time, seconds) in [("90d", 90 * 24 * HOUR), ("12h", 12 * HOUR), ("2w", 14 * 24 * HOUR), ("90s", 90)] {
            assert_eq!(kept(time), seconds, "{time}");
        }
        for time in ["90", "0d", "-1d", "1 month", "1y", "soon"] {
            let refused = Settings::try_parse_from(["duet-server", &format!("--keep-for={time}")]).unwrap_err();
            assert!(refused.to_string().contains("such as 90d"), "{refused}");
        }
    }

    #[test]
    fn people_are_given_a_time_to_leave() {
        let drain = |time: &str| settings(&[&format!("--drain={time}")]).drain;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            [drain(""), drain("0s"), drain("30s"), drain("1h")],
            [None, seconds(0), seconds(30), seconds(3_600)]
        );
        for time in ["30", "-1s", "2h", "soon"] {
            let refused = Settings::try_parse_from(["duet-server", &format!("--drain={time}")]).unwrap_err();
            assert!(refused.to_string().contains("such as 0s, 30s or 5m"), "{refused}");
        }
    }

    #[test]
    fn a_number_that_cannot_be_is_refused_with_those_that_can() {
        let wrong =
            [("keep-messages", "-1"), ("keep-messages", "0"), ("keep-messages", "x")].map(|it| (it, "from 1, such as"));
        let sizes = [("max-content-bytes", "0"), ("max-content-bytes", "2097153"), ("max-content-bytes", "64K")];
        for ((setting, value), expected) in wrong.into_iter().chain(sizes.map(|it| (it, "from 1 to 2097152"))) {
            let refused = Settings::try_parse_from(["duet-server", &format!("--{setting}={value}")]).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        assert_eq!(settings(&["--max-content-bytes", "2097152"]).max_content_bytes, MAX_MAX_CONTENT_BYTES);
        assert_eq!(settings(&["--keep-messages", "3"]).keep_messages, NonZeroU64::new(3));
    }
}
