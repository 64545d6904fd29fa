//! Pure. A room is left, or all of them; and what is asked before that.

use crate::app::client::{Client, Effects};
use crate::app::commands::Action;
use crate::app::{Certainty, Effect, State};

impl Client {
    /// Leaves the room that is shown, or the program where it is the only one.
    pub(super) fn leave(&mut self, effects: &mut Effects) {
        if self.rooms.len() == 1 {
            let key = self.shown().key;
            let wish = self.shown_mut().state.leave(Certainty::Meant);
            effects.extend(wish.map(|_| (key, Effect::Quit)));
            return self.draw(effects);
        }
        let shown = self.shown();
        let unkept = shown.state.log.unsent().unkept;
        if unkept > 0 && self.leaves_in_spite_of != Some((shown.key, unkept)) {
            self.leaves_in_spite_of = Some((shown.key, unkept));
            let messages = if unkept == 1 { "1 message is" } else { &format!("{unkept} messages are") };
            return self.warn(
                format!("{messages} nowhere but here, for the outbox does not work. /leave again leaves."),
                effects,
            );
        }
        let mut left = self.rooms.remove(self.shown);
        effects.extend(left.unkept_draft());
        effects.push((left.key, Effect::Close));
        self.shown = self.shown.min(self.rooms.len() - 1);
        self.fit(effects);
        self.tell_focus(effects);
        self.say(what_was_left(&left.state), effects);
    }

    /// Whether what is written is the beginning of the command that leaves.
    pub(super) fn is_typing_leave(&self) -> bool {
        let text = self.shown().state.composer.text().trim_end();
        !text.is_empty() && "/leave".starts_with(text)
    }

    /// Whether a question stands that the next key may answer.
    pub(super) fn is_asked_before_leaving(&self) -> bool {
        let state = &self.shown().state;
        let notice = state.notice.as_ref().map(|notice| &notice.text);
        state.question().is_some() || (notice.is_some() && notice == self.question.as_ref())
    }

    /// Quits. Asks once while hidden rooms hold messages that are not sent (the shown one has asked by itself), and before
    /// one key leaves several rooms.
    pub(super) fn quit(&mut self, certainty: Certainty, effects: &mut Effects) {
        let hidden = self.rooms.iter().filter(|room| room.key != self.shown().key);
        let unsent: Vec<(&str, usize)> = hidden
            .map(|room| (room.state.room.as_str(), room.state.log.unsent().count()))
            .filter(|(_, count)| *count > 0)
            .collect();
        let count = unsent.iter().map(|(_, count)| count).sum();
        let way = self.shown().state.preferences.way(Action::Quit);
        if count > self.quit_in_spite_of {
            let rooms = unsent.iter().map(|(room, _)| *room).collect::<Vec<_>>().join(", ");
            let messages = if count == 1 { "1 message is" } else { &format!("{count} messages are") };
            let question = format!("{messages} not sent yet in other rooms: {rooms}. {way} again leaves all rooms.");
            self.quit_in_spite_of = count;
            return self.ask(question, effects);
        }
        match (certainty, self.rooms.len()) {
            (Certainty::Key, rooms @ 2..) => self.ask(format!("{way} again leaves {rooms} rooms."), effects),
            (Certainty::Key | Certainty::Meant, _) => effects.push((self.shown().key, Effect::Quit)),
        }
    }

    fn ask(&mut self, question: String, effects: &mut Effects) {
        self.question = Some(question.clone());
        self.warn(question, effects);
    }
}

/// What a person is told of a room that was left.
fn what_was_left(state: &State) -> String {
    let unsent = state.log.unsent();
    let kept = match unsent.waiting + unsent.refused {
        0 => String::new(),
        1 => " 1 message was not sent; the outbox keeps it until you are back.".to_owned(),
        count => format!(" {count} messages were not sent; the outbox keeps them until you are back."),
    };
    format!("You left {}.{kept}", state.room)
}
