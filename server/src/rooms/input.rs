//! Pure. What the core hears.

use std::sync::Arc;

use shared::frames::{AttentionState, ClientFrame, Receipt};
use shared::message::{Message, Seq};
use shared::names::{RoomId, Username};

use crate::nodes::{NodeId, SeatsVersion, View};
use crate::rooms::output::Frame;
use crate::rooms::{SessionId, Voice};

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection asks to come in.
    Joined(Join),
    /// A connection has ended.
    Left(RoomId, SessionId, Leaving),
    /// History has given messages of a room their places.
    Heard(RoomId, Vec<Arc<Message>>),
    /// The answer to [`Output::Read`](crate::rooms::output::Output::Read) with the same place.
    Read(RoomId, Seq, Page),
    /// [`Output::Read`](crate::rooms::output::Output::Read) came to nothing.
    ReadFailed(RoomId),
    /// A connection of `duet.v1` says something.
    Said(RoomId, SessionId, ClientFrame),
    /// A connection's queue did not take this frame. Said of each frame from the first that found no room, until
    /// [`Input::Drained`].
    QueueFull(RoomId, SessionId, Frame),
    /// A connection whose queue was full has sent all of it.
    Drained(RoomId, SessionId),
    /// Time has passed.
    Tick,
    /// With a shared judge: this node has a lease under this name, or has one no longer.
    Lease(Option<NodeId>),
    /// The answer to [`Output::TakeSeat`](crate::rooms::output::Output::TakeSeat).
    SeatAnswered(RoomId, Username, SeatAnswer),
    /// The seats of a room have changed, or were asked for.
    Seats(RoomId, View),
    /// A room was compared with history, as every room is now and then in which somebody is or this node has a seat: so
    /// what was not announced comes to light.
    Compared(RoomId, Compared),
    /// Another node has passed on a frame: the other end of [`Output::Relay`](crate::rooms::output::Output::Relay).
    Relayed(RoomId, NodeId, Frame),
}

/// A connection that asks to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Which connection.
    pub session: SessionId,
    /// Into which room.
    pub room: RoomId,
    /// Whose.
    pub user: Username,
    /// What it understands.
    pub voice: Voice,
    /// Where it begins.
    pub start: Start,
}

/// Where a connection wants to begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Continue after this place of this epoch.
    pub after: Option<(Seq, String)>,
    /// Otherwise begin with this many of the newest messages.
    pub last: Option<u64>,
    /// Whether somebody is at it; taken for so where it does not say.
    pub attention: Option<AttentionState>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// By a close of the WebSocket: they meant it.
    Closed,
    /// In any other way: they may be back in a moment.
    Vanished,
}

/// A page of a room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The place of the newest message when the page was read.
    pub head: Seq,
    /// Messages in the order of their places.
    pub messages: Vec<Arc<Message>>,
    /// How far users have come, as far as it is known beside this core; those who moved last first.
    pub receipts: Vec<Receipt>,
}

/// What the shared judge says to [`Output::TakeSeat`](crate::rooms::output::Output::TakeSeat).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatAnswer {
    /// The seat is theirs.
    Taken(View),
    /// Two others have them.
    Full(View),
    /// There is no answer; the seat may be theirs or not.
    Unavailable,
}

/// How a room stands, by history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The place of its newest message.
    pub head: Seq,
    /// The newest view of its seats.
    pub seats: SeatsVersion,
    /// How far users have come, if that was asked.
    pub receipts: Vec<Receipt>,
}
