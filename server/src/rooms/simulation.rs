//! Pure. A random world around [`Rooms`]: people come, go, resume and read slowly; announcements are late, out of order,
//! repeated or lost; reads take their time or fail; old messages expire. Whatever happens, every session hears every
//! message once and in order, or is told of the gap, and never do three users sit in a room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use shared::frames::{
    Activity, Attention, AttentionState, ClientFrame, Presence, PresenceState, Reached, Receipt, Resume, TYPING_LASTS,
    TypingState,
};
use shared::message::Seq;
use shared::names::Username;

use crate::rooms::input::{Input, Join, Leaving, Page, Start};
use crate::rooms::output::{Entry, Frame, Output};
use crate::rooms::presence::ATTENTION_RESTS;
use crate::rooms::simulation_steps::{Begin, EPOCH, Step, message, pick, room, step, user};
use crate::rooms::{GRACE, Judge, Now, READS_IN_VAIN, Rooms, SessionId, Voice};

/// Small, so that queues fill.
const QUEUE: usize = 3;
/// Small, so that there are many.
const PAGE: u64 = 5;

struct Session {
    user: u8,
    voice: Voice,
    asked: Start,
    is_in: bool,
    /// Like the hub's: once it was full it takes nothing until it is drained.
    is_full: bool,
    queue: VecDeque<Frame>,
    /// The place of the last message it received.
    seen: Seq,
    /// How far the others have come, as it was told.
    receipts: BTreeMap<Username, Reached>,
    /// What everybody is, as it was told.
    people: BTreeMap<Username, PresenceState>,
    /// Until when the other writes, as it was told.
    writing: BTreeMap<Username, Instant>,
    /// Whether it ever missed a frame.
    has_missed: bool,
    /// What it says of its user.
    attention: AttentionState,
    /// Until when it is taken to write, at the latest.
    writes_until: Option<Instant>,
}

struct World {
    rooms: Rooms,
    now: Now,
    /// Every message ever posted; the first `expired` are no longer kept.
    posted: u64,
    expired: u64,
    announcements: Vec<Seq>,
    reads: VecDeque<Seq>,
    pages: VecDeque<(Seq, Page)>,
    sessions: BTreeMap<SessionId, Session>,
    joined: u64,
    /// How many reads in a row have failed.
    failed_reads: u32,
    /// How far each user came in a connection of theirs that has ended.
    left_at: BTreeMap<u8, Seq>,
    /// Receipts as history has them, the newest first.
    kept: Vec<Receipt>,
}

pub(super) fn began() -> Now {
    Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH }
}

impl World {
    fn new() -> Self {
        Self {
            rooms: Rooms::new(EPOCH, Judge::Own),
            now: began(),
            posted: 0,
            expired: 0,
            announcements: Vec::new(),
            reads: VecDeque::new(),
            pages: VecDeque::new(),
            sessions: BTreeMap::new(),
            joined: 0,
            failed_reads: 0,
            left_at: BTreeMap::new(),
            kept: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Post => {
                self.posted += 1;
                self.announcements.push(Seq(self.posted));
            }
            Step::Expire(n) => self.expired = (self.expired + u64::from(n % 8)).min(self.posted),
            Step::Announce { which, again } => {
                if let Some(index) = pick(&self.announcements, which) {
                    let seq = if again { self.announcements[index] } else { self.announcements.remove(index) };
                    self.input(Input::Heard(room(), vec![message(seq.0)]));
                }
            }
            Step::LoseAnnouncement(which) => {
                if let Some(index) = pick(&self.announcements, which) {
                    self.announcements.remove(index);
                }
            }
            Step::Join { user, voice, start } => self.join(user % 4, voice, start),
            Step::Leave { which, leaving } => {
                let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
                if let Some(index) = pick(&ids, which) {
                    self.leave(ids[index], leaving);
                }
            }
            Step::Drain { which } => {
                let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
                if let Some(index) = pick(&ids, which) {
                    self.drain(ids[index]);
                }
            }
            Step::Reach { which, lies } => {
                let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
                if let Some(index) = pick(&ids, which) {
                    self.reach(ids[index], lies);
                }
            }
            Step::Attend { which, idle } => {
                let state = if idle { AttentionState::Idle } else { AttentionState::Here };
                if let Some(id) = self.speaker(which) {
                    self.sessions.get_mut(&id).unwrap().attention = state;
                    self.input(Input::Said(room(), id, ClientFrame::Presence(Attention { state })));
                }
            }
            Step::Write { which, stops } => {
                let state = if stops { TypingState::Stopped } else { TypingState::Active };
                if let Some(id) = self.speaker(which) {
                    self.sessions.get_mut(&id).unwrap().writes_until =
                        (!stops).then(|| self.now.instant + TYPING_LASTS);
                    self.input(Input::Said(room(), id, ClientFrame::Typing(Activity { state })));
                }
            }
            Step::BeginRead => self.begin_read(),
            Step::EndRead { fails } => self.end_read(fails),
            Step::Wait(seconds) => {
                self.now.instant += Duration::from_secs(u64::from(seconds % 20));
                self.input(Input::Tick);
            }
        }
    }

