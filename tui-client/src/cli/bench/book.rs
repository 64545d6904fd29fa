//! The book of one thread: the ledgers of its rooms, and how long everything took.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::cli::bench::ledger::{Heard, LISTENERS, Ledger, Stamp, Tally};
use crate::cli::bench::plan::{Plan, Times};
use crate::cli::bench::progress::Progress;

/// Longer counts as a minute.
const LONGEST_MICROS: u64 = 60_000_000;

/// What came of a thread's work, and of all together when they are added.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) tally: Tally,
    /// From when a message was due to its frame at the last listener, in microseconds.
    pub(crate) delivery: Histogram<u64>,
    /// From the writing of a request to its answer, in microseconds.
    pub(crate) http: Histogram<u64>,
    /// From when a message was due to the writing of its request, in microseconds.
    pub(crate) lateness: Histogram<u64>,
    /// Messages that were not accepted, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Messages of an open loop that were not sent in time to count.
    pub(crate) unsent: u64,
}

impl Default for Share {
    fn default() -> Self {
        let (tally, failed, unsent) = (Tally::default(), BTreeMap::new(), 0);
        Self { tally, delivery: histogram(), http: histogram(), lateness: histogram(), failed, unsent }
    }
}

impl Share {
    pub(crate) fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        for (mine, theirs) in
            [(&mut self.delivery, other.delivery), (&mut self.http, other.http), (&mut self.lateness, other.lateness)]
        {
            *mine += theirs;
        }
        for (reason, count) in other.failed {
            *self.failed.entry(reason).or_default() += count;
        }
        self.unsent += other.unsent;
    }
}

#[expect(clippy::expect_used, reason = "the bounds are constants that a test has tried")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("bounds that fit")
}

/// The book of a thread while it runs.
#[derive(Debug)]
pub(crate) struct Book {
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    times: Times,
    /// By room; those of other threads stay empty.
    ledgers: Vec<Ledger>,
    accepted: u64,
    heard: u64,
    share: Share,
}

impl Book {
    /// An empty book. What comes in before `begin` sets the times is in none of the histograms.
    pub(crate) fn new(plan: Arc<Plan>, progress: Arc<Progress>, now: Instant) -> Self {
        let ledgers = (0..plan.rooms).map(|room| Ledger::new(plan.senders_in(room))).collect();
        let times = Times { start: now, begin: now, end: now };
        Self { plan, progress, times, ledgers, accepted: 0, heard: 0, share: Share::default() }
    }

    pub(crate) fn begin(&mut self, times: Times) {
        self.times = times;
    }

    /// The counter and the content of a sender's next message.
    pub(crate) fn post(&mut self, room: u32, sender: u32, due: Instant) -> (u32, String) {
        let counter = self.ledgers.get_mut(room as usize).map_or(0, |ledger| ledger.post(sender));
        let due = due.saturating_duration_since(self.times.start).as_nanos();
        let stamp = Stamp { sender, counter, due: u64::try_from(due).unwrap_or(u64::MAX) };
        (counter, stamp.content(&self.plan.run, self.plan.size))
    }

    /// The server has taken a message that was `due` then and `sent` then.
    pub(crate) fn accept(&mut self, room: u32, sender: u32, counter: u32, [due, sent, now]: [Instant; 3]) {
        if let Some(ledger) = self.ledgers.get_mut(room as usize) {
            ledger.accept(sender, counter);
        }
        self.accepted += 1;
        self.progress.count_accepted();
        if self.is_measured(due) {
            self.share.http.saturating_record(micros(now - sent));
            self.share.lateness.saturating_record(micros(sent - due));
        }
    }

    /// A listener has heard something.
    pub(crate) fn hear(&mut self, room: u32, listener: u32, content: &str, now: Instant) {
        let stamp = Stamp::read(content, &self.plan.run);
        let Some(ledger) = self.ledgers.get_mut(room as usize) else { return };
        let heard = ledger.hear(listener, stamp);
        if matches!(heard, Heard::One | Heard::All) {
            self.heard += 1;
            self.progress.count_heard();
        }
        if let (Heard::All, Some(stamp)) = (heard, stamp) {
            let due = self.times.start + Duration::from_nanos(stamp.due);
            if self.is_measured(due) {
                self.share.delivery.saturating_record(micros(now - due));
            }
        }
    }

    /// A message was not accepted.
    pub(crate) fn fail(&mut self, reason: &str) {
        *self.share.failed.entry(reason.to_owned()).or_default() += 1;
    }

    /// A message was due and not sent while it counted.
    pub(crate) fn leave_unsent(&mut self) {
        self.share.unsent += 1;
    }

    /// Frames heard for the first time.
    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether frames of accepted messages are still to come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.heard < self.accepted * u64::from(LISTENERS)
    }

    /// When the last message is sent.
    pub(crate) fn last(&self) -> Instant {
        self.progress.end(self.times)
    }

    /// A listening connection has ended.
    pub(crate) fn end(&mut self) {
        self.progress.count_ended();
    }

    /// What came of it.
    pub(crate) fn close(&mut self) -> Share {
        let mut share = std::mem::take(&mut self.share);
        for ledger in &self.ledgers {
            share.tally.add(ledger.tally());
        }
        share
    }

    fn is_measured(&self, due: Instant) -> bool {
        (self.times.begin..self.times.end).contains(&due)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}
