//! Pure. Several nodes on one history: what they are called, and what each knows of who sits where.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::message::Seq;
use shared::rest::Occupant;
use uuid::Uuid;

/// One node, for as long as it holds one lease. A node that lost its lease goes on under another name, so that nothing
/// of before can be taken for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub Uuid);

/// How often the seats of a room have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeatsVersion(pub u64);

/// All that is known beside the nodes of who sits in a room, as it was in one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Of two views of a room the one with the higher version is newer.
    pub version: SeatsVersion,
    /// The place of the room's newest message in that moment.
    pub head: Seq,
    /// The seats. A user who is on two nodes has two.
    pub seats: Vec<HeldSeat>,
}

/// A seat as one node holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSeat {
    /// Which node.
    pub node: NodeId,
    /// For whom, and what they are there. `away` is a seat that is only kept.
    pub occupant: Occupant,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
