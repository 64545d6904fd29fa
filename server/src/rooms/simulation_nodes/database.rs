//! Pure. The judge that several cores share, as a model: one room, its seats, and the leases of the nodes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::frames::Receipt;
use shared::message::Seq;

use crate::nodes::{NodeId, SeatsVersion, View};
use crate::seats::desk::Errand;
use crate::seats::rules::{self, Asked, Row};

/// How long a lease is, counted by the database from when it grants it and by the node from before it asked.
pub(super) const LEASE: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) head: Seq,
    version: u64,
    leases: BTreeMap<NodeId, Instant>,
    seats: Vec<Row>,
    /// Those who moved last first.
    pub(super) receipts: Vec<Receipt>,
    named: u128,
}

/// What came of an errand: the view, and of each user who needed a seat whether they have it.
pub(super) type Done = (View, Asked);

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
        let before = self.seats.clone();
        let asked = rules::decide(&mut self.seats, name, errand);
        self.version += u64::from(self.seats != before);
        Some((self.view(), asked))
    }

    pub(super) fn view(&self) -> View {
        let seats = self.seats.iter().map(|row| row.seat.clone()).collect();
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
        self.seats.retain(|row| self.leases.contains_key(&row.seat.node));
        self.version += u64::from(self.seats.len() < before);
    }
}
