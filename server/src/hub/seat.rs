//! The two ends of the queue between the hub and a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ws::Utf8Bytes;
use shared::names::RoomId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::hub::{Event, Hub};
use crate::rooms::{Entry, Join, Leaving, PAGE_MESSAGES, SessionId, Voice};

/// How many frames may wait in a session before it is behind and catches up from history: more than a page, so that a
/// reader that keeps up is never behind because of the reading.
const WAITING_FRAMES: usize = PAGE_MESSAGES as usize + 28;

/// A connection that is in a room, for as long as this lives.
#[derive(Debug)]
pub struct Seat {
    /// Where it stands.
    pub entry: Entry,
    /// What it understands.
    pub voice: Voice,
    frames: mpsc::Receiver<Utf8Bytes>,
    is_full: Arc<AtomicBool>,
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
    frames: mpsc::Sender<Utf8Bytes>,
    /// Set here when the queue was full, cleared by the session when it has sent all of it.
    is_full: Arc<AtomicBool>,
    /// Nothing is sent from the first frame that found no room until the session is drained.
    is_stalled: bool,
}

/// What came of putting a frame into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in, or the session needs none any more.
    Done,
    /// It is not in; the session will say when it is drained.
    Full,
    /// It is not in, and the session is drained already.
    FullAndDrained,
}

/// Makes both ends for a connection that may come in.
pub(super) fn seat(hub: Hub, join: Join, entry: Entry) -> (Link, Seat) {
    let Join { session, room, voice, .. } = join;
    let (sender, receiver) = mpsc::channel(WAITING_FRAMES);
    let is_full = Arc::new(AtomicBool::new(false));
    let link = Link { room: room.clone(), voice, frames: sender, is_full: Arc::clone(&is_full), is_stalled: false };
    let seat = Seat { entry, voice, frames: receiver, is_full, hub, room, session, leaving: Leaving::Vanished };
    (link, seat)
}

impl Link {
    /// Whether frames are of use to the session now.
    pub(super) fn takes_frames(&self) -> bool {
        !self.is_stalled
    }

    /// The session has sent everything in its queue.
    pub(super) fn drained(&mut self) {
        self.is_stalled = false;
    }

    /// Puts a frame into the queue.
    pub(super) fn put(&mut self, frame: Utf8Bytes) -> Put {
        match self.frames.try_send(frame) {
            Ok(()) | Err(TrySendError::Closed(_)) => Put::Done,
            Err(TrySendError::Full(_)) => {
                self.is_stalled = true;
                self.is_full.store(true, Ordering::SeqCst);
                // The session looks at the mark when its queue is empty. If it became empty before the mark was set,
                // the session sleeps now, and nobody would take the mark away: then it is taken away here.
                let is_empty = self.frames.capacity() == self.frames.max_capacity();
                if is_empty && self.is_full.swap(false, Ordering::SeqCst) { Put::FullAndDrained } else { Put::Full }
            }
        }
    }
}

impl Seat {
    /// Waits for the next frame to send. `None` when the server is ending.
    pub async fn next_frame(&mut self) -> Option<Utf8Bytes> {
        if let Some(frame) = self.frame_now() {
            return Some(frame);
        }
        // The queue is empty now. If the hub found it full before, it has frames for us that it did not put in. The
        // mark goes only when the word can be given, so that dropping this future loses neither.
        if self.is_full.load(Ordering::SeqCst) {
            let permit = self.hub.events.reserve().await.ok()?;
            if self.is_full.swap(false, Ordering::SeqCst) {
                permit.send(Event::Drained(self.room.clone(), self.session));
            }
        }
        self.frames.recv().await
    }

    /// A frame that is there already.
    pub fn frame_now(&mut self) -> Option<Utf8Bytes> {
        self.frames.try_recv().ok()
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