    /// A connection that can say something.
    fn speaker(&self, which: u8) -> Option<SessionId> {
        let speaks = |(_, session): &(&SessionId, &Session)| session.voice == Voice::DuetV1;
        let ids: Vec<SessionId> = self.sessions.iter().filter(speaks).map(|(id, _)| *id).collect();
        pick(&ids, which).map(|index| ids[index])
    }

    fn join(&mut self, who: u8, voice: Voice, begin: Begin) {
        self.joined += 1;
        let session = SessionId(self.joined);
        let start = match begin {
            Begin::Live => Start::default(),
            Begin::Last(n) => Start { last: Some(u64::from(n)), ..Start::default() },
            Begin::ResumeOld { epoch_is_right, ahead } => {
                let seen = self.left_at.get(&who).copied().unwrap_or_default();
                let after = if ahead { Seq(self.posted + 5) } else { seen };
                let epoch = if epoch_is_right { EPOCH } else { "another" };
                Start { after: Some((after, epoch.to_owned())), last: Some(2), ..Start::default() }
            }
        };
        let new = Session {
            user: who,
            voice,
            asked: start.clone(),
            is_in: false,
            is_full: false,
            queue: VecDeque::new(),
            seen: Seq::START,
            receipts: BTreeMap::new(),
            people: BTreeMap::new(),
            writing: BTreeMap::new(),
            has_missed: false,
            attention: AttentionState::Here,
            writes_until: None,
        };
        self.sessions.insert(session, new);
        self.input(Input::Joined(Join { session, room: room(), user: user(who), voice, start }));
    }

    fn leave(&mut self, id: SessionId, leaving: Leaving) {
        let session = self.sessions.remove(&id).unwrap();
        if session.is_in {
            self.left_at.insert(session.user, session.seen);
        }
        self.input(Input::Left(room(), id, leaving));
    }

