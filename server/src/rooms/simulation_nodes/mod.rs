//! Pure. Three cores around one judge, in a random world: announcements between the nodes are late, out of order, repeated
//! or lost; errands to the judge are done late, twice asked, or done without anybody hearing of it; leases run out, nodes
//! stand still, die and come back. Whatever happens, never do three users sit in the room; every session hears every
//! message once and in order; and when it is quiet, everybody knows who is there.

mod checks;
mod database;
mod steps;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shared::frames::{
    Activity, Attention, AttentionState, ClientFrame, PresenceState, Reached, Receipt, Resume, TypingState,
};
use shared::message::Seq;
use shared::names::Username;

use crate::nodes::{NodeId, View};
use crate::rooms::input::{Compared, Input, Join, Leaving, Page, SeatAnswer, Start};
use crate::rooms::output::{Entry, Frame, Output};
use crate::rooms::simulation::began;
use crate::rooms::simulation_nodes::database::{Database, Done, LEASE};
use crate::rooms::simulation_nodes::steps::{Step, step};
use crate::rooms::simulation_steps::{EPOCH, message, pick, room, user};
use crate::rooms::{Judge, Now, Rooms, SessionId, Voice};
use crate::seats::desk::{Desk, Errand, Wish};

const NODES: usize = 3;
const PAGE: usize = 5;

struct Node {
    rooms: Rooms,
    desk: Desk,
    /// Under which name it has a lease, and until when by its own count.
    lease: Option<(NodeId, Instant)>,
    /// It does nothing for a while, and does not know it.
    stands_still: bool,
    errands: VecDeque<(NodeId, Errand)>,
    answers: VecDeque<(NodeId, Done)>,
    reads: VecDeque<Seq>,
    pages: VecDeque<(Seq, Page)>,
}

/// What one node tells another.
#[derive(Debug, Clone)]
enum Word {
    Message(Seq),
    Seats(View),
    Relayed(NodeId, Frame),
}

struct Session {
    node: usize,
    user: u8,
    voice: Voice,
    asked: Start,
    /// How many messages there were when it came.
    known: Seq,
    is_in: bool,
    seen: Seq,
    people: BTreeMap<Username, PresenceState>,
    /// Of that, what it was told since it came.
    told: BTreeMap<Username, PresenceState>,
    receipts: BTreeMap<Username, Reached>,
    attention: AttentionState,
}

struct World {
    now: Now,
    database: Database,
    nodes: Vec<Node>,
    /// On their way, with the names of the nodes they are for.
    words: Vec<(NodeId, Word)>,
    /// Errands that were given up for lost and are not.
    late: Vec<(NodeId, Errand)>,
    sessions: BTreeMap<SessionId, Session>,
    joined: u64,
    left_at: BTreeMap<u8, Seq>,
}

impl Node {
    fn new() -> Self {
        Self {
            rooms: Rooms::new(EPOCH, Judge::Shared(None)),
            desk: Desk::default(),
            lease: None,
            stands_still: false,
            errands: VecDeque::new(),
            answers: VecDeque::new(),
            reads: VecDeque::new(),
            pages: VecDeque::new(),
        }
    }

