//! Pure. Reads what happened in a run, as it happens, and says what must not have.
//!
//! It believes its own clients: what they noted before they acted (a post, a receipt) lies before everything that
//! came of it, and what they noted after (an answer, a frame) lies behind what caused it. Every rule compares only
//! such pairs, so wires that delay, hold back and cut raise no false alarm.

mod duet;
mod plain;
mod receipts;
mod seats;
pub(crate) mod story;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::faults::checker::duet::Duet;
use crate::faults::checker::plain::Plain;
use crate::faults::checker::receipts::Receipts;
use crate::faults::checker::seats::Seats;
use crate::faults::event::{At, Author, Event, Id, Listener, Number, ROLES, Role, Room};

/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// Accepted, and not delivered to everybody who resumes.
    Lost,
    /// Delivered twice to one client, or placed twice.
    Repeated,
    /// A place was left out or came too early, two messages stand in the wrong order, or two clients disagree.
    Disordered,
    /// Delivered with a text, sender or id that was never posted so.
    Phantom,
    /// A gap, where no message expires.
    Gap,
    /// A client was told to forget its places, or history went back.
    Reset,
    /// Three users held seats at once.
    ThirdUser,
    /// A plain connection missed something between two messages that it heard.
    Missed,
    /// Somebody was said to have come further than they had.
    Receipt,
    /// The system did not come back, or a process died of itself.
    Unwell,
}

/// Something that must not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) at: At,
    pub(crate) wrong: Wrong,
    pub(crate) room: Option<Room>,
    pub(crate) message: Option<Number>,
    pub(crate) what: String,
}

/// A message, as its poster knows it.
#[derive(Debug)]
struct Post {
    room: Room,
    author: Author,
    began: At,
    /// [`At::NEVER`] until it is.
    accepted: At,
    /// Its place, 0 until it has one.
    place: u32,
    /// It lay in a queue that was deleted, or may have.
    was_in_a_deleted_queue: bool,
}

/// A place of a room, as whoever heard of it first was told.
#[derive(Debug)]
struct Place {
    number: Number,
    id: Id,
    heard: At,
    /// The latest beginning of a post among this place and all before it.
    latest: At,
    latest_of: Number,
}

#[derive(Debug, Default)]
struct RoomBook {
    order: Vec<Place>,
    /// Ids that the server made.
    made: HashMap<u64, u32>,
    seats: Seats,
    receipts: Receipts,
}

/// So many violations are kept to be told; the others are counted.
const KEPT: usize = 20;

/// The whole run.
#[derive(Debug)]
pub(crate) struct Checker {
    posts: Vec<Post>,
    rooms: Vec<RoomBook>,
    duets: Vec<Duet>,
    plains: Vec<Plain>,
    /// Accepted, and heard by nobody yet.
    open: BTreeSet<Number>,
    /// What a story is told from: everything but what goes well with each message.
    notes: Vec<(At, Event)>,
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<Violation>,
    fresh: Fresh,
}

/// How much there was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) repeated_posts: u64,
    /// Frames of messages, to all listeners.
    pub(crate) delivered: u64,
    pub(crate) connections: u64,
    pub(crate) turned_away: u64,
    pub(crate) let_in: u64,
    /// Receipt frames.
    pub(crate) told: u64,
    pub(crate) wrong: HashMap<Wrong, u64>,
}

/// Whether messages that were posted after some moment get through.
#[derive(Debug)]
struct Fresh {
    since: At,
    first: Option<At>,
    /// By listener.
    heard: Vec<bool>,
    /// The one that took the longest from its first post to a listener, and how long, in microseconds.
    slowest: (u64, Number),
}

impl Fresh {
    fn since(since: At, listeners: usize) -> Self {
        Self { since, first: None, heard: vec![false; listeners], slowest: (0, Number(0)) }
    }
}

