//! History in one SQLite file: one thread that writes, a few connections that read (WAL, so neither waits for the
//! other), and a lock that keeps a second server out.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use shared::names::RoomId;
use tokio::sync::{mpsc, oneshot};

use crate::broker::Incoming;
use crate::history::reader::Readers;
use crate::history::writer::{self, Job};
use crate::history::{Durability, HistoryError, Page, Placed, Span, schema};

/// The database's file within the folder.
const FILE: &str = "duet.db";
/// The lock's file within the folder.
const LOCK: &str = "duet.lock";

/// How many batches may wait for the writer. The one intake sends one at a time.
const WAITING_BATCHES: usize = 4;

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
    trouble: Mutex<Option<String>>,
    /// Held as long as any handle lives.
    _lock: File,
}

impl Sqlite {
    /// Opens or makes the database in `folder`.
    ///
    /// # Errors
    /// [`HistoryError::Open`] with what to do about it.
    pub(super) fn open(folder: &Path, durability: Durability) -> Result<Self, HistoryError> {
        let shown = folder.display();
        std::fs::create_dir_all(folder)
            .map_err(|e| HistoryError::Open(format!("cannot make the data folder {shown}: {e}; set DUET_DATA_DIR")))?;
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        let (connection, epoch) = schema::open(&path, durability)
            .map_err(|e| HistoryError::Open(format!("cannot open the history {}: {e}", path.display())))?;
        let (writer, jobs) = mpsc::channel(WAITING_BATCHES);
        writer::start(connection, path.clone(), jobs)
            .map_err(|e| HistoryError::Open(format!("cannot start the thread that writes history: {e}")))?;
        let readers = Readers::new(path);
        Ok(Self { shared: Arc::new(Shared { epoch, writer, readers, trouble: Mutex::new(None), _lock: lock }) })
    }

    pub(super) fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    pub(super) async fn append(&self, messages: Arc<[Incoming]>) -> Result<Vec<Placed>, HistoryError> {
        let (answer, placed) = oneshot::channel();
        self.shared.writer.send(Job::Append(messages, answer)).await.map_err(|_| HistoryError::Closed)?;
        let result = placed.await.unwrap_or(Err(HistoryError::Closed));
        let trouble = result.as_ref().err().map(ToString::to_string);
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        result
    }

    pub(super) async fn page(&self, room: &RoomId, span: Span, limit: u32) -> Result<Page, HistoryError> {
        self.shared.readers.page(room.clone(), span, limit).await
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    let refused =
        |e: std::io::Error| HistoryError::Open(format!("cannot use {}: {e}; set DUET_DATA_DIR", path.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HistoryError::Open(format!(
            "another duet-server uses the data folder {}: stop it, or set DUET_DATA_DIR to a folder of this one's own; \
             servers that share a history need PostgreSQL",
            folder.display()
        ))),
        Err(TryLockError::Error(e)) => Err(refused(e)),
    }
}
