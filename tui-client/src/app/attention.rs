//! Pure. Whether somebody is at this client: what the others are told of it, and when what is drawn counts as seen.

use jiff::Timestamp;
use shared::frames::AttentionState;

use crate::app::arrivals::Picture;
use crate::app::receipts::Focus;
use crate::app::scroll::Scroll;
use crate::app::times::later;
use crate::app::{Effect, Screen, State};
use crate::network::Request;

/// Whether somebody is at this client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    /// When somebody was here for certain: at the last key, or when the terminal told of a look.
    seen_at: Timestamp,
    /// What the others were told.
    told: AttentionState,
    /// The terminal tells where the person looks: it has done so, of this room or of another one.
    terminal_tells: bool,
}

impl Attention {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { seen_at: now, told: AttentionState::Here, terminal_tells: false }
    }
}

impl State {
    /// Since when nobody looks, if so.
    pub(crate) fn away_since(&self) -> Option<Timestamp> {
        let is_here = self.focus == Focus::Here && self.attention.told == AttentionState::Here;
        (!is_here).then_some(self.attention.seen_at)
    }

    /// When somebody was here for certain.
    pub(crate) fn seen_at(&self) -> Timestamp {
        self.attention.seen_at
    }

    /// Whether the terminal tells where the person looks.
    pub(crate) fn terminal_tells_of_looks(&self) -> bool {
        self.attention.terminal_tells
    }

    /// The terminal has told where the person looks, which may be another room.
    pub(crate) fn note_that_terminal_tells(&mut self) {
        self.attention.terminal_tells = true;
    }

    /// Whether what comes in now is seen with the next frame.
    pub(crate) fn sees_what_comes(&self) -> bool {
        self.away_since().is_none() && self.scroll == Scroll::Newest && self.screen == Screen::Chat
    }

    /// Somebody is here: there was a key, or a look.
    pub(crate) fn note_person(&mut self, effects: &mut Vec<Effect>) {
        self.focus = Focus::Here;
        self.attention.seen_at = self.now;
        self.notify_no_more();
        if self.attention.told == AttentionState::Idle {
            self.attention.told = AttentionState::Here;
            effects.push(Effect::Request(Request::Attention(AttentionState::Here)));
        }
    }

    /// The person looks here, or elsewhere.
    pub(crate) fn looks(&mut self, focus: Focus, effects: &mut Vec<Effect>) -> Picture {
        match focus {
            Focus::Here => {
                self.note_person(effects);
                self.read(effects);
                Picture::Same
            }
            Focus::Elsewhere | Focus::OtherRoom => {
                // Whoever turns away was here until now, unless a screen saver did it.
                if self.away_since().is_none() {
                    self.attention.seen_at = self.now;
                }
                self.focus = focus;
                self.attention.terminal_tells |= focus == Focus::Elsewhere;
                self.take_off_line()
            }
        }
    }

    pub(crate) fn attention_tick(&mut self, effects: &mut Vec<Effect>) -> Picture {
        if self.next_attention_tick().is_none_or(|due| due > self.now) {
            return Picture::Same;
        }
        self.attention.told = AttentionState::Idle;
        effects.push(Effect::Request(Request::Attention(AttentionState::Idle)));
        self.take_off_line()
    }

    pub(crate) fn next_attention_tick(&self) -> Option<Timestamp> {
        let is_here = self.attention.told == AttentionState::Here;
        let idle_after = self.preferences.idle_after.filter(|_| is_here)?;
        Some(later(self.attention.seen_at, idle_after))
    }
}
