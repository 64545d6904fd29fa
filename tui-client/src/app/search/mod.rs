//! Pure. Looking for words in the whole history of the room: the line they are written on, what was found, and the way there.
//!
//! The server looks, and names places. To show one that is not loaded, older messages are fetched page by page until it is,
//! so that the log stays without holes; any key ends that. `asking` is the server's part, `going` the way.

mod asking;
mod going;

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shared::message::Seq;
use shared::search::{MAX_QUERY_BYTES, Query};

use crate::app::commands::Action;
use crate::app::composer::Edit;
use crate::app::hand::Meant;
use crate::app::log::Slot;
use crate::app::scroll::Scroll;
use crate::app::search::asking::Asked;
use crate::app::{Effect, State, sanitize};

/// A search that is open.
#[derive(Debug, Clone)]
pub struct Search {
    /// What is written, harmless.
    pub text: String,
    /// What of it can be looked for.
    query: Option<Query>,
    /// The places that were found, the newest first.
    found: Vec<Seq>,
    /// Which of them is shown.
    at: usize,
    /// Before which place there may be more.
    earlier: Option<Seq>,
    asked: Asked,
    /// The one after the last that was found is to be shown when it comes.
    wants_next: bool,
    /// The window is to be brought to the one that is shown when it is loaded.
    is_going: bool,
    /// Why nothing comes, in a few words.
    trouble: Option<String>,
    /// Where the window was before.
    pub(super) came_from: Scroll,
}

impl Search {
    /// What to say of it, in a few words.
    #[must_use]
    pub fn status(&self, first_loaded: Option<Seq>) -> String {
        let more = if self.earlier.is_some() { "+" } else { "" };
        let (nth, count) = (self.at + 1, self.found.len());
        match (&self.trouble, self.place()) {
            (Some(trouble), _) => trouble.clone(),
            (None, _) if self.query.is_none() => "words to look for".to_owned(),
            (None, None) if self.asked != Asked::No => "looking".to_owned(),
            (None, None) => "nothing found".to_owned(),
            (None, Some(place)) if self.is_going => {
                let left = first_loaded.map_or(0, |first| first.0.saturating_sub(place.0));
                format!("{nth} of {count}{more} · fetching {left} messages")
            }
            (None, Some(_)) => format!("{nth} of {count}{more}"),
        }
    }

    /// Whether there is anything to show.
    #[must_use]
    pub fn is_anything_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// The place that is shown.
    fn place(&self) -> Option<Seq> {
        self.found.get(self.at).copied()
    }

    fn cut_word(&mut self) {
        let kept = self.text.trim_end().trim_end_matches(|c: char| !c.is_whitespace()).len();
        self.text.truncate(kept);
    }

    /// Takes what is typed or pasted, as one line and no longer than the server takes it.
    fn write(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.len() + c.len_utf8() <= MAX_QUERY_BYTES {
                self.text.push(c);
            }
        }
    }
}

impl State {
    /// Opens a search, with these words in it.
    pub(crate) fn open_search(&mut self, words: &str, effects: &mut Vec<Effect>) {
        let mut search = Search {
            text: String::new(),
            query: None,
            found: Vec::new(),
            at: 0,
            earlier: None,
            asked: Asked::No,
            wants_next: false,
            is_going: false,
            trouble: None,
            came_from: self.scroll,
        };
        search.write(words);
        self.search = Some(search);
        self.ask(effects);
    }

    /// What of a text is marked, as it was looked for: nothing where a word of it is missing.
    pub(crate) fn marked_in(&self, text: &str) -> Vec<Range<usize>> {
        let query = self.search.as_ref().and_then(|search| search.query.as_ref());
        query.filter(|query| query.is_in(text)).map(|query| query.ranges(text)).unwrap_or_default()
    }

    /// The message that is shown of those that were found, where it is loaded.
    #[must_use]
    pub fn found(&self) -> Option<Slot> {
        self.log.slot_of(self.search.as_ref()?.place()?)
    }

    /// Takes a paste while a search is open, and says whether one is.
    pub(crate) fn paste_into_search(&mut self, text: &str) -> bool {
        let Some(search) = &mut self.search else { return false };
        search.write(&sanitize::line(text));
        self.ask_soon();
        true
    }

    fn close_search(&mut self) {
        let Some(search) = self.search.take() else { return };
        match search.came_from {
            Scroll::Newest => self.scroll_to_newest(),
            Scroll::At(_) => self.scroll = search.came_from,
        }
        self.settle_scroll();
    }
}

/// What a key means while a search is open.
pub(crate) fn press(state: &mut State, key: &KeyEvent, action: Option<Action>, effects: &mut Vec<Effect>) -> Meant {
    let Some(search) = &mut state.search else { return Meant::ForTheRest };
    let was_going = std::mem::take(&mut search.is_going);
    let is_plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match (key.code, action) {
        (KeyCode::Char(c), _) if is_plain => {
            search.write(&sanitize::typed(c).into_iter().collect::<String>());
            state.ask_soon();
        }
        (KeyCode::Backspace, _) if is_plain => {
            search.text.pop();
            state.ask_soon();
        }
        (_, Some(Action::Edit(Edit::CutWord))) => {
            search.cut_word();
            state.ask_soon();
        }
        (_, Some(Action::Edit(Edit::CutToLineStart))) => {
            search.text.clear();
            state.ask_soon();
        }
        (KeyCode::Up, _) if key.modifiers.is_empty() => state.older_found(effects),
        (KeyCode::Down, _) if key.modifiers.is_empty() => state.newer_found(effects),
        (_, Some(Action::Search | Action::Edit(Edit::Earlier))) => state.older_found(effects),
        (_, Some(Action::Edit(Edit::Later))) => state.newer_found(effects),
        // On the way there is nowhere to stay yet.
        (_, Some(Action::Send)) if was_going => search.is_going = true,
        (_, Some(Action::Send)) if state.ask_now(effects) => {}
        (_, Some(Action::Send)) => {
            state.search = None;
            state.settle_scroll();
        }
        (KeyCode::Esc, _) | (_, Some(Action::ClearDraft | Action::Quit)) => state.close_search(),
        (
            _,
            Some(
                Action::Page(_)
                | Action::Row(_)
                | Action::Newest
                | Action::Unread
                | Action::Retry
                | Action::Redraw
                | Action::Suspend
                | Action::Times
                | Action::Help,
            ),
        ) => return Meant::ForTheRest,
        (_, Some(_) | None) => {}
    }
    Meant::ForIt
}
