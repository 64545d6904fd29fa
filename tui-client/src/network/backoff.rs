//! How long to wait before the next attempt. Pure: chance comes in as a number.

use std::time::Duration;

/// The first attempt after a loss comes within this: most losses are a server that restarts or a network that blinks.
const AT_ONCE: Duration = Duration::from_millis(100);
/// What the longest possible wait starts from and doubles with each failure.
const BASE: Duration = Duration::from_millis(500);
/// No wait is longer, unless the server asks for it.
const CAP: Duration = Duration::from_secs(15);
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Exponential back-off with full jitter: after an outage clients come back spread out, not all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next attempt, given a `chance` from 0 to 1 and what the server asked for, if it did. What it
    /// asked for is cut to an hour, and spread as well: it asks the same of everybody.
    pub fn next_wait(&mut self, chance: f64, asked: Option<Duration>) -> Duration {
        let most = match self.failures {
            0 => AT_ONCE,
            n => BASE.saturating_mul(2u32.saturating_pow(n)).min(CAP),
        };
        self.failures = self.failures.saturating_add(1);
        let jitter = most.mul_f64(chance.clamp(0.0, 1.0));
        jitter + asked.unwrap_or_default().min(LONGEST_ASKED)
    }

    /// An attempt has gone well: begin anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wait_is_short_and_the_longest_doubles_up_to_the_cap() {
        let mut backoff = Backoff::default();
        let longest: Vec<u128> = (0..8).map(|_| backoff.next_wait(1.0, None).as_millis()).collect();
        assert_eq!(longest, [100, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
        backoff.reset();
        assert_eq!(backoff.next_wait(1.0, None), AT_ONCE);
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_range() {
        let wait = |chance| Backoff { failures: 3 }.next_wait(chance, None);
        assert_eq!(wait(0.0), Duration::ZERO);
        assert_eq!(wait(0.5), Duration::from_secs(2));
        assert_eq!(wait(1.0), Duration::from_secs(4));
    }

    #[test]
    fn what_the_server_asks_for_is_waited_at_least() {
        let asked = Some(Duration::from_secs(2));
        assert_eq!(Backoff::default().next_wait(0.0, asked), Duration::from_secs(2));
        assert_eq!(Backoff { failures: 9 }.next_wait(1.0, asked), Duration::from_secs(17));
        assert_eq!(Backoff::default().next_wait(0.0, Some(Duration::MAX)), Duration::from_secs(3600));
    }

    #[test]
    fn many_failures_do_not_overflow() {
        assert_eq!(Backoff { failures: u32::MAX }.next_wait(1.0, None), CAP);
    }
}
