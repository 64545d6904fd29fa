//! The judge that several nodes share: seats and leases in PostgreSQL.
//!
//! The room's row is locked by whoever decides on its seats, and a node is judged dead by a write to its own row, so that a
//! renewal either comes before that or fails.

use std::collections::HashMap;

use jiff::Timestamp;
use shared::frames::PresenceState;
use shared::message::Seq;
use shared::names::{RoomId, Username};
use shared::rest::Occupant;
use tokio_postgres::Row as Columns;
use tokio_postgres::types::ToSql;

use crate::database::{Database, DatabaseError, Session};
use crate::nodes::{HeldSeat, NodeId, SeatsVersion, View};
use crate::seats::desk::Errand;
use crate::seats::rules::{self, Asked, Row};

/// How long a lease is (`LEASE` in `lease.rs`), by the clock of PostgreSQL.
const BEGIN_LEASE: &str = "INSERT INTO nodes (id, expires_at) VALUES ($1, clock_timestamp() + interval '15 s')";

const RENEW: &str = "UPDATE nodes SET expires_at = clock_timestamp() + interval '15 s'
    WHERE id = $1 AND expires_at > clock_timestamp()";

/// Judges nodes dead, in an order of its own, so that two who do so never wait for each other.
const BURY: &str = "UPDATE nodes SET expires_at = '-infinity' WHERE id IN (
        SELECT id FROM nodes WHERE expires_at > '-infinity' AND expires_at <= now() ORDER BY id FOR UPDATE)";

const HAS_LEASE: &str = "SELECT FROM nodes WHERE id = $1 AND expires_at > clock_timestamp()";

const MAKE_ROOM: &str = "INSERT INTO rooms (name, head) SELECT $1, 0
    WHERE NOT EXISTS (SELECT FROM rooms WHERE name = $1) ON CONFLICT (name) DO NOTHING";

const LOCK_ROOM: &str = "SELECT id, head, seats FROM rooms WHERE name = $1 FOR NO KEY UPDATE";

/// The seats of a room; of each also whether its node lives.
const SEATS_OF: &str = "SELECT username, node, state, since, number, EXISTS (
        SELECT FROM nodes WHERE nodes.id = seats.node AND expires_at > '-infinity')
    FROM seats WHERE room = (SELECT id FROM rooms WHERE name = $1) ORDER BY username, node";

const FREE: &str = "DELETE FROM seats USING unnest($2::text[], $3::text[]) AS freed (username, node)
    WHERE room = $1 AND seats.username = freed.username AND seats.node = freed.node";

const WRITE: &str = "INSERT INTO seats (room, username, node, state, since, number)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
    ON CONFLICT (room, username, node) DO UPDATE
    SET state = excluded.state, since = excluded.since, number = excluded.number";

const CHANGED: &str = "UPDATE rooms SET seats = seats + 1 WHERE id = $1";

/// Frees the seats of the dead, in the order in which rooms are locked; what is locked now is for the next time.
const SWEEP: &str = "WITH dead AS (SELECT id FROM nodes WHERE expires_at = '-infinity'),
    locked AS (SELECT id FROM rooms WHERE id IN (SELECT room FROM seats WHERE node IN (SELECT id FROM dead))
        ORDER BY name FOR NO KEY UPDATE SKIP LOCKED),
    freed AS (DELETE FROM seats WHERE room IN (SELECT id FROM locked) AND node IN (SELECT id FROM dead) RETURNING room)
    UPDATE rooms SET seats = seats + 1 WHERE id IN (SELECT room FROM freed)";

const FORGET: &str = "DELETE FROM nodes WHERE expires_at = '-infinity'
    AND NOT EXISTS (SELECT FROM seats WHERE node = nodes.id)";

/// Of the rooms that are known to stand like this, those that do not; and those in which the node has a seat and which it
/// does not know. Those are looked up by a hash, which `NOT IN` has of what is so few as an array is taken for whose length
/// PostgreSQL does not see (hence the inner `SELECT`): `<> ALL ($2)` looks through all of it for each room once a plan is generic.
const COMPARE: &str = "SELECT rooms.name, rooms.head, rooms.seats
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS known (name, head, seats) JOIN rooms USING (name)
    WHERE rooms.head > known.head OR rooms.seats > known.seats
    UNION SELECT name, head, rooms.seats FROM seats JOIN rooms ON rooms.id = seats.room
    WHERE node = $1 AND name NOT IN (SELECT unnest((SELECT $2::text[])))";

const LEAVE: &str = "WITH locked AS (SELECT id FROM rooms WHERE id IN (SELECT room FROM seats WHERE node = $1)
        ORDER BY name FOR NO KEY UPDATE),
    kept AS (UPDATE seats SET state = 'away', since = $2 WHERE node = $1 AND room IN (SELECT id FROM locked)
        RETURNING room),
    changed AS (UPDATE rooms SET seats = seats + 1 WHERE id IN (SELECT room FROM kept))
    UPDATE nodes SET expires_at = clock_timestamp() + interval '15 s' WHERE id = $1 AND expires_at > clock_timestamp()";