impl Checker {
    pub(crate) fn new(rooms: u16) -> Self {
        let listeners = usize::from(rooms) * ROLES.len();
        Self {
            posts: Vec::new(),
            rooms: (0..rooms).map(|_| RoomBook::default()).collect(),
            duets: (0..listeners).map(|_| Duet::default()).collect(),
            plains: (0..listeners).map(|_| Plain::default()).collect(),
            open: BTreeSet::new(),
            notes: Vec::new(),
            counts: Counts::default(),
            violations: Vec::new(),
            fresh: Fresh::since(At::default(), listeners),
        }
    }

    /// A message is posted for the first time.
    pub(crate) fn begin(&mut self, at: At, room: Room, author: Author) -> Number {
        self.posts.push(Post { room, author, began: at, accepted: At::NEVER, place: 0, was_in_a_deleted_queue: false });
        Number(self.posts.len() as u32 - 1)
    }

    pub(crate) fn note(&mut self, at: At, event: Event) {
        self.keep(at, &event);
        match event {
            Event::Repeated(_) => self.counts.repeated_posts += 1,
            Event::Accepted(number) => self.accepted(at, number),
            Event::Entered(listener, entry) => self.entered(at, listener, &entry),
            Event::Heard(listener, placed) => self.heard(at, listener, placed),
            Event::Gap(listener, from, to) => {
                let what = format!("{listener} was told of a gap from {from} to {to}");
                self.wrong(at, Wrong::Gap, Some(listener.room()), None, what);
            }
            Event::Occupants(listener, occupants) => self.seated(at, listener.room(), occupants),
            Event::Said(listener, reached) => self.room(listener.room()).receipts.said(listener, reached),
            Event::Told(listener, user, reached) => {
                self.counts.told += 1;
                self.told(at, listener, user, reached);
            }
            Event::PlainEntered(listener) => self.plain_entered(at, listener),
            Event::PlainHeard(listener, number) => self.plain_heard(at, listener, number),
            Event::Left(listener, _) => self.left(listener),
            Event::Intruded(room, asked, occupants) => self.intruded(at, room, asked, occupants),
            Event::TurnedAway(_) => self.counts.turned_away += 1,
            Event::Unanswered(_) | Event::Fault(_) => {}
        }
    }

    /// Whatever else a run finds.
    pub(crate) fn unwell(&mut self, at: At, what: String) {
        self.wrong(at, Wrong::Unwell, None, None, what);
    }

    /// From now on [`Checker::fresh`] asks for messages posted after this moment.
    pub(crate) fn expect_fresh(&mut self, since: At) {
        self.fresh = Fresh::since(since, self.duets.len());
    }

    /// When the first message posted after the moment was heard, and the listeners that resume and have not heard one.
    pub(crate) fn fresh(&self) -> (Option<At>, Vec<Listener>) {
        let waits = |listener: &Listener| listener.role() != Role::Plain && !self.fresh.heard[listener.index()];
        (self.fresh.first, self.listeners().filter(waits).collect())
    }

    /// The longest that a message posted after that moment took from its first post to a listener.
    pub(crate) fn slowest(&self) -> Duration {
        Duration::from_micros(self.fresh.slowest.0)
    }

    /// The story of that message.
    pub(crate) fn tell_slowest(&self) -> String {
        let (took, number) = self.fresh.slowest;
        let post = &self.posts[number.0 as usize];
        let what = format!("message {} took {:.2} s", number.0, self.slowest().as_secs_f64());
        let at = At(post.began.0 + took);
        self.tell(&Violation { at, wrong: Wrong::Unwell, room: Some(post.room), message: Some(number), what })
    }

    /// The queue that all nodes publish to has been deleted. What was in it each of them brings back by itself, and others may post
    /// meanwhile.
    pub(crate) fn queue_is_deleted(&mut self) {
        for post in self.posts.iter_mut().filter(|post| post.place == 0) {
            post.was_in_a_deleted_queue = true;
        }
    }

