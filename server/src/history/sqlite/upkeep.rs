//! What the writer does while nothing waits for it: messages expire, and the file gives back the pages they leave. All
//! of it in short steps, so that a batch that comes meanwhile waits for one step at the most.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction};
use tracing::info;

use crate::clock;
use crate::history::Retention;
use crate::history::limits::Limits;
use crate::history::sqlite::index;

/// How long a step takes before it commits: far less than a person notices, and long enough that the commit is the
/// smaller part.
const STEP: Duration = Duration::from_millis(2);

/// How many messages are deleted before a step looks at the clock: at most this many, or this many bytes of content.
const CHUNK_MESSAGES: i64 = 32;
const CHUNK_BYTES: u64 = 256 * 1024;

/// How many free pages the file keeps for messages to come (4 KiB each). Moving pages costs more than it gains where
/// as much comes as expires.
pub(super) const SPARE_PAGES: i64 = 1_024;

/// How far it has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// There is more to do.
    Underway,
    /// There is, and something is left for the next time because of this.
    SteppedOver(rusqlite::Error),
    /// All is done for now.
    Done {
        /// Whether anything was there to do.
        had_work: bool,
        /// Whether something was stepped over.
        has_failed: bool,
    },
}

/// Goes through all rooms, then through the free pages, then begins anew.
#[derive(Debug)]
pub(super) struct Upkeep {
    retention: Retention,
    stage: Stage,
    /// Rooms that could not be seen to this time.
    failed: BTreeSet<i64>,
    has_failed: bool,
    expired: usize,
    freed: usize,
}

/// What went wrong, and in which room, where that is known.
struct Failure {
    room: Option<i64>,
    error: rusqlite::Error,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// All rooms up to this row have been seen to.
    Expiring { after: i64 },
    /// Free pages are given back.
    Shrinking,
}

impl Upkeep {
    pub(super) fn new(retention: Retention) -> Self {
        let stage = Stage::Expiring { after: 0 };
        Self { retention, stage, failed: BTreeSet::new(), has_failed: false, expired: 0, freed: 0 }
    }

    /// Does what can be done in [`STEP`]. Of a step that fails nothing is done; a room that it failed at is stepped over, and
    /// holds up no other.
    pub(super) fn step(&mut self, connection: &mut Connection) -> Result<Progress, rusqlite::Error> {
        let end = clock::now().instant + STEP;
        match self.stage {
            Stage::Expiring { after } => {
                let transaction = connection.transaction()?;
                match self.expire(&transaction, after, end) {
                    Ok((expired, next)) => {
                        transaction.commit()?;
                        self.expired += expired;
                        self.stage = next;
                        Ok(Progress::Underway)
                    }
                    Err(Failure { room, error }) => {
                        self.has_failed = true;
                        match room {
                            Some(room) => drop(self.failed.insert(room)),
                            // Nobody knows where the next one is.
                            None => self.stage = Stage::Shrinking,
                        }
                        Ok(Progress::SteppedOver(error))
                    }
                }
            }
            Stage::Shrinking => {
                let shrunk = shrink(connection, end).inspect_err(|_| *self = Self::new(self.retention));
                let (freed, is_done) = shrunk?;
                self.freed += freed;
                Ok(if is_done { self.done() } else { Progress::Underway })
            }
        }
    }

    /// Removes what has expired in the rooms after this row. Says how many messages that were and where to go on.
    fn expire(&self, transaction: &Transaction<'_>, mut after: i64, end: Instant) -> Result<(usize, Stage), Failure> {
        let Some(limits) = Limits::of(self.retention, clock::timestamp()) else { return Ok((0, Stage::Shrinking)) };
        let unknown = |error| Failure { room: None, error };
        let next = "SELECT id FROM rooms WHERE id > ?1 ORDER BY id LIMIT 1";
        let mut next = transaction.prepare_cached(next).map_err(unknown)?;
        let mut expired = 0;
        while clock::now().instant < end {
            let found = next.query_row([after], |row| row.get(0)).optional().map_err(unknown)?;
            let Some(room) = found else { return Ok((expired, Stage::Shrinking)) };
            let is_left_out = self.failed.contains(&room);
            match if is_left_out { Ok(0) } else { expire_chunk(transaction, limits, room) } {
                Ok(0) => after = room,
                Ok(count) => expired += count,
                Err(error) => return Err(Failure { room: Some(room), error }),
            }
        }
        Ok((expired, Stage::Expiring { after }))
    }

    fn done(&mut self) -> Progress {
        let Self { expired, freed, has_failed, .. } = *self;
        *self = Self::new(self.retention);
        if expired > 0 {
            info!(messages = expired, "expired messages are removed");
        }
        if freed > 0 {
            info!(pages = freed, "the history has shrunk");
        }
        Progress::Done { had_work: expired > 0 || freed > 0, has_failed }
    }
}

/// Removes a chunk of what has expired in a room. Says how many messages that were.
fn expire_chunk(transaction: &Transaction<'_>, limits: Limits, room: i64) -> Result<usize, rusqlite::Error> {
    let mut head = transaction.prepare_cached("SELECT head FROM rooms WHERE id = ?1")?;
    let head = head.query_row([room], |row| row.get(0))?;
    let Some(last) = last_expired(transaction, limits, room, head)? else { return Ok(0) };
    let mut delete = transaction.prepare_cached("DELETE FROM messages WHERE room = ?1 AND seq <= ?2")?;
    let expired = delete.execute((room, last))?;
    index::expire(transaction, room, last)?;
    Ok(expired)
}

/// The last of a chunk of a room's oldest messages that have all expired; what is kept stays without holes.
fn last_expired(
    transaction: &Transaction<'_>,
    limits: Limits,
    room: i64,
    head: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    let counted_out = head.saturating_sub(limits.newest);
    let mut oldest = transaction.prepare_cached(
        "SELECT seq, sent_at, octet_length(content) FROM messages WHERE room = ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = oldest.query((room, CHUNK_MESSAGES))?;
    let (mut last, mut bytes) = (None, 0);
    while let Some(row) = rows.next()? {
        let (seq, sent_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if bytes >= CHUNK_BYTES || (seq > counted_out && sent_at >= limits.since) {
            break;
        }
        last = Some(seq);
        bytes += row.get::<_, i64>(2)?.unsigned_abs();
    }
    Ok(last)
}

/// Moves pages from the end of the file into free ones and cuts the end off. Says how many and whether that was all.
fn shrink(connection: &mut Connection, end: Instant) -> Result<(usize, bool), rusqlite::Error> {
    let transaction = connection.transaction()?;
    let freed = vacuum(&transaction, end)?;
    transaction.commit()?;
    Ok(freed)
}

fn vacuum(transaction: &Transaction<'_>, end: Instant) -> Result<(usize, bool), rusqlite::Error> {
    let free: i64 = transaction.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let surplus = free - SPARE_PAGES;
    if surplus <= 0 {
        return Ok((0, true));
    }
    // Each row that comes is one page; a history that cannot shrink gives none.
    let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut rows = vacuum.query(())?;
    let mut freed = 0;
    while rows.next()?.is_some() {
        freed += 1;
        if clock::now().instant >= end {
            return Ok((freed, false));
        }
    }
    Ok((freed, true))
}
