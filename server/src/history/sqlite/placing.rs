//! Gives messages their places: the rows of rooms and messages.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use shared::message::{Message, Seq};
use shared::names::{MessageId, RoomId, Username};

use crate::broker::Incoming;
use crate::history::Placed;

/// How many rooms the writer remembers: about a hundred bytes each.
const REMEMBERED_ROOMS: usize = 10_000;

/// The rooms that were written to of late. Only this thread writes, so what it remembers is what the database holds.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    known: HashMap<RoomId, RoomRow>,
    /// The rows of those that were written to; whoever takes note takes them out.
    pub(super) written: BTreeSet<i64>,
}

#[derive(Debug, Clone, Copy)]
struct RoomRow {
    id: i64,
    head: i64,
}

impl Rooms {
    /// The row of a room, made when it is missing.
    fn row(&mut self, transaction: &Transaction<'_>, room: &RoomId) -> Result<&mut RoomRow, rusqlite::Error> {
        if !self.known.contains_key(room) {
            let row = select_or_insert_room(transaction, room)?;
            self.known.insert(room.clone(), row);
        }
        self.known.get_mut(room).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }
}

/// Gives each message its place, in one transaction.
pub(super) fn append(
    connection: &mut Connection,
    rooms: &mut Rooms,
    messages: &[Incoming],
) -> Result<Vec<Placed>, rusqlite::Error> {
    let result = append_to(connection, rooms, messages);
    if result.is_err() || rooms.known.len() > REMEMBERED_ROOMS {
        // After an error they may be ahead of the database.
        rooms.known.clear();
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
        placed.push(Placed { room: incoming.room.clone(), message: Arc::new(message), hosts: Arc::default() });
    }
    let mut update = transaction.prepare_cached("UPDATE rooms SET head = ?2 WHERE id = ?1")?;
    let written: HashSet<&RoomId> = messages.iter().map(|incoming| &incoming.room).collect();
    for row in written.into_iter().filter_map(|room| rooms.known.get(room)) {
        update.execute((row.id, row.head))?;
        rooms.written.insert(row.id);
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
        // One that was kept under older rules and is no name any more vouches for nobody.
        sender: row.get::<_, Option<String>>(2)?.and_then(|name| Username::new(name).ok()),
        content: row.get(3)?,
        sent_at: Timestamp::from_millisecond(row.get(4)?).map_err(|e| unreadable(4, e))?,
    })
}

pub(super) fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}