    fn drain(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(&id).unwrap();
        for frame in std::mem::take(&mut session.queue) {
            match frame {
                Frame::Message(message) => {
                    if session.voice == Voice::Plain && message.seq.0 <= self.expired + 1 {
                        // It is not told what has expired; a jump over that is no loss.
                        session.seen = session.seen.max(message.seq.back(1));
                    }
                    assert_eq!(message.seq, session.seen.next(), "{id:?} lost, repeated or disordered a message");
                    session.seen = message.seq;
                }
                Frame::Gap(gap) => {
                    assert_eq!(session.voice, Voice::DuetV1, "a plain session was sent a gap");
                    assert_eq!(gap.from, session.seen.next(), "the gap does not begin where {id:?} is");
                    assert!(gap.to.0 <= self.expired, "told a gap of messages that are still kept");
                    session.seen = gap.to;
                }
                Frame::Presence(presence) => {
                    assert_eq!(session.voice, Voice::DuetV1, "a plain session was sent a presence");
                    assert!(presence.occupants.len() <= 2);
                    session.people.retain(|user, _| presence.occupants.contains(user));
                    if presence.occupants.contains(&presence.user) {
                        session.people.insert(presence.user, presence.state);
                    }
                }
                Frame::Typing(typing) => {
                    assert_eq!(session.voice, Voice::DuetV1, "a plain session was told who writes");
                    assert_ne!(typing.user, user(session.user), "a user was told that they write themselves");
                }
                Frame::Receipt(Receipt { user, reached }) => {
                    assert_eq!(session.voice, Voice::DuetV1, "a plain session was sent a receipt");
                    assert!(reached.delivered.0 <= self.posted && reached.read <= reached.delivered);
                    let before = session.receipts.insert(user, reached).unwrap_or_default();
                    assert_eq!(before.and(reached, Seq(u64::MAX)), reached, "a receipt went back");
                }
            }
        }
        if std::mem::take(&mut session.is_full) {
            self.input(Input::Drained(room(), id));
        }
    }

    fn reach(&mut self, id: SessionId, lies: bool) {
        let session = &self.sessions[&id];
        if session.voice == Voice::DuetV1 {
            let delivered = if lies { Seq(self.posted + 100) } else { session.seen };
            let reached = Reached { delivered, read: Seq(session.seen.0 / 2) };
            self.input(Input::Said(room(), id, ClientFrame::Receipt(reached)));
        }
    }

    fn begin_read(&mut self) {
        let Some(after) = self.reads.pop_front() else { return };
        let first = after.0.max(self.expired) + 1;
        let last = self.posted.min(first.saturating_add(PAGE - 1));
        let messages = (first..=last).map(message).collect();
        let receipts = self.kept.clone();
        self.pages.push_back((after, Page { head: Seq(self.posted), messages, receipts }));
    }

