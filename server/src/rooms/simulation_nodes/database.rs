//! Pure. The judge that several cores share, as a model: one room, its seats, and the leases of the nodes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::frames::{PresenceState, Receipt};
use shared::message::Seq;
use shared::names::Username;

use crate::nodes::{HeldSeat, NodeId, SeatsVersion, View};
use crate::rooms::seats::SEATS;
use crate::seats::desk::{Errand, Wish};

/// How long a lease is, counted by the database from when it grants it and by the node from before it asked.
pub(super) const LEASE: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) head: Seq,
    version: u64,
    leases: BTreeMap<NodeId, Instant>,
    /// Each with the number of the errand that wrote it last.
    seats: Vec<(HeldSeat, u64)>,
    /// Those who moved last first.
    pub(super) receipts: Vec<Receipt>,
    named: u128,
}

/// What came of an errand: the view, and of each user who needed a seat whether they have it.
pub(super) type Done = (View, Vec<(Username, bool)>);

impl Database {
    pub(super) fn grant(&mut self, now: Instant) -> NodeId {
        self.named += 1;
        let name = NodeId(uuid::Uuid::from_u128(self.named));
        self.leases.insert(name, now + LEASE);
        name
    }

    /// Whether the lease was still there to be renewed.
    pub(super) fn renew(&mut self, now: Instant, name: NodeId) -> bool {
        let is_there = self.leases.get(&name).is_some_and(|until| *until > now);
        if is_there {
            self.leases.insert(name, now + LEASE);
        }
        is_there
    }

    pub(super) fn has_lease(&self, now: Instant, name: NodeId) -> bool {
        self.leases.get(&name).is_some_and(|until| *until > now)
    }

    /// Does an errand, unless the node has no lease by now.
    pub(super) fn perform(&mut self, now: Instant, name: NodeId, errand: &Errand) -> Option<Done> {
        self.bury(now);
        if !self.leases.contains_key(&name) {
            return None;
        }
        let mut asked = Vec::new();
        for wish in &errand.wishes {
            match wish {
                Wish::Take(occupant) => {
                    let seat = HeldSeat { node: name, occupant: occupant.clone() };
                    asked.push((occupant.user.clone(), self.take(seat, errand.number)));
                }
                Wish::Note(occupant) => {
                    let seat = HeldSeat { node: name, occupant: occupant.clone() };
                    self.note(&seat, errand.number);
                }
            }
        }
        Some((self.view(), asked))
    }

    pub(super) fn view(&self) -> View {
        let seats = self.seats.iter().map(|(seat, _)| seat.clone()).collect();
        View { version: SeatsVersion(self.version), head: self.head, seats }
    }

    /// What is compared with: nothing of the dead.
    pub(super) fn compare(&mut self, now: Instant) -> (Seq, SeatsVersion) {
        self.bury(now);
        (self.head, SeatsVersion(self.version))
    }

    /// Keeps how far a user has come, which never goes back.
    pub(super) fn keep(&mut self, Receipt { user, reached }: Receipt) {
        let kept = self.receipts.iter().position(|kept| kept.user == user).map(|at| self.receipts.remove(at));
        let reached = reached.furthest(kept.map(|kept| kept.reached).unwrap_or_default());
        self.receipts.insert(0, Receipt { user, reached });
    }

    /// Forgets the nodes whose leases have run out, and their seats.
    fn bury(&mut self, now: Instant) {
        self.leases.retain(|_, until| *until > now);
        let before = self.seats.len();
        self.seats.retain(|(seat, _)| self.leases.contains_key(&seat.node));
        self.version += u64::from(self.seats.len() < before);
    }

    fn take(&mut self, seat: HeldSeat, number: u64) -> bool {
        let is_of_user = |other: &HeldSeat| other.occupant.user == seat.occupant.user;
        let mut others: Vec<&Username> = Vec::new();
        for (other, _) in self.seats.iter().filter(|(other, _)| !is_of_user(other)) {
            if !others.contains(&&other.occupant.user) {
                others.push(&other.occupant.user);
            }
        }
        let is_theirs = self.seats.iter().any(|(other, _)| is_of_user(other));
        if !is_theirs && others.len() >= SEATS {
            return false;
        }
        if self.seats.iter().any(|(other, last)| is_of_user(other) && other.node == seat.node && *last > number) {
            return true;
        }
        // What another node only keeps for them is theirs here now.
        let is_kept = |other: &HeldSeat| other.node != seat.node && other.occupant.state == PresenceState::Away;
        self.seats.retain(|(other, _)| !(is_of_user(other) && is_kept(other)));
        self.seats.retain(|(other, _)| !(is_of_user(other) && other.node == seat.node));
        self.seats.push((seat, number));
        self.version += 1;
        true
    }

    fn note(&mut self, noted: &HeldSeat, number: u64) {
        let is_meant = |seat: &HeldSeat, last: u64| {
            seat.node == noted.node && seat.occupant.user == noted.occupant.user && last < number
        };
        let before = self.seats.clone();
        if noted.occupant.state == PresenceState::Gone {
            self.seats.retain(|(seat, last)| !is_meant(seat, *last));
        } else if let Some(found) = self.seats.iter_mut().find(|(seat, last)| is_meant(seat, *last)) {
            *found = (noted.clone(), number);
        }
        self.version += u64::from(self.seats != before);
    }
}
