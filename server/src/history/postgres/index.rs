//! Which messages hold which words: the table `search`. It follows the messages little by little, so that no append waits for it;
//! a search looks through what it does not have yet.

use std::collections::BTreeMap;

use shared::search::searched;
use tokio_postgres::types::ToSql;

use crate::database::{DatabaseError, Session};
use crate::history::postgres::upkeep::Progress;
use crate::history::words;

/// How much a step takes at most: so many rooms, and so many messages.
pub(super) const STEP_ROOMS: i64 = 20;
const STEP_MESSAGES: i64 = 500;

/// How much of a message is searched, in bytes.
const SEARCHED_BYTES: i32 = 64 * 1024;

/// The next messages that are not indexed. A room of which only expired ones are not is one row without a message.
const NEXT: &str = "WITH behind AS (
        SELECT * FROM (
            SELECT id, head, coalesce((SELECT seq FROM indexed WHERE room = rooms.id), 0) AS indexed FROM rooms WHERE id > $1
        ) AS known WHERE head > indexed ORDER BY id LIMIT $2
    )
    SELECT behind.id, head, next.seq, substring(content FOR $4) FROM behind
    LEFT JOIN LATERAL (
        SELECT seq, content FROM messages WHERE room = behind.id AND seq > behind.indexed ORDER BY seq LIMIT $3
    ) AS next ON true
    ORDER BY behind.id, next.seq LIMIT $3";

/// The first room of the next step behind `$1`.
pub(super) const NEXT_ROOM: &str = "SELECT id FROM rooms LEFT JOIN indexed ON indexed.room = rooms.id
    WHERE id > $1 AND head > coalesce(indexed.seq, 0) ORDER BY id LIMIT 1";

const INSERT: &str = "INSERT INTO search (room, seq, words)
    SELECT room, seq, array_to_tsvector(string_to_array(rtrim(words), ' '))
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS new (room, seq, words)
    ON CONFLICT (room, seq) DO NOTHING";

const MOVE_ON: &str = "INSERT INTO indexed (room, seq) SELECT * FROM unnest($1::bigint[], $2::bigint[])
    ON CONFLICT (room) DO UPDATE SET seq = excluded.seq";

/// Indexes the next messages of so many rooms behind a row, all in one transaction.
pub(super) async fn step(session: &Session, after: i64, rooms: i64) -> Result<Progress, DatabaseError> {
    let next = session.prepared(NEXT).await?;
    let rows = session.query(&next, &[&after, &rooms, &STEP_MESSAGES, &SEARCHED_BYTES]).await?;
    let (mut rooms, mut places, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    // Up to where, and where the room ends.
    let mut reached = BTreeMap::new();
    for row in &rows {
        let (room, head): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let Some(seq) = row.try_get::<_, Option<i64>>(2)? else {
            reached.insert(room, (head, head));
            continue;
        };
        reached.insert(room, (seq, head));
        let found = words::indexed(room, searched(text(row.try_get(3)?)));
        if !found.is_empty() {
            rooms.push(room);
            places.push(seq);
            keys.push(found);
        }
    }
    let Some(served) = reached.keys().next_back().copied() else { return Ok(Progress::Done) };
    let is_behind = reached.values().any(|(seq, head)| seq < head);
    let (moved, seqs): (Vec<i64>, Vec<i64>) = reached.iter().map(|(room, (seq, _))| (*room, *seq)).unzip();
    let (insert, move_on) = (session.prepared(INSERT).await?, session.prepared(MOVE_ON).await?);
    let new: [&(dyn ToSql + Sync); 3] = [&rooms, &places, &keys];
    let reached: [&(dyn ToSql + Sync); 2] = [&moved, &seqs];
    tokio::try_join!(
        biased;
        session.batch_execute("BEGIN"),
        session.execute(&insert, &new),
        session.execute(&move_on, &reached),
        session.batch_execute("COMMIT"),
    )?;
    Ok(Progress::Underway { served, is_behind })
}

/// What of the bytes is text; the last character may be cut.
fn text(bytes: &[u8]) -> &str {
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}