/// What came of an errand.
#[derive(Debug, Clone)]
pub struct Done {
    /// The seats after it.
    pub view: View,
    /// Whether it has changed anything that others see.
    pub is_news: bool,
    /// For whom seats were asked, and whether they have them.
    pub asked: Asked,
}

/// A room that does not stand as a node believed.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which.
    pub room: RoomId,
    /// Its newest place.
    pub head: Seq,
    /// The version of its seats.
    pub seats: SeatsVersion,
}

/// A handle to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SharedSeats {
    database: Database,
}

type Parameter<'a> = &'a (dyn ToSql + Sync);

impl SharedSeats {
    /// The seats in this database, which holds the history as well.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins a lease under a new name.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    pub async fn begin(&self, node: NodeId) -> Result<(), DatabaseError> {
        let id = node.to_string();
        self.database.run(async |session| Ok(session.execute(BEGIN_LEASE, &[&id]).await.map(|_| ())?)).await
    }

    /// Renews a lease. `false` when there is none to renew: it never comes back.
    ///
    /// # Errors
    /// When it is not known whether it is renewed.
    pub async fn renew(&self, node: NodeId) -> Result<bool, DatabaseError> {
        let id = node.to_string();
        self.database.run(async |session| Ok(session.execute(RENEW, &[&id]).await? > 0)).await
    }

    /// Does an errand. `None` when the node has no lease.
    ///
    /// # Errors
    /// When it is not known whether it was done, or will yet be.
    pub async fn perform(&self, node: NodeId, room: &RoomId, errand: &Errand) -> Result<Option<Done>, DatabaseError> {
        self.database.run(async |session| perform(session, node, room, errand).await).await
    }

    /// Which of these rooms do not stand as is believed, and in which others this node has seats. Buries the dead
    /// before.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn compare(&self, node: NodeId, known: &[Standing]) -> Result<Vec<Standing>, DatabaseError> {
        let names: Vec<&str> = known.iter().map(|standing| standing.room.as_str()).collect();
        let heads: Vec<i64> = known.iter().map(|standing| signed(standing.head.0)).collect();
        let seats: Vec<i64> = known.iter().map(|standing| signed(standing.seats.0)).collect();
        let id = node.to_string();
        self.database
            .run(async |session| {
                for statement in [BURY, SWEEP, FORGET] {
                    let statement = session.prepared(statement).await?;
                    session.execute(&statement, &[]).await?;
                }
                let compare = session.prepared(COMPARE).await?;
                let parameters: [Parameter<'_>; 4] = [&id, &names, &heads, &seats];
                let rows = session.query(&compare, &parameters).await?;
                rows.iter().map(standing).collect()
            })
            .await
    }

    /// Who sits in a room, whichever nodes they are on.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn occupants(&self, room: &RoomId) -> Result<Vec<HeldSeat>, DatabaseError> {
        self.database
            .run(async |session| {
                let statement = session.prepared(SEATS_OF).await?;
                let found = session.query(&statement, &[&room.as_str()]).await?;
                let rows = found.iter().map(seat).collect::<Result<Vec<_>, _>>()?;
                Ok(rows.into_iter().filter(|(_, is_alive)| *is_alive).map(|(row, _)| row.seat).collect())
            })
            .await
    }

    /// The node ends: what it holds is kept for as long as a lease, so that its users find their seats on other nodes.
    ///
    /// # Errors
    /// When it is not known whether that is so.
    pub async fn leave(&self, node: NodeId, now: Timestamp) -> Result<(), DatabaseError> {
        let (id, now) = (node.to_string(), now.as_millisecond());
        self.database.run(async |session| Ok(session.execute(LEAVE, &[&id, &now]).await.map(|_| ())?)).await
    }
}

