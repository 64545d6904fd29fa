//! Pure. Whom to tell of a message that nobody sees, and how often: at once, then with how many came in five seconds.

use std::time::Duration;

use jiff::Timestamp;
use shared::message::Seq;

use crate::app::log::{Said, Voice};
use crate::app::markup::{Markup, Role};
use crate::app::preferences::Notifications as Wanted;
use crate::app::receipts::Focus;
use crate::app::times::later;
use crate::app::{Effect, State, rows, wrap};

/// Between one notification and the next.
const EVERY: Duration = Duration::from_secs(5);
/// Where the terminal does not tell where the person looks, who has pressed no key for so long may be elsewhere.
const PERHAPS_ELSEWHERE: Duration = Duration::from_secs(120);
/// The longest text of a notification, in columns.
const MAX_TEXT: usize = 120;
/// The longest name in one.
const MAX_NAME: usize = 32;

/// What somebody who looks elsewhere is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// That there is something.
    Bell,
    /// Who has written, and where; and what, or how much. Harmless, each in one line.
    Words {
        /// Who and where.
        title: String,
        /// What.
        text: String,
    },
}

/// What was told, and what is to be told next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notifications {
    told_at: Option<Timestamp>,
    /// What has come since then.
    held: Option<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    count: usize,
    /// Who wrote it; nobody where they are several.
    voice: Option<Voice>,
    last: Said,
}

impl State {
    /// A message of others has come that was not there when we came in.
    pub(crate) fn notify_of(&mut self, place: Seq, effects: &mut Vec<Effect>) {
        if self.wanted_now() == Wanted::Off {
            return;
        }
        let Some(said) = self.log.said(place).cloned() else { return };
        let held = self.notifications.held.get_or_insert_with(|| Held {
            count: 0,
            voice: Some(said.voice.clone()),
            last: said.clone(),
        });
        held.count += 1;
        held.voice.take_if(|voice| *voice != said.voice);
        held.last = said;
        self.notification_tick(effects);
    }

    pub(crate) fn notification_tick(&mut self, effects: &mut Vec<Effect>) {
        if self.next_notification_tick().is_none_or(|due| due > self.now) {
            return;
        }
        let wanted = self.wanted_now();
        let Some(held) = self.notifications.held.take() else { return };
        let notification = match wanted {
            Wanted::Off => return,
            Wanted::Bell => Notification::Bell,
            Wanted::Names | Wanted::Full => self.in_words(&held, wanted),
        };
        self.notifications.told_at = Some(self.now);
        effects.push(Effect::Notify(notification));
    }

    pub(crate) fn next_notification_tick(&self) -> Option<Timestamp> {
        self.notifications.held.as_ref()?;
        Some(self.notifications.told_at.map_or(self.now, |told_at| later(told_at, EVERY)))
    }

    /// Who is here sees it.
    pub(crate) fn notify_no_more(&mut self) {
        self.notifications.held = None;
    }

    fn wanted_now(&self) -> Wanted {
        let wanted = self.preferences.notifications;
        match self.focus {
            Focus::Elsewhere => wanted,
            Focus::Here if wanted != Wanted::Off && !self.terminal_tells_of_looks() => {
                let silent_for = self.now.duration_since(self.seen_at());
                let may_be_elsewhere = Duration::try_from(silent_for).is_ok_and(|time| time >= PERHAPS_ELSEWHERE);
                if may_be_elsewhere { Wanted::Bell } else { Wanted::Off }
            }
            // The bar of rooms tells of it.
            Focus::OtherRoom | Focus::Here => Wanted::Off,
        }
    }

    fn in_words(&self, held: &Held, wanted: Wanted) -> Notification {
        let room = wrap::fitted(&self.room, MAX_NAME);
        let title = match &held.voice {
            Some(voice) => format!("{} in {room}", wrap::fitted(&rows::name(voice, &self.me), MAX_NAME)),
            None => room,
        };
        let text = match (held.count, wanted) {
            (1, Wanted::Full) => one_line(&held.last.text, MAX_TEXT),
            (1, _) => "1 new message".to_owned(),
            (count, _) => format!("{count} new messages"),
        };
        Notification::Words { title, text }
    }
}

/// The beginning of a harmless text, in one line of so many columns.
pub(crate) fn one_line(text: &str, width: usize) -> String {
    // Not all of a long text.
    let text: String = wrap::pieces(text).take(2 * width).map(|piece| piece.text).collect();
    // As it is shown, without what we put beside it for those who look.
    let mut shown = Markup::of(&text);
    let notes = shown.spans.iter().rev().filter(|span| span.ink.role == Role::Note);
    for bytes in notes.map(|span| span.bytes.clone()) {
        shown.text.to_mut().replace_range(bytes, "");
    }
    let text = shown.text;
    wrap::fitted(&text.split_whitespace().collect::<Vec<_>>().join(" "), width)
}
