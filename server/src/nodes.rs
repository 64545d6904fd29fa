//! Pure. Several nodes on one history: what they are called, what each knows of who sits where, and what they tell each other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::frames::{Receipt, Typing};
use shared::message::{Message, Seq};
use shared::names::RoomId;
use shared::rest::Occupant;
use uuid::Uuid;

/// One node, for as long as it holds one lease. A node that lost its lease goes on under another name, so that nothing
/// of before can be taken for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub Uuid);

/// How often the seats of a room have changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// What one node tells others. It may be lost, late or repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Word {
    /// Messages of a room have their places.
    Messages {
        /// The room.
        room: RoomId,
        /// In the order of their places.
        messages: Vec<Arc<Message>>,
    },
    /// The seats of a room have changed.
    Seats {
        /// The room.
        room: RoomId,
        /// What they are now.
        view: View,
    },
    /// A user of the node writes, or has stopped.
    Typing {
        /// The room.
        room: RoomId,
        /// Who says so.
        from: NodeId,
        /// What is passed on.
        typing: Typing,
    },
    /// A user of the node has come further.
    Receipt {
        /// The room.
        room: RoomId,
        /// Who says so.
        from: NodeId,
        /// What is passed on.
        receipt: Receipt,
    },
    /// What a node has published has its places.
    Placed {
        /// The ids, which may be of messages that somebody else has published.
        ids: Vec<String>,
    },
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

impl NodeId {
    /// A name that no node has had.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for NodeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Default for NodeId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
