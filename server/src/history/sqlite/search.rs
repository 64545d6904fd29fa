//! Looks for messages: through the newest one by one, then through those that the index proposes.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row};
use shared::message::Seq;
use shared::names::RoomId;

use crate::history::Found;
use crate::history::finds::{Finds, NEWEST, Wanted};
use crate::history::sqlite::{index, placing};

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
    let mut finds = Finds::new(wanted);

    let mut newest = transaction.prepare_cached(
        "SELECT seq, id, sender, content, sent_at FROM messages WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC",
    )?;
    let mut rows = newest.query((room, before))?;
    let question = index::question(room, &wanted.query);
    let mut looked = 0;
    while question.is_none() || looked < NEWEST || before > indexed + 1 {
        let Some(row) = rows.next()? else { return Ok(finds.found()) };
        if look(&mut finds, row, is_over)?.is_break() {
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
            && look(&mut finds, row, is_over)?.is_break()
        {
            break;
        }
    }
    Ok(finds.found())
}

/// Looks at the message of a row, which is older than all before. Breaks when there is enough.
fn look(finds: &mut Finds<'_>, row: &Row<'_>, is_over: &dyn Fn() -> bool) -> Result<ControlFlow<()>, rusqlite::Error> {
    let seq = Seq(row.get::<_, i64>(0)?.unsigned_abs());
    let flow = finds.look(seq, row.get_ref(3)?.as_str()?, || placing::message(row))?;
    Ok(if flow.is_continue() && is_over() { finds.stop_at(seq) } else { flow })
}
