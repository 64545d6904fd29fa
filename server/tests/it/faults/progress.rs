//! Where a run is: a line that is drawn over on a terminal, and otherwise a line now and then.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::faults::checker::Wrong;
use crate::faults::recorder::Recorder;

/// Without a terminal.
const EVERY: Duration = Duration::from_secs(30);
const BAR: usize = 24;

#[derive(Debug)]
pub(crate) struct Progress {
    /// `None`: shows nothing.
    length: Option<Duration>,
    began: Instant,
    /// Of the worlds before this one.
    before: Mutex<(usize, u64)>,
    shown: Mutex<Option<Instant>>,
}

impl Progress {
    pub(crate) fn of(length: Option<Duration>) -> Self {
        Self { length, began: Instant::now(), before: Mutex::default(), shown: Mutex::default() }
    }

    /// A world has ended, and its faults and messages count with those of the next.
    pub(crate) fn add(&self, faults: usize, accepted: u64) {
        let mut before = self.before.lock().unwrap();
        *before = (before.0 + faults, before.1 + accepted);
    }

    /// Says something else, where there is anybody to say it to.
    pub(crate) fn say(&self, text: &str) {
        if self.length.is_some() {
            // Nobody misses a line that cannot be written.
            let _ = writeln!(stderr(), "\n{text}");
        }
    }

    pub(crate) fn show(&self, faults: usize, recorder: &Recorder) {
        let Some(length) = self.length else { return };
        let mut shown = self.shown.lock().unwrap();
        if !stderr().is_terminal() && shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        *shown = Some(Instant::now());
        let counts = recorder.with(|checker, _| checker.counts.clone());
        let wrong = |wrong| counts.wrong.get(&wrong).copied().unwrap_or_default();
        let (faults_before, accepted_before) = *self.before.lock().unwrap();
        let part = (self.began.elapsed().as_secs_f64() / length.as_secs_f64()).min(1.0);
        let filled = (part * BAR as f64) as usize;
        let seconds = self.began.elapsed().as_secs();
        let line = format!(
            "[{}{}] {}:{:02}  {} messages  {} faults  {} lost  {} repeated  {} disordered",
            "=".repeat(filled),
            " ".repeat(BAR - filled),
            seconds / 60,
            seconds % 60,
            accepted_before + counts.accepted,
            faults_before + faults,
            wrong(Wrong::Lost),
            wrong(Wrong::Repeated),
            wrong(Wrong::Disordered),
        );
        // Nobody misses a line that cannot be written.
        let _ = if stderr().is_terminal() { write!(stderr(), "\r{line}\x1b[K") } else { writeln!(stderr(), "{line}") };
    }
}
