//! Pure. Who is in which room and who hears what: inputs in, outputs as values, no clock, socket or task.
//!
//! **The cursor rule.** A session has a cursor: the place of the last message it was sent. A message is sent when its
//! place is `cursor + 1`, dropped when it is not after the cursor, and otherwise the room is read from history. Joining,
//! resuming, reordering, repeats, a lost announcement and a slow reader are all this one rule.
//!
//! **Several nodes** have a core each, and share a judge of who gets a seat ([`Judge::Shared`]). A core knows what other
//! nodes hold from views, which are the whole truth of one moment, so that one that is lost is healed by the next.

mod elsewhere;
pub mod input;
pub mod output;
mod presence;
mod receipts;
mod room;
mod seats;
mod session;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod simulation_nodes;
#[cfg(test)]
mod simulation_steps;
mod typing;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::frames::{PresenceState, SEAT_KEPT_FOR};
use shared::message::Seq;
use shared::names::RoomId;
use shared::rest::Occupant;

use crate::nodes::{NodeId, SeatsVersion, View};
use crate::rooms::input::{Input, Join};
use crate::rooms::output::Output;
use crate::rooms::room::Room;

/// How many users a room holds.
pub const SEATS: usize = 2;

/// How long the seat of a `duet.v1` connection that broke off is kept for it.
pub const GRACE: Duration = SEAT_KEPT_FOR;

/// How long to leave a history alone that could not be read.
const RETRY_READ: Duration = Duration::from_secs(1);

/// After how many failures in a row those who wait for messages are told, rather than left before an empty room.
const READS_IN_VAIN: u32 = 5;

/// How many messages one read from history asks for.
pub const PAGE_MESSAGES: u32 = 100;

/// One connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// The time, read by the caller.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For waiting.
    pub instant: Instant,
    /// For telling people.
    pub wall: Timestamp,
}

/// What a connection understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// The content of each message as plain text, and nothing else.
    Plain,
    /// The frames of `shared::frames`.
    DuetV1,
}

/// Who decides on seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// This core, for there is no other.
    Own,
    /// One that all nodes share; under which name this node has its lease now. Without a lease nobody is in any room.
    Shared(Option<NodeId>),
}

/// Of users who may each have several seats, what they are most, by name.
#[must_use]
pub fn merged(occupants: impl Iterator<Item = Occupant>) -> Vec<Occupant> {
    seats::merged(occupants)
}

/// All rooms that somebody is in.
#[derive(Debug)]
pub struct Rooms {
    epoch: Arc<str>,
    judge: Judge,
    rooms: HashMap<RoomId, Room>,
    /// Seats kept for users who broke off, in the order in which their time runs out.
    grace: VecDeque<(Instant, RoomId)>,
    /// Rooms whose read failed, in the order in which it is to be made again.
    unread: VecDeque<(Instant, RoomId)>,
    /// Rooms in which a connection has said that nobody is at it, and when that is to be passed on.
    resting: BTreeSet<(Instant, RoomId)>,
}

impl Rooms {
    /// No rooms, on a history of this epoch.
    #[must_use]
    pub fn new(epoch: &str, judge: Judge) -> Self {
        Self {
            epoch: epoch.into(),
            judge,
            rooms: HashMap::new(),
            grace: VecDeque::new(),
            unread: VecDeque::new(),
            resting: BTreeSet::new(),
        }
    }

    /// How many rooms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether there is this room already, or place for one more than there are.
    #[must_use]
    pub fn takes(&self, room: &RoomId, max_rooms: NonZeroUsize) -> bool {
        self.rooms.len() < max_rooms.get() || self.rooms.contains_key(room)
    }

    /// Whether nobody is anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Who holds a seat in a room, by name.
    #[must_use]
    pub fn occupants(&self, room: &RoomId) -> Vec<Occupant> {
        self.rooms.get(room).map(Room::occupants).unwrap_or_default()
    }

    /// How each room stands as far as this core knows, of those it knows anything about: what to compare with history.
    pub fn standing(&self) -> impl Iterator<Item = (&RoomId, Seq, SeatsVersion)> {
        self.rooms.iter().filter_map(|(id, room)| room.standing().map(|(head, seats)| (id, head, seats)))
    }

