//! Which messages are new, and where to go on after a break. Pure.
//!
//! This is the client's half of the cursor rule: a message is shown when it is the next one, dropped when it was shown
//! before, and anything else means that something is missing.

use shared::frames::{Gap, Resume, Welcome};
use shared::message::Seq;

/// Where this client stands in its room.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    epoch: Option<String>,
    /// The last message that was shown; unknown until the first one of a first look has come.
    cursor: Option<Seq>,
}

/// What a message is to this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next one.
    New,
    /// Shown before.
    Repeat,
    /// There are others between the last one and this one.
    Hole,
}

/// From where a connection is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResumePoint {
    pub(crate) after: Seq,
    pub(crate) epoch: String,
}

impl Feed {
    /// From where to go on; nothing when there is nothing to continue, so that a first look is taken (again).
    pub(crate) fn resume_point(&self) -> Option<ResumePoint> {
        Some(ResumePoint { after: self.cursor?, epoch: self.epoch.clone()? })
    }

    pub(crate) fn welcome(&mut self, welcome: &Welcome) {
        match welcome.resume {
            Resume::Complete => {}
            Resume::Live => self.cursor = Some(welcome.head),
            // The messages that follow begin at a place that only the first of them tells; with none there is one anyway.
            Resume::Recent | Resume::Reset => self.cursor = (welcome.head == Seq::START).then_some(Seq::START),
        }
        self.epoch = Some(welcome.epoch.clone());
    }

    pub(crate) fn message(&mut self, seq: Seq) -> Verdict {
        match self.cursor {
            Some(cursor) if seq <= cursor => Verdict::Repeat,
            Some(cursor) if seq != cursor.next() => Verdict::Hole,
            Some(_) | None => {
                self.cursor = Some(seq);
                Verdict::New
            }
        }
    }

    /// Steps over messages that nobody can have any more. Says whether that was news.
    pub(crate) fn gap(&mut self, gap: Gap) -> bool {
        let is_news = self.cursor.is_none_or(|cursor| gap.to > cursor);
        if is_news {
            self.cursor = Some(gap.to);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::names::{RoomId, Username};

    use super::*;

    fn welcome(resume: Resume, head: u64) -> Welcome {
        let (room_id, user) = (RoomId::new("room1").unwrap(), Username::new("alice").unwrap());
        let occupants = vec![user.clone()];
        Welcome {
            room_id,
            user,
            epoch: "e".to_owned(),
            head: Seq(head),
            occupants,
            receipts: vec![],
            idle: vec![],
            resume,
            max_content_bytes: 65536,
        }
    }

    fn feed(resume: Resume, head: u64) -> Feed {
        let mut feed = Feed::default();
        feed.welcome(&welcome(resume, head));
        feed
    }

    fn after(feed: &Feed) -> Option<u64> {
        feed.resume_point().map(|point| point.after.0)
    }

    #[test]
    fn a_live_feed_begins_after_the_head() {
        let mut feed = feed(Resume::Live, 7);
        assert_eq!(after(&feed), Some(7));
        assert_eq!(feed.message(Seq(7)), Verdict::Repeat);
        assert_eq!(feed.message(Seq(8)), Verdict::New);
        assert_eq!(feed.message(Seq(10)), Verdict::Hole);
        assert_eq!(after(&feed), Some(8));
    }

    #[test]
    fn a_first_look_begins_with_whatever_comes_first() {
        let mut feed = feed(Resume::Recent, 100);
        assert_eq!(after(&feed), None, "broken off before the first message, the first look is taken again");
        assert_eq!(feed.message(Seq(91)), Verdict::New);
        assert_eq!(feed.message(Seq(93)), Verdict::Hole);
    }

    #[test]
    fn a_first_look_into_an_empty_room_can_be_continued() {
        assert_eq!(after(&feed(Resume::Recent, 0)), Some(0));
    }

    #[test]
    fn another_history_forgets_all_places() {
        let mut feed = feed(Resume::Live, 50);
        feed.welcome(&welcome(Resume::Reset, 3));
        assert_eq!(feed.message(Seq(1)), Verdict::New);
    }

    #[test]
    fn a_gap_moves_the_feed_forward_and_never_back() {
        let mut feed = feed(Resume::Complete, 0);
        feed.cursor = Some(Seq(4));
        assert!(feed.gap(Gap { from: Seq(5), to: Seq(9) }));
        assert!(!feed.gap(Gap { from: Seq(5), to: Seq(7) }));
        assert_eq!(feed.message(Seq(10)), Verdict::New);
    }

    proptest! {
        /// Whatever order frames come in and wherever the connection breaks, what is shown counts up by one.
        #[test]
        fn what_is_shown_has_neither_holes_nor_repeats(frames in prop::collection::vec(1u64..30, 0..200)) {
            let mut feed = feed(Resume::Live, 0);
            let mut shown = vec![];
            for seq in frames {
                match feed.message(Seq(seq)) {
                    Verdict::New => shown.push(seq),
                    Verdict::Repeat => {}
                    Verdict::Hole => feed.welcome(&welcome(Resume::Complete, 30)),
                }
            }
            let expected: Vec<u64> = (1..=u64::try_from(shown.len()).unwrap()).collect();
            prop_assert_eq!(shown, expected);
        }
    }
}
