//! What each open room has of its own outside of the core: a network task, an outbox, and what waits between the two.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::path::PathBuf;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::select_all;
use shared::names::{MessageId, RoomId};
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::JoinHandle;

use crate::app::Event;
use crate::app::client::RoomKey;
use crate::memory::Memory;
use crate::network::error::ApiError;
use crate::network::{self, Membership, Network, NetworkEvent, Request};
use crate::outbox::lines::{Kept, Whose};
use crate::outbox::{Left, Outbox, OutboxError, Remains};

/// The most that is taken from the network before a key gets its turn.
const BATCH: usize = 256;

/// The open rooms, and those that are left and not closed yet.
#[derive(Debug)]
pub struct Rooms {
    /// The one whose turn it is to be heard first, first.
    rooms: Vec<Room>,
    /// Where the outboxes are.
    folder: Option<PathBuf>,
    memory: Memory,
    /// What was in the outboxes of rooms that are left and closed.
    remains: Vec<(Whose, Remains)>,
    /// The network tasks of those.
    ended: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Room {
    key: RoomKey,
    whose: Whose,
    outbox: Outbox,
    /// None when the room is left.
    requests: Option<Sender<Request>>,
    /// Requests the network has no room for yet. As many as a person sends meanwhile.
    outgoing: VecDeque<Request>,
    events: Receiver<NetworkEvent>,
    task: JoinHandle<()>,
}

impl Rooms {
    /// None yet. Their outboxes will be in `folder`.
    #[must_use]
    pub fn new(folder: Option<PathBuf>, memory: Memory) -> Self {
        Self { rooms: Vec::new(), folder, memory, remains: Vec::new(), ended: Vec::new() }
    }

    /// Begins to connect to a room.
    ///
    /// # Errors
    /// When the network cannot be started.
    pub(crate) fn open(&mut self, key: RoomKey, membership: &Membership) -> Result<(), ApiError> {
        let Network { requests, events, task } = network::start(membership)?;
        let whose = membership.whose();
        // What is in that outbox is ours again.
        self.remains.retain(|(of, _)| *of != whose);
        let outbox = Outbox::new(self.folder.clone(), whose.clone());
        let outgoing = VecDeque::new();
        self.rooms.push(Room { key, whose, outbox, requests: Some(requests), outgoing, events, task });
        Ok(())
    }

    /// Begins to close the connection to a room. What waits stays in its outbox.
    pub(crate) fn close(&mut self, key: RoomKey) {
        if let Some(room) = self.room(key) {
            room.requests = None;
            room.outgoing.clear();
        }
    }

    /// Hands this to a room's network as soon as that takes it.
    pub(crate) fn request(&mut self, key: RoomKey, request: Request) {
        if let Some(room) = self.room(key) {
            room.outgoing.push_back(request);
        }
    }

    /// Writes a message down and hands it to the network. It takes some milliseconds in which no frame is drawn, so what
    /// the screen shows as sent is on disk.
    pub(crate) fn keep(&mut self, key: RoomKey, kept: Kept) -> Option<Event> {
        let room = self.room(key)?;
        match room.outbox.put(&kept) {
            Ok(()) => {
                room.outgoing.push_back(Request::Post { id: kept.id, content: kept.content });
                None
            }
            Err(error @ OutboxError::Full) => Some(Event::NotKept { id: kept.id, reason: error.to_string() }),
            Err(error @ (OutboxError::NoFolder | OutboxError::Disk { .. })) => {
                Some(Event::NoOutbox { id: kept.id, reason: error.to_string() })
            }
        }
    }

    pub(crate) fn forget(&mut self, key: RoomKey, id: &MessageId) {
        if let Some(room) = self.room(key) {
            room.outbox.done(id);
        }
    }

    pub(crate) fn refuse(&mut self, key: RoomKey, id: &MessageId, reason: &str) {
        if let Some(room) = self.room(key) {
            room.outbox.refuse(id, reason);
        }
    }

    pub(crate) fn adopt(&mut self, key: RoomKey) -> Option<Event> {
        let Left { held, trouble } = self.room(key)?.outbox.adopt();
        Some(Event::Adopted { held, trouble: trouble.map(|error| error.to_string()) })
    }

