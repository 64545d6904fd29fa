//! What everybody who takes part in a run has to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use rand::seq::IndexedRandom;
use server::access::tokens::Tokens;
use shared::names::{Email, RoomId, Username};
use shared::rest::TokenRequest;
use tokio::sync::{RwLock, watch};
use tokio_util::sync::CancellationToken;

use crate::faults::content::room_name;
use crate::faults::event::{Listener, ROLES, Room};
use crate::faults::recorder::Recorder;
use crate::support::server::SECRET;

/// How often, of a hundred times, somebody who moves looks where the other one is, and goes elsewhere.
const APART: u32 = 75;

/// The ports by which a node is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// The wire to it.
    pub(crate) wire: u16,
    /// The node itself.
    pub(crate) node: u16,
}

/// Given to everybody.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) rooms: u16,
    /// By node.
    pub(crate) ways: Vec<Way>,
    /// By listener: the node it is connected to, or tries.
    nodes: Vec<AtomicUsize>,
    /// By listener: the port that its connection comes from, 0 when it has none.
    pub(crate) ports: Vec<AtomicU16>,
    /// By listener: whether it reads.
    pub(crate) reads: Vec<watch::Sender<bool>>,
    /// Held by a producer from the first try to publish a message until it is confirmed.
    pub(crate) producing: RwLock<()>,
    /// Nobody posts anything new.
    pub(crate) posted_enough: CancellationToken,
    /// Everybody leaves.
    pub(crate) over: CancellationToken,
}

impl People {
    pub(crate) fn new(recorder: Arc<Recorder>, rooms: u16, ways: Vec<Way>) -> Self {
        let listeners = usize::from(rooms) * ROLES.len();
        Self {
            recorder,
            rooms,
            nodes: (0..listeners)
                .map(|listener| AtomicUsize::new(at_first(Listener(listener as u16), ways.len())))
                .collect(),
            ways,
            ports: (0..listeners).map(|_| AtomicU16::new(0)).collect(),
            reads: (0..listeners).map(|_| watch::Sender::new(true)).collect(),
            producing: RwLock::new(()),
            posted_enough: CancellationToken::new(),
            over: CancellationToken::new(),
        }
    }

    pub(crate) fn port_of(&self, listener: Listener) -> u16 {
        self.ports[listener.index()].load(Ordering::Relaxed)
    }

    pub(crate) fn is_at(&self, listener: Listener, port: u16) {
        self.ports[listener.index()].store(port, Ordering::Relaxed);
    }

    pub(crate) fn node_of(&self, listener: Listener) -> usize {
        self.nodes[listener.index()].load(Ordering::Relaxed)
    }

    /// A listener goes to another node, in most cases to one where the other one of its room is not.
    pub(crate) fn moves(&self, listener: Listener) {
        let is_other = |other: &Listener| other.room() == listener.room() && other.user() != listener.user();
        let taken: Vec<usize> = self.listeners().filter(is_other).map(|other| self.node_of(other)).collect();
        let others: Vec<usize> = (0..self.ways.len()).filter(|node| *node != self.node_of(listener)).collect();
        let apart: Vec<usize> = others.iter().copied().filter(|node| !taken.contains(node)).collect();
        let among = if apart.is_empty() || !rand::rng().random_ratio(APART, 100) { others } else { apart };
        if let Some(node) = among.choose(&mut rand::rng()) {
            self.nodes[listener.index()].store(*node, Ordering::Relaxed);
        }
    }

    /// Another node than this one, where there is another.
    pub(crate) fn another(&self, node: usize) -> usize {
        let others: Vec<usize> = (0..self.ways.len()).filter(|other| *other != node).collect();
        others.choose(&mut rand::rng()).copied().unwrap_or(node)
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = Listener> + use<> {
        (0..self.ports.len() as u16).map(Listener)
    }
}

/// Where a listener begins: those of a room on different nodes.
fn at_first(listener: Listener, nodes: usize) -> usize {
    (usize::from(listener.room().0) + listener.index() % ROLES.len()) % nodes
}

/// A token as the server makes them.
pub(crate) fn token(user: &str, room: Room) -> String {
    let request = TokenRequest {
        username: Username::new(user).unwrap(),
        email: Email::new("").unwrap(),
        room_id: RoomId::new(room_name(room)).unwrap(),
    };
    Tokens::new(SECRET.as_bytes()).issue(request, Timestamp::now()).unwrap()
}

/// Before the next try: short, for recovery is what is measured here, and not patience.
pub(crate) async fn back_off() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(20..100))).await;
}
