//! Pure. Who is writing: what the others are told of us, and what we are told of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared::frames::{self, TYPING_LASTS, TypingState};

use crate::app::arrivals::Picture;
use crate::app::log::Voice;
use crate::app::times::later;
use crate::app::{Connection, Effect, State};
use crate::network::Request;

/// Who does not go on for so long has stopped, whatever stands in the draft.
const RESTS: Duration = Duration::from_secs(5);

/// Who is writing.
#[derive(Debug, Clone, Default)]
pub struct Typing {
    /// What the others were told of us, while they take us for somebody who writes.
    ours: Option<Ours>,
    /// The other person, while they write.
    theirs: Option<Theirs>,
    /// The draft as it was seen last.
    draft: String,
}

#[derive(Debug, Clone, Copy)]
struct Ours {
    told_at: Timestamp,
    changed_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Theirs {
    name: Arc<str>,
    until: Timestamp,
}

impl Ours {
    /// When the others are to be told again.
    fn due(self) -> Timestamp {
        let rests_at = later(self.changed_at, RESTS);
        let is_news = self.changed_at > self.told_at;
        if is_news { rests_at.min(later(self.told_at, TYPING_LASTS / 2)) } else { rests_at }
    }
}

impl State {
    /// The name of the other person, while they write.
    #[must_use]
    pub fn who_writes(&self) -> Option<&str> {
        self.typing.theirs.as_ref().map(|theirs| &*theirs.name)
    }

    /// Tells the others where the draft has changed.
    pub(crate) fn note_writing(&mut self, effects: &mut Vec<Effect>) {
        if self.typing.draft == self.composer.text() {
            return;
        }
        self.composer.text().clone_into(&mut self.typing.draft);
        if !self.is_writing() {
            let was_told = self.typing.ours.take().is_some();
            // What was sent says so by itself.
            let was_sent = effects.iter().any(|effect| matches!(effect, Effect::Keep(_)));
            if was_told && !was_sent {
                effects.push(Effect::Request(Request::Typing(TypingState::Stopped)));
            }
            return;
        }
        match &mut self.typing.ours {
            Some(ours) => ours.changed_at = self.now,
            None => self.tell_that_we_write(effects),
        }
        self.tick_of_ours(effects);
    }

    /// Whether what stands in the draft will be a message.
    fn is_writing(&self) -> bool {
        let draft = &self.typing.draft;
        let is_command = draft.starts_with('/') && !draft.starts_with("//");
        self.connection == Connection::Live && !is_command && !draft.trim().is_empty()
    }

    fn tell_that_we_write(&mut self, effects: &mut Vec<Effect>) {
        self.typing.ours = Some(Ours { told_at: self.now, changed_at: self.now });
        effects.push(Effect::Request(Request::Typing(TypingState::Active)));
    }

    pub(crate) fn take_typing(&mut self, typing: &frames::Typing) -> Picture {
        let before = self.who_writes().is_some();
        // Another client of ours is not somebody else.
        if typing.user != self.user {
            self.typing.theirs = match typing.activity.state {
                TypingState::Active => {
                    let name = self.meet(&typing.user);
                    Some(Theirs { name, until: later(self.now, TYPING_LASTS) })
                }
                TypingState::Stopped => None,
            };
        }
        if self.who_writes().is_some() == before { Picture::Same } else { Picture::Changed }
    }

    /// Whoever has said something has written it.
    pub(crate) fn has_written(&mut self, voice: &Voice) {
        if let Voice::Person(name) = voice {
            self.typing.theirs.take_if(|theirs| theirs.name == *name);
        }
    }

    /// Who is not here does not write.
    pub(crate) fn writes_no_more(&mut self) {
        self.typing.theirs = None;
    }

    /// Without a connection nobody is told anything, and what they were told lapses.
    pub(crate) fn forget_typing(&mut self) {
        self.typing.ours = None;
        self.typing.theirs = None;
    }

    pub(crate) fn typing_tick(&mut self, effects: &mut Vec<Effect>) -> Picture {
        self.tick_of_ours(effects);
        let lapsed = self.typing.theirs.take_if(|theirs| theirs.until <= self.now);
        if lapsed.is_some() { Picture::Changed } else { Picture::Same }
    }

    fn tick_of_ours(&mut self, effects: &mut Vec<Effect>) {
        let Some(ours) = self.typing.ours.filter(|ours| ours.due() <= self.now) else { return };
        if later(ours.changed_at, RESTS) <= self.now {
            self.typing.ours = None;
            effects.push(Effect::Request(Request::Typing(TypingState::Stopped)));
        } else {
            self.typing.ours = Some(Ours { told_at: self.now, ..ours });
            effects.push(Effect::Request(Request::Typing(TypingState::Active)));
        }
    }

    pub(crate) fn next_typing_tick(&self) -> Option<Timestamp> {
        let ours = self.typing.ours.map(Ours::due);
        let theirs = self.typing.theirs.as_ref().map(|theirs| theirs.until);
        ours.into_iter().chain(theirs).min()
    }
}
