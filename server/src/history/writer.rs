//! The one thread that writes: a batch is a transaction. A second thread moves committed pages from the log to the
//! database, so that a commit never waits for that.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use shared::frames::Receipt;
use shared::message::{Message, Seq};
use shared::names::{MessageId, RoomId, Username};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::broker::Incoming;
use crate::history::{HistoryError, Placed, receipts, schema};

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

/// How many pages of log call for a checkpoint (4 KiB each).
const CHECKPOINT_PAGES: i64 = 4_000;

/// How many pages of log make the writer itself wait for a checkpoint to reach the end, so that the log is begun anew
/// instead of growing for as long as the load lasts.
const RESTART_PAGES: i64 = 16_000;

/// How many rooms the writer remembers: about a hundred bytes each.
const REMEMBERED_ROOMS: usize = 10_000;

/// Starts both threads. They end after [`Job::Close`], or when no job can come any more.
pub(super) fn start(connection: Connection, path: PathBuf, jobs: mpsc::Receiver<Job>) -> std::io::Result<()> {
    // One wish for a checkpoint is as good as many.
    let (checkpoint, wishes) = std_mpsc::sync_channel(1);
    let helper = thread::Builder::new().name("history-checkpoint".to_owned());
    let helper = helper.spawn(move || checkpoint_when_asked(&path, &wishes))?;
    thread::Builder::new().name("history-writer".to_owned()).spawn(move || {
        let (connection, answer) = write(connection, jobs, &checkpoint);
        drop(checkpoint);
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
    checkpoint: &std_mpsc::SyncSender<()>,
) -> (Connection, Option<oneshot::Sender<()>>) {
    let mut rooms = Rooms::default();
    let mut commits = 0_u64;
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Append(messages, answer) => {
                let result = append(&mut connection, &mut rooms, &messages).map_err(HistoryError::from);
                // The intake waits for every answer; it is gone only when the server is.
                let _ = answer.send(result);
                commits += 1;
                // The size of the log is asked for now and then only: it takes a lock.
                if commits.is_multiple_of(16) {
                    tend_log(&connection, checkpoint);
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

/// The rooms that were written to of late. Only this thread writes, so what it remembers is what the database holds.
#[derive(Debug, Default)]
struct Rooms(HashMap<RoomId, RoomRow>);

#[derive(Debug, Clone, Copy)]
struct RoomRow {
    id: i64,
    head: i64,
}

impl Rooms {
    /// The row of a room, made when it is missing.
    fn row(&mut self, transaction: &Transaction<'_>, room: &RoomId) -> Result<&mut RoomRow, rusqlite::Error> {
        if !self.0.contains_key(room) {
            let row = select_or_insert_room(transaction, room)?;
            self.0.insert(room.clone(), row);
        }
        self.0.get_mut(room).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }
}

/// Gives each message its place, in one transaction.
fn append(
    connection: &mut Connection,
    rooms: &mut Rooms,
    messages: &[Incoming],
) -> Result<Vec<Placed>, rusqlite::Error> {
    let result = append_to(connection, rooms, messages);
    if result.is_err() || rooms.0.len() > REMEMBERED_ROOMS {
        // After an error they may be ahead of the database.
        rooms.0.clear();
    }
    result
}

fn append_to(
    connection: &mut Connection,
    rooms: &mut Rooms,
    messages: &[Incoming],
) -> Result<Vec<Placed>, rusqlite::Error> {
    let transaction = connection.transaction()?;
    let mut placed = Vec::with_capacity(messages.len());
    for incoming in messages {
        let row = rooms.row(&transaction, &incoming.room)?;
        let message = match insert(&transaction, row, incoming)? {
            Some(message) => message,
            None => known(&transaction, row.id, &incoming.id)?,
        };
        placed.push(Placed { room: incoming.room.clone(), message: Arc::new(message) });
    }
    let mut update = transaction.prepare_cached("UPDATE rooms SET head = ?2 WHERE id = ?1")?;
    let written: HashSet<&RoomId> = messages.iter().map(|incoming| &incoming.room).collect();
    for row in written.into_iter().filter_map(|room| rooms.0.get(room)) {
        update.execute((row.id, row.head))?;
    }
    drop(update);
    transaction.commit()?;
    Ok(placed)
}

fn select_or_insert_room(transaction: &Transaction<'_>, room: &RoomId) -> Result<RoomRow, rusqlite::Error> {
    let row = transaction
        .prepare_cached("SELECT id, head FROM rooms WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok(RoomRow { id: row.get(0)?, head: row.get(1)? }))
        .optional()?;
    if let Some(row) = row {
        return Ok(row);
    }
    transaction.prepare_cached("INSERT INTO rooms (name, head) VALUES (?1, 0)")?.execute([room.as_str()])?;
    Ok(RoomRow { id: transaction.last_insert_rowid(), head: 0 })
}

/// Gives a message the next place in its room; `None` when the room knows its id.
fn insert(
    transaction: &Transaction<'_>,
    row: &mut RoomRow,
    incoming: &Incoming,
) -> Result<Option<Message>, rusqlite::Error> {
    let seq = row.head + 1;
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO messages (room, seq, id, sender, content, sent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id, room) DO NOTHING",
        )?
        .execute(params![
            row.id,
            seq,
            incoming.id.as_str(),
            incoming.sender.as_ref().map(Username::as_str),
            incoming.content,
            incoming.sent_at.as_millisecond(),
        ])?;
    if inserted == 0 {
        return Ok(None);
    }
    row.head = seq;
    Ok(Some(Message {
        seq: Seq(seq.unsigned_abs()),
        id: incoming.id.clone(),
        sender: incoming.sender.clone(),
        content: incoming.content.clone(),
        sent_at: incoming.sent_at,
    }))
}

fn known(transaction: &Transaction<'_>, room: i64, id: &MessageId) -> Result<Message, rusqlite::Error> {
    transaction
        .prepare_cached("SELECT seq, id, sender, content, sent_at FROM messages WHERE id = ?1 AND room = ?2")?
        .query_row(params![id.as_str(), room], message)
}

/// Makes a message of a row `seq, id, sender, content, sent_at`.
pub(super) fn message(row: &rusqlite::Row<'_>) -> Result<Message, rusqlite::Error> {
    Ok(Message {
        seq: Seq(row.get::<_, i64>(0)?.unsigned_abs()),
        id: MessageId::new(row.get::<_, String>(1)?).map_err(|e| unreadable(1, e))?,
        sender: row.get::<_, Option<String>>(2)?.map(Username::new).transpose().map_err(|e| unreadable(2, e))?,
        content: row.get(3)?,
        sent_at: Timestamp::from_millisecond(row.get(4)?).map_err(|e| unreadable(4, e))?,
    })
}

pub(super) fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn tend_log(connection: &Connection, checkpoint: &std_mpsc::SyncSender<()>) {
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

fn checkpoint_when_asked(path: &std::path::Path, wishes: &std_mpsc::Receiver<()>) {
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
