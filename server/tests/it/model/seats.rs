//! Two nodes, two users, a room for one: the same as a room for two, with fewer states. A node holds a lease by the database's
//! clock and counts it from before it asked. Whatever goes to the database may arrive late, also after it was given up for
//! lost, or never. A node that has died or stands still is one that does no more.

use std::collections::BTreeSet;

use stateright::{Checker, Model, Property};

const NODES: usize = 2;
const USERS: u8 = 2;
const SEATS: usize = 1;
/// How long a lease is, and how long the world is watched.
const LEASE: u8 = 2;
const END: u8 = 2;
/// How many errands each node sends: enough for each broken rule to show.
const ERRANDS: [u8; NODES] = [3, 2];

/// What all rests on, or what is broken of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    AsTheyAre,
    /// An errand that comes late undoes a later one.
    WithoutNumbers,
    /// A node counts its lease from the answer.
    CountedFromTheAnswer,
    /// Whoever comes back to a seat that is kept for them is let in without asking.
    KeptWithoutAsking,
}

/// On its way to the database or back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Word {
    Take(Errand),
    Keep(Errand),
    Free(Errand),
    /// Sent then.
    Renew(usize, u8),
    /// The answer to one sent then.
    Renewed(usize, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Errand {
    node: usize,
    user: u8,
    number: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seat {
    user: u8,
    node: usize,
    /// Of the errand that wrote it last.
    number: u8,
    /// For somebody with no connection.
    is_kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    /// Until when it believes in its lease.
    until: u8,
    users: BTreeSet<u8>,
    kept: BTreeSet<u8>,
    /// The errand whose answer somebody waits for.
    asked: Option<Errand>,
    errands: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    /// Of each node the time of its lease, by the database.
    leases: [u8; NODES],
    seats: BTreeSet<Seat>,
    nodes: Vec<Node>,
    words: BTreeSet<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Wait,
    Renew(usize),
    Ask(usize, u8),
    GiveUp(usize),
    Close(usize, u8),
    Vanish(usize, u8),
    Return(usize, u8),
    Arrive(Word),
}

impl State {
    fn lives(&self, node: usize) -> bool {
        self.nodes[node].until > self.now
    }

    fn send(&mut self, node: usize, user: u8, word: impl Fn(Errand) -> Word) -> Errand {
        self.nodes[node].errands += 1;
        let errand = Errand { node, user, number: self.nodes[node].errands };
        self.words.insert(word(errand));
        errand
    }

    fn take(&mut self, errand: Errand) {
        let Errand { node, user, number } = errand;
        let (now, leases) = (self.now, self.leases);
        self.seats.retain(|seat| leases[seat.node] > now);
        if leases[node] <= now {
            return;
        }
        let others: BTreeSet<u8> = self.seats.iter().map(|seat| seat.user).filter(|other| *other != user).collect();
        let is_granted = others.len() < SEATS || self.seats.iter().any(|seat| seat.user == user);
        let is_here = |seat: &Seat| (seat.user, seat.node) == (user, node);
        let is_late = self.seats.iter().any(|seat| is_here(seat) && seat.number > number);
        if is_granted && !is_late {
            self.seats.retain(|seat| !(is_here(seat) || seat.user == user && seat.is_kept));
            self.seats.insert(Seat { user, node, number, is_kept: false });
        }
        if self.nodes[node].asked == Some(errand) {
            self.nodes[node].asked = None;
            if is_granted && self.lives(node) {
                self.nodes[node].users.insert(user);
            }
        }
    }

    fn renewed(&mut self, node: usize, from: u8) {
        if self.lives(node) {
            let until = &mut self.nodes[node].until;
            *until = (*until).max(from + LEASE);
        }
    }

    fn arrive(&mut self, word: &Word, rules: Rules) {
        self.words.remove(word);
        let is_meant = |seat: &Seat, Errand { node, user, number }: Errand| {
            (seat.user, seat.node) == (user, node) && (seat.number < number || rules == Rules::WithoutNumbers)
        };
        match *word {
            Word::Take(errand) => self.take(errand),
            Word::Free(errand) => self.seats.retain(|seat| !is_meant(seat, errand)),
            Word::Keep(errand) => {
                let seat = self.seats.iter().find(|seat| is_meant(seat, errand)).copied();
                if let Some(seat) = seat {
                    self.seats.remove(&seat);
                    self.seats.insert(Seat { number: errand.number, is_kept: true, ..seat });
                }
            }
            Word::Renew(node, sent) if self.leases[node] > self.now => {
                self.leases[node] = self.now + LEASE;
                self.words.insert(Word::Renewed(node, sent));
            }
            Word::Renew(..) => {}
            Word::Renewed(node, _) if rules == Rules::CountedFromTheAnswer => self.renewed(node, self.now),
            Word::Renewed(node, sent) => self.renewed(node, sent),
        }
    }
}

impl Model for Rules {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let node = Node { until: LEASE, users: BTreeSet::new(), kept: BTreeSet::new(), asked: None, errands: 0 };
        let (seats, words) = (BTreeSet::new(), BTreeSet::new());
        vec![State { now: 0, leases: [LEASE; NODES], seats, nodes: vec![node; NODES], words }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < END {
            actions.push(Action::Wait);
        }
        actions.extend(state.words.iter().cloned().map(Action::Arrive));
        for (at, node) in state.nodes.iter().enumerate().filter(|(at, _)| state.lives(*at)) {
            // Once is enough.
            if state.now == 0 && node.until == LEASE && state.leases[at] == LEASE {
                actions.push(Action::Renew(at));
            }
            if *self == Self::KeptWithoutAsking {
                actions.extend(node.kept.iter().map(|user| Action::Return(at, *user)));
            }
            if node.errands == ERRANDS[at] {
                continue;
            }
            actions.extend(node.asked.map(|_| Action::GiveUp(at)));
            actions.extend(node.users.iter().flat_map(|user| [Action::Close(at, *user), Action::Vanish(at, *user)]));
            if node.asked.is_none() {
                actions.extend((0..USERS).filter(|user| !node.users.contains(user)).map(|user| Action::Ask(at, user)));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Wait => state.now += 1,
            Action::Renew(at) => drop(state.words.insert(Word::Renew(at, state.now))),
            Action::Ask(at, user) => state.nodes[at].asked = Some(state.send(at, user, Word::Take)),
            Action::GiveUp(at) => {
                let Errand { user, .. } = state.nodes[at].asked.take()?;
                state.nodes[at].kept.remove(&user);
                state.send(at, user, Word::Free);
            }
            Action::Close(at, user) => {
                state.nodes[at].users.remove(&user);
                state.send(at, user, Word::Free);
            }
            Action::Vanish(at, user) => {
                state.nodes[at].users.remove(&user);
                state.nodes[at].kept.insert(user);
                state.send(at, user, Word::Keep);
            }
            Action::Return(at, user) => {
                state.nodes[at].kept.remove(&user);
                state.nodes[at].users.insert(user);
            }
            Action::Arrive(word) => state.arrive(&word, *self),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("never one too many", |_, state: &State| {
            let living = (0..NODES).filter(|node| state.lives(*node));
            living.flat_map(|node| &state.nodes[node].users).collect::<BTreeSet<_>>().len() <= SEATS
        })]
    }
}

#[test]
fn never_is_there_one_too_many_in_any_state() {
    let checker = Rules::AsTheyAre.checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn each_rule_that_keeps_them_out_is_needed() {
    for broken in [Rules::WithoutNumbers, Rules::CountedFromTheAnswer, Rules::KeptWithoutAsking] {
        let checker = broken.checker().threads(2).spawn_bfs().join();
        let way = checker.discovery("never one too many");
        assert!(way.is_some(), "{broken:?} is not missed");
    }
}
