//! Which messages hold which words: the table `search`. It follows the messages little by little, so that neither an append
//! nor the start of a server waits for it; a search looks through what it does not have yet.
//!
//! It only proposes: whether a message answers a question, `shared::search` decides.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction};
use shared::search::{Query, searched};

use crate::clock;
use crate::history::words;

/// How long a step takes before it commits. Each commit makes a segment of its own, which is merged later: longer steps
/// are less work.
const STEP: Duration = Duration::from_millis(4);

/// How many messages are indexed before a step looks at the clock: at most this many, or this many bytes of content.
const CHUNK_MESSAGES: i64 = 32;
const CHUNK_BYTES: usize = 64 * 1024;

/// How far the number of the room stands to the left in that of a row.
const ROOM_SHIFT: u32 = 32;

/// The last place that has a row. No room comes to so many messages.
pub(super) const LAST_PLACE: i64 = (1 << ROOM_SHIFT) - 1;

/// What is not in the index yet.
#[derive(Debug)]
pub(super) struct Indexing {
    /// Rooms that have something to index.
    waiting: BTreeSet<i64>,
    /// The one of them that was served last.
    served: i64,
    /// Rooms that could not be indexed; they are tried again when nothing else is to be done.
    failed: BTreeSet<i64>,
    /// Up to which row the rooms have been seen to that were there at the start; `None` when all have.
    seen_to: Option<i64>,
    /// Where seeing to them failed.
    failed_at: Option<i64>,
}

/// A room as far as this concerns it.
#[derive(Debug, Clone, Copy)]
struct Room {
    id: i64,
    head: i64,
    indexed: i64,
}

impl Indexing {
    /// For a history of which it is not known how far it is indexed.
    pub(super) fn new() -> Self {
        Self { waiting: BTreeSet::new(), served: 0, failed: BTreeSet::new(), seen_to: Some(0), failed_at: None }
    }

    /// Rooms that have been written to.
    pub(super) fn written(&mut self, rooms: &mut BTreeSet<i64>) {
        self.waiting.append(rooms);
    }

    /// Whether there may be anything to do.
    pub(super) fn is_there(&self) -> bool {
        !self.waiting.is_empty() || self.seen_to.is_some()
    }

    /// Whether something has failed that is to be tried again.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty() || self.failed_at.is_some()
    }

    /// Does what can be done in [`STEP`], of each room in a transaction of its own: one that fails is stepped over, and holds up
    /// no other. The next step begins behind the room that was served last.
    pub(super) fn step(&mut self, connection: &mut Connection) -> Result<(), rusqlite::Error> {
        self.step_until(connection, clock::now().instant + STEP)
    }

    fn step_until(&mut self, connection: &mut Connection, end: Instant) -> Result<(), rusqlite::Error> {
        if !self.is_there() {
            self.waiting.append(&mut self.failed);
            self.seen_to = self.failed_at.take();
        }
        let mut result = Ok(());
        while let Some(after) = self.seen_to
            && clock::now().instant < end
        {
            let next = room(connection, "id > ?1 ORDER BY id LIMIT 1", after).unwrap_or_else(|error| {
                (self.failed_at, result) = (Some(after), Err(error));
                None
            });
            self.waiting.extend(next.filter(|room| room.indexed < room.head).map(|room| room.id));
            self.seen_to = next.map(|room| room.id);
        }
        let after = self.waiting.range(self.served + 1..);
        for id in after.chain(self.waiting.range(..=self.served)).copied().collect::<Vec<_>>() {
            self.served = id;
            match serve(connection, id, end) {
                Ok(true) => drop(self.waiting.remove(&id)),
                Ok(false) => {}
                Err(error) => {
                    self.waiting.remove(&id);
                    self.failed.insert(id);
                    result = result.and(Err(error));
                }
            }
            if clock::now().instant >= end {
                break;
            }
        }
        result
    }
}

fn room(connection: &Connection, which: &str, id: i64) -> Result<Option<Room>, rusqlite::Error> {
    connection
        .prepare_cached(&format!("SELECT id, head, indexed FROM rooms WHERE {which}"))?
        .query_row([id], |row| Ok(Room { id: row.get(0)?, head: row.get(1)?, indexed: row.get(2)? }))
        .optional()
}

/// Indexes a room until `end`, some of it in any case. Whether that was all.
fn serve(connection: &mut Connection, id: i64, end: Instant) -> Result<bool, rusqlite::Error> {
    let transaction = connection.transaction()?;
    let is_done = room(&transaction, "id = ?1", id)?.map_or(Ok(true), |room| catch_up(&transaction, room, end))?;
    transaction.commit()?;
    Ok(is_done)
}

