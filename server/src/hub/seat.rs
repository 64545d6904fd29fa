//! The two ends of the queue between the hub and a session.
//!
//! Not a channel: a channel costs an idle connection more than a kilobyte, and here the state "was full, tell when
//! drained" lies under the same lock as the frames.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use shared::frames::ClientFrame;
use shared::names::RoomId;
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;

use crate::hub::{Event, Hub};
use crate::rooms::{Entry, Input, Join, Leaving, PAGE_MESSAGES, SessionId, Voice};

/// How many frames may wait in a session before it is behind and catches up from history: more than a page, so that a
/// reader that keeps up is never behind because of the reading. As many again may be on their way to the socket.
const WAITING_FRAMES: usize = PAGE_MESSAGES as usize + 28;

/// How many bytes may wait, but for the frame that goes beyond. It bounds what a reader that stands still costs, where
/// messages are large; those of up to 4 KiB are bounded by their number before.
const WAITING_BYTES: usize = 512 * 1024;

/// A connection that is in a room, for as long as this lives.
#[derive(Debug)]
pub struct Seat {
    /// Where it stands.
    pub entry: Entry,
    /// What it understands.
    pub voice: Voice,
    queue: Arc<Queue>,
    hub: Hub,
    room: RoomId,
    session: SessionId,
    leaving: Leaving,
}

/// The hub's end.
#[derive(Debug)]
pub(super) struct Link {
    /// Where the session is.
    pub(super) room: RoomId,
    /// What it understands.
    pub(super) voice: Voice,
    queue: Arc<Queue>,
}

/// Frames on their way to a session.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Says that there are frames.
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Utf8Bytes>,
    /// How long they are together.
    bytes: usize,
    /// Whether no more come, and why.
    cut: Option<Cut>,
    state: State,
}

/// Why a session is sent no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The room cannot be read.
    Unreadable,
    /// This node may hold nobody, or not them; another one may.
    Elsewhere,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Frames go in.
    #[default]
    Open,
    /// A frame found no room: none goes in.
    Full,
    /// The session has taken all since then and told the hub.
    Drained,
}

/// Makes both ends for a connection that may come in.
pub(super) fn seat(hub: Hub, join: Join, entry: Entry) -> (Link, Seat) {
    let Join { session, room, voice, .. } = join;
    let queue = Arc::new(Queue::default());
    let link = Link { room: room.clone(), voice, queue: Arc::clone(&queue) };
    (link, Seat { entry, voice, queue, hub, room, session, leaving: Leaving::Vanished })
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Whether a frame would go in or be the first that does not.
    pub(super) fn takes_frames(&self) -> bool {
        self.queue.lock().state == State::Open
    }

    /// Puts a frame in. `false` when there is no room: then nothing goes in until [`Link::drained`].
    pub(super) fn put(&self, frame: Utf8Bytes) -> bool {
        let mut waiting = self.queue.lock();
        if waiting.frames.len() >= WAITING_FRAMES || waiting.bytes >= WAITING_BYTES {
            waiting.state = State::Full;
            return false;
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        drop(waiting);
        self.queue.filled.notify_one();
        true
    }

    /// The session has said that it has taken all.
    pub(super) fn drained(&self) {
        self.queue.lock().state = State::Open;
    }

    /// No more frames come.
    pub(super) fn cut(&self, why: Cut) {
        self.queue.lock().cut = Some(why);
        self.queue.filled.notify_one();
    }
}

impl Seat {
    /// Waits for frames to send and takes all that are there. Dropping the future loses none.
    ///
    /// # Errors
    /// When no more come.
    pub async fn next_frames(&self) -> Result<VecDeque<Utf8Bytes>, Cut> {
        loop {
            let frames = self.frames_now();
            if !frames.is_empty() {
                return Ok(frames);
            }
            if let Some(why) = self.queue.lock().cut {
                return Err(why);
            }
            if self.queue.lock().state == State::Full
                && let Ok(word) = self.hub.events.reserve().await
            {
                self.queue.lock().state = State::Drained;
                word.send(Event::Drained(self.room.clone(), self.session));
            }
            self.queue.filled.notified().await;
        }
    }

    /// The frames that are there.
    pub fn frames_now(&self) -> VecDeque<Utf8Bytes> {
        let mut waiting = self.queue.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.frames)
    }

    /// Hands on what the client says.
    pub async fn said(&self, frame: ClientFrame) {
        self.hub.say(Event::Input(Input::Said(self.room.clone(), self.session, frame))).await;
    }

    /// The connection ended by a close of the WebSocket. Without this it counts as broken off.
    pub fn closed(&mut self) {
        self.leaving = Leaving::Closed;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let left = Event::Left(self.room.clone(), self.session, self.leaving);
        if let Err(TrySendError::Full(left)) = self.hub.events.try_send(left) {
            let events = self.hub.events.clone();
            tokio::spawn(async move { events.send(left).await });
        }
    }
}
