//! Pure. The server is asked for what is written, once the keys rest, and answers.

use std::time::Duration;

use jiff::Timestamp;
use shared::message::Seq;
use shared::rest::SearchPage;
use shared::search::Query;

use crate::app::arrivals::Picture;
use crate::app::scroll::Scroll;
use crate::app::search::Search;
use crate::app::times::later;
use crate::app::{Connection, Effect, State, sanitize};
use crate::network::Request;

/// How long after the last key the server is asked.
const RESTS: Duration = Duration::from_millis(150);

/// Whether an answer is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    /// The server is to be asked when the keys have rested until then.
    At(Timestamp),
    /// The server was asked for what is before this place, or for the newest.
    Before(Option<Seq>),
}

impl Search {
    pub(super) fn ask_before(&mut self, before: Option<Seq>, effects: &mut Vec<Effect>) {
        self.asked = Asked::Before(before);
        effects.push(Effect::Request(Request::Search { query: self.text.clone(), before }));
    }

    /// Before which place the server was asked for what it has found with these words now, if it was.
    pub(super) fn takes(&self, query: &str) -> Option<Option<Seq>> {
        match self.asked {
            Asked::Before(before) if self.text == query => Some(before),
            Asked::Before(_) | Asked::At(_) | Asked::No => None,
        }
    }
}

impl State {
    /// Asks for what is written now, from the newest message on.
    pub(super) fn ask(&mut self, effects: &mut Vec<Effect>) {
        self.ask_soon();
        self.ask_now(effects);
    }

    /// What is written has changed, and is asked for once the keys rest.
    pub(super) fn ask_soon(&mut self) {
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
    pub(super) fn ask_now(&mut self, effects: &mut Vec<Effect>) -> bool {
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
}
