//! Pure. The entries of the log: what has its place in the room, and what of ours does not have one yet.

use std::sync::Arc;

use jiff::Timestamp;
use shared::message::Seq;
use shared::names::MessageId;

/// Which entry of the log. They are in the order of the entries, and those of entries that are gone are still among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// That of an item, counted from one that was the first once.
    Item(i64),
    /// That of a message of ours that is not in the room, counted as they were sent.
    Outgoing(u64),
}

/// An entry that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Said(Said),
    /// Messages that nobody can have any more.
    Gap {
        /// The first missing place.
        from: Seq,
        /// The last missing place.
        to: Seq,
    },
}

/// A message of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its place.
    pub seq: Seq,
    /// Who said it.
    pub voice: Voice,
    /// What it says, harmless.
    pub text: Box<str>,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// We did.
    Me,
    /// The other person, or one who was here before; the name is harmless.
    Person(Arc<str>),
    /// Somebody without a token of this room, most likely a program.
    Outside,
}

/// A message of ours that is on its way, or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id.
    pub id: MessageId,
    /// What it says, harmless.
    pub text: Box<str>,
    /// What it says, as it was sent.
    pub content: Box<str>,
    /// When it was sent.
    pub at: Timestamp,
    /// How far it is.
    pub progress: Progress,
    /// Who wrote it.
    pub origin: Origin,
}

/// Where a message of ours comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was written here.
    Here,
    /// It was written here, and the outbox could not keep it.
    Unkept,
    /// A client that is gone had left it. It may be in the room already: then the server takes it once more, and it does
    /// not come back.
    Left,
}

/// How many messages of ours are not in the room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// In the outbox, to be sent.
    pub waiting: usize,
    /// In the outbox, refused.
    pub refused: usize,
    /// Here alone.
    pub unkept: usize,
}

impl Unsent {
    /// All of them.
    #[must_use]
    pub fn count(self) -> usize {
        self.waiting + self.refused + self.unkept
    }
}

/// How far a message of ours is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has it but we.
    Waiting,
    /// The server keeps it; it comes back as a message of the room.
    Accepted,
    /// It will never be in the room: a sentence that says why.
    Refused(String),
}

/// An entry, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// One that has its place.
    Item(&'a Item),
    /// A message of ours that is not in the room.
    Outgoing(&'a Outgoing),
}

/// What is known of messages before the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Older {
    /// There may be some.
    #[default]
    Unknown,
    /// They were asked for.
    Asked,
    /// There are none.
    None,
}

impl Item {
    /// The last place it covers.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        match self {
            Self::Said(said) => said.seq,
            Self::Gap { to, .. } => *to,
        }
    }

    pub(super) fn first_seq(&self) -> Seq {
        match self {
            Self::Said(said) => said.seq,
            Self::Gap { from, .. } => *from,
        }
    }
}

impl Entry<'_> {
    /// When it was said, or sent.
    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Entry::Item(Item::Said(said)) => Some(said.at),
            Entry::Outgoing(post) => Some(post.at),
            Entry::Item(Item::Gap { .. }) => None,
        }
    }
}
