//! What goes wrong with the database: of which kind it is, and what went wrong of late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::history::HistoryError;

/// How long a failure counts as trouble. Not for ever: where nobody asks anything of a server in trouble, nothing would
/// show that it is over.
const LASTS: Duration = Duration::from_secs(10);

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
#[derive(Debug)]
pub(super) struct Trouble<E>(Mutex<Option<Failure<E>>>);

/// That it failed, and when.
#[derive(Debug, Clone)]
pub(super) struct Failure<E> {
    pub(super) at: Instant,
    pub(super) error: E,
}

impl<E> Default for Trouble<E> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<E: Clone> Trouble<E> {
    /// Notes a failure. Says whether none came shortly before.
    pub(super) fn note(&self, error: &E) -> bool {
        let at = clock::now().instant;
        let before = self.last().replace(Failure { at, error: error.clone() });
        before.is_none_or(|before| at.duration_since(before.at) >= LASTS)
    }

    /// Nothing is wrong any more.
    pub(super) fn forget(&self) {
        *self.last() = None;
    }

    /// Forgets a failure that was some seconds ago. Says whether there was one.
    pub(super) fn forget_old(&self) -> bool {
        let now = clock::now().instant;
        self.last().take_if(|failure| now.duration_since(failure.at) >= LASTS).is_some()
    }

    /// What failed within the last seconds, for the operator.
    pub(super) fn recent(&self) -> Option<Failure<E>> {
        let now = clock::now().instant;
        self.last().clone().filter(|failure| now.duration_since(failure.at) < LASTS)
    }

    fn last(&self) -> MutexGuard<'_, Option<Failure<E>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
