//! Pure. A room is opened, and those are known that may be.

use shared::names::{MessageId, RoomId};

use crate::app::client::room::Room;
use crate::app::client::{Client, Effects, RoomKey};
use crate::app::receipts::Focus;
use crate::app::{Effect, State, drafts, sanitize};

impl Client {
    /// The rooms joined before, for whoever looks for one.
    pub fn recall(&mut self, joined: Vec<RoomId>) {
        let shown = self.shown().key;
        let open = self.rooms.iter().filter(|room| room.key != shown).map(|room| &room.id);
        let closed = joined.iter().filter(|id| self.position(id).is_none());
        // One that is not shown as it is called cannot be typed either.
        let names = open.chain(closed).map(RoomId::to_string).filter(|name| sanitize::name(name) == *name);
        self.shown_mut().state.known_rooms = names.collect();
        if let Some(switcher) = &mut self.switcher {
            switcher.joined_before = joined;
        }
    }

    /// Goes to a room, and opens it if it is not open.
    pub(super) fn join(&mut self, id: RoomId, effects: &mut Effects) {
        if let Some(index) = self.position(&id) {
            return self.show(index, effects);
        }
        let key = self.add(id.clone());
        effects.push((key, Effect::Enter(id)));
        self.show(self.rooms.len() - 1, effects);
    }

    pub(super) fn add(&mut self, id: RoomId) -> RoomKey {
        self.opened += 1;
        let key = RoomKey(self.opened);
        // Ids are told apart by room and run: a room that is opened again begins to count anew.
        let session = MessageId::new(format!("{}-{}", self.session, self.opened)).unwrap_or(self.session.clone());
        let mut state = State::new(&self.membership(&id), session, self.look.clone(), self.now);
        state.focus = Focus::OtherRoom;
        if self.rooms.iter().any(|room| room.state.terminal_tells_of_looks()) {
            state.note_that_terminal_tells();
        }
        self.rooms.push(Room { key, id, state, draft: drafts::Draft::default(), is_joined: false });
        key
    }
}
