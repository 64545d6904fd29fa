//! Gives messages their places: the room's row is the judge, whoever asks.
//!
//! A batch is a transaction of two trips to PostgreSQL and back. The first locks the rooms and looks for ids that they know;
//! the second writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use shared::message::{Message, Seq};
use shared::names::{MessageId, RoomId, Username};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::broker::Incoming;
use crate::database::{DatabaseError, Session};
use crate::history::{Durability, Placed};
use crate::nodes::NodeId;

/// Makes the rooms that are missing, in the order of their names, as they are locked: two nodes never wait for each other.
const MAKE_ROOMS: &str = "INSERT INTO rooms (name, head) SELECT name, 0 FROM unnest($1::text[]) AS wanted (name)
    WHERE NOT EXISTS (SELECT FROM rooms WHERE rooms.name = wanted.name) ORDER BY name
    ON CONFLICT (name) DO NOTHING";

const LOCK_ROOMS: &str =
    "SELECT name, id, head FROM rooms WHERE name = ANY ($1::text[]) ORDER BY name FOR NO KEY UPDATE";

/// Sees what was committed before the rooms were locked, for each statement looks anew (READ COMMITTED). `+ 0` leaves PostgreSQL
/// the index of ids alone: where it knows nothing of a table yet it would rather walk through the whole room.
const KNOWN: &str = "SELECT rooms.name, messages.seq, messages.id, sender, content, sent_at
    FROM unnest($1::text[], $2::text[]) AS wanted (room, id)
    JOIN rooms ON rooms.name = wanted.room
    JOIN messages ON messages.id = wanted.id AND messages.room + 0 = rooms.id";

/// Sees the seats as they are while the rooms are locked: whoever comes later finds the new heads.
const HOSTS: &str = "SELECT DISTINCT name, node FROM rooms JOIN seats ON seats.room = rooms.id
    WHERE name = ANY ($1::text[])";

const INSERT: &str = "INSERT INTO messages (room, seq, id, sender, content, sent_at)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::bigint[])";

const MOVE_HEADS: &str =
    "UPDATE rooms SET head = moved.head FROM unnest($1::bigint[], $2::bigint[]) AS moved (id, head)
    WHERE rooms.id = moved.id";

