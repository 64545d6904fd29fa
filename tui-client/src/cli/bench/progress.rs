//! What all threads count together while they run, and the eye on it: the line that moves, and the end before the end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::bench::plan::{Plan, Times};
use crate::cli::ticker::{bar, show};

/// How often to look.
const TICK: Duration = Duration::from_millis(250);

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    accepted: AtomicU64,
    heard: AtomicU64,
    ended: AtomicU64,
    stopped: OnceLock<Stopped>,
}

/// A person or a program has asked for the end before the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped {
    pub(crate) at: Instant,
    /// The signal's number.
    pub(crate) signal: i32,
}

impl Progress {
    /// Messages answered with 200.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Frames heard for the first time.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }

    /// Listening connections that have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    /// Whether the run was ended early.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stopped.get().copied()
    }

    /// When the last message is sent: as planned, or when it was stopped.
    pub(crate) fn end(&self, times: Times) -> Instant {
        self.stopped().map_or(times.end, |stopped| stopped.at.min(times.end))
    }

    /// Ends the run at the first signal, with a report of what was measured; at the second the program.
    ///
    /// # Errors
    /// When signals cannot be taken.
    pub(crate) fn stop_on_signal(self: &Arc<Self>) -> std::io::Result<()> {
        let progress = Arc::clone(self);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        drop(entered);
        thread::spawn(move || {
            runtime.block_on(async {
                loop {
                    let signal = tokio::select! {
                        _ = interrupt.recv() => Signal::INT.as_raw(),
                        _ = terminate.recv() => Signal::TERM.as_raw(),
                    };
                    if progress.stopped.set(Stopped { at: Instant::now(), signal }).is_err() {
                        std::process::exit(128 + signal);
                    }
                }
            });
        });
        Ok(())
    }

    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_heard(&self) {
        self.heard.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_ended(&self) {
        self.ended.fetch_add(1, Relaxed);
    }
}

/// Looks at the counters through the run.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    progress: &'a Progress,
    times: Times,
    connections: u64,
    /// How many messages were accepted so long after the start.
    accepted: Vec<(Duration, u64)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(plan: &Plan, times: Times, progress: &'a Progress) -> Self {
        Self { progress, times, connections: plan.listening().into(), accepted: vec![] }
    }

    /// Waits until then, or until every connection has ended, for nothing is heard after that, or the run was stopped.
    pub(crate) fn until(&mut self, until: Instant) {
        loop {
            let now = Instant::now();
            self.accepted.push((now.saturating_duration_since(self.times.start), self.progress.accepted()));
            let left = until.saturating_duration_since(now);
            if left.is_zero() || self.is_over() || self.progress.stopped().is_some() {
                return;
            }
            self.draw(now);
            thread::sleep(left.min(TICK));
        }
    }

    /// Says that the load is over, and gives the samples, by the time since the start.
    pub(crate) fn end(self) -> Vec<(Duration, u64)> {
        show("waiting for the last answers and frames");
        self.accepted
    }

    /// Since when nothing can be heard any more, counted from the start, when that is so.
    pub(crate) fn over_after(&self) -> Option<Duration> {
        self.is_over().then(|| self.times.start.elapsed())
    }

    fn is_over(&self) -> bool {
        self.connections > 0 && self.progress.ended() >= self.connections
    }

    fn draw(&self, now: Instant) {
        let (gone, whole) = (now.saturating_duration_since(self.times.start), self.times.end - self.times.start);
        let bar = bar(gone.div_duration_f64(whole));
        let (accepted, heard) = (self.progress.accepted(), self.progress.heard());
        let ended = match self.progress.ended() {
            0 => String::new(),
            ended => format!(", {ended} connections ended"),
        };
        let (gone, whole) = (gone.as_secs(), whole.as_secs_f64().ceil());
        show(&format!("{bar} {gone}/{whole} s  {accepted} accepted, {heard} frames{ended}"));
    }
}
