//! Two intakes that both believe to be the only one, with the same messages: the room's row gives each message one place.

use stateright::{Checker, Model, Property};

const INTAKES: usize = 2;
const MESSAGES: u8 = 3;

/// What all rests on, or what is broken of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    AsTheyAre,
    /// The room's row is read without being locked.
    WithoutTheLock,
    /// A message that comes again is not looked for.
    WithoutIds,
}

/// Places and their messages.
type Room = Vec<(u8, u8)>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// As committed.
    room: Room,
    /// How many messages each intake has done, and what it has seen of the room in the transaction it is in.
    intakes: Vec<(u8, Option<Room>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Begin(usize),
    Commit(usize),
    /// What is under way comes to nothing, and begins anew.
    Fail(usize),
    /// It is committed, and nobody hears of it.
    CommitUnheard(usize),
}

impl State {
    fn commit(&mut self, at: usize, rules: Rules) {
        let (message, Some(seen)) = (self.intakes[at].0, self.intakes[at].1.take()) else { return };
        let is_known = seen.iter().any(|(_, known)| *known == message);
        if !is_known || rules == Rules::WithoutIds {
            let head = seen.iter().map(|(place, _)| *place).max().unwrap_or_default();
            self.room.push((head + 1, message));
        }
    }
}

impl Model for Rules {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { room: Vec::new(), intakes: vec![(0, None); INTAKES] }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let is_locked = state.intakes.iter().any(|(_, seen)| seen.is_some()) && *self != Self::WithoutTheLock;
        for (at, (done, seen)) in state.intakes.iter().enumerate() {
            if seen.is_some() {
                actions.extend([Action::Commit(at), Action::CommitUnheard(at), Action::Fail(at)]);
            } else if *done < MESSAGES && !is_locked {
                actions.push(Action::Begin(at));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin(at) => state.intakes[at].1 = Some(state.room.clone()),
            Action::Fail(at) => state.intakes[at].1 = None,
            Action::CommitUnheard(at) => state.commit(at, *self),
            Action::Commit(at) => {
                state.commit(at, *self);
                state.intakes[at].0 += 1;
            }
        }
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.room.len() <= usize::from(MESSAGES) + 1
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each message has one place", |_, state: &State| {
                let mut messages: Vec<u8> = state.room.iter().map(|(_, message)| *message).collect();
                messages.sort_unstable();
                messages.windows(2).all(|two| two[0] != two[1])
            }),
            Property::always("each place has one message, in order", |_, state: &State| {
                state.room.iter().zip(1..).all(|(found, place)| *found == (place, place - 1))
            }),
        ]
    }
}

#[test]
fn two_intakes_at_once_still_give_each_message_one_place_in_order() {
    Rules::AsTheyAre.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn the_lock_and_the_ids_are_needed_for_that() {
    for broken in [Rules::WithoutTheLock, Rules::WithoutIds] {
        let checker = broken.checker().spawn_bfs().join();
        assert!(!checker.discoveries().is_empty(), "{broken:?} is not missed");
    }
}
