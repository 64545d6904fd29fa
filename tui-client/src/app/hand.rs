//! Pure. What the person has in hand: a message that is selected, or a link that may be opened.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;

use crate::app::commands::Direction;
use crate::app::layout::Room;
use crate::app::log::{Entry, Item, Slot};
use crate::app::markup::{Link, Markup, Target};
use crate::app::notice::Notice;
use crate::app::scroll::{Foot, Scroll};
use crate::app::update::size_in_words;
use crate::app::{Effect, State, layout, rows, wrap};

/// How much of an address is shown behind its host when it is asked about, in columns: the first that there is room for.
const ADDRESS_COLUMNS: [usize; 4] = [120, 60, 30, 15];
/// Nobody agrees to what is not seen.
const NO_ROOM: &str = "The link is not opened: there is no room here to show all of its host.";

/// What the person has in hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hand {
    /// Nothing.
    #[default]
    Free,
    /// A message.
    Selected {
        /// Which.
        slot: Slot,
        /// How many of its parts of one kind were copied in a row, and of which.
        copied: Copied,
    },
    /// A link, whose number comes next.
    Numbered,
    /// A link, of which it was asked whether to open it.
    Asked(Target),
}

/// How many of one kind of a message's parts were copied in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Copied {
    /// None.
    #[default]
    Nothing,
    /// So many code blocks.
    Code(usize),
    /// So many links.
    Links(usize),
}

/// What can be done with a message that is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Select the one before it, or the newest.
    Older,
    /// Select the one behind it.
    Newer,
    /// Copy it as it was written.
    Copy,
    /// Copy its last code block, then the one before.
    CopyCode,
    /// Copy where its last link leads, then the one before.
    CopyLink,
    /// Open its link.
    Open,
    /// Quote it in the draft.
    Quote,
    /// Have nothing in hand.
    Release,
}

/// Whether a key was meant for what is in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    ForIt,
    ForTheRest,
}

/// Does what a key asks of what is in hand. A key that means nothing to it lets go of it.
pub(crate) fn press(state: &mut State, key: &KeyEvent, effects: &mut Vec<Effect>) -> Meant {
    let is_typed = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match (&state.hand, key.code) {
        (Hand::Free, _) => return Meant::ForTheRest,
        (Hand::Selected { .. }, _) if state.selected().is_none() => {
            state.hand = Hand::Free;
            return Meant::ForTheRest;
        }
        (Hand::Selected { .. }, _) => match state.preferences.keymap.action_on_selected(key) {
            Some(deed) => act(state, deed, effects),
            None => {
                state.hand = Hand::Free;
                return Meant::ForTheRest;
            }
        },
        (Hand::Numbered, KeyCode::Char(c)) if is_typed && c.is_ascii_digit() => {
            state.hand = Hand::Free;
            ask(state, c.to_digit(10).and_then(|number| usize::try_from(number).ok()).unwrap_or_default());
        }
        (Hand::Asked(link), KeyCode::Char('c' | 'l')) if is_typed => {
            let notice = Notice::news(format!("Copied the address, {}.", measure(&link.url)), state.now);
            effects.push(Effect::Copy(link.url.clone()));
            state.notice = Some(notice);
            state.hand = Hand::Free;
        }
        (Hand::Asked(link), KeyCode::Enter | KeyCode::Char('y')) if is_typed => {
            let notice = match question_about(link, state.size) {
                Some(_) => {
                    effects.push(Effect::Open(link.url.clone()));
                    Notice::news(format!("Opening {}.", link.host), state.now)
                }
                None => Notice::trouble(NO_ROOM),
            };
            state.notice = Some(notice);
            state.hand = Hand::Free;
        }
        (Hand::Numbered | Hand::Asked(_), KeyCode::Esc) => state.hand = Hand::Free,
        // Whatever else answers a question is no part of a message.
        (Hand::Asked(_), KeyCode::Char(_)) if is_typed => state.hand = Hand::Free,
        (Hand::Numbered | Hand::Asked(_), _) => {
            state.hand = Hand::Free;
            return Meant::ForTheRest;
        }
    }
    Meant::ForIt
}

pub(crate) fn act(state: &mut State, deed: Deed, effects: &mut Vec<Effect>) {
    match deed {
        Deed::Older => select(state, Direction::Up, effects),
        Deed::Newer => select(state, Direction::Down, effects),
        Deed::Copy => copy(state, effects),
        Deed::CopyCode => copy_code(state, effects),
        Deed::CopyLink => copy_link(state, effects),
        Deed::Open => open_of_selected(state),
        Deed::Quote => quote(state),
        Deed::Release => state.hand = Hand::Free,
    }
}

/// Copies the message that is the last one in the window.
pub(crate) fn copy_last(state: &mut State, effects: &mut Vec<Effect>) {
    let last = state.log.up_from(state.foot().slot).find_map(|slot| state.text_of(slot));
    match last.map(str::to_owned) {
        Some(text) => {
            state.notice = Some(Notice::news(format!("Copied the last message, {}.", measure(&text)), state.now));
            effects.push(Effect::Copy(text));
        }
        None => state.notice = Some(Notice::news("There is no message to copy.", state.now)),
    }
}

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

fn ask(state: &mut State, number: usize) {
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
        full.map(|address| (ask("Open on ", &format!("{address}Enter opens · c copies it · Esc not")), Room::Usual));
    let short = [(ask("Open on ", "y/n/c"), Room::Usual), (ask("", "y/n/c"), Room::All)];
    let fitting = |(question, room): &(Question, Room)| layout::has_room_for_all_of(&question.text, size, *room);
    full.chain(short).find(fitting).map(|(question, _)| question)
}

