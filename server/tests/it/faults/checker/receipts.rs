//! Pure. Receipts: nobody is said to have come further than one of their clients had said.

use shared::frames::Reached;
use shared::message::Seq;

use crate::faults::checker::{Checker, Wrong};
use crate::faults::event::{At, Listener, ROLES, Role, Room, User};

/// The receipts of a room.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The furthest that each user's clients have said: Alice, Bob.
    said: [Reached; 2],
    /// What each listener was told last on its connection, of Alice and of Bob.
    told: [[Reached; 2]; ROLES.len()],
}

fn index(user: User) -> usize {
    usize::from(user == User::Bob)
}

fn furthest(one: Reached, other: Reached) -> Reached {
    one.and(other, Seq(u64::MAX))
}

impl Receipts {
    pub(super) fn said(&mut self, listener: Listener, reached: Reached) {
        let said = &mut self.said[index(listener.user())];
        *said = furthest(*said, reached);
    }

    /// A new connection begins with what its welcome says; a server that was killed may have forgotten a second.
    pub(super) fn begin(&mut self, listener: Listener) {
        self.told[listener.index() % ROLES.len()] = Default::default();
    }
}

impl Checker {
    pub(super) fn told(&mut self, at: At, listener: Listener, user: User, reached: Reached) {
        let receipts = &mut self.room(listener.room()).receipts;
        let said = receipts.said[index(user)];
        let told = &mut receipts.told[listener.index() % ROLES.len()][index(user)];
        let before = std::mem::replace(told, reached);
        let goes_back = reached.delivered < before.delivered || reached.read < before.read;
        let name = user.name();
        if reached.delivered > said.delivered || reached.read > said.read {
            let what = format!("{listener} was told that {name} has {reached:?}, who had said {said:?}");
            self.wrong(at, Wrong::Receipt, Some(listener.room()), None, what);
        } else if goes_back {
            let what = format!("{listener} was told that {name} has {reached:?}, after {before:?}");
            self.wrong(at, Wrong::Receipt, Some(listener.room()), None, what);
        }
    }

    /// Whether everybody was told that the other one has everything. So it is when the server knows receipts at all.
    pub(crate) fn receipts_agree(&self) -> bool {
        self.counts.told == 0 || self.behind().next().is_none()
    }

    pub(super) fn receipts_finished(&mut self, at: At) {
        if self.counts.told == 0 {
            return;
        }
        for (room, what) in self.behind().collect::<Vec<_>>() {
            self.wrong(at, Wrong::Receipt, Some(room), None, what);
        }
    }

    fn behind(&self) -> impl Iterator<Item = (Room, String)> {
        self.listeners().filter_map(|listener| {
            let Role::Duet(user) = listener.role() else { return None };
            let other = if user == User::Alice { User::Bob } else { User::Alice };
            let room = listener.room();
            let told = self.rooms[usize::from(room.0)].receipts.told[listener.index() % ROLES.len()][index(other)];
            let head = self.head(room);
            let what = format!("{listener} was told that {} has {told:?} at last, of {head}", other.name());
            (told.delivered.0 != head).then_some((room, what))
        })
    }
}