/// What takes the place of `$1`, `$2` ….
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Gives each message its place, in one transaction.
pub(super) async fn append(
    session: &Session,
    durability: Durability,
    messages: &[Incoming],
) -> Result<Vec<Placed>, DatabaseError> {
    let make_rooms = session.prepared(MAKE_ROOMS).await?;
    let lock_rooms = session.prepared(LOCK_ROOMS).await?;
    let known = session.prepared(KNOWN).await?;
    let hosts = session.prepared(HOSTS).await?;
    let rooms: Vec<&str> = messages.iter().map(|it| it.room.as_str()).collect();
    let ids: Vec<&str> = messages.iter().map(|it| it.id.as_str()).collect();
    let names: Vec<&str> = rooms.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let of_names: [Parameter<'_>; 1] = [&names];
    let of_ids: [Parameter<'_>; 2] = [&rooms, &ids];
    let (_, _, rooms, known, hosts) = tokio::try_join!(
        biased;
        session.batch_execute(begin(durability)),
        session.execute(&make_rooms, &of_names),
        session.query(&lock_rooms, &of_names),
        session.query(&known, &of_ids),
        session.query(&hosts, &of_names),
    )?;

    let mut placing = Placing::new(&rooms, &known, &hosts)?;
    let placed = messages.iter().map(|incoming| placing.place(incoming)).collect::<Result<_, _>>()?;
    placing.write(session).await?;
    Ok(placed)
}

/// Begins a transaction whose commit survives as much.
pub(super) fn begin(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "BEGIN",
        Durability::Relaxed => "BEGIN; SET LOCAL synchronous_commit = off",
    }
}

/// The rooms of a batch, locked, and what has been given places in them.
struct Placing {
    rooms: HashMap<RoomId, Room>,
    /// With the rows of their rooms.
    new: Vec<(i64, Arc<Message>)>,
}

struct Room {
    id: i64,
    head: i64,
    /// Of the ids in the batch, those that have their places.
    known: HashMap<MessageId, Arc<Message>>,
    hosts: Arc<[NodeId]>,
}

impl Placing {
    /// From rows `name, id, head`, `name, seq, id, sender, content, sent_at` and `name, node`.
    fn new(rooms: &[Row], known: &[Row], hosts: &[Row]) -> Result<Self, DatabaseError> {
        let mut nodes: HashMap<RoomId, Vec<NodeId>> = HashMap::new();
        for row in hosts {
            let node = row.try_get::<_, String>(1)?.parse().map_err(|e| DatabaseError::unreadable(&e))?;
            nodes.entry(name(row)?).or_default().push(node);
        }
        let room = |row: &Row| {
            let name = name(row)?;
            let hosts = nodes.remove(&name).unwrap_or_default().into();
            Ok::<_, DatabaseError>((
                name,
                Room { id: row.try_get(1)?, head: row.try_get(2)?, known: HashMap::new(), hosts },
            ))
        };
        let mut rooms = rooms.iter().map(room).collect::<Result<HashMap<_, _>, _>>()?;
        for row in known {
            let message = message(row, 1)?;
            if let Some(room) = rooms.get_mut(&name(row)?) {
                room.known.insert(message.id.clone(), Arc::new(message));
            }
        }
        Ok(Self { rooms, new: Vec::new() })
    }

    /// Gives a message the place that its id has, or else the next one.
    fn place(&mut self, incoming: &Incoming) -> Result<Placed, DatabaseError> {
        let Incoming { room, id, sender, content, sent_at } = incoming;
        let missing = || DatabaseError::Unreadable("a room has gone that was just made".to_owned());
        let row = self.rooms.get_mut(room).ok_or_else(missing)?;
        let message = row.known.entry(id.clone()).or_insert_with(|| {
            row.head += 1;
            let (seq, sender, content) = (Seq(row.head.unsigned_abs()), sender.clone(), content.clone());
            let message = Arc::new(Message { seq, id: id.clone(), sender, content, sent_at: *sent_at });
            self.new.push((row.id, Arc::clone(&message)));
            message
        });
        Ok(Placed { room: room.clone(), message: Arc::clone(message), hosts: Arc::clone(&row.hosts) })
    }

    /// Writes what has been given places, and commits.
    async fn write(&self, session: &Session) -> Result<(), DatabaseError> {
        let insert = session.prepared(INSERT).await?;
        let move_heads = session.prepared(MOVE_HEADS).await?;
        let Columns { rooms, places, ids, senders, contents, times } = Columns::of(&self.new);
        let (moved, heads) = self.heads();
        let new: [Parameter<'_>; 6] = [&rooms, &places, &ids, &senders, &contents, &times];
        let heads: [Parameter<'_>; 2] = [&moved, &heads];
        tokio::try_join!(
            biased;
            session.execute(&insert, &new),
            session.execute(&move_heads, &heads),
            session.batch_execute("COMMIT"),
        )?;
        Ok(())
    }

    /// The rows of the rooms that have new messages, and their heads.
    fn heads(&self) -> (Vec<i64>, Vec<i64>) {
        let written: BTreeSet<i64> = self.new.iter().map(|(room, _)| *room).collect();
        self.rooms.values().filter(|room| written.contains(&room.id)).map(|room| (room.id, room.head)).unzip()
    }
}

/// New messages as PostgreSQL takes many at once: an array for each column.
#[derive(Default)]
struct Columns<'a> {
    rooms: Vec<i64>,
    places: Vec<i64>,
    ids: Vec<&'a str>,
    senders: Vec<Option<&'a str>>,
    contents: Vec<&'a [u8]>,
    times: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(messages: &'a [(i64, Arc<Message>)]) -> Self {
        let mut columns = Self::default();
        for (room, message) in messages {
            columns.rooms.push(*room);
            columns.places.push(place(message.seq));
            columns.ids.push(message.id.as_str());
            columns.senders.push(message.sender.as_ref().map(Username::as_str));
            columns.contents.push(message.content.as_bytes());
            columns.times.push(message.sent_at.as_millisecond());
        }
        columns
    }
}

fn name(row: &Row) -> Result<RoomId, DatabaseError> {
    RoomId::new(row.try_get::<_, String>(0)?).map_err(|e| DatabaseError::unreadable(&e))
}

/// Makes a message of the columns `seq, id, sender, content, sent_at`, the first of which is `at`.
pub(super) fn message(row: &Row, at: usize) -> Result<Message, DatabaseError> {
    let unreadable = |e: &dyn std::fmt::Display| DatabaseError::unreadable(&e.to_string());
    let sender: Option<String> = row.try_get(at + 2)?;
    let content: Vec<u8> = row.try_get(at + 3)?;
    Ok(Message {
        seq: Seq(row.try_get::<_, i64>(at)?.unsigned_abs()),
        id: MessageId::new(row.try_get::<_, String>(at + 1)?).map_err(|e| unreadable(&e))?,
        // One that was kept under older rules and is no name any more vouches for nobody.
        sender: sender.and_then(|name| Username::new(name).ok()),
        content: String::from_utf8(content).map_err(|e| unreadable(&e))?,
        sent_at: Timestamp::from_millisecond(row.try_get(at + 4)?).map_err(|e| unreadable(&e))?,
    })
}

/// PostgreSQL counts in i64; no room comes near its end.
pub(super) fn place(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}
