//! Pure. How far the users of a room have come.

use shared::frames::{MAX_RECEIPTS, Reached, Receipt};
use shared::message::Seq;
use shared::names::Username;

/// Of each user the furthest place they said; who moved last stands first.
#[derive(Debug, Default)]
pub(super) struct Receipts(Vec<Receipt>);

impl Receipts {
    /// A user says how far they have come in a room with this head. What is known of them now, if that is news.
    pub(super) fn take(&mut self, user: &Username, said: Reached, head: Seq) -> Option<Receipt> {
        let at = self.0.iter().position(|receipt| receipt.user == *user);
        let before = at.and_then(|at| self.0.get(at)).map(|receipt| receipt.reached).unwrap_or_default();
        let reached = before.and(said, head);
        if reached == before {
            return None;
        }
        if let Some(at) = at {
            self.0.remove(at);
        }
        let receipt = Receipt { user: user.clone(), reached };
        self.0.insert(0, receipt.clone());
        self.0.truncate(MAX_RECEIPTS);
        Some(receipt)
    }

    /// Takes over what history has, the one that moved last first; it may be older than what is known. Says what is news.
    pub(super) fn recall(&mut self, kept: &[Receipt], head: Seq) -> Vec<Receipt> {
        kept.iter().rev().filter_map(|receipt| self.take(&receipt.user, receipt.reached, head)).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Receipt] {
        &self.0
    }
}
