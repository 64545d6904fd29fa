//! The two ends of the queue between the hub and a session.
//!
//! Not a channel: a channel costs an idle connection more than a kilobyte, and here the state "was full, tell when
//! drained" lies under the same lock as the frames.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use shared::frames::ClientFrame;
use shared::names::{RoomId, Username};
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;

use crate::access::invites::{Revocation, is_revoked};
use crate::hub::{Event, Hub};
use crate::rooms::input::{Input, Join, Leaving};
use crate::rooms::output::Entry;
use crate::rooms::{PAGE_MESSAGES, SessionId, Voice};

/// How many frames may wait in a session before it is behind and catches up from history: more than a page, so that a
/// reader that keeps up is never behind because of the reading. As many again may be on their way to the socket. Bytes are
/// bounded besides ([`Link::put`]), for few large messages cost as much.
const WAITING_FRAMES: usize = PAGE_MESSAGES as usize + 28;

/// A connection that is in a room, for as long as this lives.
#[derive(Debug)]
pub struct Seat {
    /// Where it stands.
    pub entry: Entry,
    /// What it understands.
    pub voice: Voice,
    /// Where it is.
    pub room: RoomId,
    queue: Arc<Queue>,
    hub: Hub,
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
    user: Username,
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
    /// How long those are that the session has taken and not yet written.
    bytes_under_way: usize,
    /// Whether no more come, and why.
    cut: Option<Cut>,
    state: State,
    /// When the token was made that the session holds, if it says so.
    issued_at: Option<Timestamp>,
}

/// Why a session is sent no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The room cannot be read.
    Unreadable,
    /// This node may hold nobody, or not them; another one may.
    Elsewhere,
    /// Its user may not be in the room any more.
    Revoked,
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
pub(super) fn seat(hub: Hub, join: Join, issued_at: Option<Timestamp>, entry: Entry) -> (Link, Seat) {
    let Join { session, room, user, voice, .. } = join;
    let queue = Arc::new(Queue::default());
    queue.lock().issued_at = issued_at;
    let link = Link { room: room.clone(), voice, user, queue: Arc::clone(&queue) };
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

    /// Puts a frame in. `false` when there is no room: then nothing goes in until [`Link::drained`]. There is room for
    /// `max_bytes` that the session has not written, and for a frame that is longer if it is the only one.
    pub(super) fn put(&self, frame: Utf8Bytes, max_bytes: usize) -> bool {
        let mut waiting = self.queue.lock();
        let held = waiting.bytes + waiting.bytes_under_way;
        if waiting.frames.len() >= WAITING_FRAMES || (held > 0 && held + frame.len() > max_bytes) {
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

    /// Whether this takes the room from the session: it is its user's, and no older than the token it holds.
    pub(super) fn is_covered_by(&self, revocation: &Revocation) -> bool {
        let Revocation { member, at } = revocation;
        self.room == member.room && self.user == member.user && is_revoked(self.queue.lock().issued_at, *at)
    }

    /// No more frames come.
    pub(super) fn cut(&self, why: Cut) {
        self.queue.lock().cut = Some(why);
        self.queue.filled.notify_one();
    }
}

impl Seat {
    /// Waits for frames to send and takes all that are there, when those taken before are written. Dropping the future
    /// loses none.
    ///
    /// # Errors
    /// When no more come; at once for who may not be in the room any more.
    pub async fn next_frames(&self) -> Result<VecDeque<Utf8Bytes>, Cut> {
        loop {
            if self.queue.lock().cut == Some(Cut::Revoked) {
                return Err(Cut::Revoked);
            }
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

    /// The frames that are there, when those taken before are written or given up.
    pub fn frames_now(&self) -> VecDeque<Utf8Bytes> {
        let mut waiting = self.queue.lock();
        waiting.bytes_under_way = std::mem::take(&mut waiting.bytes);
        std::mem::take(&mut waiting.frames)
    }

    /// Takes frames back that were not written, as the next ones.
    pub fn put_back(&self, mut frames: VecDeque<Utf8Bytes>) {
        let mut waiting = self.queue.lock();
        waiting.bytes_under_way = 0;
        waiting.bytes += frames.iter().map(|frame| frame.len()).sum::<usize>();
        frames.append(&mut waiting.frames);
        waiting.frames = frames;
    }

    /// Waits until no more frames come, whatever is there.
    pub async fn cut(&self) -> Cut {
        loop {
            if let Some(why) = self.queue.lock().cut {
                return why;
            }
            self.queue.filled.notified().await;
        }
    }

    /// The session holds a token that was made then.
    pub fn renewed(&self, issued_at: Option<Timestamp>) {
        self.queue.lock().issued_at = issued_at;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use shared::frames::Resume;
    use tokio::sync::mpsc;

    use super::*;
    use crate::rooms::input::Start;

    fn ends() -> (Link, Seat) {
        let is_open = Arc::new(AtomicBool::new(true));
        let hub = Hub { events: mpsc::channel(1).0, last_session: Arc::default(), is_open, rooms: Arc::default() };
        let (room, user) = (RoomId::new("room1").unwrap(), Username::new("alice").unwrap());
        let join = Join { session: SessionId(1), room, user, voice: Voice::Plain, start: Start::default() };
        let entry = Entry {
            head: shared::message::Seq::START,
            occupants: Vec::new(),
            idle: Vec::new(),
            receipts: Vec::new(),
            resume: Resume::Live,
        };
        seat(hub, join, None, entry)
    }

    #[test]
    fn what_is_being_written_takes_room_until_the_session_comes_for_more() {
        let (link, seat) = ends();
        let put = |text: &'static str| link.put(Utf8Bytes::from_static(text), 10);
        assert!(put("four") && put("four"));
        assert_eq!(seat.frames_now().len(), 2);
        assert!(put("2c") && !put("1"));
        assert_eq!(seat.frames_now().len(), 1);
        link.drained();
        assert!(put("8 octets") && !put("1"));
    }

    #[test]
    fn a_frame_that_is_longer_than_all_that_may_wait_goes_alone() {
        let (link, seat) = ends();
        let put = |text: &'static str| link.put(Utf8Bytes::from_static(text), 10);
        assert!(put("longer than ten octets"));
        assert!(!put("1"));
        assert_eq!(seat.frames_now().len(), 1);
        link.drained();
        assert!(!put("longer than ten octets"));
        assert!(seat.frames_now().is_empty());
        assert!(put("longer than ten octets"));
    }
}
