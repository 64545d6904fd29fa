//! What a peer is told at the end of its connection.

use std::ops::Range;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use shared::frames::{Bye, CloseCode, ServerFrame};
use tokio::time::timeout;

use crate::hub::encoder;
use crate::hub::seat::Seat;
use crate::rooms::Voice;
use crate::session::pulse::Pulse;
use crate::session::send;

/// How long a peer may take to answer our close (RFC 6455 §7.1.1).
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a peer may take for all that is said before our close. Whoever is slower finds the connection broken off, comes back
/// and resumes.
const LAST_WRITES: Duration = Duration::from_secs(1);

/// What is said to a peer at the end.
pub(super) struct Goodbye<T> {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
    /// When to come back, in milliseconds, if at all.
    pub(super) retry_after_ms: T,
}

/// One whose time is yet to be drawn: spread, so that they do not come at once.
pub(super) type Undrawn = Goodbye<Range<u64>>;

/// Said when the server goes away.
pub(super) const RESTARTING: &str = "the server is restarting";

/// Said when the server has lost what it shares with the others.
pub(super) const ELSEWHERE: Undrawn = Goodbye {
    code: CloseCode::Restart,
    reason: "this server is cut off from the others; go to one of them",
    retry_after_ms: 100..1_000,
};

/// Said instead of leaving somebody before a room that looks empty.
pub(super) const UNREADABLE: Undrawn = Goodbye {
    code: CloseCode::Unreadable,
    reason: "the server cannot read this room's messages",
    retry_after_ms: 5_000..10_000,
};

/// Said to who comes back with a new token.
pub(super) const EXPIRED: Undrawn =
    Goodbye { code: CloseCode::TokenExpired, reason: "the token has expired", retry_after_ms: 0..1_000 };

/// Said to who may not come back.
pub(super) const REVOKED: Goodbye<Option<u64>> =
    Goodbye { code: CloseCode::Revoked, reason: "you may not be in this room any more", retry_after_ms: None };

impl Undrawn {
    pub(super) fn drawn(self) -> Goodbye<Option<u64>> {
        let Self { code, reason, retry_after_ms } = self;
        Goodbye { code, reason, retry_after_ms: Some(rand::random_range(retry_after_ms)) }
    }
}

/// Says it, behind what was announced before, and closes. The seat stays taken until then.
pub(super) async fn say(mut socket: WebSocket, seat: &Seat, goodbye: Goodbye<Option<u64>>) {
    let Goodbye { code, reason, retry_after_ms } = goodbye;
    // What is in the queue was announced before; it goes out first.
    let mut frames = seat.frames_now();
    if seat.voice == Voice::DuetV1 {
        let bye = Bye { reason: reason.to_owned(), retry_after_ms };
        frames.push_back(encoder::json(&ServerFrame::Bye(bye)));
    }
    let mut pulse = Pulse::new();
    if let Ok(Ok(())) = timeout(LAST_WRITES, send(&mut socket, &mut pulse, &mut frames)).await {
        close(socket, code, reason).await;
    }
}

/// Closes and waits a moment for the peer to close as well, so that the code is not lost with the connection.
pub(super) async fn close(mut socket: WebSocket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code: code as u16, reason: Utf8Bytes::from_static(reason) };
    let closing = async {
        socket.send(Message::Close(Some(frame))).await?;
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    };
    // Whoever does not answer in time is gone all the same.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}
