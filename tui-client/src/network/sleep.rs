//! Notices that the machine has slept: the wall clock goes on then, the monotonic one does not. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// How often to look. A connection that did not survive the sleep is replaced this soon after waking.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A shorter sleep is none: connections survive it, and clocks are corrected by as much.
const SLEPT: SignedDuration = SignedDuration::from_secs(5);

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { wall: Timestamp::now(), monotonic: Instant::now() }
    }

    /// Whether the machine has slept between this moment and a `later` one.
    pub(crate) fn slept_until(self, later: Self) -> bool {
        let awake = SignedDuration::try_from(later.monotonic.duration_since(self.monotonic)).unwrap_or_default();
        later.wall.duration_since(self.wall) - awake > SLEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wall_ms: i64, monotonic_ms: u64, slept: bool) {
        let before = Moment::now();
        let wall = before.wall + SignedDuration::from_millis(wall_ms);
        let monotonic = before.monotonic + Duration::from_millis(monotonic_ms);
        assert_eq!(before.slept_until(Moment { wall, monotonic }), slept, "{wall_ms} {monotonic_ms}");
    }

    #[test]
    fn sleep_is_what_only_the_wall_clock_saw() {
        check(2_000, 2_000, false);
        check(180_000, 2_000, true);
        check(6_000, 2_000, false);
        // Stopped with Ctrl+Z: the connection is as it was.
        check(180_000, 180_000, false);
        // The clock was set back.
        check(-3_600_000, 2_000, false);
    }
}
