//! The only reader of the clock.

use std::time::Instant;

use jiff::{Timestamp, Unit};

use crate::rooms::Now;

/// The time now, by both clocks.
#[must_use]
pub fn now() -> Now {
    Now { instant: instant(), wall: timestamp() }
}

/// The clock that only goes forward.
#[must_use]
pub fn instant() -> Instant {
    Instant::now()
}

/// The wall clock, to the millisecond as messages are dated.
#[must_use]
pub fn timestamp() -> Timestamp {
    let now = Timestamp::now();
    // Only a clock at the very end of representable time cannot be rounded.
    now.round(Unit::Millisecond).unwrap_or(now)
}
