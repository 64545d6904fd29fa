//! What the server is told of how far this client has come. Pure.

use std::time::Duration;

use shared::frames::{Reached, Resume};
use shared::message::Seq;
use tokio::time::Instant;

use crate::network::NetworkEvent;

/// Between one receipt and the next. A flood is a few of them; one message alone is told of at once.
const EVERY: Duration = Duration::from_millis(300);

/// How far this client has come, and what the server knows of it.
#[derive(Debug)]
pub(crate) struct Receipts {
    reached: Reached,
    /// What this connection was told.
    told: Reached,
    /// When the next one may go out.
    ready_at: Instant,
}

impl Receipts {
    pub(crate) fn new(now: Instant) -> Self {
        Self { reached: Reached::default(), told: Reached::default(), ready_at: now }
    }

    /// A connection begins that was told nothing yet. After a reset places begin anew as well.
    pub(crate) fn welcome(&mut self, resume: Resume) {
        self.told = Reached::default();
        if resume == Resume::Reset {
            self.reached = Reached::default();
        }
    }

    /// The screen is being handed this.
    pub(crate) fn note(&mut self, event: &NetworkEvent) {
        if let NetworkEvent::Message(message) = event {
            self.delivered(message.seq);
        } else if let NetworkEvent::Gap(gap) = event {
            self.delivered(gap.to);
        }
    }

    fn delivered(&mut self, seq: Seq) {
        self.reached.delivered = self.reached.delivered.max(seq);
    }

    /// The person has seen everything up to this place. What was not delivered is of a history that is no more.
    pub(crate) fn read(&mut self, seq: Seq) {
        if seq <= self.reached.delivered {
            self.reached.read = self.reached.read.max(seq);
        }
    }

    /// When the next receipt is to go out; never while there is nothing to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.reached != self.told).then_some(self.ready_at)
    }

    /// Tells `now` how far this client has come, by a way that says whether it goes out. If not, it is tried again.
    pub(crate) fn tell(&mut self, now: Instant, goes_out: impl FnOnce(Reached) -> bool) {
        self.ready_at = now + EVERY;
        if goes_out(self.reached) {
            self.told = self.reached;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(delivered: u64, read: u64) -> Reached {
        Reached { delivered: Seq(delivered), read: Seq(read) }
    }

    #[track_caller]
    fn check_tells(receipts: &mut Receipts, now: Instant, expected: Reached) {
        receipts.tell(now, |reached| {
            assert_eq!(reached, expected);
            true
        });
    }

    #[test]
    fn one_message_is_told_of_at_once_and_a_flood_a_few_times_a_second() {
        let now = Instant::now();
        let mut receipts = Receipts::new(now);
        assert_eq!(receipts.due(), None, "there is nothing to tell");
        receipts.delivered(Seq(1));
        assert_eq!(receipts.due(), Some(now));
        receipts.tell(now, |_| false);
        assert_eq!(receipts.due(), Some(now + EVERY), "it did not go out");
        check_tells(&mut receipts, now, reached(1, 0));
        assert_eq!(receipts.due(), None);
        for seq in 2..100 {
            receipts.delivered(Seq(seq));
            receipts.read(Seq(seq - 1));
        }
        assert_eq!(receipts.due(), Some(now + EVERY));
        check_tells(&mut receipts, now + EVERY, reached(99, 98));
    }

    #[test]
    fn a_new_connection_is_told_again_and_nothing_goes_back() {
        let now = Instant::now();
        let mut receipts = Receipts::new(now);
        receipts.delivered(Seq(7));
        receipts.read(Seq(5));
        check_tells(&mut receipts, now, reached(7, 5));
        receipts.delivered(Seq(3));
        receipts.read(Seq(3));
        assert_eq!(receipts.due(), None);
        receipts.welcome(Resume::Complete);
        assert!(receipts.due().is_some());
        check_tells(&mut receipts, now, reached(7, 5));
    }

    #[test]
    fn what_was_read_of_another_history_says_nothing_of_this_one() {
        let mut receipts = Receipts::new(Instant::now());
        receipts.delivered(Seq(50));
        receipts.welcome(Resume::Reset);
        receipts.delivered(Seq(1));
        receipts.read(Seq(50));
        check_tells(&mut receipts, Instant::now(), reached(1, 0));
    }
}
