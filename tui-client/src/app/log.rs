//! Pure. What was said in the room, by place, and what of ours is on its way.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use shared::message::Seq;
use shared::names::MessageId;

/// The conversation: what the room has, then what it does not have yet.
///
/// Entries are told apart by their [`Slot`], which stays theirs while older ones are put before them and newer ones
/// behind.
#[derive(Debug, Clone, Default)]
pub struct Log {
    items: VecDeque<Item>,
    waiting: Vec<Outgoing>,
    /// The slot of the first item. It goes down as older messages are fetched.
    first: i64,
    /// What is known of messages before the first item.
    pub older: Older,
    /// The newest place of a message of ours.
    last_mine: Option<Seq>,
}

/// Which entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub i64);

/// An entry that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Said(Said),
    /// Messages that nobody can have any more.
    Gap {
        /// The first missing place.
        from: Seq,
        /// The last missing place.
        to: Seq,
    },
    /// A message of ours that will never be in the room.
    Refused {
        /// The place of the item before it.
        after: Seq,
        /// What it said.
        post: Outgoing,
        /// Why it was refused, and what to do.
        reason: String,
    },
}

/// A message of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its place.
    pub seq: Seq,
    /// Who said it.
    pub voice: Voice,
    /// What it says, harmless.
    pub text: Box<str>,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// We did.
    Me,
    /// The other person, or one who was here before; the name is harmless.
    Person(Arc<str>),
    /// Somebody without a token of this room, most likely a program.
    Outside,
}

/// A message of ours that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id.
    pub id: MessageId,
    /// What it says, harmless.
    pub text: Box<str>,
    /// What it says, as it was sent.
    pub content: Box<str>,
    /// When it was sent.
    pub at: Timestamp,
    /// How far it is.
    pub progress: Progress,
    /// Who wrote it.
    pub origin: Origin,
}

/// Where a message of ours comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was written here.
    Here,
    /// A client that is gone had left it. It may be in the room already: then the server takes it once more, and it does
    /// not come back.
    Left,
}

/// How far a message of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has it but we.
    Waiting,
    /// The server keeps it; it comes back as a message of the room.
    Accepted,
}

/// An entry, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// One that has its place.
    Item(&'a Item),
    /// A message of ours that is on its way.
    Outgoing(&'a Outgoing),
}

/// What is known of messages before the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Older {
    /// There may be some.
    #[default]
    Unknown,
    /// They were asked for.
    Asked,
    /// There are none.
    None,
}

impl Slot {
    /// The one before it.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0 - 1)
    }
}

impl Item {
    /// The last place it covers.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        match self {
            Self::Said(said) => said.seq,
            Self::Gap { to, .. } => *to,
            Self::Refused { after, .. } => *after,
        }
    }

    fn first_seq(&self) -> Seq {
        match self {
            Self::Said(said) => said.seq,
            Self::Gap { from, .. } => *from,
            Self::Refused { after, .. } => *after,
        }
    }
}

impl Log {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.waiting.is_empty()
    }

    /// The oldest entry.
    #[must_use]
    pub fn first(&self) -> Slot {
        Slot(self.first)
    }

    /// The newest entry; meaningless while the log is empty.
    #[must_use]
    pub fn last(&self) -> Slot {
        let entries = self.items.len() + self.waiting.len();
        Slot(self.first.saturating_add_unsigned(entries as u64) - 1)
    }

    /// The entry of a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<Entry<'_>> {
        let index = usize::try_from(slot.0 - self.first).ok()?;
        match index.checked_sub(self.items.len()) {
            None => self.items.get(index).map(Entry::Item),
            Some(index) => self.waiting.get(index).map(Entry::Outgoing),
        }
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
        let index = usize::try_from(slot.0 - self.first).ok()?;
        self.items.get(index).or(self.items.back()).map(Item::last_seq)
    }

    /// The messages of ours that nobody has but we.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.iter().filter(|post| post.progress == Progress::Waiting).count()
    }

    /// Takes an item in the order of its place, and says whether it is a new one.
    pub fn insert(&mut self, item: Item) -> bool {
        let seq = item.last_seq();
        let at = self.items.partition_point(|other| other.last_seq() <= seq);
        // A refused post has the place of the item before it, so the search goes on behind those.
        let mut same = self.items.range(..at).rev().take_while(|other| other.last_seq() == seq);
        if same.any(|other| !matches!(other, Item::Refused { .. })) {
            return false;
        }
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
        self.waiting.push(post);
    }

    /// Notes that the server keeps a message of ours.
    pub fn accept(&mut self, id: &MessageId) {
        let Some(at) = self.waiting.iter().position(|post| post.id == *id) else { return };
        match self.waiting.get_mut(at) {
            Some(post) if post.origin == Origin::Here => post.progress = Progress::Accepted,
            // Whether it comes back is not known.
            Some(_) | None => drop(self.waiting.remove(at)),
        }
    }

    /// Takes out a message of ours that is on its way no more.
    pub fn settle(&mut self, id: &MessageId) -> Option<Outgoing> {
        let at = self.waiting.iter().position(|post| post.id == *id)?;
        Some(self.waiting.remove(at))
    }

    /// Notes that a message of ours will never be in the room, and gives back what it said.
    pub fn refuse(&mut self, id: &MessageId, reason: String) -> Option<String> {
        let post = self.settle(id)?;
        let content = post.content.to_string();
        let after = self.items.back().map_or(Seq::START, Item::last_seq);
        self.items.push_back(Item::Refused { after, post, reason });
        Some(content)
    }

    /// Forgets everything but what is still to be sent: the history has begun anew.
    pub fn reset(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        *self = Self {
            waiting: waiting.into_iter().filter(|post| post.progress == Progress::Waiting).collect(),
            ..Self::default()
        };
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
        let mut slot = log.first();
        while let Some(entry) = log.get(slot) {
            picture.push(match entry {
                Entry::Item(Item::Said(said)) => said.seq.to_string(),
                Entry::Item(Item::Gap { from, to }) => format!("({from}-{to})"),
                Entry::Item(Item::Refused { post, .. }) => format!("!{}", post.id),
                Entry::Outgoing(post) => format!("+{}", post.id),
            });
            slot.0 += 1;
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
    fn a_refused_post_stays_where_it_was_sent() {
        let mut log = Log::default();
        log.insert(Item::Said(said(1)));
        log.send(outgoing("a"));
        log.send(outgoing("b"));
        assert_eq!(log.refuse(&"a".parse().unwrap(), "too long".into()).as_deref(), Some("a"));
        assert!(log.insert(Item::Said(said(2))));
        assert!(!log.insert(Item::Said(said(1))));
        assert_eq!(picture(&log), "1 !a 2 +b");
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
    fn a_new_history_forgets_all_but_what_is_still_to_be_sent() {
        let mut log = Log::default();
        log.insert(Item::Said(said(1)));
        log.send(outgoing("a"));
        log.send(outgoing("b"));
        log.accept(&"a".parse().unwrap());
        log.reset();
        assert_eq!(picture(&log), "+b");
    }
}
