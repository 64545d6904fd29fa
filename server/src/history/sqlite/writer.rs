//! The one thread that writes: a batch is a transaction. A second thread moves committed pages from the log to the
//! database, so that a commit never waits for that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use shared::frames::Receipt;
use shared::names::RoomId;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::broker::Incoming;
use crate::clock;
use crate::history::sqlite::index::Indexing;
use crate::history::sqlite::log::Log;
use crate::history::sqlite::placing::{self, Rooms};
use crate::history::sqlite::upkeep::{Progress, Upkeep};
use crate::history::sqlite::{log, receipts, schema};
use crate::history::trouble::Damage;
use crate::history::{Durability, HistoryError, Placed, Retention, limits};

/// How long messages wait to be indexed, so that many are together. A search looks through them meanwhile.
const INDEX_WITHIN: Duration = Duration::from_secs(10);

/// How much longer than its last step the indexing rests before the next, ...
const INDEX_RESTS: u32 = 3;

/// ... and where messages have come meanwhile. Under load it then has a fortieth of the time, for nobody waits for it.
const INDEX_RESTS_UNDER_LOAD: u32 = 39;

/// When upkeep that failed is tried again. On a full disk it may be what makes room.
const UPKEEP_AGAIN: Duration = Duration::from_secs(60);

/// How long upkeep waits where the disk, or a reader such as a backup, holds up the log.
const UPKEEP_WAITS: Duration = Duration::from_millis(50);

/// How much longer than its last step upkeep rests before the next. Under load it then has a fifth of the time.
const UPKEEP_RESTS: u32 = 4;

/// After how many commits the size of the log is asked for: that takes a lock.
const COMMITS_A_LOOK: u64 = 16;

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

/// Works on the one connection that writes.
pub(super) struct Writer {
    connection: Connection,
    durability: Durability,
    /// How commits are synced at the moment.
    synced: Durability,
    rooms: Rooms,
    upkeep: Upkeep,
    indexing: Indexing,
    /// When to index, if there is anything.
    index_at: Option<Instant>,
    /// Whether messages have come since the last step of that.
    is_under_load: bool,
    /// How often upkeep begins anew.
    upkeep_every: Duration,
    /// Whether the log says already that upkeep fails.
    is_failure_said: bool,
    /// And that indexing does.
    is_index_failure_said: bool,
    damage: Arc<Damage>,
    commits: u64,
}

impl Writer {
    /// On a connection that [`schema::open`] has made with the same durability.
    pub(super) fn new(
        connection: Connection,
        durability: Durability,
        retention: Retention,
        damage: Arc<Damage>,
    ) -> Self {
        let (rooms, upkeep) = (Rooms::default(), Upkeep::new(retention));
        Self {
            connection,
            durability,
            synced: durability,
            rooms,
            upkeep,
            indexing: Indexing::new(),
            index_at: Some(clock::now().instant),
            is_under_load: false,
            upkeep_every: limits::look_every(retention),
            is_failure_said: false,
            is_index_failure_said: false,
            damage,
            commits: 0,
        }
    }

