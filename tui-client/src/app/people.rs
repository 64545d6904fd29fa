//! Pure. Who else is in the room.

use std::sync::Arc;

use jiff::Timestamp;
use shared::frames::{Presence, PresenceState};
use shared::names::Username;

use crate::app::{State, sanitize};

/// The other person in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Their name, harmless.
    pub name: Arc<str>,
    /// Whether they are here now.
    pub presence: PeerPresence,
}

/// Whether the other person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPresence {
    /// Here, as far as we know.
    Here,
    /// Not here since then; or we cannot know since then.
    GoneSince(Timestamp),
}

impl State {
    pub(crate) fn take_presence(&mut self, presence: &Presence) {
        let name = sanitize::name(presence.user.as_str());
        let is_peer = self.peer.as_ref().is_some_and(|peer| *peer.name == *name);
        match presence.state {
            // One who is away still holds the seat, and so stands among the occupants.
            PresenceState::Away | PresenceState::Gone if is_peer => self.lose_sight_of_peer(presence.since),
            PresenceState::Here | PresenceState::Idle | PresenceState::Away | PresenceState::Gone => {
                self.set_occupants(&presence.occupants, presence.since);
            }
        }
    }

    /// Takes the list of who is here for the truth.
    pub(crate) fn set_occupants(&mut self, occupants: &[Username], since: Timestamp) {
        match occupants.iter().find(|name| **name != self.user) {
            Some(name) => {
                let name = sanitize::name(name.as_str()).into();
                self.peer = Some(Peer { name, presence: PeerPresence::Here });
            }
            None => self.lose_sight_of_peer(since),
        }
    }

    pub(crate) fn lose_sight_of_peer(&mut self, since: Timestamp) {
        self.writes_no_more();
        if let Some(peer) = self.peer.as_mut().filter(|peer| peer.presence == PeerPresence::Here) {
            peer.presence = PeerPresence::GoneSince(since);
        }
    }
}
