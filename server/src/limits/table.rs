//! The token buckets of everybody who is counted, in memory that is bounded from the start. Pure.
//!
//! A bucket is one moment, that at which it will be full again (GCRA, the leaky bucket as a meter of ITU-T I.371): each
//! thing done moves it by the rate's interval, and what would move it further ahead of now than the burst allows is refused.
//!
//! **When there are more than it has room for.** Buckets stand in sets of eight; the key, a hash that outsiders cannot
//! foresee, says in which. One that is not there takes the place of the fullest bucket of its set *and goes on where that
//! one stood*. While not all of a set are in use, that is a full one. Otherwise:
//!
//! - Memory stays what it was.
//! - Nobody gets more than the rate. What a bucket has given, the set never forgets: the fullest of a set only moves ahead, so
//!   one that was pushed out comes back to no more than it had left.
//! - Nobody is locked out by many keys alone. A newcomer is refused only while *all* of its set have used up their bursts, so
//!   whoever wants that must have eight times the rate let through, in each set. With a million addresses that is more than
//!   the server could answer at all.

use std::time::Duration;

use crate::limits::rate::Rate;

/// How many buckets are looked at for one key: two cache lines.
const WAYS: usize = 8;

/// The buckets of those who are counted for one limit.
#[derive(Debug)]
pub struct Table {
    interval: u64,
    tolerance: u64,
    sets: Box<[[Bucket; WAYS]]>,
}

/// All zero is a bucket of nobody, and full.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    key: u64,
    /// When it is full again, in nanoseconds since the table was made.
    full_at: u64,
}

/// It is too early: in this time one more is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooEarly(pub Duration);

impl Table {
    /// Room for at least `keys`, all with full buckets.
    #[must_use]
    pub fn new(rate: Rate, keys: usize) -> Self {
        let interval = nanos(rate.interval()).max(1);
        let tolerance = interval.saturating_mul(u64::from(rate.burst()) - 1);
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        // Zeroed by the system page by page when they are first used.
        Self { interval, tolerance, sets: vec![[Bucket::default(); WAYS]; sets].into_boxed_slice() }
    }

    /// Takes one from the bucket of `key`, a hash; `now` is the time since the table was made.
    ///
    /// # Errors
    /// When it is empty. Nothing is taken then, so that asking does not make it last longer.
    pub fn take(&mut self, key: u64, now: Duration) -> Result<(), TooEarly> {
        let (now, interval, tolerance) = (nanos(now), self.interval, self.tolerance);
        let Some(bucket) = self.bucket(key) else { return Ok(()) };
        let full_at = bucket.full_at.max(now);
        let early = (full_at - now).saturating_sub(tolerance);
        if early > 0 {
            return Err(TooEarly(Duration::from_nanos(early)));
        }
        *bucket = Bucket { key, full_at: full_at.saturating_add(interval) };
        Ok(())
    }

