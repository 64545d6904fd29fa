//! Pure. What the core says is to be done.

use std::sync::Arc;

use shared::frames::{Gap, Idle, Presence, Receipt, Resume, Typing};
use shared::message::{Message, Seq};
use shared::names::{RoomId, Username};
use shared::rest::Occupant;

use crate::nodes::NodeId;
use crate::rooms::SessionId;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The connection is in. Its frames come after this.
    Enter(SessionId, Entry),
    /// The room holds two other users. The session is forgotten already.
    Refuse(SessionId),
    /// History could not be read, for a session that is to come in, or again and again for one that is in and waits for
    /// messages. The session is forgotten already.
    Fail(SessionId),
    /// Send a frame. If its queue is full, say [`Input::QueueFull`](crate::rooms::input::Input::QueueFull) of this and every further
    /// frame until it is drained.
    Send(SessionId, Frame),
    /// Read messages after a place, [`PAGE_MESSAGES`](crate::rooms::PAGE_MESSAGES) at the most. One a room is under way, but for a room that was left and
    /// entered again meanwhile; the answer to the earlier read does no harm there.
    Read(RoomId, Seq),
    /// Keep how far a user has come.
    Keep(RoomId, Receipt),
    /// Ask the shared judge for a seat for a user who is about to be this. What is asked and noted of one room reaches the
    /// judge in this order; of one user only the last counts.
    TakeSeat(RoomId, Occupant),
    /// Tell the shared judge what a user of this node is now; `gone` frees the seat. To be told until it is heard.
    NoteSeat(RoomId, Occupant),
    /// Ask for the newest view of a room's seats.
    LookAtSeats(RoomId),
    /// Pass a frame on to other nodes. It may be lost.
    Relay(RoomId, Vec<NodeId>, Frame),
    /// This node may not keep the connection. It is to go to another one; the session is forgotten already.
    Dismiss(SessionId),
}

/// Where a connection stands when it has come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The place of the newest message.
    pub head: Seq,
    /// Who holds a seat, by name.
    pub occupants: Vec<Username>,
    /// Those of them at whose clients nobody is, by name.
    pub idle: Vec<Idle>,
    /// How far users have come.
    pub receipts: Vec<Receipt>,
    /// What its messages begin with.
    pub resume: Resume,
}

/// A frame as a value; the caller encodes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Arc<Message>),
    /// Who is there has changed.
    Presence(Presence),
    /// Somebody has come further.
    Receipt(Receipt),
    /// Somebody writes, or has stopped.
    Typing(Typing),
    /// Messages that history no longer has.
    Gap(Gap),
}
