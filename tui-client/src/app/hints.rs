//! Pure. The numbers by which the links in the window open.
//!
//! A link keeps its number for as long as it is in the window, whatever comes in or goes out beside it; a new one gets the
//! lowest that is free, those further up first.

use crate::app::log::{Entry, Item, Slot};
use crate::app::markup::{self, Link};
use crate::app::rows::{self, Block, Body};
use crate::app::{State, layout};

/// One digit opens a link, so there are as many numbers; further links wait until one is free.
const MAX_NUMBERS: usize = 9;

/// Which link has which number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// The first is number 1. A link is told by its message, and which of its links it is.
    numbered: [Option<(Slot, usize)>; MAX_NUMBERS],
}

impl Hints {
    /// The numbers when these blocks are in the window.
    #[must_use]
    pub fn over<'a>(&self, blocks: impl IntoIterator<Item = &'a Block<'a>>) -> Self {
        let links: Vec<(Slot, usize)> =
            blocks.into_iter().flat_map(|block| (0..block.links()).map(|link| (block.slot, link))).collect();
        let mut hints = self.clone();
        for number in &mut hints.numbered {
            number.take_if(|link| !links.contains(link));
        }
        for link in links.into_iter().take(MAX_NUMBERS) {
            let is_new = !hints.numbered.contains(&Some(link));
            if let Some(free) = hints.numbered.iter_mut().find(|number| is_new && number.is_none()) {
                *free = Some(link);
            }
        }
        hints
    }

    /// Writes the numbers into the block; what has none shows nothing in its place.
    pub(crate) fn write(&self, block: &mut Block<'_>) {
        let Body::Message(message) = &mut block.body else { return };
        for (index, link) in message.shown.links.iter().enumerate() {
            let number = self.numbered.iter().position(|number| *number == Some((block.slot, index)));
            let text = message.shown.text.to_mut();
            match number {
                Some(number) => text.replace_range(link.number..link.number + 1, &(number + 1).to_string()),
                None => text.replace_range(link.number - 1..link.number + 2, "   "),
            }
        }
    }
}

impl State {
    /// Takes the numbers that stand in the window now.
    pub(crate) fn settle_hints(&mut self) {
        self.hints = if self.may_have_links_in_view() { self.hints_in_view() } else { Hints::default() };
    }

    /// The link of a number in the window.
    pub(crate) fn link(&self, number: usize) -> Option<Link> {
        let hints = self.hints_in_view();
        let (slot, index) = (*hints.numbered.get(number.checked_sub(1)?)?)?;
        self.links_of(slot).into_iter().nth(index)
    }

    /// The links of a message.
    pub(crate) fn links_of(&self, slot: Slot) -> Vec<Link> {
        match rows::block(self, &layout::columns(self), slot).map(|block| block.body) {
            Some(Body::Message(message)) => message.shown.links,
            Some(Body::Line(_)) | None => Vec::new(),
        }
    }

    fn hints_in_view(&self) -> Hints {
        let window = usize::from(layout::areas(self).messages.height);
        self.hints.over(&rows::blocks_in_window(self, &layout::columns(self), window))
    }

    /// Every entry has a row at the least, so no more than that many are looked at.
    fn may_have_links_in_view(&self) -> bool {
        let slots = self.log.up_from(self.foot().slot).take(usize::from(self.size.height));
        slots.filter_map(|slot| self.log.get(slot)).any(|entry| match entry {
            Entry::Item(Item::Said(said)) => markup::may_link(&said.text),
            Entry::Item(Item::Gap { .. }) => false,
            Entry::Outgoing(post) => markup::may_link(&post.text),
        })
    }
}
