//! The connections that read, used by one read each at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use shared::message::{Message, Seq};
use shared::names::RoomId;
use tokio::sync::Semaphore;

use crate::history::sqlite::placing;
use crate::history::{HistoryError, MAX_PAGE_BYTES, Page, Span};
use crate::sqlite;

/// How many reads run at once. More wait; each takes well under a millisecond.
const READERS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: Arc<Path>,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: path.into(), permits: Arc::new(Semaphore::new(READERS)), idle: Arc::default() }
    }

    /// Reads on a connection of its own.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HistoryError::Closed)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let work = move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = taken.map_or_else(|| sqlite::open_reader(&path), Ok)?;
            let result = read(&mut connection)?;
            // Only a connection that did well is used again.
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            Ok(result)
        };
        // The join fails only when the read panicked or the runtime is ending.
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(HistoryError::Closed))
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Up to `limit` messages of a room and about [`MAX_PAGE_BYTES`] of content, with its head as it was in the same moment.
pub(super) fn page(
    connection: &mut Connection,
    room: &RoomId,
    span: Span,
    limit: u32,
) -> Result<Page, rusqlite::Error> {
    // One transaction: head and messages of the same moment.
    let transaction = connection.transaction()?;
    let found = transaction
        .prepare_cached("SELECT id, head FROM rooms WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let Some((room, head)) = found else {
        return Ok(Page { head: Seq::START, messages: Vec::new() });
    };
    let (select, place) = match span {
        Span::After(seq) => (
            "SELECT seq, id, sender, content, sent_at FROM messages WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            seq,
        ),
        Span::Before(seq) => (SELECT_BEFORE, seq),
        Span::Newest => (SELECT_BEFORE, Seq(u64::MAX)),
    };
    // SQLite counts in i64; no room comes near its end.
    let place = i64::try_from(place.0).unwrap_or(i64::MAX);
    let mut statement = transaction.prepare_cached(select)?;
    let mut messages: Vec<Message> = Vec::new();
    let mut bytes = 0;
    for message in statement.query_map((room, place, limit), placing::message)? {
        let message = message?;
        bytes += message.content.len();
        messages.push(message);
        if bytes >= MAX_PAGE_BYTES {
            break;
        }
    }
    if messages.first().map(|m| m.seq) > messages.last().map(|m| m.seq) {
        messages.reverse();
    }
    Ok(Page { head: Seq(head.unsigned_abs()), messages })
}

const SELECT_BEFORE: &str =
    "SELECT seq, id, sender, content, sent_at FROM messages WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