    fn end_read(&mut self, fails: bool) {
        let Some((after, page)) = self.pages.pop_front() else { return };
        self.failed_reads = if fails { self.failed_reads + 1 } else { 0 };
        let input = if fails { Input::ReadFailed(room()) } else { Input::Read(room(), after, page) };
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.rooms.handle(self.now, input, &mut out);
        for output in out {
            self.perform(output);
        }
        self.check_writing();
        let seated: BTreeSet<u8> = self.sessions.values().filter(|s| s.is_in).map(|s| s.user).collect();
        assert!(seated.len() <= 2, "three users are in the room: {seated:?}");
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Enter(id, entry) => self.enter(id, &entry),
            Output::Refuse(id) => {
                let session = self.sessions.remove(&id).unwrap();
                assert!(!session.is_in, "a session was turned away after it was let in");
            }
            Output::Fail(id) => {
                let session = self.sessions.remove(&id).unwrap();
                assert!(!session.is_in || self.failed_reads >= READS_IN_VAIN, "a session was sent away too early");
            }
            Output::Send(id, frame) => self.send(id, frame),
            Output::Read(_, after) => self.reads.push_back(after),
            Output::Keep(_, receipt) => {
                self.kept.retain(|kept| kept.user != receipt.user);
                self.kept.insert(0, receipt);
            }
            Output::TakeSeat(..)
            | Output::NoteSeat(..)
            | Output::LookAtSeats(_)
            | Output::Relay(..)
            | Output::Dismiss(_) => panic!("there is no other node"),
        }
    }

    fn enter(&mut self, id: SessionId, entry: &Entry) {
        let session = self.sessions.get_mut(&id).unwrap();
        assert!(!std::mem::replace(&mut session.is_in, true), "let in twice");
        assert!(entry.occupants.contains(&user(session.user)) && entry.occupants.len() <= 2);
        assert!(entry.head.0 <= self.posted);
        session.receipts = entry.receipts.iter().map(|receipt| (receipt.user.clone(), receipt.reached)).collect();
        session.people = entry.occupants.iter().map(|user| (user.clone(), PresenceState::Here)).collect();
        session.people.extend(entry.idle.iter().map(|idle| (idle.user.clone(), PresenceState::Idle)));
        let recent = session.asked.last.map_or(entry.head, |n| entry.head.back(n));
        session.seen = match (entry.resume, &session.asked.after) {
            (Resume::Complete, Some((after, epoch))) => {
                assert_eq!(epoch, EPOCH);
                *after
            }
            (Resume::Reset, Some((after, epoch))) => {
                assert!(epoch != EPOCH || *after > entry.head, "reset without need");
                recent
            }
            (Resume::Recent | Resume::Live, None) => recent,
            (resume, asked) => panic!("{resume:?} for {asked:?}"),
        };
    }

    fn send(&mut self, id: SessionId, frame: Frame) {
        // A session that has left may still be sent what was decided before the core heard of it.
        let Some(session) = self.sessions.get_mut(&id) else { return };
        assert!(session.is_in, "sent a frame before it was let in");
        if !session.is_full && session.queue.len() < QUEUE {
            if let Frame::Typing(typing) = &frame {
                let until = self.now.instant + TYPING_LASTS;
                session.writing.insert(typing.user.clone(), until);
                session.writing.retain(|_, _| typing.activity.state == TypingState::Active);
            }
            session.queue.push_back(frame);
        } else {
            session.is_full = true;
            session.has_missed = true;
            self.rooms.handle(self.now, Input::QueueFull(room(), id, frame), &mut Vec::new());
        }
    }

    /// What a user who is in is, by what their connections say.
    fn state_of(&self, who: u8) -> PresenceState {
        let speaks = |s: &&Session| s.user == who && s.is_in && s.voice == Voice::DuetV1;
        let mut speaking = self.sessions.values().filter(speaks).peekable();
        let is_idle = speaking.peek().is_some() && speaking.all(|s| s.attention == AttentionState::Idle);
        if is_idle { PresenceState::Idle } else { PresenceState::Here }
    }

    /// Nobody is taken to write of whom no connection has said so of late.
    fn check_writing(&self) {
        for (id, session) in self.sessions.iter().filter(|(_, session)| !session.has_missed) {
            for (writer, _) in session.writing.iter().filter(|(_, until)| **until > self.now.instant) {
                let writes = |s: &Session| user(s.user) == *writer && s.writes_until > Some(self.now.instant);
                assert!(self.sessions.values().any(writes), "{id:?} takes {writer} to write");
            }
        }
    }

    /// Lets everything that is under way come to its end, and heals lost announcements by one last message.
    fn settle(&mut self) {
        self.step(&Step::Wait(19));
        self.step(&Step::Post);
        self.announcements = vec![Seq(self.posted)];
        for _ in 0..10_000 {
            self.step(&Step::Announce { which: 0, again: false });
            self.begin_read();
            self.end_read(false);
            for id in self.sessions.keys().copied().collect::<Vec<_>>() {
                self.drain(id);
            }
            let is_quiet = self.sessions.values().all(|s| s.queue.is_empty() && !s.is_full);
            if is_quiet && self.announcements.is_empty() && self.reads.is_empty() && self.pages.is_empty() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }
}

#[test]
fn of_a_connection_that_says_idle_and_here_in_turns_each_is_told_once_a_second() {
    let mut world = World::new();
    world.join(0, Voice::DuetV1, Begin::Live);
    world.begin_read();
    world.end_read(false);
    let mut out = Vec::new();
    for told in [2, 4] {
        for state in [AttentionState::Idle, AttentionState::Here].into_iter().cycle().take(100) {
            let said = ClientFrame::Presence(Attention { state });
            world.rooms.handle(world.now, Input::Said(room(), SessionId(1), said), &mut out);
        }
        assert_eq!(out.len(), told, "{out:?}");
        world.now.instant += ATTENTION_RESTS;
    }
}

