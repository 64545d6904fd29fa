//! Pure. How long a connection may stay by its token, and when that is said.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::rooms::Now;

/// How long before its end a token is said to expire, where it does not live for less than three times as long.
const SAID_BEFORE: Duration = Duration::from_secs(60);

/// Which part of its life a token has left when it is said to expire, where it lives for less.
const SAID_IN_THE_LAST: u32 = 3;

/// Until when a connection may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When the token ends by what it says.
    expires_at: Instant,
    /// When the connection is to end.
    over_at: Instant,
    /// When it is to be said; `None` when it has been.
    say_at: Option<Instant>,
}

/// When a token was made, when it ends, and how much longer it is taken.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Where it is known.
    pub issued_at: Option<Timestamp>,
    /// By what the token says.
    pub expires_at: Timestamp,
    /// For clocks that differ.
    pub leeway: SignedDuration,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// To say that the token ends in so long.
    Saying(Duration),
    /// To end the connection.
    End,
}

impl Term {
    /// Begins now. `None` for a token whose end is farther away than can be counted.
    #[must_use]
    pub fn begin(now: Now, span: Span) -> Option<Self> {
        let from =
            |time: Timestamp| -> Duration { (span.expires_at.duration_since(time)).try_into().unwrap_or_default() };
        let left = from(now.wall);
        let life = span.issued_at.map_or(left, from);
        let expires_at = now.instant.checked_add(left)?;
        let over_at = expires_at.checked_add(span.leeway.try_into().unwrap_or_default())?;
        let say_at = now.instant + left.saturating_sub(SAID_BEFORE.min(life / SAID_IN_THE_LAST));
        Some(Self { expires_at, over_at, say_at: Some(say_at) })
    }

    /// When [`Term::due`] is next of use.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.say_at.unwrap_or(self.over_at)
    }

    /// When the connection is to end.
    #[must_use]
    pub fn over_at(&self) -> Instant {
        self.over_at
    }

    /// How long the token holds.
    #[must_use]
    pub fn left(&self, now: Instant) -> Duration {
        self.expires_at.saturating_duration_since(now)
    }

    /// What is to be done. Says each thing once.
    pub fn due(&mut self, now: Instant) -> Due {
        if now >= self.over_at {
            return Due::End;
        }
        if self.say_at.take_if(|at| now >= *at).is_some() {
            return Due::Saying(self.left(now));
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEEWAY: SignedDuration = SignedDuration::from_secs(5);

    fn now() -> Now {
        Now { instant: Instant::now(), wall: "2026-11-22T14:02:00Z".parse().unwrap() }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Of a token with a life of `life` seconds of which `left` are left.
    fn term(now: Now, life: i64, left: i64) -> Term {
        let expires_at = now.wall + SignedDuration::from_secs(left);
        let issued_at = Some(expires_at - SignedDuration::from_secs(life));
        Term::begin(now, Span { issued_at, expires_at, leeway: LEEWAY }).unwrap()
    }

    #[test]
    fn a_minute_before_its_end_is_said_and_after_the_leeway_it_is_over() {
        let now = now();
        let mut term = term(now, 3600, 3600);
        assert_eq!(term.due(now.instant + seconds(3539)), Due::Nothing);
        assert_eq!(term.next(), now.instant + seconds(3540));
        assert_eq!(term.due(now.instant + seconds(3540)), Due::Saying(seconds(60)));
        assert_eq!(term.due(now.instant + seconds(3541)), Due::Nothing, "it is said once");
        assert_eq!(term.next(), now.instant + seconds(3605));
        assert_eq!(term.due(now.instant + seconds(3604)), Due::Nothing);
        assert_eq!(term.due(now.instant + seconds(3605)), Due::End);
    }

    #[test]
    fn of_a_short_life_the_last_third_is_said() {
        let now = now();
        assert_eq!(term(now, 6, 6).next(), now.instant + seconds(4));
        assert_eq!(term(now, 90, 50).next(), now.instant + seconds(20));
    }

    #[test]
    fn what_comes_near_its_end_is_told_at_once() {
        let now = now();
        assert_eq!(term(now, 3600, 10).due(now.instant), Due::Saying(seconds(10)));
    }

    #[test]
    fn without_a_beginning_the_life_counts_from_now() {
        let now = now();
        let expires_at = now.wall + SignedDuration::from_secs(30);
        let term = Term::begin(now, Span { issued_at: None, expires_at, leeway: LEEWAY }).unwrap();
        assert_eq!(term.next(), now.instant + seconds(20));
    }

    proptest! {
        /// Whatever a token says, its end is said at most once, before the connection is over, and then it is over.
        #[test]
        fn an_end_is_said_before_it_comes(issued in any::<Option<i32>>(), expires in -1_000_i64..100_000_000_000, steps in prop::collection::vec(0..2_000_u64, 1..50)) {
            let now = now();
            let at = |seconds: i64| now.wall.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
            let span = Span { issued_at: issued.map(|issued| at(issued.into())), expires_at: at(expires), leeway: LEEWAY };
            let Some(mut term) = Term::begin(now, span) else { return Ok(()) };
            let (mut time, mut said) = (now.instant, 0);
            for step in steps {
                time += seconds(step);
                match term.due(time) {
                    Due::Nothing => {}
                    Due::Saying(left) => { said += 1; prop_assert!(left <= seconds(60)); }
                    Due::End => prop_assert!(time >= now.instant + seconds(u64::try_from(expires.max(0)).unwrap().min(1 << 33))),
                }
            }
            prop_assert!(said <= 1);
        }
    }
}
