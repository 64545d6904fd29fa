//! Pages of a room.

use shared::message::Seq;
use shared::names::RoomId;

use crate::database::{DatabaseError, Session};
use crate::history::postgres::placing::{message, place};
use crate::history::{MAX_PAGE_BYTES, Page, Span};

/// One statement, so that head and messages are of the same moment; a room without such messages is one row with its head.
/// `before` is how much content comes before a message in its page.
macro_rules! select_page {
    ($where:literal, $order:literal) => {
        concat!(
            "SELECT head, seq, id, sender, content, sent_at FROM (SELECT id AS room, head FROM rooms WHERE name = $1) AS room
             LEFT JOIN LATERAL (
                SELECT *, sum(octet_length(content)) OVER (ORDER BY seq ",
            $order,
            " ROWS UNBOUNDED PRECEDING) - octet_length(content) AS before
                FROM (SELECT seq, id, sender, content, sent_at FROM messages WHERE messages.room = room.room AND seq ",
            $where,
            " $2 ORDER BY seq ",
            $order,
            " LIMIT $3) AS limited
             ) AS page ON before < $4 ORDER BY seq"
        )
    };
}

const AFTER: &str = select_page!(">", "ASC");
const BEFORE: &str = select_page!("<", "DESC");

/// Up to `limit` messages of a room and about [`MAX_PAGE_BYTES`] of content, with its head as it was in the same moment.
pub(super) async fn page(session: &Session, room: &RoomId, span: Span, limit: u32) -> Result<Page, DatabaseError> {
    let (select, seq) = match span {
        Span::After(seq) => (AFTER, seq),
        Span::Before(seq) => (BEFORE, seq),
        Span::Newest => (BEFORE, Seq(u64::MAX)),
    };
    let statement = session.prepared(select).await?;
    let bytes = i64::try_from(MAX_PAGE_BYTES).unwrap_or(i64::MAX);
    let rows = session.query(&statement, &[&room.as_str(), &place(seq), &i64::from(limit), &bytes]).await?;
    let head = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0))?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<_, Option<i64>>(1)?.is_some() {
            messages.push(message(row, 1)?);
        }
    }
    Ok(Page { head: Seq(head.unsigned_abs()), messages })
}
