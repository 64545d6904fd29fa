//! Pure. The way to what was found: through older messages, page by page, until its place is loaded.

use crate::app::log::Older;
use crate::app::search::asking::Asked;
use crate::app::{Effect, State};

impl State {
    /// Brings the window to the place that is shown, once it is loaded.
    pub(super) fn show_found(&mut self, effects: &mut Vec<Effect>) {
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

    pub(super) fn older_found(&mut self, effects: &mut Vec<Effect>) {
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

    pub(super) fn newer_found(&mut self, effects: &mut Vec<Effect>) {
        if let Some(search) = self.search.as_mut().filter(|search| search.at > 0) {
            search.at -= 1;
            self.show_found(effects);
        }
    }
}
