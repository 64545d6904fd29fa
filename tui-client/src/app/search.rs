//! Pure. Looking for words in the whole history of the room: the line they are written on, what was found, and the way there.
//!
//! The server looks, and names places. To show one that is not loaded, older messages are fetched page by page until it is,
//! so that the log stays without holes; any key ends that.

use std::ops::Range;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use shared::message::Seq;
use shared::rest::SearchPage;
use shared::search::{MAX_QUERY_BYTES, Query};

use crate::app::arrivals::Picture;
use crate::app::commands::Action;
use crate::app::composer::Edit;
use crate::app::hand::Meant;
use crate::app::log::{Older, Slot};
use crate::app::scroll::Scroll;
use crate::app::times::later;
use crate::app::{Connection, Effect, State, sanitize};
use crate::network::Request;

/// How long after the last key the server is asked.
const RESTS: Duration = Duration::from_millis(150);

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

/// Whether an answer is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// The server is to be asked when the keys have rested until then.
    At(Timestamp),
    /// The server was asked for what is before this place, or for the newest.
    Before(Option<Seq>),
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

    fn ask_before(&mut self, before: Option<Seq>, effects: &mut Vec<Effect>) {
        self.asked = Asked::Before(before);
        effects.push(Effect::Request(Request::Search { query: self.text.clone(), before }));
    }

    /// Before which place the server was asked for what it has found with these words now, if it was.
    fn takes(&self, query: &str) -> Option<Option<Seq>> {
        match self.asked {
            Asked::Before(before) if self.text == query => Some(before),
            Asked::Before(_) | Asked::At(_) | Asked::No => None,
        }
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

    /// Asks for what is written now, from the newest message on.
    fn ask(&mut self, effects: &mut Vec<Effect>) {
        self.ask_soon();
        self.ask_now(effects);
    }

    /// What is written has changed, and is asked for once the keys rest.
    fn ask_soon(&mut self) {
        let is_live = self.connection == Connection::Live;
        let Some(search) = &mut self.search else { return };
        search.query = Query::new(&search.text);
        search.found.clear();
        (search.at, search.earlier, search.wants_next, search.is_going) = (0, None, false, false);
        let is_to_be_asked = search.query.is_some() && is_live;
        search.asked = if is_to_be_asked { Asked::At(later(self.now, RESTS)) } else { Asked::No };
        search.trouble = (!is_live).then(|| "no connection to look by".to_owned());
    }

    /// Asks what is to be asked, and says whether anything was.
    fn ask_now(&mut self, effects: &mut Vec<Effect>) -> bool {
        let Some(search) = self.search.as_mut().filter(|search| matches!(search.asked, Asked::At(_))) else {
            return false;
        };
        search.ask_before(None, effects);
        true
    }

    pub(crate) fn next_search_tick(&self) -> Option<Timestamp> {
        match self.search.as_ref()?.asked {
            Asked::At(due) => Some(due),
            Asked::Before(_) | Asked::No => None,
        }
    }

    pub(crate) fn search_tick(&mut self, effects: &mut Vec<Effect>) {
        if self.next_search_tick().is_some_and(|due| due <= self.now) {
            self.ask_now(effects);
        }
    }

    /// Asks anew after a welcome: what was asked may be lost, and the history another one.
    pub(crate) fn search_again(&mut self, effects: &mut Vec<Effect>) {
        if self
            .search
            .as_ref()
            .is_some_and(|search| search.trouble.is_some() || search.asked != Asked::No || search.is_going)
        {
            self.ask(effects);
        }
    }

    /// The history is another one: what was found in the old one is looked for anew, and where the window was is no more.
    pub(crate) fn search_another_history(&mut self) {
        if let Some(search) = &mut self.search {
            search.came_from = Scroll::Newest;
            // So it counts as lost.
            search.asked = Asked::Before(None);
        }
    }

    /// The server has looked.
    pub(crate) fn take_found(&mut self, query: &str, page: &SearchPage, effects: &mut Vec<Effect>) -> Picture {
        let Some(search) = &mut self.search else { return Picture::Same };
        let Some(before) = search.takes(query) else { return Picture::Same };
        let is_first = search.found.is_empty();
        search.asked = Asked::No;
        search.found.extend(page.messages.iter().rev().map(|message| message.seq));
        // A server that does not get on would be asked without end.
        search.earlier = page.earlier.filter(|earlier| before.is_none_or(|before| *earlier < before));
        let is_nothing_new = page.messages.is_empty();
        if let Some(earlier) = search.earlier.filter(|_| is_nothing_new && (is_first || search.wants_next)) {
            // It has looked at what it looks at in one go, and there is more.
            search.ask_before(Some(earlier), effects);
        } else if std::mem::take(&mut search.wants_next) && !is_nothing_new {
            search.at += 1;
            self.show_found(effects);
        } else if is_first {
            self.show_found(effects);
        }
        Picture::Changed
    }

    /// The server could not look.
    pub(crate) fn take_search_failed(&mut self, query: &str, reason: &str) -> Picture {
        let Some(search) = self.search.as_mut().filter(|search| search.takes(query).is_some()) else {
            return Picture::Same;
        };
        (search.asked, search.wants_next) = (Asked::No, false);
        search.trouble = Some(sanitize::line(reason));
        Picture::Changed
    }

    /// Brings the window to the place that is shown, once it is loaded.
    fn show_found(&mut self, effects: &mut Vec<Effect>) {
        let Some(search) = &mut self.search else { return };
        let Some(place) = search.place() else { return };
        search.is_going = false;
        if let Some(slot) = self.log.slot_of(place) {
            self.scroll_to(slot);
        } else if self.log.older == Older::None {
            search.trouble = Some("this one is no longer kept".to_owned());
        } else {
            search.is_going = true;
            self.fetch_older(effects);
        }
    }

    /// A page has come, or there is none.
    pub(crate) fn go_on_to_found(&mut self, effects: &mut Vec<Effect>) {
        if self.search.as_ref().is_some_and(|search| search.is_going) {
            self.show_found(effects);
        }
    }

    /// A page could not be fetched.
    pub(crate) fn go_no_more_to_found(&mut self, reason: &str) {
        if let Some(search) = self.search.as_mut().filter(|search| search.is_going) {
            search.is_going = false;
            search.trouble = Some(reason.to_owned());
        }
    }

    fn older_found(&mut self, effects: &mut Vec<Effect>) {
        if self.ask_now(effects) {
            return;
        }
        let Some(search) = &mut self.search else { return };
        if search.at + 1 < search.found.len() {
            search.at += 1;
            self.show_found(effects);
        } else if let Some(earlier) = search.earlier.filter(|_| search.asked == Asked::No) {
            search.wants_next = true;
            search.ask_before(Some(earlier), effects);
        }
    }

    fn newer_found(&mut self, effects: &mut Vec<Effect>) {
        if let Some(search) = self.search.as_mut().filter(|search| search.at > 0) {
            search.at -= 1;
            self.show_found(effects);
        }
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
