//! What goes wrong with the database: of which kind it is, and what went wrong of late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use crate::clock;
use crate::history::HistoryError;

/// How long a failure counts as trouble. Not for ever: where nobody asks anything of a server in trouble, nothing would
/// show that it is over.
const LASTS: Duration = Duration::from_secs(10);

/// Whether an error is about what stands in the file, rather than about how it is reached.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    let damage = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase, ErrorCode::Unknown];
    error.sqlite_error_code().is_none_or(|code| damage.contains(&code))
}

/// Whether the log says of the history that it is damaged, and what to do. Reading and indexing meet the same damage.
#[derive(Debug, Default)]
pub(super) struct Damage(AtomicBool);

impl Damage {
    /// Whether an error is to be said: of damage only the first.
    pub(super) fn is_news(&self, error: &HistoryError) -> bool {
        !matches!(error, HistoryError::Damaged(_)) || !self.0.swap(true, Ordering::Relaxed)
    }

    /// It is read without errors again: more of it is news.
    pub(super) fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The last failure of one kind of work.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<(Instant, String)>>);

impl Trouble {
    /// Notes a failure. Says whether none came shortly before.
    pub(super) fn note(&self, error: &impl ToString) -> bool {
        let now = clock::now().instant;
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace((now, error.to_string()));
        before.is_none_or(|(at, _)| now.duration_since(at) >= LASTS)
    }

    /// Nothing is wrong any more.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Forgets a failure that was some seconds ago. Says whether there was one.
    pub(super) fn forget_old(&self) -> bool {
        let now = clock::now().instant;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.take_if(|(at, _)| now.duration_since(*at) >= LASTS).is_some()
    }

    /// What failed within the last seconds, for the operator.
    pub(super) fn recent(&self) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|(at, _)| clock::now().instant.duration_since(*at) < LASTS).map(|(_, error)| error)
    }
}