    /// When [`Input::Tick`] is next of use, if ever.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        let next = [self.grace.front(), self.unread.front(), self.resting.first()];
        next.into_iter().flatten().map(|(when, _)| *when).min()
    }

    /// Takes in what happened and says what is to be done, in order.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Joined(join) => self.joined(now, join, out),
            Input::Left(id, session, leaving) => {
                if let Some(until) = self.with(&id, |room| room.left(now, session, leaving, out)).flatten() {
                    self.grace.push_back((until, id));
                }
            }
            Input::Heard(id, messages) => {
                self.with(&id, |room| room.heard(now, messages, out));
            }
            Input::Read(id, after, page) => {
                self.with(&id, |room| room.read(now, after, &page, out));
            }
            Input::ReadFailed(id) => {
                if self.with(&id, |room| room.read_failed(now, out)) == Some(true) {
                    self.unread.push_back((now.instant + RETRY_READ, id));
                }
            }
            Input::Said(id, session, frame) => {
                if let Some(later) = self.with(&id, |room| room.said(now, session, &frame, out)).flatten() {
                    self.resting.insert((later, id));
                }
            }
            Input::QueueFull(id, session, frame) => {
                self.with(&id, |room| room.queue_full(session, &frame));
            }
            Input::Drained(id, session) => {
                self.with(&id, |room| room.drained(session, out));
            }
            Input::Tick => self.tick(now, out),
            Input::Lease(node) => self.leased(node, out),
            Input::SeatAnswered(id, user, answer) => {
                self.with(&id, |room| room.seat_answered(now, &user, &answer, out));
            }
            Input::Seats(id, view) => {
                if self.with(&id, |room| room.learn(now, &view, out)).is_none() {
                    self.free_all(now, &id, view, out);
                }
            }
            Input::Compared(id, compared) => {
                if self.with(&id, |room| room.compared(&compared, out)).is_none() {
                    // Nobody is there, and yet this node has a seat: one that was asked for when nobody waited any more.
                    out.push(Output::LookAtSeats(id));
                }
            }
            Input::Relayed(id, from, frame) => {
                self.with(&id, |room| room.relayed(now, from, frame, out));
            }
        }
    }

    fn joined(&mut self, now: Now, join: Join, out: &mut Vec<Output>) {
        if self.judge == Judge::Shared(None) {
            return out.push(Output::Fail(join.session));
        }
        let (id, epoch, judge) = (join.room.clone(), Arc::clone(&self.epoch), self.judge);
        let room = self.rooms.entry(id.clone()).or_insert_with(|| Room::new(id, epoch, judge));
        room.join(now, join, out);
    }

    /// What is held under one name is nothing under another.
    fn leased(&mut self, node: Option<NodeId>, out: &mut Vec<Output>) {
        if self.judge == Judge::Shared(node) {
            return;
        }
        self.judge = Judge::Shared(node);
        for (_, mut room) in self.rooms.drain() {
            room.dismiss(None, out);
        }
        self.grace.clear();
        self.unread.clear();
        self.resting.clear();
    }

    /// Nobody is in this room: what this node holds there is to be freed.
    fn free_all(&self, now: Now, id: &RoomId, view: View, out: &mut Vec<Output>) {
        let Judge::Shared(Some(me)) = self.judge else { return };
        for seat in view.seats.into_iter().filter(|seat| seat.node == me) {
            let gone = Occupant { state: PresenceState::Gone, since: now.wall, ..seat.occupant };
            out.push(Output::NoteSeat(id.clone(), gone));
        }
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some((_, id)) = self.grace.pop_front_if(|(until, _)| *until <= now.instant) {
            self.with(&id, |room| room.grace_over(now, out));
        }
        while let Some((_, id)) = self.unread.pop_front_if(|(when, _)| *when <= now.instant) {
            self.with(&id, |room| room.catch_up(out));
        }
        while self.resting.first().is_some_and(|(when, _)| *when <= now.instant) {
            if let Some((_, id)) = self.resting.pop_first() {
                self.with(&id, |room| room.pass_on(now, out));
            }
        }
    }

    /// Lets a room act, if anybody is in it, and forgets it when nobody is left.
    fn with<T>(&mut self, id: &RoomId, act: impl FnOnce(&mut Room) -> T) -> Option<T> {
        let room = self.rooms.get_mut(id)?;
        let result = act(room);
        if room.is_empty() {
            self.rooms.remove(id);
        }
        Some(result)
    }
}
