//! Pure. Links that are opened: by number, and only after a question that shows all of the host.

use std::ops::Range;

use ratatui::layout::Size;

use crate::app::hand::Hand;
use crate::app::layout::Room;
use crate::app::markup::{Link, Target};
use crate::app::notice::Notice;
use crate::app::{Effect, State, layout, wrap};

/// How much of an address is shown behind its host when it is asked about, in columns: the first that there is room for.
const ADDRESS_COLUMNS: [usize; 4] = [120, 60, 30, 15];
/// Nobody agrees to what is not seen.
const NO_ROOM: &str = "The link is not opened: there is no room here to show all of its host.";

/// Opens a link by the number behind it, which is asked for where it is not told.
pub(crate) fn open(state: &mut State, number: &str) {
    match (number.parse(), state.link(2)) {
        (Ok(number), _) => ask(state, number),
        (Err(_), _) if !number.is_empty() => {
            state.notice = Some(Notice::trouble("Write /open and the number of a link."))
        }
        (Err(_), Some(_)) => state.hand = Hand::Numbered,
        (Err(_), None) => ask(state, 1),
    }
}

pub(super) fn ask(state: &mut State, number: usize) {
    match state.link(number) {
        Some(link) => ask_about(state, &link),
        None if state.link(1).is_none() => {
            state.notice = Some(Notice::news("There is no link in the window.", state.now))
        }
        None => state.notice = Some(Notice::news(format!("There is no link [{number}] in the window."), state.now)),
    }
}

fn ask_about(state: &mut State, link: &Link) {
    match link.target() {
        Some(target) if question_about(&target, state.size).is_none() => state.notice = Some(Notice::trouble(NO_ROOM)),
        Some(target) => state.hand = Hand::Asked(target),
        None => state.notice = Some(Notice::trouble("That only looks like an address, and leads nowhere.")),
    }
}

/// The person has agreed to go there.
pub(super) fn agreed(state: &mut State, link: Target, effects: &mut Vec<Effect>) {
    // The terminal may be another since it was asked.
    if question_about(&link, state.size).is_none() {
        state.notice = Some(Notice::trouble(NO_ROOM));
        return;
    }
    state.notice = Some(Notice::news(format!("Opening {}.", link.host), state.now));
    effects.push(Effect::Open(link.url));
}

/// What is asked before a link opens.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    text: String,
    /// Where in it the host stands.
    host: Range<usize>,
}

/// The question before a link opens, where all of its host can be shown. The rest of the address has what room is left; on
/// a small screen the host and the keys have all there is.
fn question_about(link: &Target, size: Size) -> Option<Question> {
    let ask = |before: &str, behind: &str| Question {
        text: format!("{before}{}? {behind}", link.host),
        host: before.len()..before.len() + link.host.len(),
    };
    let addresses = ADDRESS_COLUMNS.map(|columns| format!("{}  ", wrap::fitted(&link.url, columns)));
    let full = addresses.into_iter().chain([String::new()]);
    let full =
        full.map(|address| (ask("Open on ", &format!("{address}Enter opens · c copies · Esc not")), Room::Usual));
    let short = [(ask("Open on ", "y/n/c"), Room::Usual), (ask("", "y/n/c"), Room::All)];
    let fitting = |(question, room): &(Question, Room)| layout::has_room_for_all_of(&question.text, size, *room);
    full.chain(short).find(fitting).map(|(question, _)| question)
}

pub(super) fn open_of_selected(state: &mut State) {
    let Hand::Selected { slot, .. } = state.hand else { return };
    let mut links = state.links_of(slot);
    match (links.pop(), links.is_empty()) {
        (None, _) => state.notice = Some(Notice::news("There is no link in this message.", state.now)),
        (Some(link), true) => ask_about(state, &link),
        (Some(_), false) => state.hand = Hand::Numbered,
    }
}

impl State {
    /// What is asked about what is in hand, if so.
    pub(crate) fn question_of_hand(&self) -> Option<String> {
        match &self.hand {
            Hand::Free | Hand::Selected { .. } => None,
            Hand::Numbered => {
                let question = "Which link? Press its number, Esc goes back.";
                let has_room = layout::has_room_for_all_of(question, self.size, Room::Usual);
                Some(if has_room { question } else { "Which link? 1-9" }.to_owned())
            }
            Hand::Asked(link) => {
                Some(question_about(link, self.size).map_or_else(|| NO_ROOM.to_owned(), |question| question.text))
            }
        }
    }

    /// Where in the question the host stands that is asked about.
    pub(crate) fn host_in_question(&self) -> Option<Range<usize>> {
        match &self.hand {
            Hand::Asked(link) => question_about(link, self.size).map(|question| question.host),
            Hand::Free | Hand::Selected { .. } | Hand::Numbered => None,
        }
    }
}
