//! History in one SQLite file: one thread that writes, a few connections that read (WAL, so neither waits for the
//! other), and a lock that keeps a second server out.

pub mod backup;
pub mod check;
mod index;
mod log;
mod placing;
mod reader;
mod receipts;
mod remedy;
mod schema;
mod search;
mod upkeep;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use shared::frames::Receipt;
use shared::names::RoomId;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{info, warn};

use crate::broker::Incoming;
use crate::history::finds::Wanted;
use crate::history::sqlite::reader::Readers;
use crate::history::sqlite::writer::{Job, Writer};
use crate::history::trouble::{Damage, Trouble};
use crate::history::{Durability, FILE, Found, HistoryError, Page, Placed, Retention, Span};

/// The lock's file within the folder.
const LOCK: &str = "duet.lock";

/// How many batches may wait for the writer. The one intake sends one at a time.
const WAITING_BATCHES: usize = 4;

/// How many searches run at once, those included that nobody waits for any more: fewer than reads, for they take longer, and
/// those who come in do not wait for them.
const SEARCHES: usize = 2;

/// A handle to the file's threads.
#[derive(Debug, Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: String,
    writer: mpsc::Sender<Job>,
    readers: Readers,
    searches: Arc<Semaphore>,
    /// With the last commit of messages.
    commits: Trouble<HistoryError>,
    /// With reads.
    reads: Trouble<HistoryError>,
    damage: Arc<Damage>,
    /// Held as long as any handle lives.
    _lock: File,
}

impl Sqlite {
    /// Opens or makes the database in `folder`, which is there.
    ///
    /// # Errors
    /// [`HistoryError::Open`] with what to do about it.
    pub(super) fn open(folder: &Path, durability: Durability, retention: Retention) -> Result<Self, HistoryError> {
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        let (connection, epoch) = schema::open(&path, durability).map_err(|e| {
            let why = remedy::explain(&e, folder);
            HistoryError::Open(format!("cannot open the history {}: {why}", path.display()))
        })?;
        let (writer, jobs) = mpsc::channel(WAITING_BATCHES);
        let damage = Arc::<Damage>::default();
        Writer::new(connection, durability, retention, Arc::clone(&damage))
            .start(path.clone(), jobs)
            .map_err(|e| HistoryError::Open(format!("cannot start the thread that writes history: {e}")))?;
        let (readers, searches) = (Readers::new(path), Arc::new(Semaphore::new(SEARCHES)));
        let (commits, reads) = (Trouble::default(), Trouble::default());
        Ok(Self { shared: Arc::new(Shared { epoch, writer, readers, searches, commits, reads, damage, _lock: lock }) })
    }

    pub(super) fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    pub(super) async fn append(&self, messages: Arc<[Incoming]>) -> Result<Vec<Placed>, HistoryError> {
        let (answer, placed) = oneshot::channel();
        self.shared.writer.send(Job::Append(messages, answer)).await.map_err(|_| HistoryError::Closed)?;
        let result = placed.await.unwrap_or(Err(HistoryError::Closed));
        match &result {
            Ok(_) => self.shared.commits.forget(),
            // The intake says so.
            Err(error) => drop(self.shared.commits.note(error)),
        }
        result
    }

    pub(super) async fn page(&self, room: &RoomId, span: Span, limit: u32) -> Result<Page, HistoryError> {
        let room = room.clone();
        self.read(move |connection| reader::page(connection, &room, span, limit)).await
    }

    pub(super) async fn search(&self, room: &RoomId, wanted: Wanted) -> Result<Found, HistoryError> {
        let room = room.clone();
        self.search_with(move |connection, is_over| search::search(connection, &room, &wanted, is_over)).await
    }

    /// Searches in a way that is told when nobody waits for it any more. Then it goes on until it asks, on its own permit:
    /// whoever types asks anew with each key.
    async fn search_with<T: Send + 'static>(
        &self,
        search: impl FnOnce(&mut Connection, &dyn Fn() -> bool) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let permit = Arc::clone(&self.shared.searches).acquire_owned().await.map_err(|_| HistoryError::Closed)?;
        // Dropped with this future, it closes the other end.
        let (waited_for, _waits) = oneshot::channel::<()>();
        self.read(move |connection| {
            let _permit = permit;
            search(connection, &|| waited_for.is_closed())
        })
        .await
    }

    pub(super) async fn receipts(&self, room: &RoomId) -> Result<Vec<Receipt>, HistoryError> {
        let room = room.clone();
        self.read(move |connection| receipts::read(connection, &room)).await
    }

    /// Reads, and says when that begins to fail and when it has gone well for a while: each once, however many rooms
    /// are tried again however often.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let result = self.shared.readers.read(read).await;
        match &result {
            Ok(_) if self.shared.reads.forget_old() => {
                self.shared.damage.forget();
                info!("the history is read without errors again");
            }
            Ok(_) | Err(HistoryError::Closed) => {}
            Err(error) if self.shared.reads.note(error) && self.shared.damage.is_news(error) => {
                warn!(%error, "history could not be read")
            }
            Err(_) => {}
        }
        result
    }

    pub(super) async fn keep_receipts(&self, receipts: Vec<(RoomId, Receipt)>) -> Result<(), HistoryError> {
        let (answer, kept) = oneshot::channel();
        self.shared.writer.send(Job::KeepReceipts(receipts, answer)).await.map_err(|_| HistoryError::Closed)?;
        kept.await.unwrap_or(Err(HistoryError::Closed))
    }

    pub(super) fn trouble(&self) -> Option<String> {
        let Shared { commits, reads, .. } = &*self.shared;
        commits.recent().or_else(|| reads.recent()).map(|failure| failure.error.to_string())
    }

    pub(super) async fn close(&self) {
        self.shared.readers.close();
        let (answer, closed) = oneshot::channel();
        // Either may fail only because the writer has ended already, which is what is wanted.
        if self.shared.writer.send(Job::Close(answer)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn lock(folder: &Path) -> Result<File, HistoryError> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file =
        opened.map_err(|e| HistoryError::Open(format!("cannot use {}: {e}; set DUET_DATA_DIR", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HistoryError::Open(format!(
            "another duet-server uses the data folder {}: stop it, or set DUET_DATA_DIR to a folder of this one's own; \
             several servers on one history need PostgreSQL: set DATABASE_URL and AMQP_URL, as docs/operations.md says",
            folder.display()
        ))),
        Err(TryLockError::Error(e)) => Err(HistoryError::Open(format!("cannot lock {}: {e}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use super::*;

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_is_told_so_and_holds_its_permit_until_it_ends() {
        let folder = std::env::temp_dir().join(format!("duet-sqlite-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let sqlite = Sqlite::open(&folder, Durability::Relaxed, Retention::default()).unwrap();
        let (began, begins) = oneshot::channel();
        let (go_on, goes_on) = std_mpsc::channel();
        let (told, is_told) = oneshot::channel();
        let search = sqlite.search_with(move |_, is_over| {
            began.send(is_over()).unwrap();
            goes_on.recv().unwrap();
            told.send(is_over()).unwrap();
            Ok(())
        });
        tokio::select! {
            biased;
            is_over = begins => assert!(!is_over.unwrap(), "it was given up before it began"),
            _ = search => panic!("it ended"),
        }
        assert_eq!(sqlite.shared.searches.available_permits(), SEARCHES - 1);
        go_on.send(()).unwrap();
        assert!(is_told.await.unwrap(), "it was not told");
        while sqlite.shared.searches.available_permits() < SEARCHES {
            tokio::task::yield_now().await;
        }
        sqlite.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
