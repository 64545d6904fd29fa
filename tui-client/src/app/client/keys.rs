//! Pure. What keys do in a client of several rooms, as far as it is about rooms.

use crossterm::event::KeyEvent;

use crate::app::client::{Client, Effects};
use crate::app::commands::{Action, Draft, RoomAction};
use crate::app::receipts::Focus;
use crate::app::switcher::{Choice, Pressed, Switcher};
use crate::app::{Effect, Event, Screen, sanitize};
use crate::config;

impl Client {
    /// Whoever types looks, and so the hidden rooms need not call.
    pub(super) fn note_person(&mut self, effects: &mut Effects) {
        if self.focus != Focus::Here {
            self.focus = Focus::Here;
            self.tell_focus(effects);
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent, effects: &mut Effects) {
        self.note_person(effects);
        if let Some(mut switcher) = self.switcher.take() {
            match switcher.press(self, &key) {
                Pressed::Stay => self.switcher = Some(switcher),
                Pressed::Back => self.tell_focus(effects),
                Pressed::Go(choice) => {
                    self.tell_focus(effects);
                    self.choose(choice, effects);
                }
            }
            return self.draw(effects);
        }
        let asked = self.leaves_in_spite_of;
        self.press_in_room(key, effects);
        // Whoever does something else meanwhile has not answered.
        if self.leaves_in_spite_of == asked && !self.is_typing_leave() {
            self.leaves_in_spite_of = None;
        }
    }

    fn press_in_room(&mut self, key: KeyEvent, effects: &mut Effects) {
        let state = &self.shown().state;
        let draft = match state.screen {
            Screen::Chat => state.composer.draft(),
            Screen::Help { .. } => Draft { is_empty: true, ends_at_caret: true },
        };
        match state.preferences.keymap.action(&key, draft) {
            Some(Action::Rooms(action)) => self.act(action, "", effects),
            Some(_) | None => self.happens(self.shown, Event::Key(key), effects),
        }
    }

    fn choose(&mut self, choice: Choice, effects: &mut Effects) {
        match choice {
            Choice::Open(key) => {
                if let Some(index) = self.rooms.iter().position(|room| room.key == key) {
                    self.show(index, effects);
                }
            }
            Choice::Join(id) => self.join(id, effects),
        }
    }

    pub(super) fn act(&mut self, action: RoomAction, argument: &str, effects: &mut Effects) {
        let count = self.rooms.len();
        match action {
            RoomAction::Nth(number) if (1..=count).contains(&number) => self.show(number - 1, effects),
            RoomAction::Nth(number) => {
                self.say(format!("There is no room {number} here. /join ROOM opens one more."), effects);
            }
            RoomAction::Before | RoomAction::Next if count == 1 => {
                self.say("This is the only room here. /join ROOM opens one more.".to_owned(), effects);
            }
            RoomAction::Before => self.show((self.shown + count - 1) % count, effects),
            RoomAction::Next => self.show((self.shown + 1) % count, effects),
            RoomAction::News => {
                let others = (1..count).map(|step| (self.shown + step) % count);
                let has_news = |index: &usize| self.rooms.get(*index).is_some_and(|room| room.state.unread() > 0);
                match others.into_iter().find(has_news) {
                    Some(index) => self.show(index, effects),
                    None => self.say("There is nothing new in other rooms.".to_owned(), effects),
                }
            }
            RoomAction::Switch => {
                self.switcher = Some(Switcher::default());
                effects.push((self.shown().key, Effect::Recall));
                self.tell_focus(effects);
                self.draw(effects);
            }
            RoomAction::Join => match config::room(argument) {
                Ok(id) => self.join(id, effects),
                Err(reason) => self.warn(format!("Not joined: {}.", sanitize::line(&reason)), effects),
            },
            RoomAction::Leave => self.leave(effects),
        }
    }
}