    /// What earlier runs have left: a draft, and what was sent.
    pub(crate) fn remembered(&self, key: RoomKey) -> Vec<Event> {
        let Some(room) = self.rooms.iter().find(|room| room.key == key) else { return Vec::new() };
        let draft = self.memory.draft(&room.whose).map(Event::DraftFound);
        let sent = Some(self.memory.sent(&room.whose)).filter(|sent| !sent.is_empty()).map(Event::SentFound);
        draft.into_iter().chain(sent).collect()
    }

    pub(crate) fn keep_draft(&self, key: RoomKey, text: &str) {
        if let Some(room) = self.rooms.iter().find(|room| room.key == key) {
            self.memory.keep_draft(&room.whose, text);
        }
    }

    /// Remembers a draft that was sent.
    pub(crate) fn note_sent(&self, key: RoomKey, text: &str) {
        if let Some(room) = self.rooms.iter().find(|room| room.key == key) {
            self.memory.note_sent(&room.whose, text);
        }
    }

    /// Remembers that a room was joined.
    pub(crate) fn joined(&self, key: RoomKey) {
        if let Some(room) = self.rooms.iter().find(|room| room.key == key) {
            self.memory.joined(&room.whose);
        }
    }

    /// The rooms joined before by whoever is in this one, the last first.
    pub(crate) fn joined_before(&self, key: RoomKey) -> Vec<RoomId> {
        let room = self.rooms.iter().find(|room| room.key == key);
        room.map(|room| self.memory.rooms(&room.whose)).unwrap_or_default()
    }

    /// What happens next in a room outside of the core, each room in its turn. None when instead of that a request was handed over.
    /// May be dropped while it waits; nothing is lost.
    ///
    /// # Errors
    /// When the network task of an open room has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Told>, NetworkEnded> {
        let permits: Vec<_> = (self.rooms.iter())
            .filter(|room| !room.outgoing.is_empty())
            .filter_map(|room| Some((room.key, room.requests.clone()?)))
            .map(|(key, requests)| async move { (key, requests.reserve_owned().await) }.boxed())
            .collect();
        let permit = async { if permits.is_empty() { pending().await } else { select_all(permits).await.0 } };
        tokio::select! { biased;
            (key, permit) = permit => {
                // It leaves the queue also where the network has ended, whose end is heard only when nothing waits.
                if let (Ok(permit), Some(request)) = (permit, self.room(key).and_then(|room| room.outgoing.pop_front())) {
                    permit.send(request);
                }
                Ok(None)
            }
            (index, event) = first_event(&mut self.rooms) => self.told(index, event),
        }
    }

    /// What [`Rooms::next`] has told, and what has happened since, as much as is taken at once.
    ///
    /// # Errors
    /// When the network task of an open room has ended.
    pub(crate) fn with_more(&mut self, first: Option<Told>) -> Result<Vec<Told>, NetworkEnded> {
        let mut batch = Vec::from_iter(first);
        while (1..BATCH).contains(&batch.len()) {
            // What is taken here is in no queue any more, so all of it is in the batch.
            let Some(told) = self.try_next()? else { break };
            batch.push(told);
        }
        Ok(batch)
    }

    fn try_next(&mut self) -> Result<Option<Told>, NetworkEnded> {
        let mut ready = (0..).zip(&mut self.rooms).map(|(index, room)| (index, room.events.try_recv()));
        match ready.find(|(_, event)| *event != Err(TryRecvError::Empty)) {
            Some((index, event)) => self.told(index, event.ok()),
            None => Ok(None),
        }
    }

    fn told(&mut self, index: usize, event: Option<NetworkEvent>) -> Result<Option<Told>, NetworkEnded> {
        let Some(event) = event else {
            let room = self.rooms.remove(index);
            if room.requests.is_some() {
                return Err(NetworkEnded);
            }
            self.ended.push(room.task);
            let remains = room.outbox.remains();
            // The person may be back already, and what this one held is theirs now.
            drop(room.outbox);
            if let Some(key) = self.rooms.iter().find(|open| open.whose == room.whose).map(|open| open.key) {
                return Ok(self.adopt(key).map(|event| (key, event)));
            }
            self.remains.push((room.whose, remains));
            return Ok(None);
        };
        let Some(room) = self.rooms.get_mut(index) else { return Ok(None) };
        if let (None, NetworkEvent::Posted(id)) = (&room.requests, &event) {
            // The core does not know this room any more.
            room.outbox.done(id);
        }
        let key = room.key;
        // Whoever was heard is heard last next time.
        self.rooms.rotate_left(index + 1);
        Ok(Some((key, Event::Network(event))))
    }

