//! One WebSocket: frames out, pings, and the ways in which it ends.

mod pulse;

use std::collections::VecDeque;
use std::error::Error;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use shared::frames::{Bye, ClientFrame, CloseCode, Remaining, ServerFrame};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite;
use tracing::debug;

use crate::access::pass::Pass;
use crate::access::term::Due;
use crate::clock;
use crate::departure::Departure;
use crate::hub::encoder;
use crate::hub::seat::{Cut, Seat};
use crate::limits::allowance::Allowance;
use crate::metrics::Metrics;
use crate::rooms::Voice;
use crate::session::pulse::Pulse;

/// How often a ping goes out (RFC 6455 §5.5.2). A peer that has said nothing, not even a pong, when the next one is due
/// counts as gone.
const PING_EVERY: Duration = Duration::from_secs(10);

/// How long a peer may take to answer our close (RFC 6455 §7.1.1).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest frame that is looked into, in bytes. A token whose names are as long as they may be, with every character
/// written as an escape, takes half of it.
const MAX_FRAME_BYTES: usize = 4096;

/// What is said to a peer at the end.
struct Goodbye<T> {
    code: CloseCode,
    reason: &'static str,
    /// When to come back, in milliseconds, if at all.
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

/// Said to who comes back with a new token.
const EXPIRED: Undrawn =
    Goodbye { code: CloseCode::TokenExpired, reason: "the token has expired", retry_after_ms: 0..1_000 };

/// Said to who may not come back.
const REVOKED: Goodbye<Option<u64>> =
    Goodbye { code: CloseCode::Revoked, reason: "you may not be in this room any more", retry_after_ms: None };

/// By what a session lives, besides its peer.
#[derive(Debug)]
pub struct Keeping {
    /// Its token.
    pub pass: Pass,
    /// The server that is not leaving.
    pub departure: Departure,
    /// How much it may say.
    pub allowance: Allowance,
    /// Counts what its peer does amiss.
    pub metrics: Arc<Metrics>,
}

/// Why a session ends.
enum End {
    /// The peer closed.
    Closed,
    /// The connection broke off or went silent.
    Vanished,
    /// The peer did not read for too long.
    TooSlow,
    /// The peer said more in one message than is taken.
    TooLarge,
    /// History cannot be read, and the peer waits for messages.
    Unreadable,
    /// This server may not keep the peer in its room; another one of several may.
    Elsewhere,
    /// The token has ended, and no other came.
    Expired,
    /// The user may not be in the room any more.
    Revoked,
    /// The server is stopping. The peer is to stay away for so long.
    Stopping(Duration),
}

/// Serves a connection that is in its room, from its first frame (the `welcome`, if it gets one) to the end.
pub async fn serve(mut socket: WebSocket, seat: Seat, first: Option<Utf8Bytes>, keeping: Keeping) {
    let metrics = Arc::clone(&keeping.metrics);
    let end = converse(&mut socket, &seat, first, keeping).await;
    // In a box, so that the end takes no memory from connections that live.
    Box::pin(finish(socket, seat, end, &metrics)).await;
}

/// Accepts a connection only to say that the room is full.
pub async fn turn_away(socket: WebSocket) {
    close(socket, CloseCode::RoomFull, "the room is full").await;
}

async fn converse(socket: &mut WebSocket, seat: &Seat, first: Option<Utf8Bytes>, keeping: Keeping) -> End {
    let Keeping { mut pass, departure, mut allowance, metrics } = keeping;
    let mut pulse = Pulse::new();
    if let Some(first) = first
        && let Err(end) = Box::pin(send(socket, &mut pulse, VecDeque::from([first]))).await
    {
        return end;
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One timer for all: when to ping, when to see to the token, and when to listen again.
    let mut ping_at = clock::now().instant + PING_EVERY;
    ping.reset_at(first_of(ping_at, [pass.next(), None]).into());
    let mut turn = pin!(departure.turn());
    loop {
        tokio::select! {
            // What has come in counts before a pong is missed, and however much goes out, it is read.
            biased;
            away = &mut turn => return End::Stopping(away),
            received = socket.recv(), if allowance.pause_until().is_none() => {
                match received {
                    Some(Ok(Message::Close(_))) => return End::Closed,
                    Some(Ok(message)) => {
                        // Whatever it says, it shows that it is alive.
                        pulse.felt();
                        if let Some(until) = allowance.spend(pulse.felt_at()) {
                            metrics.paused.inc();
                            ping.reset_at(first_of(ping_at, [pass.next(), Some(until)]).into());
                        }
                        match frame(seat.voice, &message) {
                            None => {}
                            Some(ClientFrame::Token(new)) => {
                                // Any other than one for this user and room is passed over.
                                let Some(renewed) = pass.renew(&new.token, &seat.room) else { continue };
                                seat.renewed(renewed.issued_at);
                                ping.reset_at(first_of(ping_at, [pass.next(), allowance.pause_until()]).into());
                                let accepted = ServerFrame::TokenAccepted(remaining(renewed.left));
                                let accepted = VecDeque::from([encoder::json(&accepted)]);
                                if let Err(end) = Box::pin(send(socket, &mut pulse, accepted)).await {
                                    return end;
                                }
                            }
                            Some(frame) => Box::pin(seat.said(frame)).await,
                        }
                    }
                    Some(Err(error)) if is_too_large(&error) => return End::TooLarge,
                    Some(Err(_)) | None => return End::Vanished,
                }
            }
            frames = seat.next_frames() => {
                let frames = match frames {
                    Ok(frames) => frames,
                    Err(Cut::Unreadable) => return End::Unreadable,
                    Err(Cut::Elsewhere) => return End::Elsewhere,
                    Err(Cut::Revoked) => return End::Revoked,
                };
                // In a box, like every rare wait here: connections that are idle carry no room for it.
                if let Err(end) = Box::pin(send(socket, &mut pulse, frames)).await {
                    return end;
                }
            }
            _ = ping.tick() => {
                let now = clock::now().instant;
                allowance.pass(now);
                match pass.due(now) {
                    Due::End => return End::Expired,
                    // A plain client knows no such word.
                    Due::Saying(left) if seat.voice == Voice::DuetV1 => {
                        let expiring = ServerFrame::TokenExpiring(remaining(left));
                        let expiring = VecDeque::from([encoder::json(&expiring)]);
                        if let Err(end) = Box::pin(send(socket, &mut pulse, expiring)).await {
                            return end;
                        }
                    }
                    Due::Saying(_) | Due::Nothing => {}
                }
                if now >= ping_at {
                    if pulse.is_pong_due {
                        return End::Vanished;
                    }
                    if let Err(end) = Box::pin(pulse.write(socket.send(Message::Ping(Bytes::new())))).await {
                        return end;
                    }
                    pulse.is_pong_due = true;
                    ping_at = clock::now().instant + PING_EVERY;
                }
                ping.reset_at(first_of(ping_at, [pass.next(), allowance.pause_until()]).into());
            }
        }
    }
}

fn first_of(ping_at: Instant, others: [Option<Instant>; 2]) -> Instant {
    others.into_iter().flatten().fold(ping_at, Instant::min)
}

fn remaining(left: Duration) -> Remaining {
    Remaining { expires_in_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX) }
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

/// Whether a peer has said more in one message than is taken.
fn is_too_large(error: &axum::Error) -> bool {
    let error = error.source().and_then(|error| error.downcast_ref::<tungstenite::Error>());
    matches!(error, Some(tungstenite::Error::Capacity(_)))
}

/// Sends frames, with one write where they fit.
async fn send(socket: &mut WebSocket, pulse: &mut Pulse, frames: VecDeque<Utf8Bytes>) -> Result<(), End> {
    for frame in frames {
        pulse.write(socket.feed(Message::Text(frame))).await?;
    }
    pulse.write(socket.flush()).await
}

async fn finish(mut socket: WebSocket, mut seat: Seat, end: End, metrics: &Metrics) {
    match end {
        End::Closed => {
            seat.closed();
            drop(seat);
            // Our half of the closing handshake; a peer that does not wait for it is gone all the same.
            let _ = timeout(CLOSE_TIMEOUT, socket.flush()).await;
        }
        End::Vanished => debug!("connection broke off"),
        End::TooSlow => {
            metrics.too_slow.inc();
            // The others know before the peer does, if it ever will.
            drop(seat);
            close(socket, CloseCode::TooSlow, "too slow").await;
        }
        End::TooLarge => {
            metrics.too_large.inc();
            drop(seat);
            close(socket, CloseCode::TooLarge, "the message is too large").await;
        }
        End::Expired => say_goodbye(socket, &seat, EXPIRED.drawn()).await,
        End::Revoked => {
            seat.closed();
            // What waited for them is not for them any more.
            drop(seat.frames_now());
            say_goodbye(socket, &seat, REVOKED).await;
        }
        End::Unreadable => say_goodbye(socket, &seat, UNREADABLE.drawn()).await,
        End::Elsewhere => say_goodbye(socket, &seat, ELSEWHERE.drawn()).await,
        End::Stopping(away) => {
            let retry_after_ms = Some(u64::try_from(away.as_millis()).unwrap_or(u64::MAX));
            say_goodbye(socket, &seat, Goodbye { code: CloseCode::Restart, reason: RESTARTING, retry_after_ms }).await;
        }
    }
}

impl Undrawn {
    fn drawn(self) -> Goodbye<Option<u64>> {
        let Self { code, reason, retry_after_ms } = self;
        Goodbye { code, reason, retry_after_ms: Some(rand::random_range(retry_after_ms)) }
    }
}

async fn say_goodbye(mut socket: WebSocket, seat: &Seat, goodbye: Goodbye<Option<u64>>) {
    let Goodbye { code, reason, retry_after_ms } = goodbye;
    // What is in the queue was announced before; it goes out first.
    let mut frames = seat.frames_now();
    if seat.voice == Voice::DuetV1 {
        let bye = Bye { reason: reason.to_owned(), retry_after_ms };
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
