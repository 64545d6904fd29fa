//! One WebSocket: frames out, pings, and the ways in which it ends.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use shared::frames::{Bye, CloseCode, ServerFrame};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock;
use crate::hub::seat::Seat;
use crate::rooms::Voice;

/// How often a ping goes out (RFC 6455 §5.5.2).
const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a peer may say nothing, not even a pong, before it counts as gone: within 30 s with the pings above.
const SILENCE: Duration = Duration::from_secs(19);

/// How long a write may make no progress. A reader slower than that is closed; it comes back and resumes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a peer may take to answer our close (RFC 6455 §7.1.1).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// When clients of a server that goes away are to come back, in milliseconds: spread, so that they do not come at once.
const RETRY_AFTER_MS: std::ops::Range<u64> = 500..2_000;

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

/// Serves a connection that is in its room, from `welcome` to the end.
pub async fn serve(mut socket: WebSocket, mut seat: Seat, welcome: Option<ServerFrame>, stop: CancellationToken) {
    let end = match welcome {
        Some(welcome) => match send(&mut socket, &mut seat, encode(&welcome)).await {
            Ok(()) => converse(&mut socket, &mut seat, &stop).await,
            Err(end) => end,
        },
        None => converse(&mut socket, &mut seat, &stop).await,
    };
    match end {
        End::Closed => {
            seat.closed();
            drop(seat);
            // Our half of the closing handshake; a peer that does not wait for it is gone all the same.
            let _ = timeout(CLOSE_TIMEOUT, socket.flush()).await;
        }
        End::Vanished => debug!("connection broke off"),
        End::TooSlow => close(socket, CloseCode::TooSlow, "too slow").await,
        End::Stopping => say_goodbye(socket, seat).await,
    }
}

/// Accepts a connection only to say that the room is full.
pub async fn turn_away(socket: WebSocket) {
    close(socket, CloseCode::RoomFull, "the room is full").await;
}

async fn converse(socket: &mut WebSocket, seat: &mut Seat, stop: &CancellationToken) -> End {
    let mut heard = clock::now().instant;
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once.
    ping.reset();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopping,
            frame = seat.next_frame() => {
                let Some(frame) = frame else { return End::Stopping };
                if let Err(end) = send(socket, seat, frame).await {
                    return end;
                }
            }
            received = socket.recv() => {
                match received {
                    Some(Ok(Message::Close(_))) => return End::Closed,
                    // What a client says here has no meaning; it shows that it is alive.
                    Some(Ok(_)) => heard = clock::now().instant,
                    Some(Err(_)) | None => return End::Vanished,
                }
            }
            _ = ping.tick() => {
                if clock::now().instant.duration_since(heard) > SILENCE {
                    return End::Vanished;
                }
                if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return End::Vanished;
                }
            }
        }
    }
}

/// Sends a frame and all that wait behind it, with one write where they fit.
async fn send(socket: &mut WebSocket, seat: &mut Seat, first: Utf8Bytes) -> Result<(), End> {
    let write = async {
        socket.feed(Message::Text(first)).await?;
        while let Some(frame) = seat.frame_now() {
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

async fn say_goodbye(mut socket: WebSocket, mut seat: Seat) {
    // What is in the queue was announced before the stop; it goes out first.
    if let Some(frame) = seat.frame_now()
        && send(&mut socket, &mut seat, frame).await.is_err()
    {
        return;
    }
    if seat.voice == Voice::DuetV1 {
        let retry_after_ms = Some(rand::random_range(RETRY_AFTER_MS));
        let bye = ServerFrame::Bye(Bye { reason: "the server is restarting".to_owned(), retry_after_ms });
        if send(&mut socket, &mut seat, encode(&bye)).await.is_err() {
            return;
        }
    }
    close(socket, CloseCode::Restart, "the server is restarting").await;
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

fn encode(frame: &ServerFrame) -> Utf8Bytes {
    #[expect(clippy::expect_used, reason = "frames are maps with text keys, which serde_json never refuses")]
    serde_json::to_string(frame).expect("a frame can be written as JSON").into()
}