/// Indexes a room until `end`, a chunk in any case. Whether that was all.
fn catch_up(transaction: &Transaction<'_>, mut room: Room, end: Instant) -> Result<bool, rusqlite::Error> {
    while room.indexed < room.head {
        room.indexed = chunk(transaction, room)?;
        transaction.prepare_cached("UPDATE rooms SET indexed = ?2 WHERE id = ?1")?.execute((room.id, room.indexed))?;
        if clock::now().instant >= end {
            break;
        }
    }
    Ok(room.indexed >= room.head)
}

/// Indexes the next messages of a room, and says up to which place.
fn chunk(transaction: &Transaction<'_>, room: Room) -> Result<i64, rusqlite::Error> {
    let mut next = transaction
        .prepare_cached("SELECT seq, content FROM messages WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")?;
    let mut insert = transaction.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    let mut rows = next.query((room.id, room.indexed, CHUNK_MESSAGES))?;
    let (mut last, mut bytes) = (None, 0);
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let content = searched(row.get_ref(1)?.as_str()?);
        insert.execute((at(room.id, seq), words::indexed(room.id, content)))?;
        last = Some(seq);
        bytes += content.len();
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    // Where nothing is left of them, they have expired.
    Ok(last.unwrap_or(room.head))
}

/// Takes out a room's messages up to this place.
pub(super) fn expire(transaction: &Transaction<'_>, room: i64, last: i64) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached("DELETE FROM search WHERE rowid BETWEEN ?1 AND ?2")?
        .execute((at(room, 0), at(room, last)))?;
    Ok(())
}

/// The row of a message.
pub(super) fn at(room: i64, seq: i64) -> i64 {
    room << ROOM_SHIFT | seq
}

/// The place of the message of a row.
pub(super) fn place(row: i64) -> i64 {
    row & LAST_PLACE
}

/// What the index is asked for messages that may answer a question; `None` where looking is as good.
pub(super) fn question(room: i64, query: &Query) -> Option<String> {
    let keys: Vec<String> = words::asked(room, query).iter().map(|key| format!("\"{key}\"*")).collect();
    (!keys.is_empty()).then(|| keys.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rooms with 40 short messages each, which take two chunks.
    fn history(rooms: i64) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in crate::history::sqlite::schema::STEPS {
            connection.execute_batch(step).unwrap();
        }
        for room in 1..=rooms {
            let insert = "INSERT INTO rooms (id, name, head, indexed) VALUES (?1, 'room' || ?1, 40, 0)";
            connection.execute(insert, [room]).unwrap();
            for seq in 1..=40 {
                let insert =
                    "INSERT INTO messages (room, seq, id, content, sent_at) VALUES (?1, ?2, 'm' || ?2, 'word', 0)";
                connection.execute(insert, [room, seq]).unwrap();
            }
        }
        connection
    }

    fn indexed(connection: &Connection) -> Vec<i64> {
        let mut rooms = connection.prepare("SELECT indexed FROM rooms ORDER BY id").unwrap();
        rooms.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_room_that_always_has_something_to_index_does_not_hold_up_the_others() {
        let mut connection = history(3);
        let mut indexing = Indexing { waiting: BTreeSet::from([1, 2, 3]), seen_to: None, ..Indexing::new() };
        for served in [1, 2, 3, 1] {
            // Its time is over as soon as it begins: one room a step.
            indexing.step_until(&mut connection, clock::now().instant).unwrap();
            assert_eq!(indexing.served, served);
            indexing.waiting.insert(1);
        }
        assert_eq!(indexed(&connection), [40, 32, 32]);
    }

    #[test]
    fn a_room_that_fails_is_stepped_over_and_tried_again() {
        let mut connection = history(3);
        let fails = "CREATE TRIGGER fails BEFORE UPDATE ON rooms WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END";
        connection.execute_batch(fails).unwrap();
        let mut indexing = Indexing::new();
        let end = clock::now().instant + Duration::from_secs(60);
        assert!(indexing.step_until(&mut connection, end).is_err());
        assert_eq!(indexed(&connection), [40, 0, 40]);
        assert!(!indexing.is_there() && indexing.has_failed());
        connection.execute_batch("DROP TRIGGER fails").unwrap();
        indexing.step_until(&mut connection, end).unwrap();
        assert_eq!(indexed(&connection), [40, 40, 40]);
        assert!(!indexing.is_there() && !indexing.has_failed());
    }
}