/// In one transaction of two trips to PostgreSQL and back: the first locks the room, the second writes what was decided.
async fn perform(
    session: &Session,
    node: NodeId,
    room: &RoomId,
    errand: &Errand,
) -> Result<Option<Done>, DatabaseError> {
    let make_room = session.prepared(MAKE_ROOM).await?;
    let lock_room = session.prepared(LOCK_ROOM).await?;
    let bury = session.prepared(BURY).await?;
    let has_lease = session.prepared(HAS_LEASE).await?;
    let seats_of = session.prepared(SEATS_OF).await?;
    let (id, name) = (node.to_string(), room.as_str());
    let [of_node, of_room]: [[Parameter<'_>; 1]; 2] = [[&id], [&name]];
    let (_, _, locked, _, leased, found) = tokio::try_join!(
        biased;
        session.batch_execute("BEGIN"),
        session.execute(&make_room, &of_room),
        session.query_one(&lock_room, &of_room),
        session.execute(&bury, &[]),
        session.query(&has_lease, &of_node),
        session.query(&seats_of, &of_room),
    )?;
    if leased.is_empty() {
        session.batch_execute("ROLLBACK").await?;
        return Ok(None);
    }
    let found = found.iter().map(seat).collect::<Result<Vec<_>, _>>()?;
    let before: Vec<Row> = found.iter().map(|(row, _)| row.clone()).collect();
    let mut after: Vec<Row> = found.into_iter().filter(|(_, is_alive)| *is_alive).map(|(row, _)| row).collect();
    let asked = rules::decide(&mut after, node, errand);
    let is_news = write(session, locked.try_get(0)?, &before, &after).await?;
    let version = SeatsVersion(locked.try_get::<_, i64>(2)?.unsigned_abs() + u64::from(is_news));
    let head = Seq(locked.try_get::<_, i64>(1)?.unsigned_abs());
    let view = View { version, head, seats: after.into_iter().map(|row| row.seat).collect() };
    Ok(Some(Done { view, is_news, asked }))
}

/// Writes what has changed, and commits. Whether anything has.
async fn write(session: &Session, room: i64, before: &[Row], after: &[Row]) -> Result<bool, DatabaseError> {
    let changed: Vec<&Row> = after.iter().filter(|row| !before.contains(row)).collect();
    let key = |row: &Row| (row.seat.occupant.user.clone(), row.seat.node);
    let kept: HashMap<_, ()> = after.iter().map(|row| (key(row), ())).collect();
    let freed: Vec<&Row> = before.iter().filter(|row| !kept.contains_key(&key(row))).collect();
    if changed.is_empty() && freed.is_empty() {
        session.batch_execute("COMMIT").await?;
        return Ok(false);
    }
    let free = session.prepared(FREE).await?;
    let write = session.prepared(WRITE).await?;
    let note = session.prepared(CHANGED).await?;
    let user = |row: &&Row| row.seat.occupant.user.as_str().to_owned();
    let node = |row: &&Row| row.seat.node.to_string();
    let (freed_users, freed_nodes): (Vec<_>, Vec<_>) = freed.iter().map(|row| (user(row), node(row))).unzip();
    let (users, nodes): (Vec<_>, Vec<_>) = changed.iter().map(|row| (user(row), node(row))).unzip();
    let states: Vec<&str> = changed.iter().map(|row| word(row.seat.occupant.state)).collect();
    let times: Vec<i64> = changed.iter().map(|row| row.seat.occupant.since.as_millisecond()).collect();
    let numbers: Vec<i64> = changed.iter().map(|row| signed(row.number)).collect();
    let freed: [Parameter<'_>; 3] = [&room, &freed_users, &freed_nodes];
    let written: [Parameter<'_>; 6] = [&room, &users, &nodes, &states, &times, &numbers];
    let of_room: [Parameter<'_>; 1] = [&room];
    tokio::try_join!(
        biased;
        session.execute(&free, &freed),
        session.execute(&write, &written),
        session.execute(&note, &of_room),
        session.batch_execute("COMMIT"),
    )?;
    Ok(true)
}

/// A seat of the columns `username, node, state, since, number`, and whether its node lives.
fn seat(row: &Columns) -> Result<(Row, bool), DatabaseError> {
    let unreadable = |e: &dyn std::fmt::Display| DatabaseError::unreadable(&e.to_string());
    let user = Username::new(row.try_get::<_, String>(0)?).map_err(|e| unreadable(&e))?;
    let node = row.try_get::<_, String>(1)?.parse::<NodeId>().map_err(|e| unreadable(&e))?;
    let state = row.try_get::<_, String>(2)?;
    let state = STATES.iter().find(|(_, word)| *word == state).map(|(state, _)| *state);
    let state = state.ok_or_else(|| unreadable(&"a seat in a state that is not known"))?;
    let since = Timestamp::from_millisecond(row.try_get(3)?).map_err(|e| unreadable(&e))?;
    let number = row.try_get::<_, i64>(4)?.unsigned_abs();
    let seat = HeldSeat { node, occupant: Occupant { user, state, since } };
    Ok((Row { seat, number }, row.try_get(5)?))
}

fn standing(row: &Columns) -> Result<Standing, DatabaseError> {
    let room = RoomId::new(row.try_get::<_, String>(0)?).map_err(|e| DatabaseError::unreadable(&e))?;
    let [head, seats] = [row.try_get::<_, i64>(1)?, row.try_get::<_, i64>(2)?].map(i64::unsigned_abs);
    Ok(Standing { room, head: Seq(head), seats: SeatsVersion(seats) })
}

/// What states are called in the table.
const STATES: &[(PresenceState, &str)] =
    &[(PresenceState::Here, "here"), (PresenceState::Idle, "idle"), (PresenceState::Away, "away")];

fn word(state: PresenceState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("away", |(_, word)| word)
}

/// PostgreSQL counts in i64; nothing here comes near its end.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
