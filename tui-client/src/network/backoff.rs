//! How long to wait before the next attempt. Pure: chance comes in as a number.

use std::time::Duration;

/// The first attempt after a loss comes within this: most losses are a server that restarts or a network that blinks.
const AT_ONCE: Duration = Duration::from_millis(100);
/// What the longest possible wait is then, and doubles from with each failure.
const BASE: Duration = Duration::from_secs(1);
/// No wait is longer while a server may only have restarted: its room keeps no seat for whoever comes late.
const EARLY_CAP: Duration = Duration::from_secs(2);
/// How much is waited in all before waits grow beyond that.
const EARLY: Duration = Duration::from_secs(60);
/// No wait is longer, unless the server asks for it.
const CAP: Duration = Duration::from_secs(15);
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Of waits that are no longer than this in all, where it is our own haste that they are for, nobody need know.
const BRIEF: Duration = Duration::from_secs(5);

/// No pause before another server is tried is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Exponential back-off with full jitter: after an outage clients come back spread out, not all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backoff {
    /// The longest that the wait before could have been without the server's wish.
    longest: Duration,
    /// How much has been waited in all.
    waited: Duration,
}

impl Backoff {
    /// The wait before the next attempt, given a `chance` from 0 to 1 and what the server asked for, if it did. What it
    /// asked for is cut to an hour, and spread as well: it asks the same of everybody.
    pub fn next_wait(&mut self, chance: f64, asked: Option<Duration>) -> Duration {
        let cap = if self.waited < EARLY { EARLY_CAP } else { CAP };
        self.longest = match self.longest {
            Duration::ZERO => AT_ONCE,
            AT_ONCE => BASE,
            longest => (longest * 2).min(cap),
        };
        let jitter = self.longest.mul_f64(chance.clamp(0.0, 1.0));
        let wait = jitter + asked.unwrap_or_default().min(LONGEST_ASKED);
        self.waited = self.waited.saturating_add(wait);
        wait
    }

    /// Whether what was waited in all is 5 s at the most, in whole seconds.
    pub(crate) fn is_brief(&self) -> bool {
        self.waited.as_secs() <= BRIEF.as_secs()
    }

    /// The pause before another server is tried than the one that was lost, given a `chance` from 0 to 1 and what that one
    /// asked for, if it did: all of its clients come at once.
    #[must_use]
    pub fn pause(chance: f64, asked: Option<Duration>) -> Duration {
        asked.unwrap_or(AT_ONCE).min(LONGEST_PAUSE).mul_f64(chance.clamp(0.0, 1.0))
    }

    /// An attempt has gone well: begin anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_a_minute_waits_are_short_then_they_double_up_to_the_cap() {
        let mut backoff = Backoff::default();
        let longest: Vec<u128> = (0..37).map(|_| backoff.next_wait(1.0, None).as_millis()).collect();
        assert_eq!(longest[..3], [100, 1000, 2000]);
        assert!(longest[3..32].iter().all(|wait| *wait == 2000), "{longest:?}");
        assert_eq!(longest[32..], [4000, 8000, 15000, 15000, 15000]);
        backoff.reset();
        assert_eq!(backoff.next_wait(1.0, None), AT_ONCE);
    }

    /// One that has waited for long.
    fn late() -> Backoff {
        Backoff { longest: CAP, waited: EARLY }
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_range() {
        let wait = |chance| Backoff { longest: BASE, waited: BASE }.next_wait(chance, None);
        assert_eq!(wait(0.0), Duration::ZERO);
        assert_eq!(wait(0.5), Duration::from_secs(1));
        assert_eq!(wait(1.0), Duration::from_secs(2));
    }

    #[test]
    fn what_the_server_asks_for_is_waited_at_least() {
        let asked = Some(Duration::from_secs(2));
        assert_eq!(Backoff::default().next_wait(0.0, asked), Duration::from_secs(2));
        assert_eq!(late().next_wait(1.0, asked), Duration::from_secs(17));
        assert_eq!(Backoff::default().next_wait(0.0, Some(Duration::MAX)), Duration::from_secs(3600));
    }

    #[test]
    fn some_seconds_in_all_are_brief() {
        let mut backoff = Backoff::default();
        backoff.next_wait(1.0, Some(Duration::from_secs(5)));
        assert!(backoff.is_brief());
        backoff.next_wait(1.0, None);
        assert!(!backoff.is_brief());
        backoff.reset();
        assert!(backoff.is_brief());
    }

    #[test]
    fn those_who_leave_a_server_are_spread_over_a_second_at_the_most() {
        assert_eq!(Backoff::pause(1.0, None), AT_ONCE);
        assert_eq!(Backoff::pause(0.5, Some(Duration::from_millis(400))), Duration::from_millis(200));
        assert_eq!(Backoff::pause(1.0, Some(Duration::from_secs(30))), Duration::from_secs(1));
        assert_eq!(Backoff::pause(0.0, Some(Duration::MAX)), Duration::ZERO);
    }

    #[test]
    fn many_failures_do_not_overflow() {
        assert_eq!(Backoff { longest: CAP, waited: Duration::MAX }.next_wait(1.0, None), CAP);
    }
}
