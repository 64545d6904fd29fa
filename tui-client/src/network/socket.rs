//! One WebSocket connection: the handshake, frames in, pings, and noticing that it is dead.
//!
//! The handshake goes out like every other request, so that TLS, proxies, problem details and the renewal of a token
//! are the same for both; tungstenite takes over from there.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use reqwest::header::{CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use reqwest::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{StatusCode, Upgraded};
use shared::frames::{AttentionState, ClientFrame, SUBPROTOCOL, ServerFrame};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::network::api::Api;
use crate::network::error::{ApiError, words};
use crate::network::feed::ResumePoint;
use crate::network::plain::Plain;

const PING_EVERY: Duration = Duration::from_secs(10);
/// A connection this long without any frame is dead: two pings went unanswered.
const DEAD_AFTER: Duration = Duration::from_secs(25);
/// After the closing handshake the server has this long to close the TCP connection (RFC 6455 §7.1.1).
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Far above the longest message, far below what would hurt.
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// Some messages: it is blanked before every read. tungstenite's own default of 128 KiB is taken at once and kept.
const BUFFER_BYTES: usize = 4 * 1024;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<Upgraded>,
    /// Present when the server speaks the first system's plain frames.
    plain: Option<Plain>,
    /// When the server counts as dead unless something comes.
    dead_at: Instant,
    ping_at: Instant,
    ping: Ping,
    /// The code of the server's close frame, 1005 for none (RFC 6455 §7.4.1).
    closed: Option<u16>,
}

#[derive(Debug)]
struct Ping {
    number: u64,
    sent_at: Instant,
}

/// What came from the server.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// A frame.
    Frame(ServerFrame),
    /// The answer to a ping, and the time it took.
    RoundTrip(Duration),
    /// The server closed with this code.
    Closed(u16),
    /// The connection broke, in a few words.
    Broken(String),
    /// Nothing came for too long.
    Silent,
}

impl Socket {
    /// Connects, and asks to go on from `resume` or for the `last` newest messages.
    pub(crate) async fn open(
        api: &Api,
        resume: Option<ResumePoint>,
        last: u32,
        attention: AttentionState,
    ) -> Result<Self, ApiError> {
        let key = generate_key();
        let request = api
            .updates(&query(resume.as_ref(), last, attention))
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = api.send(request).await?;
        let headers = response.headers();
        let is_accepted = header(headers, &SEC_WEBSOCKET_ACCEPT) == Some(derive_accept_key(key.as_bytes()).as_str());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS || !is_accepted {
            return Err(ApiError::Unheard(
                "no WebSocket is spoken at this address: is this the right --server?".to_owned(),
            ));
        }
        let plain = match header(headers, &SEC_WEBSOCKET_PROTOCOL) {
            Some(SUBPROTOCOL) => None,
            _ => Some(Plain::new(&api.who, resume)),
        };
        let stream = response.upgrade().await.map_err(|e| ApiError::Unreachable(words(&e)))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        let now = Instant::now();
        let ping = Ping { number: 0, sent_at: now };
        Ok(Self { stream, plain, dead_at: now + DEAD_AFTER, ping_at: now, ping, closed: None })
    }

    /// The next event. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next(&mut self) -> SocketEvent {
        loop {
            if let Some(frame) = self.plain.as_mut().and_then(Plain::first) {
                return SocketEvent::Frame(frame);
            }
            // What has arrived comes first: after this process was stopped for a while, the deadlines have passed as well.
            tokio::select! { biased;
                incoming = self.stream.next() => match incoming {
                    Some(Ok(message)) => {
                        if let Some(event) = self.hear(message) {
                            return event;
                        }
                    }
                    Some(Err(e)) => return self.end(SocketEvent::Broken(words(&e))),
                    None => return self.end(SocketEvent::Broken("connection broken".to_owned())),
                },
                () = sleep_until(self.dead_at) => return self.end(SocketEvent::Silent),
                () = sleep_until(self.ping_at) => {
                    self.ping_at += PING_EVERY;
                    self.ping = Ping { number: self.ping.number + 1, sent_at: Instant::now() };
                    let payload = self.ping.number.to_be_bytes().to_vec();
                    if let Err(e) = self.stream.send(Message::Ping(payload.into())).await {
                        return self.end(SocketEvent::Broken(words(&e)));
                    }
                }
            }
        }
    }

    /// Whether the server speaks the first system's plain frames.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Tells the server something, without waiting for anything. False when it cannot be taken now.
    pub(crate) fn tell(&mut self, frame: &ClientFrame) -> bool {
        // This type cannot fail to serialize.
        let text = serde_json::to_string(frame).unwrap_or_default();
        let taken = self.stream.feed(Message::text(text)).now_or_never();
        // What the system takes later goes out with the next ping. That the connection is broken, who reads it will see.
        let _ = self.stream.flush().now_or_never();
        matches!(taken, Some(Ok(())))
    }

    /// Closes as RFC 6455 §7.1 has it, so that the seat is free at once.
    pub(crate) async fn close(mut self) {
        // A server that does not answer in time has lost the connection anyway.
        let _ = timeout(CLOSE_WITHIN, async {
            self.stream.close(None).await?;
            while self.stream.next().await.transpose()?.is_some() {}
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        })
        .await;
    }

    /// After a close frame, how the TCP connection ends says nothing more.
    fn end(&self, otherwise: SocketEvent) -> SocketEvent {
        self.closed.map_or(otherwise, SocketEvent::Closed)
    }

    fn hear(&mut self, message: Message) -> Option<SocketEvent> {
        self.dead_at = Instant::now() + DEAD_AFTER;
        match message {
            Message::Text(text) => match &mut self.plain {
                Some(plain) => Some(SocketEvent::Frame(plain.message(&text))),
                // What is not a frame is of no use; were it a message, the next one shows the hole.
                None => serde_json::from_str(&text).ok().map(SocketEvent::Frame),
            },
            Message::Pong(payload) if payload.as_ref() == self.ping.number.to_be_bytes() => {
                Some(SocketEvent::RoundTrip(self.ping.sent_at.elapsed()))
            }
            Message::Close(frame) => {
                self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                // The answer goes out with the next read, which ends when the server closes the TCP connection.
                self.dead_at = Instant::now() + CLOSE_WITHIN;
                None
            }
            // tungstenite answers pings by itself.
            Message::Pong(_) | Message::Ping(_) | Message::Binary(_) | Message::Frame(_) => None,
        }
    }
}

fn query(resume: Option<&ResumePoint>, last: u32, attention: AttentionState) -> Vec<(&'static str, String)> {
    let mut query = vec![];
    if let Some(ResumePoint { after, epoch }) = resume {
        query.extend([("after", after.to_string()), ("epoch", epoch.clone())]);
    }
    if last > 0 {
        query.push(("last", last.to_string()));
    }
    if attention == AttentionState::Idle {
        query.push(("attention", "idle".to_owned()));
    }
    query
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
