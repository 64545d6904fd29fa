//! Everything that reaches the server: token, socket, back-off, resume, posts and pages of history.
//!
//! [`start`] spawns the one task that owns the connection. It is told what to do by [`Request`]s and says what
//! happened by [`NetworkEvent`]s; nothing in the screen's code waits for it.
//!
//! Read in this order: this file, `connection` (the task), `feed` (which messages are new), `socket` (one connection),
//! `posts` (messages on their way out), `receipts` (how far we have come), `questions` (pages and searches), `renewal` (of the token), `fleet` (several
//! servers that are one), `lookup` (a name with several addresses), `client` (how it is connected), `api` (the HTTP
//! routes).

pub mod api;
pub mod backoff;
mod client;
mod connection;
pub mod error;
mod feed;
pub mod fleet;
mod lookup;
mod plain;
mod posts;
mod questions;
mod receipts;
mod renewal;
pub mod servers;
mod sleep;
mod socket;
mod token;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Certificate, Url};
use shared::frames::{AttentionState, Gap, Presence, Receipt, Typing, TypingState, Welcome};
use shared::message::{Message, Seq};
use shared::names::{Email, MessageId, RoomId, Username};
use shared::rest::{HistoryPage, SearchPage, TokenRequest};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::credentials::{Credentials, Member};
use crate::network::connection::Connection;
use crate::network::error::ApiError;
use crate::network::fleet::Fleet;
use crate::network::servers::Servers;
use crate::outbox::lines::Whose;

/// A person cannot type ahead this far, so the screen never waits to hand a request over.
const REQUESTS: usize = 64;
/// A first look and a page at once. The screen takes them all before it draws; a full channel stops the reading of the
/// socket, and with it the server.
const EVENTS: usize = 256;

/// Who joins what, and where.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The base addresses of the servers, `http://` or `https://`.
    pub servers: Servers,
    /// The room.
    pub room: RoomId,
    /// The name to be seen under.
    pub user: Username,
    /// Goes into the token.
    pub email: Email,
    /// How many of the newest messages to ask for at first.
    pub last: u32,
    /// What lets us in, and whom we trust.
    pub access: Access,
}

/// What lets a client in, and whom it trusts.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Of what we are a member.
    pub credentials: Credentials,
    /// Authorities that a server's certificate may be signed by, besides those of the system.
    pub authorities: Vec<Certificate>,
}

/// What happened on the network.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkEvent {
    /// Of several servers the one that is tried now: host and port. [`NetworkEvent::Connecting`] follows.
    Server(String),
    /// An attempt to connect has begun.
    Connecting,
    /// We are in. Messages that follow continue where the last one was, or as `welcome.resume` says.
    Welcomed(Welcome),
    /// A message; places rise without holes unless a gap was reported.
    Message(Message),
    /// Somebody came or went.
    Presence(Presence),
    /// Somebody has come further in the room's messages.
    Receipt(Receipt),
    /// Somebody is writing, or has stopped.
    Typing(Typing),
    /// Messages that nobody can have any more.
    Gap(Gap),
    /// The time a ping took.
    RoundTrip(Duration),
    /// The connection is gone, or an attempt failed. The next one starts by itself.
    Lost {
        /// In a few words, in lower case, such as `refused` or `server restarting`.
        reason: String,
        /// When the next attempt starts, by the wall clock.
        retry_at: Timestamp,
        /// Whether a server of Duet was there, and has answered.
        is_reached: bool,
    },
    /// A server is there and does not let us in now. It is tried again by itself; what takes longer is told as
    /// [`NetworkEvent::Lost`] as well.
    NotLetIn(ApiError),
    /// The room holds two other users. Tried again only on [`Request::RetryNow`] or [`Request::WaitForSeat`].
    RoomFull,
    /// Who holds the seats of a room in which [`Request::WaitForSeat`] waits for one.
    SeatsTaken(Vec<Username>),
    /// The server will not have us, and trying again changes nothing: a sentence that says what to do.
    Refused(String),
    /// A post was accepted: the server keeps it. Its message also arrives as [`NetworkEvent::Message`], before or after.
    Posted(MessageId),
    /// Somebody answers, and a post is not taken now: a sentence. It is tried again.
    PostDelayed(String),
    /// We post too often, and longer than some seconds are to be waited.
    PostedTooOften {
        /// When the post is tried again, by the wall clock.
        retry_at: Timestamp,
    },
    /// A post will never be accepted: a sentence that says why. Not told of one that is refused after the last request.
    PostRefused {
        /// Which.
        id: MessageId,
        /// Why, and what to do.
        reason: String,
    },
    /// The answer to [`Request::PageBefore`].
    Page(HistoryPage),
    /// [`Request::PageBefore`] came to nothing: a few words.
    PageFailed(String),
    /// The answer to [`Request::Search`].
    Found {
        /// What was looked for.
        query: String,
        /// What was found.
        page: SearchPage,
    },
    /// [`Request::Search`] came to nothing.
    SearchFailed {
        /// What was looked for.
        query: String,
        /// A few words.
        reason: String,
    },
}

