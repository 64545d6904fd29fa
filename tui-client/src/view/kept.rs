//! Pure. The messages of the frame before as lines: one that looks the same now is not laid out again. Most frames differ by
//! one message or by one key, and a window holds dozens.

use std::collections::VecDeque;

use crate::app::State;
use crate::app::layout::Columns;
use crate::app::outline::{Facts, Outline};
use crate::app::preferences::{Glyphs, Times};
use crate::app::rows::{Block, Body};
use crate::app::widths::Widths;
use crate::view::picture::Line;
use crate::view::theme::Theme;

/// What stood in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    looks: Option<Looks>,
    /// The newest first, as they are asked for.
    messages: VecDeque<KeptMessage>,
}

/// A message with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptMessage {
    facts: Facts,
    text: Box<str>,
    lines: Vec<Line>,
}

/// What decides how every message looks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Looks {
    columns: Columns,
    width: u16,
    theme: Theme,
    glyphs: Glyphs,
    times: Times,
    /// By which they are told how long they are past.
    minute: i64,
    widths: Widths,
}

impl Kept {
    /// Forgets everything, unless messages look in this state as they did, but for what an outline says of each.
    pub(crate) fn fit(&mut self, state: &State, columns: Columns, theme: Theme) {
        let looks = Looks {
            columns,
            width: state.size.width,
            theme,
            glyphs: state.preferences.glyphs,
            times: state.preferences.times,
            minute: state.now.as_second().div_euclid(60),
            widths: Widths::held(),
        };
        // What is looked for, and what is chosen, is marked in some of them.
        let is_marked = state.search.is_some() || state.selected().is_some();
        if is_marked || self.looks.as_ref() != Some(&looks) {
            *self = Self { looks: (!is_marked).then_some(looks), messages: VecDeque::new() };
        }
    }

    /// Gives back a message that would look the same.
    pub(crate) fn take(&mut self, outline: &Outline<'_>) -> Option<KeptMessage> {
        let is_it = |kept: &KeptMessage| kept.facts == outline.facts && *kept.text == *outline.text;
        self.messages.remove(self.messages.iter().position(is_it)?)
    }

    /// Keeps these for the next frame, and nothing else.
    pub(crate) fn replace(&mut self, messages: impl IntoIterator<Item = KeptMessage>) {
        self.messages.clear();
        if self.looks.is_some() {
            self.messages.extend(messages);
        }
    }
}

impl KeptMessage {
    /// A message that has been painted, if its outline is all that it depends on.
    pub(crate) fn of(facts: &Facts, text: &str, block: &Block<'_>, lines: &[Line]) -> Option<Self> {
        let Body::Message(message) = &block.body else { return None };
        // Links have numbers, which follow from all that is in the window; days and ways of doing things are told in words.
        let is_by_itself = block.day.is_none() && block.news.is_none() && message.reason.is_empty();
        let is_plain = message.more.is_none() && message.shown.links.is_empty();
        (is_by_itself && is_plain && lines.len() == block.height()).then(|| Self {
            facts: facts.clone(),
            text: text.into(),
            lines: lines.to_vec(),
        })
    }

    /// Its rows, from top to bottom.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }
}
