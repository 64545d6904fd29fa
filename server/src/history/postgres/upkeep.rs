//! What one of the nodes does for all, in short steps with rests between: messages expire, and new ones are indexed. It has a
//! connection of its own, so that nobody who waits for messages waits for it.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::clock;
use crate::database::{Database, DatabaseError, Lock, Session, within};
use crate::history::Retention;
use crate::history::limits::{self, Limits};
use crate::history::postgres::index;

/// How often a node looks whether it is the one. When that one has gone, upkeep rests for so long at the most.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long messages wait to be indexed at the least, so that many are together. A search looks through them meanwhile.
const INDEX_EVERY: Duration = Duration::from_secs(10);

/// How much longer than its last step upkeep rests before the next; and than a look that found nothing before it looks again.
const RESTS: u32 = 4;
const RESTS_IDLE: u32 = 40;

/// When what failed is tried again. On a full disk it may be what makes room.
const AGAIN: Duration = Duration::from_secs(60);

/// How many rooms are looked at for expired messages at a time, and how many of these are deleted at a time.
const LOOK_ROOMS: i64 = 200;
const CHUNK: i64 = 500;

/// The room at which looking fails that begins behind `$1`.
const NEXT: &str = "SELECT id FROM rooms WHERE id > $1 ORDER BY id LIMIT 1";

/// The oldest message of each of the next rooms.
const OLDEST: &str = "SELECT id, head, oldest.seq, oldest.sent_at
    FROM (SELECT id, head FROM rooms WHERE id > $1 ORDER BY id LIMIT $2) AS looked
    LEFT JOIN LATERAL (SELECT seq, sent_at FROM messages WHERE room = looked.id ORDER BY seq LIMIT 1) AS oldest ON true ORDER BY id";

/// Deletes a chunk of a room's oldest messages that have all expired; what is kept stays without holes.
const EXPIRE: &str = "WITH oldest AS MATERIALIZED (
        SELECT seq, sent_at FROM messages WHERE room = $1 ORDER BY seq LIMIT $4
    ), last AS MATERIALIZED (
        SELECT max(seq) AS seq FROM oldest
        WHERE seq < coalesce((SELECT min(seq) FROM oldest WHERE seq > $2 AND sent_at >= $3), 9223372036854775807)
    ), unindexed AS (
        DELETE FROM search USING last WHERE room = $1 AND search.seq <= last.seq
    )
    DELETE FROM messages USING last WHERE room = $1 AND messages.seq <= last.seq";

/// How far a round through all rooms has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All rooms up to this row have been served, and there may be more.
    Underway {
        /// That row.
        served: i64,
        /// Whether one of them is to be served again in the next round, which then follows at once.
        is_behind: bool,
    },
    /// All have.
    Done,
}

/// Two rounds that go on at the same time, and what is said once until it is over.
#[derive(Debug)]
struct Upkeep {
    retention: Retention,
    indexing: Round,
    expiring: Round,
    expired: u64,
}

/// A round through all rooms.
#[derive(Debug)]
struct Round {
    served: i64,
    is_behind: bool,
    next: Instant,
    is_failure_said: bool,
    /// How many more steps take one room each, to find the one at which a step of many has failed.
    narrow: i64,
    /// Whether a room was stepped over.
    has_failed: bool,
}

/// Sees to it, whenever it is this node's turn, for ever.
pub(super) async fn keep_up(database: Database, retention: Retention) {
    let mut upkeep = Upkeep { retention, indexing: Round::new(), expiring: Round::new(), expired: 0 };
    loop {
        let done = match turn(&database).await {
            Ok(session) => upkeep.work(&session).await,
            Err(error) => Err(error),
        };
        // Why the database does not answer is said by the node's claim.
        if let Err(error) = done {
            debug!(%error, "upkeep begins anew");
            sleep(ASK_EVERY).await;
        }
    }
}

/// Waits for the turn of this node, and gives the connection that has it.
async fn turn(database: &Database) -> Result<Session, DatabaseError> {
    let session = database.apart().await?;
    let (ours, lock) = Lock::Upkeep.key();
    loop {
        let take = "SELECT pg_try_advisory_lock($1, $2)";
        if within(async { Ok(session.query_one(take, &[&ours, &lock]).await?.try_get(0)?) }).await? {
            // What a power cut undoes is done again.
            within(async { Ok(session.batch_execute("SET synchronous_commit = off").await?) }).await?;
            return Ok(session);
        }
        sleep(ASK_EVERY).await;
    }
}