/// What the network is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Post a message. Posts are made one after the other in this order, and again with the same id until they are
    /// accepted or refused for good.
    Post {
        /// Its `Idempotency-Key`.
        id: MessageId,
        /// What it says.
        content: String,
    },
    /// Tell the others that everything up to this place was shown to the person. What is delivered the network tells by
    /// itself: it is what [`NetworkEvent::Message`] was sent of.
    Read(Seq),
    /// Fetch messages older than this place.
    PageBefore(Seq),
    /// Look in the whole history of the room for messages that match, the newest first. A later search ends an earlier one
    /// that is still under way.
    Search {
        /// What to look for, as the person wrote it.
        query: String,
        /// Only messages before this place.
        before: Option<Seq>,
    },
    /// Tell the others whether the person is writing. Lost without a word where there is no connection.
    Typing(TypingState),
    /// Tell the others whether the person is there; said again by itself with every connection.
    Attention(AttentionState),
    /// After [`NetworkEvent::RoomFull`]: ask every few seconds whether a seat is free, and take it. Nobody else is kept from it.
    WaitForSeat,
    /// Do not wait for the next attempt.
    RetryNow,
}

/// The two ends of a running network task. Dropping `requests` ends it with a proper close.
#[derive(Debug)]
pub struct Network {
    /// What to do.
    pub requests: mpsc::Sender<Request>,
    /// What happened.
    pub events: mpsc::Receiver<NetworkEvent>,
    /// Ends when the connection is closed.
    pub task: tokio::task::JoinHandle<()>,
}

impl Membership {
    /// Under whose name the outbox keeps what is said.
    #[must_use]
    pub fn whose(&self) -> Whose {
        let (room, user) = (self.room.clone(), self.user.clone());
        Whose { server: self.servers.key(), room, user }
    }

    /// Whether we were invited into this room.
    #[must_use]
    pub fn is_invited(&self) -> bool {
        self.servers.iter().any(|server| self.access.credentials.has(&self.member(server)))
    }

    /// As what we are known to one of the servers, once we were invited.
    #[must_use]
    pub fn member(&self, server: &Url) -> Member {
        Member { server: server.as_str().to_owned(), room: self.room.clone(), user: self.user.clone() }
    }

    /// Who asks for a token, and for which room.
    pub(crate) fn token_request(&self) -> TokenRequest {
        TokenRequest { username: self.user.clone(), email: self.email.clone(), room_id: self.room.clone() }
    }
}

/// Starts the network task, which connects at once. To be called within a runtime.
///
/// # Errors
/// When the system's trusted certificates cannot be read, for a server on `https`.
pub fn start(membership: &Membership) -> Result<Network, ApiError> {
    start_with(membership, AttentionState::Here)
}

/// The same, and says from the beginning whether somebody is there.
///
/// # Errors
/// As [`start`].
pub fn start_with(membership: &Membership, attention: AttentionState) -> Result<Network, ApiError> {
    let connection = Connection::new(Fleet::new(membership)?, membership.last, attention);
    let (requests, requests_in) = mpsc::channel(REQUESTS);
    let (events_out, events) = mpsc::channel(EVENTS);
    Ok(Network { requests, events, task: tokio::spawn(connection.run(requests_in, events_out)) })
}

/// When a wait that begins now ends, by the wall clock.
fn end_of(wait: Duration) -> Timestamp {
    Timestamp::now() + SignedDuration::try_from(wait).unwrap_or_default()
}

/// A new id for a message: a UUID of version 7, so that ids sort by time.
#[must_use]
#[expect(clippy::expect_used, reason = "a UUID keeps every rule of a name")]
pub fn new_message_id() -> MessageId {
    MessageId::new(Uuid::now_v7().to_string()).expect("a UUID is 36 visible characters")
}
