//! What is allowed: so many in a time, and so many at once. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The highest number in a rate. With it the arithmetic below stays far from its ends.
const MAX_COUNT: u32 = 1_000_000;

/// So many in a second, minute or hour, and so many at once after a quiet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    unit: Unit,
    burst: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a rate such as 20/s burst 100: a count for s, min or h, and how many may come at once, each up to {MAX_COUNT}"
)]
pub struct RateError;

impl Rate {
    /// So many a second, and so many at once.
    pub(super) const fn per_second(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Second, burst }
    }

    /// After which time one more is allowed.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.unit.duration() / self.count
    }

    /// How many may come at once.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }
}

impl Unit {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
        })
    }

    fn text(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }
}

/// `20/s burst 100`; without a burst it is what comes in one unit of time.
impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (rate, burst) = match words.as_slice() {
            [rate] => (*rate, None),
            [rate, "burst", burst] => (*rate, Some(count(burst)?)),
            _ => return Err(RateError),
        };
        let (counted, unit) = rate.split_once('/').ok_or(RateError)?;
        let count = count(counted)?;
        let unit = Unit::ALL.into_iter().find(|known| known.text() == unit).ok_or(RateError)?;
        Ok(Self { count, unit, burst: burst.unwrap_or(count) })
    }
}

fn count(text: &str) -> Result<u32, RateError> {
    text.parse().ok().filter(|count| (1..=MAX_COUNT).contains(count)).ok_or(RateError)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} burst {}", self.count, self.unit.text(), self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, interval: Duration, burst: u32) {
        let rate: Rate = text.parse().unwrap();
        assert_eq!((rate.interval(), rate.burst()), (interval, burst), "{text}");
        assert_eq!(rate.to_string().parse(), Ok(rate), "{text}");
    }

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        check("20/s burst 100", Duration::from_millis(50), 100);
        check("20/s", Duration::from_millis(50), 20);
        check("6/min burst 1", Duration::from_secs(10), 1);
        check("1/h", Duration::from_secs(3_600), 1);
        check("1000000/s burst 1000000", Duration::from_micros(1), 1_000_000);
    }

    #[test]
    fn what_is_no_rate_is_refused_with_one_that_is() {
        let wrong = ["", "20", "20/", "/s", "0/s", "-1/s", "20/d", "20 / s", "20/s burst", "20/s burst 0", "20/s 100"];
        for text in wrong.into_iter().chain(["1000001/s", "20/s burst 1000001", "20/s burst 5 x"]) {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.to_string().contains("such as 20/s burst 100"), "{text}: {error}");
        }
    }
}
