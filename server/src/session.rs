//! One WebSocket: frames out, pings, and the ways in which it ends.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use shared::frames::{Bye, ClientFrame, CloseCode, ServerFrame};
use tokio::task::unconstrained;
use tokio::time::{MissedTickBehavior, interval, timeout, timeout_at};
use tracing::debug;

use crate::clock;
use crate::departure::Departure;
use crate::hub::encoder;
use crate::hub::seat::{Cut, Seat};
use crate::rooms::Voice;

/// How often a ping goes out (RFC 6455 §5.5.2). A peer that has said nothing, not even a pong, when the next one is due
/// counts as gone.
const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a write may wait for a peer since its last sign of life. A reader slower than that is closed; it comes back
/// and resumes.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a peer may take to answer our close (RFC 6455 §7.1.1).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest frame that is looked into, in bytes. Those there are take less than a tenth of it.
const MAX_FRAME_BYTES: usize = 1024;

/// What is said to a peer that is to come back.
struct Goodbye<T> {
    code: CloseCode,
    reason: &'static str,
    /// When to come back, in milliseconds.
    retry_after_ms: T,
}

/// One whose time is yet to be drawn: spread, so that they do not come at once.
type Undrawn = Goodbye<Range<u64>>;

/// Said when the server goes away.
const RESTARTING: &str = "the server is restarting";

/// Said when the server has lost what it shares with the others.
const ELSEWHERE: Undrawn = Goodbye {
    code: CloseCode::Restart,
    reason: "this server is cut off from the others; go to one of them",
    retry_after_ms: 100..1_000,
};

/// Said instead of leaving somebody before a room that looks empty.
const UNREADABLE: Undrawn = Goodbye {
    code: CloseCode::Unreadable,
    reason: "the server cannot read this room's messages",
    retry_after_ms: 5_000..10_000,
};

/// Why a session ends.
enum End {
    /// The peer closed.
    Closed,
    /// The connection broke off or went silent.
    Vanished,
    /// The peer did not read for too long.
    TooSlow,
    /// History cannot be read, and the peer waits for messages.
    Unreadable,
    /// This server may not keep the peer in its room; another one of several may.
    Elsewhere,
    /// The server is stopping. The peer is to stay away for so long.
    Stopping(Duration),
}

/// Serves a connection that is in its room, from its first frame (the `welcome`, if it gets one) to the end.
pub async fn serve(mut socket: WebSocket, seat: Seat, first: Option<Utf8Bytes>, departure: Departure) {
    let end = converse(&mut socket, &seat, first, &departure).await;
    // In a box, so that the end takes no memory from connections that live.
    Box::pin(finish(socket, seat, end)).await;
}

/// Accepts a connection only to say that the room is full.
pub async fn turn_away(socket: WebSocket) {
    close(socket, CloseCode::RoomFull, "the room is full").await;
}

