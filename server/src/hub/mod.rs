//! The loop that owns [`Rooms`], as others see it: what can be said to it, and how it is started.
//!
//! Channels form no cycle: sessions, intake and reads wait for the hub; the hub waits for nobody.

pub mod encoder;
pub mod others;
mod run;
pub mod seat;
mod unkept;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use shared::message::Message;
use shared::names::{RoomId, Username};
use shared::rest::Occupant;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::invites::Revocation;
use crate::broker::rabbitmq::nodes::Heard;
use crate::history::{History, HistoryError};
use crate::hub::encoder::Encoder;
use crate::hub::others::{News, Others, Shared};
use crate::hub::run::Loop;
use crate::hub::seat::Seat;
use crate::hub::unkept::Unkept;
use crate::nodes::NodeId;
use crate::rooms::input::{Input, Join, Leaving, Start};
use crate::rooms::{Judge, Rooms, SessionId, Voice};

/// How many inputs may wait for the hub. Each takes microseconds; a burst of joins or messages waits with its senders.
const WAITING_INPUTS: usize = 1024;

/// A handle to the loop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    events: mpsc::Sender<Event>,
    last_session: Arc<AtomicU64>,
    /// Whether anybody can be let in: with others, as long as there is a lease.
    is_open: Arc<AtomicBool>,
    rooms: Arc<AtomicUsize>,
}

/// Who asks for a place in which room.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The room.
    pub room: RoomId,
    /// Who.
    pub user: Username,
    /// When the token they came by was made, if it says so.
    pub issued_at: Option<Timestamp>,
}

/// What the loop works with.
#[derive(Debug)]
pub struct Hosting {
    /// What rooms are read from.
    pub history: History,
    /// How many rooms there may be people in.
    pub max_rooms: NonZeroUsize,
    /// How much may wait for a connection, in bytes.
    pub max_outbound_bytes: usize,
    /// Where it is counted that as much waits as may.
    pub stalled: Counter,
    /// What several nodes share, if this is one of several.
    pub shared: Option<Shared>,
}

/// Why a connection did not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinError {
    /// Two other users are in the room.
    Full,
    /// The room would be one more than there may be.
    TooManyRooms,
    /// History cannot be read, or the server is stopping.
    Unavailable,
}

#[derive(Debug)]
enum Event {
    /// Somebody wants to come in, by a token made then.
    Join(Join, Option<Timestamp>, Answer),
    Left(RoomId, SessionId, Leaving),
    Drained(RoomId, SessionId),
    /// Somebody wants to know who is there.
    Asked(RoomId, oneshot::Sender<Vec<Occupant>>),
    /// Receipts have been kept, or not.
    Kept(Result<(), HistoryError>),
    /// Messages have their places, and these nodes are to hear it.
    Placed(RoomId, Vec<Arc<Message>>, Arc<[NodeId]>),
    News(News),
    /// These may not be in their rooms any more.
    Revoked(Vec<Revocation>),
    Input(Input),
}

impl Hub {
    /// Starts the loop, of the one node or, with what they share, of one of several. It ends with `stop`, when nobody needs it
    /// any more.
    #[must_use]
    pub fn start(hosting: Hosting, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let Hosting { history, max_rooms, max_outbound_bytes, stalled, shared } = hosting;
        let (events, waiting) = mpsc::channel(WAITING_INPUTS);
        let is_open = Arc::new(AtomicBool::new(shared.is_none()));
        let hub = Self { events, last_session: Arc::default(), is_open, rooms: Arc::default() };
        let task = Loop {
            rooms: Rooms::new(history.epoch(), if shared.is_some() { Judge::Shared(None) } else { Judge::Own }),
            max_rooms,
            max_outbound_bytes,
            stalled,
            others: shared.map(Others::new),
            joining: HashMap::new(),
            links: HashMap::new(),
            encoder: Encoder::default(),
            out: Vec::new(),
            unkept: Unkept::default(),
            keep_at: None,
            hub: hub.clone(),
            history,
            tasks: tasks.clone(),
        };
        tasks.spawn(task.run(waiting, stop));
        hub
    }

    /// Asks for a place in a room and waits for the answer.
    ///
    /// # Errors
    /// When the room is full, or when nobody can be let in now.
    pub async fn join(&self, guest: Guest, voice: Voice, start: Start) -> Result<Seat, JoinError> {
        let Guest { room, user, issued_at } = guest;
        let session = SessionId(self.last_session.fetch_add(1, Ordering::Relaxed));
        let (answer, seat) = oneshot::channel();
        let join = Join { session, room, user, voice, start };
        self.events.send(Event::Join(join, issued_at, answer)).await.map_err(|_| JoinError::Unavailable)?;
        seat.await.unwrap_or(Err(JoinError::Unavailable))
    }

    /// How many rooms somebody is in on this node.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    /// Whether people can be let in now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Who holds a seat in a room, by name.
    ///
    /// # Errors
    /// When the server is stopping, or other nodes would have to be asked and cannot be.
    pub async fn occupants(&self, room: RoomId) -> Result<Vec<Occupant>, JoinError> {
        let (answer, occupants) = oneshot::channel();
        self.say(Event::Asked(room, answer)).await;
        occupants.await.map_err(|_| JoinError::Unavailable)
    }

    /// Tells the room that these messages have their places, here and on the nodes that host it.
    pub async fn announce(&self, room: RoomId, messages: Vec<Arc<Message>>, hosts: Arc<[NodeId]>) {
        self.say(Event::Placed(room, messages, hosts)).await;
    }

    /// Hands on what other nodes say.
    pub async fn heard(&self, heard: Heard) {
        self.say(Event::News(News::Heard(heard))).await;
    }

    /// Ends the connections of those who may not be in their rooms any more, and frees their seats.
    pub async fn revoke(&self, revocations: Vec<Revocation>) {
        self.say(Event::Revoked(revocations)).await;
    }

    async fn say(&self, event: Event) {
        // The hub goes last; what comes after it concerns nobody.
        let _ = self.events.send(event).await;
    }
}

/// Where the answer to a join goes.
type Answer = oneshot::Sender<Result<Seat, JoinError>>;
