//! Looks for messages: through the newest one by one, then through those that the index proposes.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row};
use shared::message::Seq;
use shared::names::RoomId;
use shared::search::Query;

use crate::history::{Found, MAX_PAGE_BYTES, index, placing};

/// How many of the newest messages are looked through before the index is asked. Words that are frequent are found there
/// often enough, and of those the index would have to gather more than anybody wants.
const NEWEST: usize = 2_000;

/// How much one search looks at, in bytes of content and [`ROW_BYTES`] for each message. The rest is for the next.
const LOOKED_BYTES: usize = 4 * 1024 * 1024;

/// What a message costs beside its content.
const ROW_BYTES: usize = 100;

/// Which messages are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) query: Query,
    pub(super) before: Option<Seq>,
    pub(super) limit: u32,
}

/// The newest messages of a room that are wanted.
///
/// Once `is_over`, nobody waits for them, and it looks no further.
pub(super) fn search(
    connection: &mut Connection,
    room: &RoomId,
    wanted: &Wanted,
    is_over: &dyn Fn() -> bool,
) -> Result<Found, rusqlite::Error> {
    if is_over() {
        return Ok(Found::default());
    }
    // One transaction: the index as it was with these messages.
    let transaction = connection.transaction()?;
    let known = transaction
        .prepare_cached("SELECT id, indexed FROM rooms WHERE name = ?1")?
        .query_row([room.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let Some((room, indexed)) = known else { return Ok(Found::default()) };
    let before = wanted.before.and_then(|seq| i64::try_from(seq.0).ok());
    let mut before = before.unwrap_or(index::LAST_PLACE).min(index::LAST_PLACE);
    let mut finds = Finds { wanted, found: Found::default(), bytes: 0, left: LOOKED_BYTES, is_over };

    let mut newest = transaction.prepare_cached(
        "SELECT seq, id, sender, content, sent_at FROM messages WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC",
    )?;
    let mut rows = newest.query((room, before))?;
    let question = index::question(room, &wanted.query);
    let mut looked = 0;
    while question.is_none() || looked < NEWEST || before > indexed + 1 {
        let Some(row) = rows.next()? else { return Ok(finds.found()) };
        if finds.look(row)?.is_break() {
            return Ok(finds.found());
        }
        before = row.get(0)?;
        looked += 1;
    }

    let mut proposed = transaction
        .prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC")?;
    let mut message = transaction
        .prepare_cached("SELECT seq, id, sender, content, sent_at FROM messages WHERE room = ?1 AND seq = ?2")?;
    let mut rows = proposed.query((question, index::at(room, before)))?;
    while let Some(row) = rows.next()? {
        let mut proposal = message.query((room, index::place(row.get(0)?)))?;
        if let Some(row) = proposal.next()?
            && finds.look(row)?.is_break()
        {
            break;
        }
    }
    Ok(finds.found())
}

/// What has been found so far.
struct Finds<'a> {
    wanted: &'a Wanted,
    /// The newest first, until it is given out.
    found: Found,
    /// How long the contents of those are.
    bytes: usize,
    /// How much may still be looked at.
    left: usize,
    is_over: &'a dyn Fn() -> bool,
}

impl Finds<'_> {
    /// Looks at a message older than all before. Breaks when there is enough.
    fn look(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, rusqlite::Error> {
        let content = row.get_ref(3)?.as_str()?;
        let cost = content.len() + ROW_BYTES;
        if self.wanted.query.is_in(content) {
            let Found { messages, earlier } = &mut self.found;
            let limit = usize::try_from(self.wanted.limit).unwrap_or(usize::MAX);
            if messages.len() >= limit || self.bytes >= MAX_PAGE_BYTES {
                *earlier = messages.last().map(|message| message.seq);
                return Ok(ControlFlow::Break(()));
            }
            self.bytes += content.len();
            messages.push(placing::message(row)?);
        }
        if cost > self.left || (self.is_over)() {
            self.found.earlier = Some(Seq(row.get::<_, i64>(0)?.unsigned_abs()));
            return Ok(ControlFlow::Break(()));
        }
        self.left -= cost;
        Ok(ControlFlow::Continue(()))
    }

    fn found(self) -> Found {
        let Found { mut messages, earlier } = self.found;
        messages.reverse();
        Found { messages, earlier }
    }
}