    /// Starts both threads. They end after [`Job::Close`], or when no job can come any more.
    pub(super) fn start(mut self, path: PathBuf, jobs: mpsc::Receiver<Job>) -> std::io::Result<()> {
        // Only for waiting with a limit.
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        // One wish for a checkpoint is as good as many.
        let (checkpoint, wishes) = std_mpsc::sync_channel(1);
        let helper = thread::Builder::new().name("history-checkpoint".to_owned());
        let helper = helper.spawn(move || log::checkpoint_when_asked(&path, &wishes))?;
        thread::Builder::new().name("history-writer".to_owned()).spawn(move || {
            let answer = waiting.block_on(self.run(jobs, Log::new(checkpoint)));
            // It has nothing to say; if it panicked, its log line is out already.
            let _ = helper.join();
            // The last connection to close moves the rest of the log into the database.
            if let Err((_, error)) = self.connection.close() {
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
    async fn run(&mut self, mut jobs: mpsc::Receiver<Job>, mut log: Log) -> Option<oneshot::Sender<()>> {
        let mut upkeep_at = clock::now().instant;
        loop {
            // A job that is there goes before upkeep that is due.
            let is_index_due = self.index_at.is_some_and(|index_at| index_at < upkeep_at);
            let due = self.index_at.filter(|_| is_index_due).unwrap_or(upkeep_at);
            match tokio::time::timeout_at(due.into(), jobs.recv()).await {
                Ok(Some(Job::Append(messages, answer))) => {
                    // The intake waits for every answer; it is gone only when the server is.
                    let _ = answer.send(self.append(&messages).map_err(HistoryError::from));
                }
                Ok(Some(Job::KeepReceipts(kept, answer))) => {
                    // Whoever asked may be gone; the receipts are kept all the same.
                    let _ = answer.send(self.keep_receipts(&kept).map_err(HistoryError::from));
                }
                Ok(Some(Job::Close(answer))) => return Some(answer),
                Ok(None) => return None,
                Err(_) if is_index_due => self.index_at = self.index(&log),
                Err(_) => upkeep_at = self.keep_up(&log),
            }
            self.commits += 1;
            if self.commits.is_multiple_of(COMMITS_A_LOOK) {
                log.tend(&self.connection);
            }
        }
    }

    fn append(&mut self, messages: &[Incoming]) -> Result<Vec<Placed>, rusqlite::Error> {
        self.sync(self.durability)?;
        let placed = placing::append(&mut self.connection, &mut self.rooms, messages)?;
        self.indexing.written(&mut self.rooms.written);
        self.is_under_load = true;
        self.index_at = self.index_at.or_else(|| Some(clock::now().instant + INDEX_WITHIN));
        Ok(placed)
    }

    fn keep_receipts(&mut self, kept: &[(RoomId, Receipt)]) -> Result<(), rusqlite::Error> {
        self.sync(Durability::Relaxed)?;
        receipts::keep(&mut self.connection, kept)
    }

    /// Makes a step of upkeep and says when the next is due.
    fn keep_up(&mut self, log: &Log) -> Instant {
        let began = clock::now().instant;
        if log.is_behind(&self.connection) {
            return began + UPKEEP_WAITS;
        }
        let progress = self.sync(Durability::Relaxed).and_then(|()| self.upkeep.step(&mut self.connection));
        let now = clock::now().instant;
        match progress {
            Ok(Progress::Underway) => now + (now - began) * UPKEEP_RESTS,
            Ok(Progress::SteppedOver(error)) => {
                self.say_upkeep_fails(&error);
                now + (now - began) * UPKEEP_RESTS
            }
            Ok(Progress::Done { had_work, has_failed }) => {
                self.is_failure_said &= has_failed;
                if had_work {
                    // The file shrinks when the log is moved into it.
                    log.ask_for_checkpoint();
                }
                now + if has_failed { self.upkeep_every.min(UPKEEP_AGAIN) } else { self.upkeep_every }
            }
            Err(error) => {
                self.say_upkeep_fails(&error);
                now + UPKEEP_AGAIN
            }
        }
    }

    fn say_upkeep_fails(&mut self, error: &rusqlite::Error) {
        if !std::mem::replace(&mut self.is_failure_said, true) {
            warn!(%error, "expired messages could not be removed; it is tried again every minute");
        }
    }

    /// Makes a step of indexing and says when the next is due.
    fn index(&mut self, log: &Log) -> Option<Instant> {
        let began = clock::now().instant;
        if log.is_behind(&self.connection) {
            return Some(began + UPKEEP_WAITS);
        }
        let step = self.sync(Durability::Relaxed).and_then(|()| self.indexing.step(&mut self.connection));
        let now = clock::now().instant;
        let rests = if std::mem::take(&mut self.is_under_load) { INDEX_RESTS_UNDER_LOAD } else { INDEX_RESTS };
        match step {
            Ok(()) => self.is_index_failure_said &= self.indexing.has_failed(),
            Err(error) => {
                let error = HistoryError::from(error);
                if !std::mem::replace(&mut self.is_index_failure_said, true) && self.damage.is_news(&error) {
                    warn!(%error, "new messages could not be indexed; it is tried again every minute");
                }
            }
        }
        if self.indexing.is_there() {
            return Some(now + (now - began) * rests);
        }
        self.indexing.has_failed().then(|| now + UPKEEP_AGAIN)
    }

    /// Sees to it that the next commit is synced like this. A power cut may undo what can be done again: that is not
    /// worth a sync, and the next commit of messages syncs it as well.
    fn sync(&mut self, durability: Durability) -> Result<(), rusqlite::Error> {
        if self.synced != durability {
            schema::set_durability(&self.connection, durability)?;
            self.synced = durability;
        }
        Ok(())
    }
}