fn select(state: &mut State, direction: Direction, effects: &mut Vec<Effect>) {
    let (start, selected) = match state.hand {
        Hand::Selected { slot, .. } => (slot, Some(slot)),
        Hand::Free | Hand::Numbered | Hand::Asked(_) => (state.foot().slot, None),
    };
    let is_other = |slot: &Slot| Some(*slot) != selected && state.text_of(*slot).is_some();
    let found = match direction {
        Direction::Up => state.log.up_from(start).find(is_other),
        Direction::Down => state.log.down_from(start).find(is_other),
    };
    if let Some(slot) = found {
        state.hand = Hand::Selected { slot, copied: Copied::Nothing };
        state.bring_into_view(slot);
    }
    if direction == Direction::Up && state.is_near_the_top() {
        state.fetch_older(effects);
    }
}

fn copy(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(text) = state.selected_text().map(str::to_owned) else { return };
    state.notice = Some(Notice::news(format!("Copied, {}.", measure(&text)), state.now));
    effects.push(Effect::Copy(text));
}

fn copy_code(state: &mut State, effects: &mut Vec<Effect>) {
    let Hand::Selected { copied, .. } = state.hand else { return };
    let done = if let Copied::Code(done) = copied { done } else { 0 };
    let text = state.selected_text().unwrap_or_default();
    let blocks = Markup::of(text).code.iter().map(|code| code.in_message(text)).collect();
    copy_part(state, "code block", blocks, done, effects);
    note_copied(state, Copied::Code(done + 1));
}

fn copy_link(state: &mut State, effects: &mut Vec<Effect>) {
    let Hand::Selected { slot, copied } = state.hand else { return };
    let done = if let Copied::Links(done) = copied { done } else { 0 };
    let links = state.links_of(slot).iter().filter_map(|link| link.target().map(|target| target.url)).collect();
    copy_part(state, "link", links, done, effects);
    note_copied(state, Copied::Links(done + 1));
}

/// Copies the last of a message's parts, or the one before those that are `done`.
fn copy_part(state: &mut State, what: &str, mut parts: Vec<String>, done: usize, effects: &mut Vec<Effect>) {
    let count = parts.len();
    let Some(at) = count.checked_sub(1 + done % count.max(1)) else {
        state.notice = Some(Notice::news(format!("There is no {what} in this message."), state.now));
        return;
    };
    let part = parts.swap_remove(at);
    let which = if count > 1 { format!("{} of {count}", at + 1) } else { "the only one".to_owned() };
    state.notice = Some(Notice::news(format!("Copied a {what} ({which}), {}.", measure(&part)), state.now));
    effects.push(Effect::Copy(part));
}

fn note_copied(state: &mut State, now: Copied) {
    if let Hand::Selected { copied, .. } = &mut state.hand {
        *copied = now;
    }
}

fn open_of_selected(state: &mut State) {
    let Hand::Selected { slot, .. } = state.hand else { return };
    let mut links = state.links_of(slot);
    match (links.pop(), links.is_empty()) {
        (None, _) => state.notice = Some(Notice::news("There is no link in this message.", state.now)),
        (Some(link), true) => ask_about(state, &link),
        (Some(_), false) => state.hand = Hand::Numbered,
    }
}

fn quote(state: &mut State) {
    let Some(text) = state.selected_text() else { return };
    let lines = text
        .trim_end()
        .lines()
        .map(|line| if line.starts_with('>') { format!(">{line}\n") } else { format!("> {line}\n") });
    let quote: String = lines.collect();
    let before = if state.composer.is_empty() { "" } else { "\n" };
    state.composer.insert(&format!("{before}{quote}"));
    state.hand = Hand::Free;
    state.scroll_to_newest();
}

/// How much a text is: in lines where there are several, else in characters.
fn measure(text: &str) -> String {
    match text.trim_end().lines().count() {
        0 | 1 => size_in_words(text.len()),
        lines => format!("{lines} lines"),
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

    /// The message that is selected.
    #[must_use]
    pub fn selected(&self) -> Option<Slot> {
        match self.hand {
            // It may have been taken back meanwhile.
            Hand::Selected { slot, .. } => self.text_of(slot).map(|_| slot),
            Hand::Free | Hand::Numbered | Hand::Asked(_) => None,
        }
    }

    fn selected_text(&self) -> Option<&str> {
        self.text_of(self.selected()?)
    }

    /// What a message says, as it was written.
    fn text_of(&self, slot: Slot) -> Option<&str> {
        match self.log.get(slot)? {
            Entry::Item(Item::Said(said)) => Some(&said.text),
            Entry::Item(Item::Gap { .. }) => None,
            Entry::Outgoing(post) => Some(&post.text),
        }
    }

    /// Scrolls no further than to have all of an entry in the window, or its beginning where it is taller.
    fn bring_into_view(&mut self, slot: Slot) {
        let foot = self.foot();
        if slot > foot.slot || slot == foot.slot && foot.hidden > 0 {
            self.scroll = Scroll::At(Foot { slot, hidden: 0 });
            self.settle_scroll();
        }
        let above = self.rows_from(slot).saturating_sub(self.window_rows());
        if above > 0 {
            self.scroll_up(above);
        }
        if self.foot() == (Foot { slot: self.log.last(), hidden: 0 }) {
            self.scroll_to_newest();
        }
    }

    /// The rows from the beginning of an entry to the foot of the window.
    fn rows_from(&self, slot: Slot) -> usize {
        let columns = layout::columns(self);
        let foot = self.foot();
        let slots = self.log.down_from(slot).take_while(|slot| *slot <= foot.slot);
        let heights = slots.filter_map(|slot| rows::block(self, &columns, slot));
        heights.map(|block| block.height()).sum::<usize>().saturating_sub(foot.hidden)
    }
}
