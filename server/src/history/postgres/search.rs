//! Looks for messages: through the newest one by one.

use shared::message::Seq;
use shared::names::RoomId;

use crate::database::{DatabaseError, Session};
use crate::history::finds::{Finds, Wanted};
use crate::history::postgres::reading;
use crate::history::{Found, Span};

/// How many messages are fetched at a time.
const CHUNK: u32 = 500;

/// The newest messages of a room that are wanted.
pub(super) async fn search(session: &Session, room: &RoomId, wanted: &Wanted) -> Result<Found, DatabaseError> {
    let mut finds = Finds::new(wanted);
    let mut before = wanted.before.unwrap_or(Seq(u64::MAX));
    loop {
        let messages = reading::page(session, room, Span::Before(before), CHUNK).await?.messages;
        let Some(oldest) = messages.first() else { return Ok(finds.found()) };
        before = oldest.seq;
        for message in messages.into_iter().rev() {
            let (seq, content) = (message.seq, message.content.clone());
            if finds.look(seq, &content, || Ok::<_, DatabaseError>(message))?.is_break() {
                return Ok(finds.found());
            }
        }
    }
}
