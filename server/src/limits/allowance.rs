//! How many frames of a peer are read: what is more waits in its own connection, and holds up nobody else. Pure.

use std::time::{Duration, Instant};

use crate::limits::rate::Rate;

/// How many where nothing is set. A client of ours says a few in a second.
pub const USUAL: Rate = Rate::per_second(200, 200);

/// How long, at the least, a peer is not listened to that says more. Meanwhile what it says comes to be read together.
const PAUSE: Duration = Duration::from_millis(100);

/// What a peer may still say.
#[derive(Debug)]
pub struct Allowance {
    /// How much that is, if there is a limit.
    rate: Option<Rate>,
    /// When it may say all at once again (GCRA).
    spent_until: Instant,
    pause_until: Option<Instant>,
}

impl Allowance {
    /// That of a peer who comes now.
    #[must_use]
    pub fn new(rate: Option<Rate>, now: Instant) -> Self {
        Self { rate, spent_until: now, pause_until: None }
    }

    /// A frame was read. Says until when no other is, where it was one too many.
    pub fn spend(&mut self, now: Instant) -> Option<Instant> {
        let rate = self.rate?;
        self.spent_until = self.spent_until.max(now) + rate.interval();
        let ahead = self.spent_until.duration_since(now).saturating_sub(rate.interval() * rate.burst());
        if !ahead.is_zero() {
            self.pause_until = Some(now + ahead.max(PAUSE));
        }
        self.pause_until
    }

    /// Until when no frame is read, if it is so.
    #[must_use]
    pub fn pause_until(&self) -> Option<Instant> {
        self.pause_until
    }

    /// Ends a pause that is over.
    pub fn pass(&mut self, now: Instant) {
        self.pause_until.take_if(|until| *until <= now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many frames of a flood are read in so many milliseconds.
    fn read(allowance: &mut Allowance, begin: Instant, milliseconds: u64) -> u32 {
        let mut count = 0;
        for millisecond in 0..milliseconds {
            let now = begin + Duration::from_millis(millisecond);
            allowance.pass(now);
            while allowance.pause_until().is_none() {
                allowance.spend(now);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_flood_is_read_as_fast_as_is_allowed_and_whoever_was_quiet_may_say_much_again() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(Some(USUAL), begin);
        assert_eq!(read(&mut allowance, begin, 1), 201);
        let later = begin + Duration::from_millis(1);
        assert!((1_900..=2_100).contains(&read(&mut allowance, later, 10_000)));
        let rested = begin + Duration::from_secs(20);
        assert_eq!(read(&mut allowance, rested, 1), 201);
    }

    #[test]
    fn a_low_rate_is_kept_as_well() {
        let begin = Instant::now();
        let mut allowance = Allowance::new("2/s burst 3".parse().ok(), begin);
        let count = read(&mut allowance, begin, 10_000);
        assert!((3 + 18..=4 + 20).contains(&count), "{count}");
    }

    #[test]
    fn whoever_says_as_much_as_is_allowed_is_always_listened_to() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(Some(USUAL), begin);
        for frame in 0..10_000 {
            assert_eq!(allowance.spend(begin + USUAL.interval() * frame), None);
        }
        let mut without = Allowance::new(None, begin);
        assert!((0..10_000).all(|_| without.spend(begin).is_none()));
    }
}
