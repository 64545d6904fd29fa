//! The one thread that writes: a batch is a transaction. A second thread moves committed pages from the log to the
//! database, so that a commit never waits for that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rusqlite::Connection;
use shared::frames::Receipt;
use shared::names::RoomId;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::broker::Incoming;
use crate::history::log::Log;
use crate::history::placing::{self, Rooms};
use crate::history::{HistoryError, Placed, log, receipts};

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Commit these and say which places they got.
    Append(Arc<[Incoming]>, oneshot::Sender<Result<Vec<Placed>, HistoryError>>),
    /// Keep how far users have come.
    KeepReceipts(Vec<(RoomId, Receipt)>, oneshot::Sender<Result<(), HistoryError>>),
    /// Take no more.
    Close(oneshot::Sender<()>),
}

/// Starts both threads. They end after [`Job::Close`], or when no job can come any more.
pub(super) fn start(connection: Connection, path: PathBuf, jobs: mpsc::Receiver<Job>) -> std::io::Result<()> {
    // One wish for a checkpoint is as good as many.
    let (checkpoint, wishes) = std_mpsc::sync_channel(1);
    let helper = thread::Builder::new().name("history-checkpoint".to_owned());
    let helper = helper.spawn(move || log::checkpoint_when_asked(&path, &wishes))?;
    thread::Builder::new().name("history-writer".to_owned()).spawn(move || {
        let (connection, answer) = write(connection, jobs, Log::new(checkpoint));
        // It has nothing to say; if it panicked, its log line is out already.
        let _ = helper.join();
        // The last connection to close moves the rest of the log into the database.
        if let Err((_, error)) = connection.close() {
            warn!(%error, "closing history failed");
        }
        if let Some(answer) = answer {
            // Whoever asked may have given up waiting.
            let _ = answer.send(());
        }
    })?;
    Ok(())
}

/// Works until it is told to close, and says whom to tell when that is done.
fn write(
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Job>,
    mut log: Log,
) -> (Connection, Option<oneshot::Sender<()>>) {
    let mut rooms = Rooms::default();
    let mut commits = 0_u64;
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Append(messages, answer) => {
                let result = placing::append(&mut connection, &mut rooms, &messages).map_err(HistoryError::from);
                // The intake waits for every answer; it is gone only when the server is.
                let _ = answer.send(result);
                commits += 1;
                // The size of the log is asked for now and then only: it takes a lock.
                if commits.is_multiple_of(16) {
                    log.tend(&connection);
                }
            }
            Job::KeepReceipts(kept, answer) => {
                // Whoever asked may be gone; the receipts are kept all the same.
                let _ = answer.send(receipts::keep(&mut connection, &kept).map_err(HistoryError::from));
            }
            Job::Close(answer) => return (connection, Some(answer)),
        }
    }
    (connection, None)
}
