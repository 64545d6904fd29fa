//! SQLite's log of what was committed (WAL), and moving it into the database.

use std::path::Path;
use std::sync::mpsc;

use rusqlite::Connection;
use tracing::{debug, warn};

use crate::history::schema;

/// How many pages of log call for a checkpoint (4 KiB each).
const CHECKPOINT_PAGES: i64 = 4_000;

/// How many pages of log make the writer itself wait for a checkpoint to reach the end, so that the log is begun anew
/// instead of growing for as long as the load lasts.
const RESTART_PAGES: i64 = 16_000;

/// Sees to it that the log does not grow for ever.
pub(super) fn tend(connection: &Connection, checkpoint: &mpsc::SyncSender<()>) {
    let pages = match log_pages(connection) {
        Ok(pages) => pages,
        Err(error) => return warn!(%error, "the size of the log could not be read"),
    };
    if pages >= RESTART_PAGES {
        if let Err(error) = run_checkpoint(connection, "RESTART") {
            warn!(%error, "checkpoint failed");
        }
    } else if pages >= CHECKPOINT_PAGES {
        // Full means that one is asked for already.
        let _ = checkpoint.try_send(());
    }
}

/// How many pages stand in the log. `NOOP` moves none.
fn log_pages(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| row.get(1))
}

fn run_checkpoint(connection: &Connection, mode: &str) -> Result<(), rusqlite::Error> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |_| Ok(()))
}

/// Moves the log into the database for each wish, until no more can come.
pub(super) fn checkpoint_when_asked(path: &Path, wishes: &mpsc::Receiver<()>) {
    let connection = match schema::open_checkpointer(path) {
        Ok(connection) => connection,
        Err(error) => return warn!(%error, "the log will only be moved on by the writer itself"),
    };
    while wishes.recv().is_ok() {
        match run_checkpoint(&connection, "PASSIVE") {
            Ok(()) => debug!("checkpoint made"),
            Err(error) => warn!(%error, "checkpoint failed"),
        }
    }
}