    /// Closes all connections, and waits until they are closed. What they post meanwhile leaves the outboxes.
    pub(crate) async fn goodbye(&mut self) {
        for room in &mut self.rooms {
            room.requests = None;
            room.outgoing.clear();
        }
        while !self.rooms.is_empty() {
            // Only of an open room it is an error that it ends.
            drop(self.next().await);
        }
        for task in self.ended.drain(..) {
            // That a task has panicked was said when it did.
            drop(task.await);
        }
    }

    /// What remains in the outboxes of all rooms, those that were left included.
    #[must_use]
    pub fn remains(&self) -> Vec<(Whose, Remains)> {
        let open = self.rooms.iter().map(|room| (room.whose.clone(), room.outbox.remains()));
        self.remains.iter().cloned().chain(open).collect()
    }

    fn room(&mut self, key: RoomKey) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.key == key)
    }
}

/// What happened outside, and in which room.
pub(crate) type Told = (RoomKey, Event);

/// The network task of an open room has ended by itself, which is a bug.
#[derive(Debug)]
pub(crate) struct NetworkEnded;

/// The first room to say something, or to end, from the first one on.
async fn first_event(rooms: &mut [Room]) -> (usize, Option<NetworkEvent>) {
    poll_fn(|context| {
        for (index, room) in rooms.iter_mut().enumerate() {
            if let Poll::Ready(event) = room.events.poll_recv(context) {
                return Poll::Ready((index, event));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::channel;
    use tokio::time::timeout;

    use super::*;

    fn room(key: RoomKey, name: &str, events: usize) -> Room {
        let whose = Whose {
            server: "http://127.0.0.1:8000/".to_owned(),
            room: name.parse().unwrap(),
            user: "alice".parse().unwrap(),
        };
        let (told, queue) = channel(events.max(1));
        for number in 0..events {
            told.try_send(NetworkEvent::PostDelayed(number.to_string())).unwrap();
        }
        let (requests, _) = channel(1);
        // The sender stays with the task, as it does with that of a network.
        let task = tokio::spawn(async move { told.closed().await });
        let outbox = Outbox::new(None, whose.clone());
        Room { key, whose, outbox, requests: Some(requests), outgoing: VecDeque::new(), events: queue, task }
    }

    #[tokio::test]
    async fn what_is_queued_in_several_rooms_is_all_told_and_in_order() {
        let keys = [1, 2].map(RoomKey);
        let mut rooms = Rooms::new(None, Memory::new(None));
        rooms.rooms = vec![room(keys[0], "one", 200), room(keys[1], "two", 200)];
        let mut all = Vec::new();
        let mut batches = 0;
        while let Some(first) = rooms.next().now_or_never() {
            all.extend(rooms.with_more(first.unwrap()).unwrap());
            batches += 1;
        }
        for key in keys {
            let of_it: Vec<_> = all.iter().filter(|(of, _)| *of == key).map(|(_, event)| event.clone()).collect();
            let expected = (0..200).map(|number| Event::Network(NetworkEvent::PostDelayed(number.to_string())));
            assert_eq!(of_it, expected.collect::<Vec<_>>());
        }
        assert_eq!(batches, 2);
    }

    #[tokio::test]
    async fn that_a_network_has_ended_is_told_although_something_is_to_be_sent() {
        let key = RoomKey(1);
        let mut rooms = Rooms::new(None, Memory::new(None));
        rooms.rooms = vec![room(key, "one", 1)];
        // As after a panic of it.
        rooms.rooms[0].task.abort();
        rooms.request(key, Request::RetryNow);
        let mut heard = Vec::new();
        // What it is not handed, what it has told before, its end.
        for _ in 0..3 {
            let next = timeout(Duration::from_secs(10), rooms.next()).await.expect("it is told");
            heard.push(next.map(|told| told.is_some()));
        }
        assert!(matches!(*heard, [Ok(false), Ok(true), Err(NetworkEnded)]), "{heard:?}");
    }
}
