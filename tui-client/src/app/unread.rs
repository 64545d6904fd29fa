//! Pure. What the others have said and the person has not read, here or at another client of theirs.

use shared::frames::{Resume, Welcome};
use shared::message::Seq;

use crate::app::State;

/// What is not read.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    /// Everything up to this place counts as read.
    read: Seq,
    /// How many messages of others behind it are in the log.
    in_log: usize,
}

impl State {
    /// How many messages of others the person has not read. What is not loaded yet counts as theirs.
    #[must_use]
    pub fn unread(&self) -> usize {
        let loaded_up_to = match self.log.first_seq() {
            Some(first) => first.back(1),
            None => self.head.unwrap_or_default(),
        };
        let not_loaded = loaded_up_to.0.saturating_sub(self.unread.read.0);
        self.unread.in_log.saturating_add(usize::try_from(not_loaded).unwrap_or(usize::MAX))
    }

    /// Takes from a welcome how far we had come elsewhere. Who was never here has missed nothing.
    pub(crate) fn welcome_unread(&mut self, welcome: &Welcome) {
        let ours = welcome.receipts.iter().find(|receipt| receipt.user == self.user);
        let read = ours.map(|receipt| receipt.reached.read);
        if welcome.resume == Resume::Complete {
            self.has_read(read.unwrap_or_default());
        } else {
            self.unread.read = read.unwrap_or(welcome.head);
            self.count_unread();
        }
    }

    /// The person has read everything up to this place.
    pub(crate) fn has_read(&mut self, place: Seq) {
        if place > self.unread.read {
            self.unread.read = place;
            self.count_unread();
        }
    }

    /// A message of others has come in.
    pub(crate) fn note_unread(&mut self, place: Seq) {
        if place > self.unread.read {
            self.unread.in_log += 1;
        }
    }

    /// Counts anew, after the log has changed in another way than by one message.
    pub(crate) fn count_unread(&mut self) {
        self.unread.in_log = self.log.of_others_behind(self.unread.read).count();
    }
}
