//! Pure. When a draft is to be kept: once it has rested, and at once where it may be the last chance.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::times::later;

/// A draft that nobody changes for so long is written down.
const RESTS: Duration = Duration::from_millis(300);

/// A draft as far as it is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// What is written down.
    kept: String,
    /// When what is not is to be.
    due: Option<Timestamp>,
}

impl Draft {
    /// What was written down in an earlier run.
    pub(crate) fn found(&mut self, text: &str) {
        text.clone_into(&mut self.kept);
    }

    /// When something is to be written down.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The draft is `text` now; what is to be written down of it, if something is. What is sent or cleared goes at once:
    /// it must not come back.
    pub(crate) fn note(&mut self, text: &str, now: Timestamp, is_typed: bool) -> Option<String> {
        if text == self.kept {
            self.due = None;
            return None;
        }
        if is_typed || self.due.is_none() {
            self.due = Some(later(now, RESTS));
        }
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due || text.is_empty() { self.keep(text) } else { None }
    }

    /// The same, without waiting. A text is written down though it is: another client of the same person may have sent its
    /// own meanwhile, and removed what was.
    pub(crate) fn keep(&mut self, text: &str) -> Option<String> {
        self.due = None;
        if text.is_empty() && self.kept.is_empty() {
            return None;
        }
        text.clone_into(&mut self.kept);
        Some(self.kept.clone())
    }
}