    /// Everything was healed since `before`, and newer messages went through: what was accepted before it and is not
    /// there was lost.
    pub(crate) fn settle(&mut self, at: At, before: At) {
        let is_overdue = |number: &&Number| self.posts[number.0 as usize].accepted < before;
        let overdue: Vec<_> = self.open.iter().filter(is_overdue).copied().collect();
        for number in overdue {
            self.open.remove(&number);
            self.lost(at, number);
        }
    }

    /// How many were accepted and have not been heard by anybody.
    pub(crate) fn under_way(&self) -> usize {
        self.open.len()
    }

    /// How many of them are of this author.
    pub(crate) fn under_way_of(&self, author: Author) -> usize {
        self.open.iter().filter(|number| self.posts[number.0 as usize].author == author).count()
    }

    pub(crate) fn posted(&self) -> usize {
        self.posts.len()
    }

    /// Whether every listener has connected once.
    pub(crate) fn is_everybody_there(&self) -> bool {
        self.listeners().all(|listener| match listener.role() {
            Role::Duet(_) => self.duets[listener.index()].cursor.is_some(),
            Role::Plain => self.plains[listener.index()].is_there(),
        })
    }

    /// Whether all has arrived: what was accepted has its place, and every listener is at the newest.
    pub(crate) fn is_drained(&self) -> bool {
        let has_all = |listener: Listener| match listener.role() {
            Role::Duet(_) => self.duets[listener.index()].cursor == Some(self.head(listener.room())),
            Role::Plain => self.plains[listener.index()].has_all(self, listener.room()),
        };
        self.open.is_empty() && self.listeners().all(has_all)
    }

    /// The run has ended, healed and drained.
    pub(crate) fn finish(&mut self, at: At) {
        self.settle(at, At::NEVER);
        for listener in self.listeners().collect::<Vec<_>>() {
            match listener.role() {
                Role::Duet(_) => self.duet_finished(at, listener),
                Role::Plain => self.plain_finished(at, listener),
            }
        }
        self.receipts_finished(at);
    }

    fn accepted(&mut self, at: At, number: Number) {
        self.counts.accepted += 1;
        let post = &mut self.posts[number.0 as usize];
        post.accepted = post.accepted.min(at);
        if post.place == 0 {
            self.open.insert(number);
        }
    }

    fn lost(&mut self, at: At, number: Number) {
        let post = &self.posts[number.0 as usize];
        let what = format!("message {} was accepted at {} and delivered to nobody", number.0, post.accepted);
        self.wrong(at, Wrong::Lost, Some(post.room), Some(number), what);
    }

    fn wrong(&mut self, at: At, wrong: Wrong, room: Option<Room>, message: Option<Number>, what: String) {
        *self.counts.wrong.entry(wrong).or_default() += 1;
        if self.violations.len() < KEPT {
            self.violations.push(Violation { at, wrong, room, message, what });
        }
    }

    fn keep(&mut self, at: At, event: &Event) {
        match event {
            Event::Accepted(_)
            | Event::Heard(..)
            | Event::Said(..)
            | Event::Told(..)
            | Event::PlainHeard(..)
            | Event::Occupants(..) => {}
            Event::Repeated(_)
            | Event::Unanswered(_)
            | Event::Entered(..)
            | Event::Gap(..)
            | Event::PlainEntered(_)
            | Event::Left(..)
            | Event::Intruded(..)
            | Event::TurnedAway(_)
            | Event::Fault(_) => self.notes.push((at, event.clone())),
        }
    }

    fn room(&mut self, room: Room) -> &mut RoomBook {
        &mut self.rooms[usize::from(room.0)]
    }

    fn head(&self, room: Room) -> u64 {
        self.rooms[usize::from(room.0)].order.len() as u64
    }

    fn listeners(&self) -> impl Iterator<Item = Listener> + use<> {
        (0..self.duets.len() as u16).map(Listener)
    }
}
