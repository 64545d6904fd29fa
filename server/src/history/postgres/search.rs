//! Looks for messages: through the newest one by one, then through those that the index proposes.

use std::ops::ControlFlow;

use shared::message::{Message, Seq};
use shared::names::RoomId;
use shared::search::Query;

use crate::database::{DatabaseError, Session};
use crate::history::finds::{Finds, NEWEST, Wanted};
use crate::history::postgres::placing::{self, place};
use crate::history::postgres::reading;
use crate::history::{Found, MAX_PAGE_BYTES, Span, words};

/// How many messages are fetched at a time, if they do not come to [`MAX_PAGE_BYTES`] before.
const CHUNK: u32 = 500;

const ROOM: &str = "SELECT id, coalesce((SELECT seq FROM indexed WHERE room = rooms.id), 0) FROM rooms WHERE name = $1";

/// The index is asked first and for itself: otherwise PostgreSQL may walk through the whole room instead, which it takes for
/// cheaper where it takes a word for frequent. The words alone say which room it is.
const PROPOSED: &str = "WITH proposed AS MATERIALIZED (SELECT room, seq FROM search WHERE words @@ $1::text::tsquery)
    SELECT seq, id, sender, content, sent_at FROM (
        SELECT messages.*, sum(octet_length(content)) OVER (ORDER BY seq DESC ROWS UNBOUNDED PRECEDING)
            - octet_length(content) AS before
        FROM (SELECT room, seq FROM proposed WHERE seq < $2 ORDER BY seq DESC LIMIT $3) AS next
        JOIN messages USING (room, seq)
    ) AS page WHERE before < $4 ORDER BY seq DESC";

/// The newest messages of a room that are wanted.
pub(super) async fn search(session: &Session, room: &RoomId, wanted: &Wanted) -> Result<Found, DatabaseError> {
    let mut finds = Finds::new(wanted);
    let statement = session.prepared(ROOM).await?;
    // Before any message, so that what is not in the index by then is looked at.
    let Some(row) = session.query_opt(&statement, &[&room.as_str()]).await? else { return Ok(finds.found()) };
    let (id, indexed) = (row.try_get(0)?, Seq(row.try_get::<_, i64>(1)?.unsigned_abs()));
    let question = question(id, &wanted.query);
    let (mut before, mut looked) = (wanted.before.unwrap_or(Seq(u64::MAX)), 0);
    loop {
        let mut messages = match &question {
            Some(question) if looked >= NEWEST && before.0 <= indexed.0 + 1 => {
                proposed(session, question, before).await?
            }
            Some(_) | None => reading::page(session, room, Span::Before(before), CHUNK).await?.messages,
        };
        messages.sort_by_key(|message| std::cmp::Reverse(message.seq));
        let Some(oldest) = messages.last() else { return Ok(finds.found()) };
        (before, looked) = (oldest.seq, looked + messages.len());
        if look_at(messages, &mut finds)?.is_break() {
            return Ok(finds.found());
        }
    }
}

/// The newest messages before a place that may answer a question.
async fn proposed(session: &Session, question: &str, before: Seq) -> Result<Vec<Message>, DatabaseError> {
    let statement = session.prepared(PROPOSED).await?;
    let bytes = i64::try_from(MAX_PAGE_BYTES).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&question, &place(before), &i64::from(CHUNK), &bytes]).await?;
    rows.iter().map(|row| placing::message(row, 0)).collect()
}

/// Looks at messages, the newest first.
fn look_at(messages: Vec<Message>, finds: &mut Finds<'_>) -> Result<ControlFlow<()>, DatabaseError> {
    for message in messages {
        let flow = finds.look(message.seq, &message.content, || Ok::<_, DatabaseError>(message.clone()))?;
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// What the index is asked for messages that may answer a question; `None` where looking is as good.
fn question(room: i64, query: &Query) -> Option<String> {
    let keys: Vec<String> = words::asked(room, query).iter().map(|key| format!("'{key}':*")).collect();
    (!keys.is_empty()).then(|| keys.join(" & "))
}
