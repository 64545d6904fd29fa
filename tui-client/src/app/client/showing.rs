//! Pure. Which room is shown, how large it is, and what the others are told of that.

use crate::app::Event;
use crate::app::client::{Client, Effects};
use crate::app::receipts::Focus;

impl Client {
    pub(super) fn show(&mut self, index: usize, effects: &mut Effects) {
        if index != self.shown {
            let hidden = self.shown_mut();
            effects.extend(hidden.unkept_draft());
            self.shown = index;
            self.tell_focus(effects);
        }
        self.fit(effects);
    }

    /// Tells each room whether it is looked at. None is while the switcher covers it.
    pub(super) fn tell_focus(&mut self, effects: &mut Effects) {
        for index in 0..self.rooms.len() {
            let is_in_view = index == self.shown && self.switcher.is_none();
            let focus = if self.focus == Focus::Here && !is_in_view { Focus::OtherRoom } else { self.focus };
            if self.rooms.get(index).is_some_and(|room| is_in_view || room.state.focus != focus) {
                self.happens(index, Event::Looks(focus), effects);
            }
        }
    }

    /// Tells the room that is shown how large it is, and draws it. The hidden ones are told when they are shown.
    pub(super) fn fit(&mut self, effects: &mut Effects) {
        let size = self.room_size();
        self.happens(self.shown, Event::Resized(size), effects);
    }
}
