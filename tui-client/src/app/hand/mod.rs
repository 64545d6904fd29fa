//! Pure. What the person has in hand: a message that is selected, or a link that may be opened.
//!
//! `copying` and `opening` are what may come of it.

pub(crate) mod copying;
pub(crate) mod opening;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::commands::Direction;
use crate::app::log::{Entry, Item, Slot};
use crate::app::markup::Target;
use crate::app::rows::Body;
use crate::app::scroll::{Foot, Scroll};
use crate::app::{Effect, State, layout, rows};

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
    /// Show all of it where it is long, or its beginning alone again.
    Fold,
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
            opening::ask(state, c.to_digit(10).and_then(|number| usize::try_from(number).ok()).unwrap_or_default());
        }
        (Hand::Asked(link), KeyCode::Char('c' | 'l')) if is_typed => {
            let link = link.clone();
            state.hand = Hand::Free;
            copying::copy_address(state, link, effects);
        }
        (Hand::Asked(link), KeyCode::Enter | KeyCode::Char('y')) if is_typed => {
            let link = link.clone();
            state.hand = Hand::Free;
            opening::agreed(state, link, effects);
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
        Deed::Copy => copying::copy(state, effects),
        Deed::CopyCode => copying::copy_code(state, effects),
        Deed::CopyLink => copying::copy_link(state, effects),
        Deed::Open => opening::open_of_selected(state),
        Deed::Fold => fold(state),
        Deed::Quote => quote(state),
        Deed::Release => state.hand = Hand::Free,
    }
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

fn fold(state: &mut State) {
    let Some(slot) = state.selected() else { return };
    if !state.unfolded.remove(&slot) {
        state.unfolded.insert(slot);
    }
    state.bring_into_view(slot);
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

impl State {
    /// The message that is selected.
    #[must_use]
    pub fn selected(&self) -> Option<Slot> {
        match self.hand {
            // It may have been taken back meanwhile.
            Hand::Selected { slot, .. } => self.text_of(slot).map(|_| slot),
            Hand::Free | Hand::Numbered | Hand::Asked(_) => None,
        }
    }

    /// Whether less is shown of the message that is selected than there is.
    pub(crate) fn selected_is_folded(&self) -> bool {
        let block = self.selected().and_then(|slot| rows::block(self, &layout::columns(self), slot));
        block.is_some_and(|block| matches!(block.body, Body::Message(message) if message.more.is_some()))
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
