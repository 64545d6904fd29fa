//! One WebSocket: frames out, pings, and the ways in which it ends.

mod goodbye;
mod pulse;

use std::collections::VecDeque;
use std::error::Error;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use shared::frames::{ClientFrame, CloseCode, Remaining, ServerFrame};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
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
use crate::session::goodbye::{CLOSE_TIMEOUT, ELSEWHERE, EXPIRED, Goodbye, RESTARTING, REVOKED, UNREADABLE, close};
use crate::session::pulse::Pulse;

/// How often a ping goes out (RFC 6455 §5.5.2). A peer that has said nothing, not even a pong, when the next one is due
/// counts as gone.
const PING_EVERY: Duration = Duration::from_secs(10);

/// The longest frame that is looked into, in bytes. A token whose names are as long as they may be, with every character
/// written as an escape, takes half of it.
const MAX_FRAME_BYTES: usize = 4096;

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

impl From<Cut> for End {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Unreadable => Self::Unreadable,
            Cut::Elsewhere => Self::Elsewhere,
            Cut::Revoked => Self::Revoked,
        }
    }
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
    let mut turn = pin!(departure.turn());
    // In a box, like every rare wait here: connections that are idle carry no room for it.
    if let Some(first) = first
        && let Err(end) =
            Box::pin(send_on(socket, &mut pulse, seat, [first].into(), over(seat, &pass, turn.as_mut()))).await
    {
        return end;
    }
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One timer for all: when to ping, when to see to the token, and when to listen again.
    let mut ping_at = clock::now().instant + PING_EVERY;
    ping.reset_at(first_of(ping_at, [pass.next(), None]).into());
    loop {
        tokio::select! {
            // What has come in counts before a pong is missed, and however much goes out, both are seen to.
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
                                let accepted = [encoder::json(&accepted)].into();
                                let over = over(seat, &pass, turn.as_mut());
                                if let Err(end) = Box::pin(send_on(socket, &mut pulse, seat, accepted, over)).await {
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
            _ = ping.tick() => {
                let now = clock::now().instant;
                allowance.pass(now);
                match pass.due(now) {
                    Due::End => return End::Expired,
                    // A plain client knows no such word.
                    Due::Saying(left) if seat.voice == Voice::DuetV1 => {
                        let expiring = ServerFrame::TokenExpiring(remaining(left));
                        let expiring = [encoder::json(&expiring)].into();
                        let over = over(seat, &pass, turn.as_mut());
                        if let Err(end) = Box::pin(send_on(socket, &mut pulse, seat, expiring, over)).await {
                            return end;
                        }
                    }
                    Due::Saying(_) | Due::Nothing => {}
                }
                if now >= ping_at {
                    if pulse.is_pong_due {
                        return End::Vanished;
                    }
                    let pinging = pulse.write(socket.send(Message::Ping(Bytes::new())));
                    if let Err(end) = Box::pin(unless(over(seat, &pass, turn.as_mut()), pinging)).await {
                        return end;
                    }
                    pulse.is_pong_due = true;
                    ping_at = clock::now().instant + PING_EVERY;
                }
                ping.reset_at(first_of(ping_at, [pass.next(), allowance.pause_until()]).into());
            }
            frames = seat.next_frames() => {
                let frames = match frames {
                    Ok(frames) => frames,
                    Err(cut) => return cut.into(),
                };
                let over = over(seat, &pass, turn.as_mut());
                if let Err(end) = Box::pin(send_on(socket, &mut pulse, seat, frames, over)).await {
                    return end;
                }
            }
        }
    }
}

/// Ends when the peer may be here no longer, however slowly they read.
async fn over(seat: &Seat, pass: &Pass, turn: Pin<&mut impl Future<Output = Duration>>) -> End {
    let term = async {
        match pass.over_at() {
            Some(at) => sleep_until(at.into()).await,
            None => pending().await,
        }
    };
    tokio::select! {
        away = turn => End::Stopping(away),
        cut = seat.cut() => cut.into(),
        () = term => End::Expired,
    }
}

/// Does some work, but not beyond the end.
async fn unless(over: impl Future<Output = End>, work: impl Future<Output = Result<(), End>>) -> Result<(), End> {
    tokio::select! {
        // Who reads as quickly as is written hears all of it.
        biased;
        done = work => done,
        end = over => Err(end),
    }
}

/// Sends frames to a peer who may still be here. What is not written at the end is the seat's again.
async fn send_on(
    socket: &mut WebSocket,
    pulse: &mut Pulse,
    seat: &Seat,
    mut frames: VecDeque<Utf8Bytes>,
    over: impl Future<Output = End>,
) -> Result<(), End> {
    let sent = unless(over, send(socket, pulse, &mut frames)).await;
    if !frames.is_empty() {
        seat.put_back(frames);
    }
    sent
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

/// Sends frames, with one write where they fit. Dropping the future leaves those in `frames` that are not on their way.
async fn send(socket: &mut WebSocket, pulse: &mut Pulse, frames: &mut VecDeque<Utf8Bytes>) -> Result<(), End> {
    while let Some(frame) = frames.front() {
        pulse.write(socket.feed(Message::Text(frame.clone()))).await?;
        frames.pop_front();
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
        End::Expired => goodbye::say(socket, &seat, EXPIRED.drawn()).await,
        End::Revoked => {
            seat.closed();
            // What waited for them is not for them any more.
            drop(seat.frames_now());
            goodbye::say(socket, &seat, REVOKED).await;
        }
        End::Unreadable => goodbye::say(socket, &seat, UNREADABLE.drawn()).await,
        End::Elsewhere => goodbye::say(socket, &seat, ELSEWHERE.drawn()).await,
        End::Stopping(away) => {
            let retry_after_ms = Some(u64::try_from(away.as_millis()).unwrap_or(u64::MAX));
            goodbye::say(socket, &seat, Goodbye { code: CloseCode::Restart, reason: RESTARTING, retry_after_ms }).await;
        }
    }
}
