//! Pure. Which part of the log is in the window: by entry and row, never by a count of rows from either end.

use crate::app::hand::Hand;
use crate::app::layout::{self, Areas, Columns};
use crate::app::log::{Older, Slot};
use crate::app::{Connection, Effect, State, rows};
use crate::network::Request;

/// Where the foot of the window stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scroll {
    /// At the newest message, and it stays there.
    #[default]
    Newest,
    /// At an entry, and it stays there whatever comes before or behind.
    At(Foot),
}

/// The last row in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foot {
    /// The entry it belongs to.
    pub slot: Slot,
    /// How many rows of that entry are below it, counted from the entry's end: day lines and names come and go at its
    /// beginning.
    pub hidden: usize,
}

impl State {
    /// The last row in the window; meaningless while the log is empty.
    #[must_use]
    pub fn foot(&self) -> Foot {
        match self.scroll {
            Scroll::Newest => Foot { slot: self.log.last(), hidden: 0 },
            Scroll::At(foot) => foot,
        }
    }

    /// Goes to the newest message.
    pub fn scroll_to_newest(&mut self) {
        self.scroll = Scroll::Newest;
        self.unseen = 0;
    }

    /// Scrolls by `rows` to what is older, no further than to the first row at the top of the window.
    pub fn scroll_up(&mut self, rows: usize) {
        if self.log.is_empty() {
            return;
        }
        let (columns, window) = self.window();
        let mut foot = self.foot();
        foot.hidden += rows;
        loop {
            let height = self.height(&columns, foot.slot);
            if foot.hidden < height {
                break;
            }
            let Some(before) = self.log.before(foot.slot) else {
                foot.hidden = height.saturating_sub(1);
                break;
            };
            foot.hidden -= height;
            foot.slot = before;
        }
        let missing = window.saturating_sub(self.rows_down_to(&columns, foot, window));
        self.scroll = Scroll::At(foot);
        self.scroll_down(missing);
    }

    /// Scrolls by `rows` to what is newer.
    pub fn scroll_down(&mut self, mut rows: usize) {
        let Scroll::At(mut foot) = self.scroll else { return };
        let (columns, _) = self.window();
        let last = self.log.last();
        while rows > 0 && (foot.hidden > 0 || foot.slot < last) {
            let step = rows.min(foot.hidden);
            foot.hidden -= step;
            rows -= step;
            if let Some(after) = self.log.after(foot.slot).filter(|_| rows > 0) {
                foot.slot = after;
                foot.hidden = self.height(&columns, foot.slot);
            }
        }
        if foot.slot >= last && foot.hidden == 0 {
            self.scroll_to_newest();
        } else {
            self.scroll = Scroll::At(foot);
        }
    }

    /// Brings the first row of an entry to the top third of the window, as far as there are rows below it.
    pub(crate) fn scroll_to(&mut self, slot: Slot) {
        let (columns, window) = self.window();
        self.scroll = Scroll::At(Foot { slot, hidden: self.height(&columns, slot).saturating_sub(1) });
        self.scroll_down(window - window / 3 - 1);
        self.settle_scroll();
    }

    /// Whether the first row of an entry is in the window.
    pub(crate) fn is_in_window(&self, slot: Slot) -> bool {
        let (columns, window) = self.window();
        let foot = self.foot();
        let mut rows = 0;
        for at in self.log.up_from(foot.slot).take_while(|at| *at >= slot) {
            rows += self.height(&columns, at);
            if rows > window + foot.hidden {
                return false;
            }
        }
        slot <= foot.slot && rows > foot.hidden
    }

    /// Asks for the messages before those that are loaded, if there may be some.
    pub(crate) fn fetch_older(&mut self, effects: &mut Vec<Effect>) {
        if self.connection != Connection::Live || self.log.older != Older::Unknown {
            return;
        }
        match self.log.first_seq() {
            Some(first) if first.0 > 1 => {
                self.log.older = Older::Asked;
                effects.push(Effect::Request(Request::PageBefore(first)));
            }
            Some(_) | None => self.log.older = Older::None,
        }
    }

    /// Brings the foot back among the rows there are, after they have changed.
    pub(crate) fn settle_scroll(&mut self) {
        let Scroll::At(mut foot) = self.scroll else { return };
        if self.log.is_empty() {
            return self.scroll_to_newest();
        }
        let (columns, _) = self.window();
        // What it stood at may have been taken back.
        foot.slot = self.log.up_from(foot.slot).next().unwrap_or(self.log.first());
        foot.hidden = foot.hidden.min(self.height(&columns, foot.slot).saturating_sub(1));
        self.scroll = Scroll::At(foot);
        self.scroll_up(0);
    }

    /// An entry has another slot now.
    pub(crate) fn follow(&mut self, from: Slot, to: Slot) {
        if let Hand::Selected { slot, .. } = &mut self.hand
            && *slot == from
        {
            *slot = to;
        }
        let came_from = self.search.as_mut().map(|search| &mut search.came_from);
        for scroll in [Some(&mut self.scroll), came_from].into_iter().flatten() {
            if let Scroll::At(foot) = scroll
                && foot.slot == from
            {
                foot.slot = to;
            }
        }
    }

    /// Whether there are fewer rows above the window than the window has.
    pub(crate) fn is_near_the_top(&self) -> bool {
        let (columns, window) = self.window();
        self.log.is_empty() || self.rows_down_to(&columns, self.foot(), 2 * window) < 2 * window
    }

    /// The rows a page key scrolls by: a window, less one row to find one's place by.
    pub(crate) fn page_rows(&self) -> usize {
        self.window().1.saturating_sub(1).max(1)
    }

    /// How many rows the window has.
    pub(crate) fn window_rows(&self) -> usize {
        self.window().1
    }

    fn window(&self) -> (Columns, usize) {
        let Areas { messages, .. } = layout::areas(self);
        (layout::columns(self), usize::from(messages.height).max(1))
    }

    fn height(&self, columns: &Columns, slot: Slot) -> usize {
        rows::block(self, columns, slot).map_or(1, |block| block.height())
    }

    /// How many rows there are from the first one to the foot, counted up to `enough`.
    fn rows_down_to(&self, columns: &Columns, foot: Foot, enough: usize) -> usize {
        let mut rows = self.height(columns, foot.slot).saturating_sub(foot.hidden);
        for slot in self.log.up_from(foot.slot).skip_while(|slot| *slot == foot.slot) {
            if rows >= enough {
                break;
            }
            rows += self.height(columns, slot);
        }
        rows
    }
}
