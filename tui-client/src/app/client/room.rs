//! Pure. One room of a client: what it is beside its state.

use jiff::Timestamp;
use shared::names::RoomId;

use crate::app::client::RoomKey;
use crate::app::{Connection, Effect, State, drafts};

/// A room that is open.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which.
    pub key: RoomKey,
    /// Its name.
    pub id: RoomId,
    /// What is in it.
    pub state: State,
    pub(super) draft: drafts::Draft,
    /// Whether it was joined in this run.
    pub(super) is_joined: bool,
}

/// How it stands with a room's connection, for the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// We are in.
    In,
    /// An attempt is under way.
    Connecting,
    /// There is no connection.
    Lost,
    /// It holds two others, and we wait for a seat.
    Full,
    /// The server will not have us.
    Refused,
}

/// How much is not read in these rooms.
#[must_use]
pub fn unread<'a>(rooms: impl IntoIterator<Item = &'a Room>) -> usize {
    rooms.into_iter().fold(0, |sum, room| sum.saturating_add(room.state.unread()))
}

impl Room {
    /// How it stands with its connection.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.state.connection {
            Connection::Live => Standing::In,
            Connection::Connecting | Connection::Reconnecting => Standing::Connecting,
            Connection::Lost { .. } => Standing::Lost,
            Connection::Full { .. } => Standing::Full,
            Connection::Refused(_) => Standing::Refused,
        }
    }

    /// What is to be kept of the draft at once.
    pub(super) fn unkept_draft(&mut self) -> Option<(RoomKey, Effect)> {
        Some((self.key, Effect::KeepDraft(self.draft.keep(self.state.composer.text())?)))
    }

    /// What is to be kept of the draft because it has rested.
    pub(super) fn rested_draft(&mut self, now: Timestamp) -> Option<(RoomKey, Effect)> {
        self.draft.due().filter(|due| *due <= now)?;
        self.unkept_draft()
    }

    /// What the bar tells of it.
    pub(super) fn in_the_bar(&self) -> (usize, Standing) {
        (self.state.unread(), self.standing())
    }
}
