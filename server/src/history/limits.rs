//! Pure. What a message must be to be kept, and how often to look.

use std::time::Duration;

use jiff::Timestamp;

use crate::history::Retention;

/// How often messages are looked through for expired ones at the least. What has expired is read for so long at the
/// most; a look costs a few microseconds for each room that ever was.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Where messages are kept for a short time, it is looked in as many parts of that, ...
const LOOKS: u32 = 10;

/// ... but no more often than this.
const LOOK_NO_OFTENER: Duration = Duration::from_secs(2);

/// What a message must be to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Sent at this time or later, in milliseconds since 1970.
    pub(super) since: i64,
    /// One of so many newest ones.
    pub(super) newest: i64,
}

impl Limits {
    /// `None` where all are kept.
    pub(super) fn of(retention: Retention, now: Timestamp) -> Option<Self> {
        let Retention { keep_for, keep_messages } = retention;
        if keep_for.is_none() && keep_messages.is_none() {
            return None;
        }
        let milliseconds = |age: Duration| i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Some(Self {
            since: keep_for.map_or(i64::MIN, |age| now.as_millisecond().saturating_sub(milliseconds(age))),
            newest: keep_messages.map_or(i64::MAX, |count| i64::try_from(count.get()).unwrap_or(i64::MAX)),
        })
    }
}

/// How often to look for what has expired.
pub(super) fn look_every(retention: Retention) -> Duration {
    retention.keep_for.map_or(LOOK_EVERY, |time| (time / LOOKS).clamp(LOOK_NO_OFTENER, LOOK_EVERY))
}
