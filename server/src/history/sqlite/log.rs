//! SQLite's log of what was committed (WAL), and moving it into the database.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tracing::{debug, warn};

use crate::history::sqlite::schema;
use crate::sqlite;

/// How many pages of log call for a checkpoint (4 KiB each).
const CHECKPOINT_PAGES: i64 = 4_000;

/// With how many pages left to move the writer itself moves them and begins the log anew: few enough that nobody
/// notices.
const FEW_PAGES: i64 = 1_000;

/// How many pages of log make the writer do so however many are left, so that the log does not grow for as long as the
/// load lasts.
pub(super) const RESTART_PAGES: i64 = 16_000;

/// How long the writer waits for those who still read in the log. Pages of messages are read in less; who reads for
/// longer, as a backup does, is not waited for, and the log grows meanwhile.
const PATIENCE: Duration = Duration::from_millis(10);

/// The log as the writer sees it.
#[derive(Debug)]
pub(super) struct Log {
    /// Wishes for the thread that makes checkpoints.
    wishes: mpsc::SyncSender<()>,
    /// A shorter log is not begun anew: when that was tried last, somebody needed what is in it.
    begin_anew_from: i64,
}

impl Log {
    pub(super) fn new(wishes: mpsc::SyncSender<()>) -> Self {
        Self { wishes, begin_anew_from: 0 }
    }

    /// Sees to it that the log does not grow for ever.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let (pages, left) = match log_pages(connection) {
            Ok(pages) => pages,
            Err(error) => return warn!(%error, "the size of the log could not be read"),
        };
        if pages < CHECKPOINT_PAGES {
            return;
        }
        if pages < self.begin_anew_from || (pages < RESTART_PAGES && left > FEW_PAGES) {
            return self.ask_for_checkpoint();
        }
        match begin_anew(connection) {
            Ok(true) => self.begin_anew_from = 0,
            Ok(false) => self.begin_anew_from = pages + CHECKPOINT_PAGES,
            Err(error) => warn!(%error, "checkpoint failed"),
        }
    }

    /// Whether so much is left to move that what can wait should not add to it; asks for a checkpoint if so.
    pub(super) fn is_behind(&self, connection: &Connection) -> bool {
        let is_behind = log_pages(connection).is_ok_and(|(_, left)| left >= CHECKPOINT_PAGES);
        if is_behind {
            self.ask_for_checkpoint();
        }
        is_behind
    }

    pub(super) fn ask_for_checkpoint(&self) {
        // Full means that one is asked for already.
        let _ = self.wishes.try_send(());
    }
}

/// Begins the log anew, unless somebody needs what is in it.
fn begin_anew(connection: &Connection) -> Result<bool, rusqlite::Error> {
    connection.busy_timeout(PATIENCE)?;
    let result = checkpoint(connection, "RESTART");
    connection.busy_timeout(sqlite::BUSY_TIMEOUT)?;
    result
}

/// How many pages stand in the log, and how many of them are left to move. `NOOP` moves none.
fn log_pages(connection: &Connection) -> Result<(i64, i64), rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((pages, pages - moved))
    })
}

/// Moves what can be moved, in one of SQLite's modes. Says whether nobody was in the way.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Result<bool, rusqlite::Error> {
    let is_busy: bool = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| row.get(0))?;
    Ok(!is_busy)
}

/// Moves the log into the database for each wish, until no more can come.
pub(super) fn checkpoint_when_asked(path: &Path, wishes: &mpsc::Receiver<()>) {
    let connection = match schema::open_checkpointer(path) {
        Ok(connection) => connection,
        Err(error) => return warn!(%error, "the log will only be moved on by the writer itself"),
    };
    while wishes.recv().is_ok() {
        match checkpoint(&connection, "PASSIVE") {
            Ok(_) => debug!("checkpoint made"),
            Err(error) => warn!(%error, "checkpoint failed"),
        }
    }
}
