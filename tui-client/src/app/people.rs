//! Pure. Who else is in the room.

use std::sync::Arc;

use jiff::Timestamp;
use shared::frames::{Presence, PresenceState, Welcome};
use shared::names::Username;

use crate::app::State;
use crate::app::notice::Notice;

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
    /// Connected, and not at any of their clients since then.
    IdleSince(Timestamp),
    /// Not here since then; or we cannot know since then.
    GoneSince(Timestamp),
}

impl Peer {
    /// Whether they are connected, whether or not they are there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match self.presence {
            PeerPresence::Here | PeerPresence::IdleSince(_) => true,
            PeerPresence::GoneSince(_) => false,
        }
    }
}

impl State {
    pub(crate) fn welcome_people(&mut self, welcome: &Welcome) {
        // Who was here before is met first: it is the one who comes that may only look like them.
        for receipt in &welcome.receipts {
            self.meet(&receipt.user);
        }
        self.set_occupants(&welcome.occupants, self.now);
        for user in &welcome.occupants {
            self.set_presence(user, PeerPresence::Here);
        }
        for idle in &welcome.idle {
            self.set_presence(&idle.user, PeerPresence::IdleSince(idle.since));
        }
    }

    pub(crate) fn take_presence(&mut self, presence: &Presence) {
        self.set_occupants(&presence.occupants, presence.since);
        match presence.state {
            PresenceState::Here => self.set_presence(&presence.user, PeerPresence::Here),
            PresenceState::Idle => self.set_presence(&presence.user, PeerPresence::IdleSince(presence.since)),
            // One who is away still holds the seat, and so stands among the occupants.
            PresenceState::Away | PresenceState::Gone if self.is_peer(&presence.user) => {
                self.lose_sight_of_peer(presence.since);
            }
            PresenceState::Away | PresenceState::Gone => {}
        }
    }

    /// Takes the list of who is here for the truth.
    fn set_occupants(&mut self, occupants: &[Username], since: Timestamp) {
        match occupants.iter().find(|name| **name != self.user) {
            Some(name) if self.is_peer(name) && self.peer.as_ref().is_some_and(Peer::is_connected) => {}
            Some(name) => {
                let name = self.meet(name);
                self.peer = Some(Peer { name, presence: PeerPresence::Here });
            }
            None => self.lose_sight_of_peer(since),
        }
    }

    /// Sees somebody, warns of a name that looks like another one, and says how the name is shown.
    pub(crate) fn meet(&mut self, user: &Username) -> Arc<str> {
        if let Some(warning) = self.acquaintances.meet(user) {
            self.notice = Some(Notice::trouble(warning));
        }
        self.acquaintances.shown(user)
    }

    fn set_presence(&mut self, user: &Username, presence: PeerPresence) {
        if self.is_peer(user)
            && let Some(peer) = &mut self.peer
        {
            peer.presence = presence;
        }
    }

    fn is_peer(&self, user: &Username) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.name == self.acquaintances.shown(user))
    }

    pub(crate) fn lose_sight_of_peer(&mut self, since: Timestamp) {
        self.writes_no_more();
        if let Some(peer) = self.peer.as_mut().filter(|peer| peer.is_connected()) {
            peer.presence = PeerPresence::GoneSince(since);
        }
    }
}
