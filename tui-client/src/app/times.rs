//! Pure. Moments, and how they are told: by the clock, or by how long they are past.
//!
//! How long is counted in minutes of the clock, so that everything told this way changes at full minutes and together.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::State;
use crate::app::outline::Post;
use crate::app::preferences::Times;

const MINUTE: i64 = 60;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// From here on days are told, not hours.
const DAYS_FROM: i64 = 2 * DAY;

/// The moment so much later.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How soon something is tried again, in seconds that are rounded up.
pub(crate) fn again(at: Timestamp, now: Timestamp) -> String {
    match seconds_left(at, now) {
        0 => "again now".to_owned(),
        seconds => format!("again in {seconds} s"),
    }
}

/// The whole seconds until then, rounded up.
pub(crate) fn seconds_left(at: Timestamp, now: Timestamp) -> u128 {
    millis_left(at, now).div_ceil(1000)
}

/// When [`seconds_left`] becomes less. Never once it is nothing.
pub(crate) fn next_second(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let left = u64::try_from(millis_left(at, now).checked_sub(1)?).ok()?;
    Some(later(now, Duration::from_millis(left % 1000 + 1)))
}

fn millis_left(at: Timestamp, now: Timestamp) -> u128 {
    u128::try_from(at.duration_since(now).as_millis()).unwrap_or(0)
}

/// The time, and the day where it is another one.
#[must_use]
pub fn moment(state: &State, at: Timestamp) -> String {
    let at = at.to_zoned(state.zone.clone());
    let today = state.now.to_zoned(state.zone.clone()).date();
    let format = if at.date() == today { "%H:%M" } else { "%-d %B %H:%M" };
    at.strftime(format).to_string()
}

/// The time of a message, in the words for it that the person wants, in at most six columns.
#[must_use]
pub fn of_message(state: &State, post: &Post) -> String {
    match state.preferences.times {
        Times::Exact => clock(post.local.hour(), post.local.minute()),
        Times::Relative => how_long(post.at, state.now).unwrap_or_else(|| "now".to_owned()),
    }
}

/// A time of day. By hand, because each frame tells one for each row.
fn clock(hour: i8, minute: i8) -> String {
    let digits = |number: i8| [number / 10, number % 10].map(|digit| char::from(b'0' + digit.unsigned_abs()));
    let ([h, hh], [m, mm]) = (digits(hour), digits(minute));
    String::from_iter([h, hh, ':', m, mm])
}

/// How long something is past, the coarser the longer. Nothing for less than a minute.
#[must_use]
pub fn how_long(since: Timestamp, now: Timestamp) -> Option<String> {
    match minutes(since, now) {
        0 => None,
        minutes @ 1..10 => Some(format!("{minutes} min")),
        minutes @ 10..HOUR => Some(format!("{} min", minutes / 5 * 5)),
        minutes @ HOUR..DAYS_FROM => Some(format!("{} h", minutes / HOUR)),
        minutes => Some(format!("{} d", minutes / DAY)),
    }
}

/// When [`how_long`] says something else.
#[must_use]
pub fn changes_at(since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let minutes = minutes(since, now);
    let step = match minutes {
        0..10 => 1,
        10..HOUR => 5,
        HOUR..DAYS_FROM => HOUR,
        _ => DAY,
    };
    let minute = minute(now) + step - minutes % step;
    Timestamp::from_second(minute * MINUTE).ok()
}

/// What a clock that is ahead of ours says is now.
fn minutes(since: Timestamp, now: Timestamp) -> i64 {
    (minute(now) - minute(since)).max(0)
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-{clock}Z").parse().expect(clock)
    }

    #[test]
    fn the_longer_it_is_past_the_coarser_it_is_told() {
        let since = at("22T14:02:40");
        for (now, expected, next) in [
            ("22T14:02:59", None, "22T14:03:00"),
            ("22T14:03:00", Some("1 min"), "22T14:04:00"),
            ("22T14:11:59", Some("9 min"), "22T14:12:00"),
            ("22T14:12:00", Some("10 min"), "22T14:17:00"),
            ("22T15:01:30", Some("55 min"), "22T15:02:00"),
            ("22T15:02:00", Some("1 h"), "22T16:02:00"),
            ("24T14:01:00", Some("47 h"), "24T14:02:00"),
            ("24T14:02:00", Some("2 d"), "25T14:02:00"),
            // A clock that is behind.
            ("22T13:00:00", None, "22T13:01:00"),
        ] {
            let now = at(now);
            assert_eq!((how_long(since, now).as_deref(), changes_at(since, now)), (expected, Some(at(next))), "{now}");
        }
    }

    #[test]
    fn between_two_changes_nothing_changes() {
        let since = at("22T14:02:40");
        let mut now = since;
        while now < at("26T00:00:00") {
            let next = changes_at(since, now).unwrap();
            let just_before = Timestamp::from_second(next.as_second() - 1).unwrap();
            assert_eq!(how_long(since, now), how_long(since, just_before), "{now}");
            assert_ne!(how_long(since, now), how_long(since, next), "{now}");
            now = next;
        }
    }
}
