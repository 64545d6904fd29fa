//! One WebSocket: frames out, pings, and the ways in which it ends.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use shared::frames::{Bye, ClientFrame, CloseCode, ServerFrame};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::hub::encoder;
use crate::hub::seat::Seat;
use crate::rooms::Voice;

/// How often a ping goes out (RFC 6455 §5.5.2). A peer that has said nothing, not even a pong, when the next one is due
/// counts as gone.
const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a write may make no progress. A reader slower than that is closed; it comes back and resumes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a peer may take to answer our close (RFC 6455 §7.1.1).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest frame that is looked into, in bytes. Those there are take less than a tenth of it.
const MAX_FRAME_BYTES: usize = 1024;

/// When clients of a server that goes away are to come back, in milliseconds: spread, so that they do not come at once.
const RETRY_AFTER_MS: std::ops::Range<u64> = 500..2_000;

/// Said when the server goes away.
const RESTARTING: &str = "the server is restarting";

/// Why a session ends.
enum End {
    /// The peer closed.
    Closed,
    /// The connection broke off or went silent.
    Vanished,
    /// The peer did not read for too long.
    TooSlow,
    /// The server is stopping.
    Stopping,
}

/// Serves a connection that is in its room, from its first frame (the `welcome`, if it gets one) to the end.
pub async fn serve(mut socket: WebSocket, seat: Seat, first: Option<Utf8Bytes>, stop: CancellationToken) {
    let end = converse(&mut socket, &seat, first, &stop).await;
    // In a box, so that the end takes no memory from connections that live.
    Box::pin(finish(socket, seat, end)).await;
}

/// Accepts a connection only to say that the room is full.
pub async fn turn_away(socket: WebSocket) {
    close(socket, CloseCode::RoomFull, "the room is full").await;
}

async fn converse(socket: &mut WebSocket, seat: &Seat, first: Option<Utf8Bytes>, stop: &CancellationToken) -> End {
    if let Some(first) = first
        && let Err(end) = send(socket, VecDeque::from([first])).await
    {
        return end;
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once.
    ping.reset();
    let mut is_pong_due = false;
    loop {
        tokio::select! {
            // What has come in counts before a pong is missed, and however much goes out, it is read.
            biased;
            () = stop.cancelled() => return End::Stopping,
            received = socket.recv() => {
                match received {
                    Some(Ok(Message::Close(_))) => return End::Closed,
                    Some(Ok(message)) => {
                        // Whatever it says, it shows that it is alive.
                        is_pong_due = false;
                        hear(seat, &message).await;
                    }
                    Some(Err(_)) | None => return End::Vanished,
                }
            }
            frames = seat.next_frames() => {
                if let Err(end) = send(socket, frames).await {
                    return end;
                }
            }
            _ = ping.tick() => {
                if is_pong_due || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return End::Vanished;
                }
                is_pong_due = true;
            }
        }
    }
}

/// Takes in what a client of `duet.v1` says; what others say has no meaning.
async fn hear(seat: &Seat, message: &Message) {
    let (Voice::DuetV1, Message::Text(text)) = (seat.voice, message) else { return };
    if text.len() > MAX_FRAME_BYTES {
        return;
    }
    match serde_json::from_str(text) {
        Ok(ClientFrame::Receipt(reached)) => seat.reached(reached).await,
        // Of a later version, or no frame at all.
        Ok(ClientFrame::Unknown) | Err(_) => {}
    }
}

/// Sends frames, with one write where they fit.
async fn send(socket: &mut WebSocket, frames: VecDeque<Utf8Bytes>) -> Result<(), End> {
    let write = async {
        for frame in frames {
            socket.feed(Message::Text(frame)).await?;
        }
        socket.flush().await
    };
    match timeout(WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Vanished),
        Err(_) => Err(End::TooSlow),
    }
}

async fn finish(mut socket: WebSocket, mut seat: Seat, end: End) {
    match end {
        End::Closed => {
            seat.closed();
            drop(seat);
            // Our half of the closing handshake; a peer that does not wait for it is gone all the same.
            let _ = timeout(CLOSE_TIMEOUT, socket.flush()).await;
        }
        End::Vanished => debug!("connection broke off"),
        End::TooSlow => close(socket, CloseCode::TooSlow, "too slow").await,
        End::Stopping => say_goodbye(socket, &seat).await,
    }
}

async fn say_goodbye(mut socket: WebSocket, seat: &Seat) {
    // What is in the queue was announced before the stop; it goes out first.
    let mut frames = seat.frames_now();
    if seat.voice == Voice::DuetV1 {
        let retry_after_ms = Some(rand::random_range(RETRY_AFTER_MS));
        frames.push_back(encoder::json(&ServerFrame::Bye(Bye { reason: RESTARTING.to_owned(), retry_after_ms })));
    }
    if send(&mut socket, frames).await.is_ok() {
        close(socket, CloseCode::Restart, RESTARTING).await;
    }
}

/// Closes and waits a moment for the peer to close as well, so that the code is not lost with the connection.
async fn close(mut socket: WebSocket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code: code as u16, reason: Utf8Bytes::from_static(reason) };
    let closing = async {
        socket.send(Message::Close(Some(frame))).await?;
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    };
    // Whoever does not answer in time is gone all the same.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}
