//! Pure. What can happen in a run, in few bytes: a long one has millions of these.

use shared::frames::{Reached, Resume};

/// A moment of the run, in microseconds since its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) u64);

/// A room of the run, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room(pub(crate) u16);

/// A message of the run, from 0 in the order in which they were first posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) u32);

/// One of the two whose room it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Alice,
    Bob,
}

/// Who posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// Over HTTP with a token and an `Idempotency-Key`, repeated until accepted.
    User(User),
    /// Over HTTP without token or key, never repeated.
    Outside,
    /// Straight into the queue `messages` with a `message_id`, repeated until confirmed.
    Producer,
}

/// Somebody who listens in one room for the whole run, over many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener(pub(crate) u16);

/// What a listener is in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A `duet.v1` client of this user, which resumes.
    Duet(User),
    /// A plain client, of Alice's; what it misses while it is not connected stays missed.
    Plain,
}

/// The listeners of each room.
pub(crate) const ROLES: [Role; 3] = [Role::Duet(User::Alice), Role::Duet(User::Bob), Role::Plain];

/// The id of a message as it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id {
    /// The key that this message is posted with.
    Key(Number),
    /// Another one, as a hash.
    Other(u64),
}

/// A message as it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) seq: u64,
    pub(crate) id: Id,
    pub(crate) sender: Option<User>,
    /// `None` when its content is that of no message.
    pub(crate) number: Option<Number>,
}

/// A welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When the client began to connect.
    pub(crate) asked: At,
    pub(crate) head: u64,
    pub(crate) resume: Resume,
    /// Whether the epoch is that of the listener's first welcome.
    pub(crate) same_epoch: bool,
    pub(crate) occupants: usize,
    pub(crate) receipts: Vec<(User, Reached)>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A message is posted another time.
    Repeated(Number),
    /// An attempt to post it ended without a 200 (or a confirm).
    Unanswered(Number),
    /// It was answered with 200 (or confirmed).
    Accepted(Number),
    /// A `duet.v1` client was welcomed.
    Entered(Listener, Entry),
    /// A `duet.v1` client was sent a message.
    Heard(Listener, Placed),
    /// A `duet.v1` client was sent a gap.
    Gap(Listener, u64, u64),
    /// A `duet.v1` client was told how many users hold a seat.
    Occupants(Listener, usize),
    /// A `duet.v1` client says how far it has come.
    Said(Listener, Reached),
    /// A `duet.v1` client was told how far a user has come.
    Told(Listener, User, Reached),
    /// A plain client has connected.
    PlainEntered(Listener),
    /// A plain client was sent this message, or a content that is that of none.
    PlainHeard(Listener, Option<Number>),
    /// A connection has ended.
    Left(Listener, String),
    /// A third user, who asked at this moment, was let in and told of so many occupants.
    Intruded(Room, At, usize),
    /// A third user was turned away.
    TurnedAway(Room),
    /// Something is broken, or healed, or a process has begun or ended.
    Fault(String),
}

impl At {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn seconds(self) -> f64 {
        std::time::Duration::from_micros(self.0).as_secs_f64()
    }

    pub(crate) fn minus(self, seconds: f64) -> Self {
        Self(self.0.saturating_sub(std::time::Duration::from_secs_f64(seconds).as_micros() as u64))
    }

    pub(crate) fn plus(self, seconds: f64) -> Self {
        Self(self.0.saturating_add(std::time::Duration::from_secs_f64(seconds).as_micros() as u64))
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.6} s", self.seconds())
    }
}

impl User {
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|user| user.name() == name)
    }
}

impl Author {
    /// Who the message is shown as coming from.
    pub(crate) fn sender(self) -> Option<User> {
        match self {
            Self::User(user) => Some(user),
            Self::Outside | Self::Producer => None,
        }
    }
}

impl Listener {
    pub(crate) fn of(room: Room, role: Role) -> Self {
        let index = ROLES.iter().position(|r| *r == role).unwrap();
        Self(room.0 * ROLES.len() as u16 + index as u16)
    }

    pub(crate) fn room(self) -> Room {
        Room(self.0 / ROLES.len() as u16)
    }

    pub(crate) fn role(self) -> Role {
        ROLES[self.index() % ROLES.len()]
    }

    pub(crate) fn user(self) -> User {
        match self.role() {
            Role::Duet(user) => user,
            Role::Plain => User::Alice,
        }
    }

    pub(crate) fn index(self) -> usize {
        self.0.into()
    }
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let voice = if self.role() == Role::Plain { ", plain" } else { "" };
        write!(f, "{} in room {}{voice}", self.user().name(), self.room().0)
    }
}