#[test]
fn an_idle_that_comes_too_soon_is_told_when_the_second_is_over_unless_somebody_is_back_by_then() {
    let mut world = World::new();
    world.join(0, Voice::DuetV1, Begin::Live);
    world.begin_read();
    world.end_read(false);
    let say = |world: &mut World, state| {
        let (mut out, said) = (Vec::new(), ClientFrame::Presence(Attention { state }));
        world.rooms.handle(world.now, Input::Said(room(), SessionId(1), said), &mut out);
        out
    };
    let (idle, here, half) = (AttentionState::Idle, AttentionState::Here, ATTENTION_RESTS / 2);
    assert_eq!((say(&mut world, idle).len(), say(&mut world, here).len()), (1, 1));
    assert_eq!(world.rooms.next_tick(), None);
    world.now.instant += half;
    assert_eq!((say(&mut world, idle), say(&mut world, here), say(&mut world, idle)), (vec![], vec![], vec![]));
    assert_eq!(world.rooms.next_tick(), Some(world.now.instant + half));
    let tick = |world: &mut World| {
        let mut out = Vec::new();
        world.rooms.handle(world.now, Input::Tick, &mut out);
        out
    };
    assert_eq!(tick(&mut world), []);
    world.now.instant += half;
    let [Output::Send(SessionId(1), Frame::Presence(told))] = &tick(&mut world)[..] else { panic!("nothing is told") };
    assert_eq!((told.state, world.rooms.next_tick()), (PresenceState::Idle, None));

    assert_eq!((say(&mut world, here).len(), say(&mut world, idle), say(&mut world, here)), (1, vec![], vec![]));
    world.now.instant += ATTENTION_RESTS;
    assert_eq!((tick(&mut world), world.rooms.next_tick()), (vec![], None));
}

#[test]
fn a_session_goes_back_to_before_the_first_message_that_its_queue_did_not_take() {
    let mut world = World::new();
    world.join(0, Voice::DuetV1, Begin::Live);
    world.begin_read();
    world.end_read(false);
    let id = SessionId(1);
    let presence = Presence { user: user(1), state: PresenceState::Here, since: world.now.wall, occupants: vec![] };
    let mut out = Vec::new();
    world.rooms.handle(world.now, Input::Heard(room(), vec![message(1), message(2)]), &mut out);
    // The first frame that finds no room is of another kind, and what was decided together with it is lost as well.
    for frame in [Frame::Presence(presence), Frame::Message(message(1)), Frame::Message(message(2))] {
        world.rooms.handle(world.now, Input::QueueFull(room(), id, frame), &mut out);
    }
    out.clear();
    world.rooms.handle(world.now, Input::Drained(room(), id), &mut out);
    assert!(out.contains(&Output::Read(room(), Seq::START)), "{out:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_session_hears_every_message_once_and_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        for (id, session) in &world.sessions {
            prop_assert!(session.is_in, "{id:?} still waits at the door");
            if session.voice == Voice::DuetV1 || world.expired == 0 {
                prop_assert_eq!(session.seen, Seq(world.posted), "{:?} is behind", id);
            }
            for other in world.sessions.values().filter(|_| session.voice == Voice::DuetV1) {
                let (told, name) = (session.people.get(&user(other.user)), user(other.user));
                prop_assert_eq!(told, Some(&world.state_of(other.user)), "{:?} of {}", id, name);
            }
            let of_others = world.kept.iter().filter(|kept| kept.user != user(session.user));
            for Receipt { user, reached } in of_others.filter(|_| session.voice == Voice::DuetV1) {
                prop_assert_eq!(session.receipts.get(user), Some(reached), "{:?} was not told of {}", id, user);
            }
        }
        for id in world.sessions.keys().copied().collect::<Vec<_>>() {
            world.leave(id, Leaving::Closed);
        }
        world.now.instant += GRACE;
        world.input(Input::Tick);
        prop_assert!(world.rooms.is_empty(), "a room is kept that nobody is in");
    }
}