    /// The bucket of `key`, or the one it would take over. There is always one.
    fn bucket(&mut self, key: u64) -> Option<&mut Bucket> {
        let mask = self.sets.len() as u64 - 1;
        let set = self.sets.get_mut(usize::try_from(key & mask).unwrap_or_default())?;
        match set.iter().position(|bucket| bucket.key == key) {
            Some(own) => set.get_mut(own),
            None => set.iter_mut().min_by_key(|bucket| bucket.full_at),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_goes_through_and_then_one_after_the_other() {
        let mut table = Table::new(rate("10/s burst 3"), 8);
        for _ in 0..3 {
            assert_eq!(table.take(1, at(0)), Ok(()));
        }
        assert_eq!(table.take(1, at(0)), Err(TooEarly(at(100))));
        assert_eq!(table.take(1, at(99)), Err(TooEarly(at(1))));
        assert_eq!(table.take(1, at(100)), Ok(()));
        assert_eq!(table.take(1, at(100)), Err(TooEarly(at(100))));
        assert_eq!(table.take(2, at(100)), Ok(()));
    }

    #[test]
    fn whoever_waits_as_long_as_is_said_gets_through() {
        let mut table = Table::new(rate("7/min burst 2"), 8);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            while let Err(TooEarly(wait)) = table.take(1, now) {
                assert_eq!(table.take(1, now + wait - Duration::from_nanos(1)), Err(TooEarly(Duration::from_nanos(1))));
                now += wait;
            }
        }
    }

    #[test]
    fn times_beyond_all_measure_do_no_harm() {
        let mut table = Table::new(rate("1/h burst 1000000"), 1);
        assert_eq!(table.take(1, Duration::MAX), Ok(()));
        assert!(table.take(1, Duration::ZERO).is_err());
    }

    /// When each of `keys` got through, in milliseconds.
    fn let_through(table: &mut Table, asked: &[(u64, u64)]) -> HashMap<u64, Vec<u64>> {
        let mut through: HashMap<u64, Vec<u64>> = HashMap::new();
        let mut now = 0;
        for (key, pause) in asked {
            now += pause;
            if table.take(*key, at(now)).is_ok() {
                through.entry(*key).or_default().push(now);
            }
        }
        through
    }

    proptest! {
        /// However many share a set, and whoever pushes out whom.
        #[test]
        fn nobody_gets_more_than_the_burst_and_the_rate(
            asked in prop::collection::vec((0..30_u64, prop_oneof![8 => 0..3_u64, 1 => 0..400_u64]), 1..600),
            burst in 1..6_u32,
        ) {
            let mut table = Table::new(rate(&format!("100/s burst {burst}")), 1);
            for (key, times) in let_through(&mut table, &asked) {
                for (first, since) in times.iter().enumerate() {
                    for (last, until) in times.iter().enumerate().skip(first) {
                        let (count, most) = ((last - first + 1) as u64, u64::from(burst) + (until - since) / 10);
                        prop_assert!(count <= most, "{key} got {count} in {} ms", until - since);
                    }
                }
            }
        }

        /// While there is room for all, what the others do does not matter.
        #[test]
        fn whoever_keeps_to_the_rate_is_never_refused(
            turns in prop::collection::vec((0..10_u64, 1..WAYS as u64, 0..20), 1..200),
        ) {
            let mut table = Table::new(rate("100/s burst 2"), 1);
            for (turn, (late, other, attempts)) in (0..).zip(turns) {
                let now = at(turn * 10 + late);
                prop_assert_eq!(table.take(99, now), Ok(()), "turn {}", turn);
                for _ in 0..attempts {
                    // Refused or not, as it comes.
                    let _ = table.take(other, now);
                }
            }
        }
    }

    /// As many as there are addresses in a botnet, twenty times as many as there is room for.
    #[test]
    fn a_million_addresses_take_no_memory_lift_no_limit_and_lock_nobody_out() {
        const ROOM: usize = 50_000;
        const A_SECOND: u64 = 100_000;
        let hasher = RandomState::new();
        let (honest, greedy) = (hasher.hash_one("honest"), hasher.hash_one("greedy"));
        let mut table = Table::new(rate("2/s burst 20"), ROOM);
        let bytes = size_of_val(&*table.sets);
        let (mut refused, mut got) = (0, 0);
        for n in 0..1_000_000_u64 {
            let now = Duration::from_nanos(n * 1_000 * MS / A_SECOND);
            let _ = table.take(hasher.hash_one(n), now);
            if n % (A_SECOND / 10) == 0 {
                got += u64::from(table.take(greedy, now).is_ok());
            }
            if n % (A_SECOND / 2) == 0 {
                refused += u64::from(table.take(honest, now).is_err());
            }
        }
        assert_eq!(refused, 0, "of 20 that keep to the rate");
        assert!(got <= 20 + 2 * 10, "{got} in 10 s");
        assert_eq!(size_of_val(&*table.sets), bytes);
        assert!(bytes <= 2 * ROOM * size_of::<Bucket>(), "{bytes}");
    }
}