impl Upkeep {
    /// Works until something fails. `Err` is about the connection.
    async fn work(&mut self, session: &Session) -> Result<(), DatabaseError> {
        loop {
            let is_indexing = self.indexing.next <= self.expiring.next;
            let Self { indexing, expiring, .. } = self;
            let round = if is_indexing { indexing } else { expiring };
            tokio::time::sleep_until(round.next.into()).await;
            let (began, after) = (clock::now().instant, round.served);
            let most = if is_indexing { index::STEP_ROOMS } else { LOOK_ROOMS };
            let rooms = if round.narrow > 0 { 1 } else { most };
            let progress = if is_indexing {
                within(index::step(session, after, rooms)).await
            } else {
                within(self.expire(session, after, rooms)).await
            };
            let (round, every) = if is_indexing {
                (&mut self.indexing, INDEX_EVERY)
            } else {
                (&mut self.expiring, limits::look_every(self.retention))
            };
            let error = match progress {
                Ok(progress) => {
                    round.goes_on(progress, began, every);
                    continue;
                }
                Err(error @ (DatabaseError::Away(_) | DatabaseError::Silent | DatabaseError::Closed)) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            if rooms > 1 {
                round.narrows(most, began);
            } else {
                let next = if is_indexing { index::NEXT_ROOM } else { NEXT };
                let room = within(next_room(session, next, after)).await;
                if let Err(error) = &room
                    && error.is_absence()
                {
                    return Err(error.clone());
                }
                round.steps_over(room.ok().flatten(), began);
            }
            let is_said = std::mem::replace(&mut round.is_failure_said, true);
            match (is_said, is_indexing) {
                (true, _) => debug!(%error, "upkeep still fails"),
                (false, true) => warn!(%error, "new messages could not be indexed; it is tried again every minute"),
                (false, false) => {
                    warn!(%error, "expired messages could not be removed; it is tried again every minute")
                }
            }
            // The connection may be within a transaction that has failed.
            return Ok(());
        }
    }

    /// Removes what has expired in the next rooms.
    async fn expire(&mut self, session: &Session, after: i64, rooms: i64) -> Result<Progress, DatabaseError> {
        let Some(Limits { since, newest }) = Limits::of(self.retention, clock::timestamp()) else {
            return Ok(Progress::Done);
        };
        let (oldest, expire) = (session.prepared(OLDEST).await?, session.prepared(EXPIRE).await?);
        let rooms = session.query(&oldest, &[&after, &rooms]).await?;
        let mut served = after;
        for row in &rooms {
            let (room, head): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let counted_out = head.saturating_sub(newest);
            let (seq, sent_at): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
            if seq.is_some_and(|seq| seq <= counted_out) || sent_at.is_some_and(|sent_at| sent_at < since) {
                let count = session.execute(&expire, &[&room, &counted_out, &since, &CHUNK]).await?;
                self.expired += count;
                if count.cast_signed() == CHUNK {
                    return Ok(Progress::Underway { served, is_behind: false });
                }
            }
            served = room;
        }
        if !rooms.is_empty() {
            return Ok(Progress::Underway { served, is_behind: false });
        }
        if self.expired > 0 {
            info!(messages = std::mem::take(&mut self.expired), "expired messages are removed");
        }
        Ok(Progress::Done)
    }
}

async fn next_room(session: &Session, next: &str, after: i64) -> Result<Option<i64>, DatabaseError> {
    // What failed may have been within a transaction.
    session.batch_execute("ROLLBACK").await?;
    Ok(session.query_opt(next, &[&after]).await?.map(|row| row.try_get(0)).transpose()?)
}

impl Round {
    fn new() -> Self {
        let next = clock::now().instant;
        Self { served: 0, is_behind: false, next, is_failure_said: false, narrow: 0, has_failed: false }
    }

    fn goes_on(&mut self, progress: Progress, began: Instant, every: Duration) {
        let now = clock::now().instant;
        let (rest, idle) = ((now - began) * RESTS, every.max((now - began) * RESTS_IDLE));
        (self.served, self.next) = match progress {
            Progress::Underway { served, is_behind } => {
                self.is_behind |= is_behind;
                self.narrow = (self.narrow - 1).max(0);
                (served, now + rest)
            }
            Progress::Done => {
                let has_failed = std::mem::take(&mut self.has_failed);
                self.is_failure_said &= has_failed;
                let idle = if has_failed { idle.min(AGAIN) } else { idle };
                (0, now + if std::mem::take(&mut self.is_behind) { rest } else { idle })
            }
        };
    }

    /// A step of many rooms has failed: the next ones take one each.
    fn narrows(&mut self, rooms: i64, began: Instant) {
        let now = clock::now().instant;
        (self.narrow, self.next) = (rooms, now + (now - began) * RESTS);
    }

    /// A step of this one room has failed, which is left for the next round. Where nobody knows which it is, that begins later.
    fn steps_over(&mut self, room: Option<i64>, began: Instant) {
        let now = clock::now().instant;
        (self.narrow, self.has_failed) = (0, true);
        (self.served, self.next) = room.map_or((0, now + AGAIN), |room| (room, now + (now - began) * RESTS));
    }
}