    fn name(&self) -> Option<NodeId> {
        self.lease.map(|(name, _)| name)
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: began(),
            database: Database::default(),
            nodes: (0..NODES).map(|_| Node::new()).collect(),
            words: Vec::new(),
            late: Vec::new(),
            sessions: BTreeMap::new(),
            joined: 0,
            left_at: BTreeMap::new(),
        };
        for node in 0..NODES {
            world.renew(node, true);
        }
        world
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Post => self.post(),
            Step::Join { node, user, voice, resumes } => self.join(usize::from(node) % NODES, user % 3, voice, resumes),
            Step::Leave { which, leaving } => {
                if let Some(id) = self.session(which) {
                    self.leave(id, leaving);
                }
            }
            Step::Attend { which, idle } => self.attend(which, idle),
            Step::Write { which, stops } => {
                let state = if stops { TypingState::Stopped } else { TypingState::Active };
                self.say(which, ClientFrame::Typing(Activity { state }));
            }
            Step::Reach(which) => {
                let seen = self.session(which).map(|id| self.sessions[&id].seen).unwrap_or_default();
                self.say(which, ClientFrame::Receipt(Reached { delivered: seen, read: Seq(seen.0 / 2) }));
            }
            Step::Late(which) => {
                if let Some(index) = pick(&self.late, which) {
                    let (name, errand) = self.late.remove(index);
                    self.database.perform(self.now.instant, name, &errand);
                }
            }
            Step::Word { which, again } => self.deliver(which, again),
            Step::LoseWord(which) => {
                if let Some(index) = pick(&self.words, which) {
                    self.words.remove(index);
                }
            }
            Step::Die(node) => self.die(usize::from(node) % NODES),
            Step::StandStill { node, stands_still } => {
                self.nodes[usize::from(node) % NODES].stands_still = stands_still;
                self.tick();
            }
            Step::Wait(seconds) => {
                self.now.instant += Duration::from_secs(u64::from(seconds % 10));
                self.now.wall += Duration::from_secs(u64::from(seconds % 10));
                self.tick();
            }
            Step::Errand { node, is_heard } => self.errand(usize::from(node) % NODES, is_heard),
            Step::GiveUp { node, is_done_later } => self.give_up(usize::from(node) % NODES, is_done_later),
            Step::Quiet(node) => self.quiet(usize::from(node) % NODES),
            Step::Answer(node) => self.answer(usize::from(node) % NODES),
            Step::BeginRead(node) => self.begin_read(usize::from(node) % NODES),
            Step::EndRead { node, fails } => self.end_read(usize::from(node) % NODES, fails),
            Step::Compare(node) => self.compare(usize::from(node) % NODES, Vec::new()),
            Step::Renew { node, is_heard } => self.renew(usize::from(node) % NODES, is_heard),
        }
    }

    fn post(&mut self) {
        self.database.head = self.database.head.next();
        let mut hosts: Vec<NodeId> = self.database.view().seats.iter().map(|seat| seat.node).collect();
        hosts.dedup();
        let head = self.database.head;
        self.words.extend(hosts.into_iter().map(|name| (name, Word::Message(head))));
    }

    fn join(&mut self, node: usize, who: u8, voice: Voice, resumes: bool) {
        if self.nodes[node].stands_still {
            return;
        }
        self.joined += 1;
        let id = SessionId(self.joined);
        let seen = self.left_at.get(&who).copied().unwrap_or_default();
        let after = resumes.then(|| (seen, EPOCH.to_owned()));
        let asked = Start { after, ..Start::default() };
        let session = Session {
            node,
            user: who,
            voice,
            asked: asked.clone(),
            known: self.database.head,
            is_in: false,
            seen: Seq::START,
            people: BTreeMap::new(),
            told: BTreeMap::new(),
            receipts: BTreeMap::new(),
            attention: AttentionState::Here,
        };
        self.sessions.insert(id, session);
        self.input(node, Input::Joined(Join { session: id, room: room(), user: user(who), voice, start: asked }));
    }

    fn leave(&mut self, id: SessionId, leaving: Leaving) {
        let session = self.gone(id);
        self.input(session.node, Input::Left(room(), id, leaving));
    }

    fn gone(&mut self, id: SessionId) -> Session {
        let session = self.sessions.remove(&id).unwrap();
        if session.is_in {
            self.left_at.insert(session.user, session.seen);
        }
        session
    }

    /// A session of a node that is awake.
    fn session(&self, which: u8) -> Option<SessionId> {
        let is_awake = |(_, session): &(&SessionId, &Session)| !self.nodes[session.node].stands_still;
        let ids: Vec<SessionId> = self.sessions.iter().filter(is_awake).map(|(id, _)| *id).collect();
        pick(&ids, which).map(|index| ids[index])
    }

    fn say(&mut self, which: u8, frame: ClientFrame) {
        if let Some(id) = self.session(which).filter(|id| self.sessions[id].voice == Voice::DuetV1) {
            self.input(self.sessions[&id].node, Input::Said(room(), id, frame));
        }
    }

    fn attend(&mut self, which: u8, idle: bool) {
        let state = if idle { AttentionState::Idle } else { AttentionState::Here };
        if let Some(id) = self.session(which) {
            let session = self.sessions.get_mut(&id).unwrap();
            if session.voice == Voice::DuetV1 {
                session.attention = state;
            }
            self.say(which, ClientFrame::Presence(Attention { state }));
        }
    }

    fn errand(&mut self, node: usize, is_heard: bool) {
        let Some((name, errand)) = self.nodes[node].errands.pop_front() else { return };
        let done = self.database.perform(self.now.instant, name, &errand);
        match done.filter(|_| is_heard) {
            Some(done) => self.nodes[node].answers.push_back((name, done)),
            None => self.failed(node, name),
        }
    }

    fn give_up(&mut self, node: usize, is_done_later: bool) {
        let Some((name, errand)) = self.nodes[node].errands.pop_front() else { return };
        if is_done_later {
            self.late.push((name, errand));
        }
        self.failed(node, name);
    }

    fn failed(&mut self, node: usize, name: NodeId) {
        if self.nodes[node].name() == Some(name) {
            for user in self.nodes[node].desk.failed(&room()) {
                self.input(node, Input::SeatAnswered(room(), user, SeatAnswer::Unavailable));
            }
        }
    }

    fn answer(&mut self, node: usize) {
        if self.nodes[node].stands_still {
            return;
        }
        let Some((name, (view, asked))) = self.nodes[node].answers.pop_front() else { return };
        if self.nodes[node].name() != Some(name) {
            return;
        }
        self.nodes[node].desk.done(&room());
        let mut others: Vec<NodeId> = view.seats.iter().map(|seat| seat.node).filter(|other| *other != name).collect();
        others.dedup();
        self.words.extend(others.into_iter().map(|other| (other, Word::Seats(view.clone()))));
        for (user, is_taken) in asked {
            let answer = if is_taken { SeatAnswer::Taken(view.clone()) } else { SeatAnswer::Full(view.clone()) };
            self.input(node, Input::SeatAnswered(room(), user, answer));
        }
        self.input(node, Input::Seats(room(), view));
    }

    fn deliver(&mut self, which: u8, again: bool) {
        let Some(index) = pick(&self.words, which) else { return };
        let (name, word) = if again { self.words[index].clone() } else { self.words.remove(index) };
        let Some(node) = self.nodes.iter().position(|node| node.name() == Some(name) && !node.stands_still) else {
            return;
        };
        let input = match word {
            Word::Message(seq) => Input::Heard(room(), vec![message(seq.0)]),
            Word::Seats(view) => Input::Seats(room(), view),
            Word::Relayed(from, frame) => Input::Relayed(room(), from, frame),
        };
        self.input(node, input);
    }

    fn begin_read(&mut self, node: usize) {
        let Some(after) = self.nodes[node].reads.pop_front() else { return };
        let head = self.database.head;
        let messages = (after.0.saturating_add(1)..=head.0).take(PAGE).map(message).collect();
        self.nodes[node].pages.push_back((after, Page { head, messages, receipts: self.database.receipts.clone() }));
    }

    fn end_read(&mut self, node: usize, fails: bool) {
        if self.nodes[node].stands_still {
            return;
        }
        let Some((after, page)) = self.nodes[node].pages.pop_front() else { return };
        self.input(node, if fails { Input::ReadFailed(room()) } else { Input::Read(room(), after, page) });
    }

    fn compare(&mut self, node: usize, receipts: Vec<Receipt>) {
        if self.nodes[node].stands_still || self.nodes[node].lease.is_none() {
            return;
        }
        let (head, seats) = self.database.compare(self.now.instant);
        self.input(node, Input::Compared(room(), Compared { head, seats, receipts }));
        if let Some(errand) = self.nodes[node].desk.next(&room()) {
            let name = self.nodes[node].name().unwrap();
            self.nodes[node].errands.push_back((name, errand));
        }
    }

    /// Renews the lease of a node, or gets it one.
    fn renew(&mut self, node: usize, is_heard: bool) {
        if self.nodes[node].stands_still {
            return;
        }
        let until = self.now.instant + LEASE;
        match self.nodes[node].lease {
            Some((name, _)) => match self.database.renew(self.now.instant, name) {
                true if is_heard => self.nodes[node].lease = Some((name, until)),
                true => {}
                false => self.lose_lease(node),
            },
            None => {
                let name = self.database.grant(self.now.instant);
                if is_heard {
                    self.nodes[node].lease = Some((name, until));
                    self.input(node, Input::Lease(Some(name)));
                }
            }
        }
    }

    fn lose_lease(&mut self, node: usize) {
        self.nodes[node].lease = None;
        self.nodes[node].desk = Desk::default();
        self.input(node, Input::Lease(None));
        assert!(self.sessions.values().all(|session| session.node != node), "a session stays without a lease");
    }

    fn die(&mut self, node: usize) {
        let ids: Vec<SessionId> = self.sessions.iter().filter(|(_, s)| s.node == node).map(|(id, _)| *id).collect();
        for id in ids {
            self.gone(id);
        }
        let died = std::mem::replace(&mut self.nodes[node], Node::new());
        // What it has said may yet be heard.
        self.late.extend(died.errands);
    }

    fn tick(&mut self) {
        for node in 0..NODES {
            let Node { stands_still: false, lease, .. } = &self.nodes[node] else { continue };
            if lease.is_some_and(|(_, until)| until <= self.now.instant) {
                self.lose_lease(node);
            }
            self.input(node, Input::Tick);
        }
        self.check_seats();
    }

    fn input(&mut self, node: usize, input: Input) {
        let mut out = Vec::new();
        self.nodes[node].rooms.handle(self.now, input, &mut out);
        for output in out {
            self.perform(node, output);
        }
        let name = self.nodes[node].name();
        if let Some((name, errand)) = name.and_then(|name| Some((name, self.nodes[node].desk.next(&room())?))) {
            self.nodes[node].errands.push_back((name, errand));
        }
        self.check_seats();
    }

    fn perform(&mut self, node: usize, output: Output) {
        match output {
            Output::Enter(id, entry) => self.enter(id, &entry),
            Output::Refuse(id) => assert!(!self.gone(id).is_in, "turned away after it was let in"),
            Output::Fail(id) => assert!(!self.gone(id).is_in, "sent away after it was let in"),
            Output::Dismiss(id) => {
                self.gone(id);
                assert_eq!(self.nodes[node].lease, None, "{id:?} was sent away without need");
            }
            Output::Send(id, frame) => self.send(id, frame),
            Output::Read(_, after) => self.nodes[node].reads.push_back(after),
            Output::Keep(_, receipt) => self.database.keep(receipt),
            Output::TakeSeat(id, occupant) => self.nodes[node].desk.wish(&id, Wish::Take(occupant)),
            Output::NoteSeat(id, occupant) => self.nodes[node].desk.wish(&id, Wish::Note(occupant)),
            Output::LookAtSeats(id) => self.nodes[node].desk.look(&id),
            Output::Relay(_, nodes, frame) => {
                let from = self.nodes[node].name().unwrap();
                self.words.extend(nodes.into_iter().map(|name| (name, Word::Relayed(from, frame.clone()))));
            }
        }
    }

    fn enter(&mut self, id: SessionId, entry: &Entry) {
        let session = self.sessions.get_mut(&id).unwrap();
        assert!(!std::mem::replace(&mut session.is_in, true), "let in twice");
        assert!(entry.occupants.contains(&user(session.user)) && entry.occupants.len() <= 2);
        assert!(entry.head <= self.database.head && entry.head >= session.known, "{id:?} was told of {:?}", entry.head);
        session.people = entry.occupants.iter().map(|user| (user.clone(), PresenceState::Here)).collect();
        session.people.extend(entry.idle.iter().map(|idle| (idle.user.clone(), PresenceState::Idle)));
        session.receipts = entry.receipts.iter().map(|receipt| (receipt.user.clone(), receipt.reached)).collect();
        session.seen = match &session.asked.after {
            Some((after, _)) => {
                assert_eq!(entry.resume, Resume::Complete, "{id:?} cannot go on where it was on another node");
                *after
            }
            None => entry.head,
        };
    }

    fn send(&mut self, id: SessionId, frame: Frame) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        assert!(session.is_in, "sent a frame before it was let in");
        match frame {
            Frame::Message(message) => {
                assert_eq!(message.seq, session.seen.next(), "{id:?} lost, repeated or disordered a message");
                session.seen = message.seq;
            }
            Frame::Presence(presence) => {
                let is_there = presence.occupants.contains(&presence.user);
                assert!(presence.occupants.len() <= 2, "{:?}", presence.occupants);
                assert_eq!(is_there, presence.state != PresenceState::Gone);
                session.told.retain(|user, _| presence.occupants.contains(user));
                let before = session.told.insert(presence.user.clone(), presence.state);
                assert_ne!(before, Some(presence.state), "{id:?} was told twice of {}", presence.user);
                session.people.retain(|user, _| presence.occupants.contains(user));
                if is_there {
                    session.people.insert(presence.user, presence.state);
                }
            }
            Frame::Receipt(receipt) => {
                assert!(receipt.reached.delivered <= self.database.head);
                let before = session.receipts.insert(receipt.user, receipt.reached).unwrap_or_default();
                assert_eq!(before.and(receipt.reached, Seq(u64::MAX)), receipt.reached, "a receipt went back");
            }
            Frame::Typing(typing) => assert_ne!(typing.user, user(session.user), "told that they write themselves"),
            Frame::Gap(gap) => panic!("nothing has expired: {gap:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_three_nodes_there_is_never_a_third_user_and_everybody_hears_everything(
        steps in prop::collection::vec(step(), 1..200)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        world.check_settled();
        let ids: Vec<SessionId> = world.sessions.keys().copied().collect();
        ids.into_iter().for_each(|id| world.leave(id, Leaving::Closed));
        world.settle();
        prop_assert!(world.database.view().seats.is_empty(), "a seat is kept for nobody");
        prop_assert!(world.nodes.iter().all(|node| node.rooms.is_empty()), "a room is kept that nobody is in");
    }
}
