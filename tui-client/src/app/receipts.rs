//! Pure. How far the others have come in what we said, and how far we have come in what was said.

use std::collections::BTreeMap;

use shared::frames::{Reached, Receipt, Resume, Welcome};
use shared::message::Seq;
use shared::names::Username;

use crate::app::{Effect, Screen, State, layout};
use crate::network::Request;

/// Who has come how far.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    /// The others, whoever has been here.
    others: BTreeMap<Username, Reached>,
    /// The newest place that was shown to the person, as far as the server was told.
    read: Seq,
}

/// Where the person looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// Here, or the terminal does not tell.
    Here,
    /// At another window.
    Elsewhere,
    /// At another room of this client, or at the list of rooms.
    OtherRoom,
}

impl Receipts {
    /// Takes what a welcome tells. Within one history nobody goes back.
    pub(crate) fn welcome(&mut self, welcome: &Welcome, user: &Username) {
        if welcome.resume != Resume::Complete {
            *self = Self::default();
        }
        for receipt in &welcome.receipts {
            self.take(receipt, user);
        }
    }

    /// Takes what one of the others has come to.
    pub(crate) fn take(&mut self, Receipt { user, reached }: &Receipt, ourselves: &Username) {
        if user != ourselves {
            let known = self.others.entry(user.clone()).or_default();
            *known = known.furthest(*reached);
        }
    }

    /// Where that one of the others is who came furthest.
    pub(crate) fn furthest(&self) -> Reached {
        self.others.values().fold(Reached::default(), |furthest, reached| furthest.furthest(*reached))
    }
}

impl State {
    /// What has become of the last message of ours that is in the room, in a word.
    #[must_use]
    pub fn status_of_last(&self) -> Option<&'static str> {
        let last = self.log.last_mine()?;
        let Reached { delivered, read } = self.others_have_reached();
        Some(match last {
            last if last <= read => "read",
            last if last <= delivered => "delivered",
            _ => "sent",
        })
    }

    /// Where the other person is; who of those that were here came furthest, while no other person is known.
    fn others_have_reached(&self) -> Reached {
        let mut others = self.receipts.others.iter();
        if let Some(peer) = &self.peer {
            let theirs = others.find(|(user, _)| self.acquaintances.shown(user) == peer.name);
            return theirs.map(|(_, reached)| *reached).unwrap_or_default();
        }
        self.receipts.furthest()
    }

    /// What is on the screen has been read, if the person looks at it.
    pub(crate) fn read(&mut self, effects: &mut Vec<Effect>) {
        let Some(place) = self.place_in_view().filter(|place| *place > self.receipts.read) else { return };
        self.receipts.read = place;
        self.has_read(place);
        effects.push(Effect::Request(Request::Read(place)));
    }

    /// The newest place that is in the window as a whole.
    fn place_in_view(&self) -> Option<Seq> {
        let is_in_view = self.away_since().is_none() && self.screen == Screen::Chat;
        if !is_in_view || layout::areas(self).messages.is_empty() {
            return None;
        }
        let foot = self.foot();
        let slot = if foot.hidden == 0 { Some(foot.slot) } else { self.log.before(foot.slot) };
        self.log.place_up_to(slot?)
    }
}
