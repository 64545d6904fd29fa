//! Servers that are one, and whose turn it is to be asked.
//!
//! One that fails passes the turn on. When all have failed one after the other, it is time to wait. The order behind the
//! first is one of chance, so that the clients of a server that dies do not all come to the same one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::seq::SliceRandom;
use shared::rest::TokenRequest;

use crate::network::Membership;
use crate::network::api::Api;
use crate::network::error::{ApiError, host_and_port};

/// The servers of a membership.
#[derive(Debug)]
pub struct Fleet {
    /// Who asks, and for which room.
    pub(crate) who: TokenRequest,
    /// All of them, for a person.
    addresses: String,
    turns: Mutex<Turns>,
}

#[derive(Debug, Clone)]
struct Turns {
    now: Arc<Api>,
    next: VecDeque<Arc<Api>>,
    /// How many have failed since one has answered, or since all had failed.
    failed: usize,
}

/// What is left when one has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one, whose turn it is now.
    Another,
    /// None that has not failed: whoever is asked next is to be given time.
    AfterAWait,
}

impl Fleet {
    /// Makes ready to talk to the membership's servers; connects to nothing yet.
    ///
    /// # Errors
    /// When the system's trusted certificates cannot be read, for a server on `https`.
    pub fn new(membership: &Membership) -> Result<Self, ApiError> {
        let now = Api::new(membership)?;
        let others = membership.servers.iter().skip(1).map(|server| now.beside(server.clone()).map(Arc::new));
        let mut others = others.collect::<Result<Vec<_>, _>>()?;
        others.shuffle(&mut rand::rng());
        let hosts: Vec<String> = membership.servers.iter().map(host_and_port).collect();
        let turns = Turns { now: Arc::new(now), next: others.into(), failed: 0 };
        Ok(Self { who: membership.token_request(), addresses: hosts.join(", "), turns: Mutex::new(turns) })
    }

    /// The one whose turn it is.
    pub fn api(&self) -> Arc<Api> {
        Arc::clone(&self.turns().now)
    }

    /// Where all of them are, for a person: hosts and ports.
    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    pub(crate) fn are_several(&self) -> bool {
        !self.turns().next.is_empty()
    }

    /// The one whose turn it was has failed.
    pub(crate) fn pass(&self) -> Next {
        let mut turns = self.turns();
        if let Some(next) = turns.next.pop_front() {
            let failed = std::mem::replace(&mut turns.now, next);
            turns.next.push_back(failed);
        }
        turns.failed += 1;
        if turns.failed <= turns.next.len() {
            return Next::Another;
        }
        turns.failed = 0;
        if turns.now.goes_by_a_name() {
            // There may be another server behind it, which kept connections would not lead to.
            turns.renew();
        }
        Next::AfterAWait
    }

    /// The one whose turn it is has answered, and keeps it.
    pub(crate) fn answered(&self) {
        self.turns().failed = 0;
    }

    /// Gives the turn to the server of this one.
    pub(crate) fn turn_to(&self, api: &Api) {
        let mut turns = self.turns();
        for _ in 0..turns.next.len() {
            if turns.now.is_at_the_server_of(api) {
                return;
            }
            if let Some(next) = turns.next.pop_front() {
                let before = std::mem::replace(&mut turns.now, next);
                turns.next.push_back(before);
            }
        }
    }

    /// The first answer, each being asked once in turn.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, ApiError>>>(
        &self,
        question: impl Fn(Arc<Api>) -> F,
    ) -> Result<T, ApiError> {
        loop {
            match question(self.api()).await {
                Err(error) if error.may_differ_elsewhere() && self.pass() == Next::Another => {}
                result => return result,
            }
        }
    }

    /// The same servers with turns of its own, that begin with the same one.
    pub(crate) fn fork(&self) -> Self {
        let turns = Turns { failed: 0, ..self.turns().clone() };
        Self { who: self.who.clone(), addresses: self.addresses.clone(), turns: Mutex::new(turns) }
    }

    /// Begins anew with other connections, for when the old ones may be dead without knowing it.
    pub(crate) fn start_over(&self) {
        let mut turns = self.turns();
        turns.failed = 0;
        turns.renew();
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Takes other connections, where they can be had.
    fn renew(&mut self) {
        for api in std::iter::once(&mut self.now).chain(&mut self.next) {
            if let Ok(afresh) = api.afresh() {
                *api = Arc::new(afresh);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::network::servers::Servers;

    fn fleet(count: usize) -> Fleet {
        fleet_at((0..count).map(|n| format!("http://127.0.0.1:{}", 8000 + n)))
    }

    fn fleet_at(addresses: impl Iterator<Item = String>) -> Fleet {
        let addresses = addresses.map(|address| address.parse().unwrap());
        let membership = Membership {
            servers: Servers::new(addresses).unwrap(),
            room: "room1".parse().unwrap(),
            user: "alice".parse().unwrap(),
            email: "".parse().unwrap(),
            last: 0,
            access: crate::network::Access::default(),
        };
        Fleet::new(&membership).unwrap()
    }

    #[test]
    fn each_is_asked_once_before_a_wait_the_first_one_first() {
        let fleet = fleet(3);
        for _ in 0..2 {
            let mut asked = BTreeSet::new();
            assert_eq!(fleet.api().address(), "127.0.0.1:8000");
            for next in [Next::Another, Next::Another, Next::AfterAWait] {
                asked.insert(fleet.api().address());
                assert_eq!(fleet.pass(), next);
            }
            assert_eq!(asked.len(), 3);
        }
    }

    #[test]
    fn one_that_has_answered_begins_the_count_anew() {
        let fleet = fleet(2);
        assert_eq!(fleet.pass(), Next::Another);
        fleet.answered();
        assert_eq!(fleet.api().address(), "127.0.0.1:8001");
        assert_eq!(fleet.pass(), Next::Another);
        assert_eq!(fleet.pass(), Next::AfterAWait);
    }

    #[test]
    fn a_single_one_is_asked_again_after_a_wait() {
        let fleet = fleet(1);
        assert_eq!(fleet.pass(), Next::AfterAWait);
        assert_eq!(fleet.pass(), Next::AfterAWait);
    }

    #[test]
    fn after_a_wait_a_name_is_looked_up_anew() {
        for (address, is_anew) in [("http://chat.example.org", true), ("http://127.0.0.1:8000", false)] {
            let fleet = fleet_at(std::iter::once(address.to_owned()));
            let before = fleet.api();
            fleet.pass();
            assert_eq!(!Arc::ptr_eq(&before, &fleet.api()), is_anew, "{address}");
        }
    }

    #[test]
    fn a_fork_has_turns_of_its_own_until_one_is_given_the_turn() {
        let fleet = fleet(3);
        let fork = fleet.fork();
        fleet.pass();
        assert_ne!(fleet.api().address(), fork.api().address());
        fork.turn_to(&fleet.api());
        assert_eq!(fleet.api().address(), fork.api().address());
    }

    #[test]
    fn the_order_behind_the_first_is_one_of_chance() {
        let seconds: BTreeSet<String> = (0..64)
            .map(|_| {
                let fleet = fleet(3);
                fleet.pass();
                fleet.api().address()
            })
            .collect();
        assert_eq!(seconds.len(), 2, "64 times the same is one chance in 2^63");
    }
}