async fn converse(socket: &mut WebSocket, seat: &Seat, first: Option<Utf8Bytes>, departure: &Departure) -> End {
    let mut pulse = Pulse::new();
    if let Some(first) = first
        && let Err(end) = Box::pin(send(socket, &mut pulse, VecDeque::from([first]))).await
    {
        return end;
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once.
    ping.reset();
    let mut turn = pin!(departure.turn());
    loop {
        tokio::select! {
            // What has come in counts before a pong is missed, and however much goes out, it is read.
            biased;
            away = &mut turn => return End::Stopping(away),
            received = socket.recv() => {
                match received {
                    Some(Ok(Message::Close(_))) => return End::Closed,
                    Some(Ok(message)) => {
                        // Whatever it says, it shows that it is alive.
                        pulse.felt();
                        if let Some(frame) = frame(seat.voice, &message) {
                            Box::pin(seat.said(frame)).await;
                        }
                    }
                    Some(Err(_)) | None => return End::Vanished,
                }
            }
            frames = seat.next_frames() => {
                let frames = match frames {
                    Ok(frames) => frames,
                    Err(Cut::Unreadable) => return End::Unreadable,
                    Err(Cut::Elsewhere) => return End::Elsewhere,
                };
                // In a box, like every rare wait here: connections that are idle carry no room for it.
                if let Err(end) = Box::pin(send(socket, &mut pulse, frames)).await {
                    return end;
                }
            }
            _ = ping.tick() => {
                if pulse.is_pong_due {
                    return End::Vanished;
                }
                if let Err(end) = Box::pin(pulse.write(socket.send(Message::Ping(Bytes::new())))).await {
                    return end;
                }
                pulse.is_pong_due = true;
            }
        }
    }
}

/// What a client of `duet.v1` says. Nothing that another says has a meaning.
fn frame(voice: Voice, message: &Message) -> Option<ClientFrame> {
    let (Voice::DuetV1, Message::Text(text)) = (voice, message) else { return None };
    if text.len() > MAX_FRAME_BYTES {
        return None;
    }
    // One of a later version, or no frame at all, is passed over.
    serde_json::from_str(text).ok().filter(|frame| *frame != ClientFrame::Unknown)
}

/// Sends frames, with one write where they fit.
async fn send(socket: &mut WebSocket, pulse: &mut Pulse, frames: VecDeque<Utf8Bytes>) -> Result<(), End> {
    for frame in frames {
        pulse.write(socket.feed(Message::Text(frame))).await?;
    }
    pulse.write(socket.flush()).await
}

/// The signs of life of a peer.
struct Pulse {
    felt_at: Instant,
    /// Whether nothing was felt since the last ping.
    is_pong_due: bool,
}

impl Pulse {
    fn new() -> Self {
        Self { felt_at: clock::now().instant, is_pong_due: false }
    }

    fn felt(&mut self) {
        *self = Self::new();
    }

    /// Waits for a write, but no longer than the peer may be silent. One that had to wait and went through is a sign of
    /// life: what stands before a ping may keep a slow reader longer than a pong is waited for.
    async fn write(&mut self, write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
        // Unconstrained, for only the peer makes it wait and not the runtime.
        let mut write = pin!(unconstrained(write));
        let mut has_waited = false;
        let write = poll_fn(|context| {
            let poll = write.as_mut().poll(context);
            has_waited |= poll.is_pending();
            poll
        });
        match timeout_at((self.felt_at + SILENCE).into(), write).await {
            Ok(Ok(())) if has_waited => self.felt(),
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Vanished),
            Err(_) => return Err(End::TooSlow),
        }
        Ok(())
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
        End::TooSlow => {
            // The others know before the peer does, if it ever will.
            drop(seat);
            close(socket, CloseCode::TooSlow, "too slow").await;
        }
        End::Unreadable => say_goodbye(socket, &seat, UNREADABLE.drawn()).await,
        End::Elsewhere => say_goodbye(socket, &seat, ELSEWHERE.drawn()).await,
        End::Stopping(away) => {
            let retry_after_ms = u64::try_from(away.as_millis()).unwrap_or(u64::MAX);
            say_goodbye(socket, &seat, Goodbye { code: CloseCode::Restart, reason: RESTARTING, retry_after_ms }).await;
        }
    }
}

impl Undrawn {
    fn drawn(self) -> Goodbye<u64> {
        let Self { code, reason, retry_after_ms } = self;
        Goodbye { code, reason, retry_after_ms: rand::random_range(retry_after_ms) }
    }
}

async fn say_goodbye(mut socket: WebSocket, seat: &Seat, goodbye: Goodbye<u64>) {
    let Goodbye { code, reason, retry_after_ms } = goodbye;
    // What is in the queue was announced before; it goes out first.
    let mut frames = seat.frames_now();
    if seat.voice == Voice::DuetV1 {
        let bye = Bye { reason: reason.to_owned(), retry_after_ms: Some(retry_after_ms) };
        frames.push_back(encoder::json(&ServerFrame::Bye(bye)));
    }
    if send(&mut socket, &mut Pulse::new(), frames).await.is_ok() {
        close(socket, code, reason).await;
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
