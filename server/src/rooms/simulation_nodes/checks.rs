//! Pure. How the random world of several nodes comes to rest, and what must then be so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::frames::{AttentionState, PresenceState, Receipt};
use shared::names::Username;

use crate::rooms::Voice;
use crate::rooms::simulation_nodes::{NODES, Session, World};
use crate::rooms::simulation_steps::user;

impl World {
    pub(super) fn quiet(&mut self, node: usize) {
        if self.nodes[node].stands_still {
            return;
        }
        while !(self.nodes[node].errands.is_empty() && self.nodes[node].answers.is_empty()) {
            self.errand(node, true);
            self.answer(node);
        }
        while !(self.nodes[node].reads.is_empty() && self.nodes[node].pages.is_empty()) {
            self.begin_read(node);
            self.end_read(node, false);
        }
    }

    /// Lets everything come to its end: what was lost stays lost, and what is compared heals it.
    pub(super) fn settle(&mut self) {
        (0..NODES).for_each(|node| self.nodes[node].stands_still = false);
        self.tick();
        while let Some((name, errand)) = self.late.pop() {
            self.database.perform(self.now.instant, name, &errand);
        }
        for second in 0..40 {
            self.now.instant += Duration::from_secs(1);
            self.tick();
            for node in 0..NODES {
                self.renew(node, true);
                if second % 2 == 0 {
                    self.compare(node, self.database.receipts.clone());
                }
                self.quiet(node);
            }
            while !self.words.is_empty() {
                self.deliver(0, false);
            }
        }
    }

    /// What each user who is in is, by what their connections say.
    fn people(&self) -> BTreeMap<Username, PresenceState> {
        let state = |who: u8| {
            let on = |node: usize| {
                let of = |s: &&Session| s.user == who && s.node == node;
                let mut speaking = self.sessions.values().filter(of).filter(|s| s.voice == Voice::DuetV1).peekable();
                let is_there = self.sessions.values().any(|s| of(&s));
                let is_idle = speaking.peek().is_some() && speaking.all(|s| s.attention == AttentionState::Idle);
                is_there.then_some(is_idle)
            };
            let idle: Vec<bool> = (0..NODES).filter_map(on).collect();
            if idle.iter().all(|is_idle| *is_idle) { PresenceState::Idle } else { PresenceState::Here }
        };
        self.sessions.values().map(|session| (user(session.user), state(session.user))).collect()
    }

    pub(super) fn check_settled(&self) {
        let people = self.people();
        for (id, session) in &self.sessions {
            assert!(session.is_in, "{id:?} still waits at the door");
            assert_eq!(session.seen, self.database.head, "{id:?} is behind");
            if session.voice == Voice::DuetV1 {
                assert_eq!(session.people, people, "{id:?} does not know who is there");
                let of_others = self.database.receipts.iter().filter(|kept| kept.user != user(session.user));
                for Receipt { user, reached } in of_others {
                    assert_eq!(session.receipts.get(user), Some(reached), "{id:?} was not told of {user}");
                }
            }
        }
        let seated: BTreeMap<Username, PresenceState> =
            self.database.view().seats.into_iter().map(|seat| (seat.occupant.user, seat.occupant.state)).collect();
        assert_eq!(seated.keys().collect::<Vec<_>>(), people.keys().collect::<Vec<_>>(), "the judge has other seats");
    }

    /// Who is in, on all nodes that may have anybody in by the one true clock.
    pub(super) fn check_seats(&self) {
        let may_be_in = |session: &&Session| {
            let node = &self.nodes[session.node];
            session.is_in && node.name().is_some_and(|name| self.database.has_lease(self.now.instant, name))
        };
        let users: BTreeSet<u8> = self.sessions.values().filter(may_be_in).map(|session| session.user).collect();
        assert!(users.len() <= 2, "three users are in the room: {users:?}");
    }
}
