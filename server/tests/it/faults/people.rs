//! What everybody who takes part in a run has to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use server::access::tokens::Tokens;
use shared::names::{Email, RoomId, Username};
use shared::rest::TokenRequest;
use tokio::sync::{RwLock, watch};
use tokio_util::sync::CancellationToken;

use crate::faults::content::room_name;
use crate::faults::event::{Listener, ROLES, Room};
use crate::faults::recorder::Recorder;
use crate::support::server::SECRET;

/// Given to everybody.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) rooms: u16,
    /// The wire to the server.
    pub(crate) port: u16,
    /// The server itself.
    pub(crate) server_port: u16,
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
    pub(crate) fn new(recorder: Arc<Recorder>, rooms: u16, port: u16, server_port: u16) -> Self {
        let listeners = usize::from(rooms) * ROLES.len();
        Self {
            recorder,
            rooms,
            port,
            server_port,
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

    pub(crate) fn listeners(&self) -> impl Iterator<Item = Listener> + use<> {
        (0..self.ports.len() as u16).map(Listener)
    }
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
