//! Pure. What was said in the room, by place, and below it what of ours is on its way or was refused.

use std::collections::VecDeque;

use shared::message::Seq;
use shared::names::MessageId;

pub use crate::app::entry::{Entry, Item, Older, Origin, Outgoing, Progress, Said, Slot, Unsent, Voice};

/// The conversation: what the room has, then what it does not have yet.
///
/// Entries are told apart by their [`Slot`], which stays theirs while others come before and behind them, or go.
#[derive(Debug, Clone, Default)]
pub struct Log {
    items: VecDeque<Item>,
    /// Each with the number of its slot, in order.
    outgoing: VecDeque<(u64, Outgoing)>,
    /// How many messages of ours were ever taken.
    sent: u64,
    /// The slot of the first item. It goes down as older messages are fetched.
    first: i64,
    /// What is known of messages before the first item.
    pub older: Older,
    /// The newest place of a message of ours.
    last_mine: Option<Seq>,
}

impl Log {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.outgoing.is_empty()
    }

    /// The oldest entry; meaningless while the log is empty.
    #[must_use]
    pub fn first(&self) -> Slot {
        self.slot_at(0).unwrap_or(Slot::Item(self.first))
    }

    /// The newest entry; meaningless while the log is empty.
    #[must_use]
    pub fn last(&self) -> Slot {
        self.slot_at((self.items.len() + self.outgoing.len()).saturating_sub(1)).unwrap_or(Slot::Item(self.first))
    }

    /// The entry of a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<Entry<'_>> {
        match slot {
            Slot::Item(number) => self.items.get(usize::try_from(number - self.first).ok()?).map(Entry::Item),
            Slot::Outgoing(_) => {
                let at = self.behind(slot).checked_sub(1 + self.items.len())?;
                self.outgoing
                    .get(at)
                    .filter(|(number, _)| Slot::Outgoing(*number) == slot)
                    .map(|(_, post)| Entry::Outgoing(post))
            }
        }
    }

    /// The slots from this one on to older ones.
    pub fn up_from(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        let behind = self.behind(slot);
        (0..behind).rev().map_while(|at| self.slot_at(at))
    }

    /// The slots from this one on to newer ones.
    pub fn down_from(&self, slot: Slot) -> impl Iterator<Item = Slot> {
        let before = self.behind(slot) - usize::from(self.get(slot).is_some());
        (before..self.items.len() + self.outgoing.len()).map_while(|at| self.slot_at(at))
    }

    /// The entry before this one.
    #[must_use]
    pub fn before(&self, slot: Slot) -> Option<Slot> {
        self.up_from(slot).find(|before| *before < slot)
    }

    /// The entry behind this one.
    #[must_use]
    pub fn after(&self, slot: Slot) -> Option<Slot> {
        self.slot_at(self.behind(slot))
    }

    /// How many entries there are up to this one.
    fn behind(&self, slot: Slot) -> usize {
        match slot {
            Slot::Item(number) => {
                usize::try_from((number - self.first).saturating_add(1)).unwrap_or(0).min(self.items.len())
            }
            Slot::Outgoing(number) => self.items.len() + self.outgoing.partition_point(|(other, _)| *other <= number),
        }
    }

    /// The slot of the entry that has so many before it.
    fn slot_at(&self, index: usize) -> Option<Slot> {
        match index.checked_sub(self.items.len()) {
            None => Some(Slot::Item(self.first.saturating_add_unsigned(index as u64))),
            Some(index) => self.outgoing.get(index).map(|(number, _)| Slot::Outgoing(*number)),
        }
    }

    /// The slot of a message of ours that is not in the room.
    pub(crate) fn slot_of_outgoing(&self, id: &MessageId) -> Option<Slot> {
        self.outgoing.iter().find(|(_, post)| post.id == *id).map(|(number, _)| Slot::Outgoing(*number))
    }

    /// The place of the oldest item, if there is one.
    #[must_use]
    pub fn first_seq(&self) -> Option<Seq> {
        self.items.front().map(Item::first_seq)
    }

    /// The place of the newest message of ours that is in the room.
    #[must_use]
    pub fn last_mine(&self) -> Option<Seq> {
        self.last_mine
    }

    /// The newest place among the entries up to this one.
    #[must_use]
    pub fn place_up_to(&self, slot: Slot) -> Option<Seq> {
        let up_to = self.behind(slot).min(self.items.len());
        self.items.get(up_to.checked_sub(1)?).map(Item::last_seq)
    }

    /// The entry of a place.
    pub(crate) fn slot_of(&self, place: Seq) -> Option<Slot> {
        let index = self.items.binary_search_by_key(&place, Item::last_seq).ok()?;
        self.slot_at(index)
    }

    /// The message of a place.
    pub(crate) fn said(&self, place: Seq) -> Option<&Said> {
        match self.get(self.slot_of(place)?)? {
            Entry::Item(Item::Said(said)) => Some(said),
            Entry::Item(Item::Gap { .. }) | Entry::Outgoing(_) => None,
        }
    }

    /// The messages of others behind a place, the newest first.
    pub(crate) fn of_others_behind(&self, place: Seq) -> impl Iterator<Item = &Said> {
        let items = self.items.iter().rev().take_while(move |item| item.last_seq() > place);
        items.filter_map(|item| match item {
            Item::Said(said) => Some(said).filter(|said| said.voice != Voice::Me),
            Item::Gap { .. } => None,
        })
    }

    /// The last message of ours that the server keeps and that is not back yet.
    #[must_use]
    pub fn last_accepted(&self) -> Option<&MessageId> {
        // A server that has never named us does not give back what is ours, as far as anybody could tell.
        self.last_mine?;
        self.outgoing
            .iter()
            .map(|(_, post)| post)
            .rfind(|post| post.progress == Progress::Accepted)
            .map(|post| &post.id)
    }

    /// What of ours is not in the room, and not on its way back to us.
    #[must_use]
    pub fn unsent(&self) -> Unsent {
        let mut unsent = Unsent::default();
        for (_, post) in &self.outgoing {
            match (&post.progress, post.origin) {
                (Progress::Accepted, _) => {}
                (_, Origin::Unkept) => unsent.unkept += 1,
                (Progress::Waiting, Origin::Here | Origin::Left) => unsent.waiting += 1,
                (Progress::Refused(_), Origin::Here | Origin::Left) => unsent.refused += 1,
            }
        }
        unsent
    }

    /// Takes an item in the order of its place, and says whether it is a new one.
    pub fn insert(&mut self, item: Item) -> bool {
        let seq = item.last_seq();
        let Err(at) = self.items.binary_search_by_key(&seq, Item::last_seq) else { return false };
        self.note_ours(&item);
        self.items.insert(at, item);
        true
    }

    /// Puts a page of older messages before the first item, and a gap where the page does not reach it.
    pub fn prepend(&mut self, page: Vec<Said>) {
        let Some(first) = self.first_seq() else { return };
        let older: Vec<Said> = page.into_iter().filter(|said| said.seq < first).collect();
        let reaches = older.last().map_or(Seq::START, |said| said.seq);
        let starts = older.first().map_or(first, |said| said.seq);
        if reaches.next() < first {
            self.push_front(Item::Gap { from: reaches.next(), to: first.back(1) });
        }
        self.older = if older.is_empty() || starts <= Seq::START.next() { Older::None } else { Older::Unknown };
        for said in older.into_iter().rev() {
            self.push_front(Item::Said(said));
        }
    }

    /// Takes a message of ours that is to be sent.
    pub fn send(&mut self, post: Outgoing) {
        self.sent += 1;
        self.outgoing.push_back((self.sent, post));
    }

    fn outgoing_mut(&mut self, id: &MessageId) -> Option<&mut Outgoing> {
        self.outgoing.iter_mut().map(|(_, post)| post).find(|post| post.id == *id)
    }

    /// Notes that the server keeps a message of ours.
    pub fn accept(&mut self, id: &MessageId) {
        match self.outgoing_mut(id) {
            Some(post) if post.origin != Origin::Left => post.progress = Progress::Accepted,
            // Whether it comes back is not known.
            Some(_) | None => drop(self.settle(id)),
        }
    }

    /// Takes out a message of ours that is on its way no more.
    pub fn settle(&mut self, id: &MessageId) -> Option<Outgoing> {
        let at = self.outgoing.iter().position(|(_, post)| post.id == *id)?;
        self.outgoing.remove(at).map(|(_, post)| post)
    }

    /// Notes that a message of ours will never be in the room, and says whether it is one of those here.
    pub fn refuse(&mut self, id: &MessageId, reason: String) -> bool {
        self.outgoing_mut(id).map(|post| post.progress = Progress::Refused(reason)).is_some()
    }

    /// Notes that the outbox could not keep a message of ours, and gives back what it says.
    pub fn unkept(&mut self, id: &MessageId) -> Option<String> {
        let post = self.outgoing_mut(id)?;
        post.origin = Origin::Unkept;
        Some(post.content.to_string())
    }

    /// Takes out the message that was refused last.
    pub fn take_refused(&mut self) -> Option<Outgoing> {
        let is_refused = |(_, post): &(u64, Outgoing)| matches!(post.progress, Progress::Refused(_));
        let at = self.outgoing.iter().rposition(is_refused)?;
        self.outgoing.remove(at).map(|(_, post)| post)
    }

    /// Forgets everything but what is not in the room: the history is another one.
    pub fn reset(&mut self) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        outgoing.retain(|(_, post)| post.progress != Progress::Accepted);
        *self = Self { outgoing, sent: self.sent, ..Self::default() };
    }

    fn note_ours(&mut self, item: &Item) {
        if let Item::Said(Said { seq, voice: Voice::Me, .. }) = item {
            self.last_mine = self.last_mine.max(Some(*seq));
        }
    }

    fn push_front(&mut self, item: Item) {
        self.note_ours(&item);
        self.items.push_front(item);
        self.first -= 1;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn said(seq: u64) -> Said {
        Said { seq: Seq(seq), voice: Voice::Outside, text: seq.to_string().into(), at: Timestamp::UNIX_EPOCH }
    }

    fn outgoing(id: &str) -> Outgoing {
        Outgoing {
            id: id.parse().expect(id),
            text: id.into(),
            content: id.into(),
            at: Timestamp::UNIX_EPOCH,
            progress: Progress::Waiting,
            origin: Origin::Here,
        }
    }

    fn picture(log: &Log) -> String {
        let mut picture = Vec::new();
        for entry in log.down_from(log.first()).map(|slot| log.get(slot).unwrap()) {
            picture.push(match entry {
                Entry::Item(Item::Said(said)) => said.seq.to_string(),
                Entry::Item(Item::Gap { from, to }) => format!("({from}-{to})"),
                Entry::Outgoing(post) if matches!(post.progress, Progress::Refused(_)) => format!("!{}", post.id),
                Entry::Outgoing(post) => format!("+{}", post.id),
            });
        }
        picture.join(" ")
    }

    #[test]
    fn messages_stand_in_the_order_of_their_places_and_once() {
        let mut log = Log::default();
        for (seq, is_new) in [(3, true), (5, true), (3, false), (4, true), (5, false)] {
            assert_eq!(log.insert(Item::Said(said(seq))), is_new, "{seq}");
        }
        assert_eq!(picture(&log), "3 4 5");
    }

    #[test]
    fn a_page_goes_before_and_moves_no_slot() {
        let mut log = Log::default();
        log.insert(Item::Said(said(10)));
        let ten = log.last();
        log.prepend((7..10).map(said).collect());
        assert_eq!((picture(&log).as_str(), log.older), ("7 8 9 10", Older::Unknown));
        assert!(matches!(log.get(ten), Some(Entry::Item(Item::Said(s))) if s.seq == Seq(10)));
        log.prepend((1..7).map(said).collect());
        assert_eq!(log.older, Older::None);
    }

    #[test]
    fn what_history_has_no_more_is_a_gap_at_the_top() {
        let mut log = Log::default();
        log.insert(Item::Said(said(10)));
        log.prepend(vec![said(4), said(5)]);
        assert_eq!(picture(&log), "4 5 (6-9) 10");
        log.prepend(Vec::new());
        assert_eq!((picture(&log).as_str(), log.older), ("(1-3) 4 5 (6-9) 10", Older::None));
    }

    #[test]
    fn a_refused_post_stays_below_the_room_in_the_order_of_sending_until_it_is_taken_back() {
        let mut log = Log::default();
        for id in ["a", "b", "c"] {
            log.send(outgoing(id));
        }
        for id in ["a", "b"] {
            assert!(log.refuse(&id.parse().unwrap(), "too long".into()));
        }
        assert!(!log.refuse(&"d".parse().unwrap(), "too long".into()));
        assert!(log.insert(Item::Said(said(2))));
        assert!(log.insert(Item::Said(said(1))));
        assert!(!log.insert(Item::Said(said(1))));
        assert_eq!(picture(&log), "1 2 !a !b +c");
        assert_eq!(log.unsent(), Unsent { waiting: 1, refused: 2, unkept: 0 });
        log.reset();
        assert_eq!(log.take_refused().map(|post| post.id.to_string()).as_deref(), Some("b"));
        assert_eq!(picture(&log), "!a +c");
    }

    #[test]
    fn what_was_left_is_not_waited_for_once_it_is_accepted() {
        let mut log = Log::default();
        log.send(Outgoing { origin: Origin::Left, ..outgoing("a") });
        log.send(outgoing("b"));
        log.accept(&"a".parse().unwrap());
        log.accept(&"b".parse().unwrap());
        assert_eq!(picture(&log), "+b");
    }

    #[test]
    fn another_history_forgets_all_but_what_is_still_to_be_sent() {
        let mut log = Log::default();
        log.insert(Item::Said(said(1)));
        log.send(outgoing("a"));
        log.send(outgoing("b"));
        log.accept(&"a".parse().unwrap());
        log.reset();
        assert_eq!(picture(&log), "+b");
    }
}
