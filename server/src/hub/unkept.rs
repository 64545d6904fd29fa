//! Receipts that history does not have yet. They change with every message, so that they are kept together now and then
//! and not one by one.

use std::collections::HashMap;

use shared::frames::{Reached, Receipt};
use shared::names::{RoomId, Username};

/// What is to be kept, and what is being kept.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    waiting: Receipts,
    /// On its way to history, which may yet fail.
    leaving: Receipts,
}

type Receipts = HashMap<RoomId, HashMap<Username, Reached>>;

impl Unkept {
    /// Whether there is anything that history may not have.
    pub(super) fn is_there(&self) -> bool {
        !self.waiting.is_empty() || !self.leaving.is_empty()
    }

    /// Notes a receipt.
    pub(super) fn note(&mut self, room: RoomId, receipt: Receipt) {
        add(&mut self.waiting, room, receipt.user, receipt.reached);
    }

    /// What history does not know of a room, or may not.
    pub(super) fn of(&self, room: &RoomId) -> impl Iterator<Item = Receipt> {
        [&self.leaving, &self.waiting].into_iter().filter_map(|receipts| receipts.get(room)).flatten().map(receipt)
    }

    /// Takes all that waits, to give it to history; [`Unkept::kept`] or [`Unkept::not_kept`] is to follow.
    pub(super) fn leave(&mut self) -> Vec<(RoomId, Receipt)> {
        self.leaving = std::mem::take(&mut self.waiting);
        let of_room = |(room, users): (&RoomId, &HashMap<_, _>)| {
            let receipts: Vec<_> = users.iter().map(|user| (room.clone(), receipt(user))).collect();
            receipts
        };
        self.leaving.iter().flat_map(of_room).collect()
    }

    /// What left has arrived.
    pub(super) fn kept(&mut self) {
        self.leaving.clear();
    }

    /// What left has not arrived and waits again.
    pub(super) fn not_kept(&mut self) {
        for (room, users) in std::mem::take(&mut self.leaving) {
            for (user, reached) in users {
                add(&mut self.waiting, room.clone(), user, reached);
            }
        }
    }
}

fn add(receipts: &mut Receipts, room: RoomId, user: Username, reached: Reached) {
    let of_user = receipts.entry(room).or_default().entry(user).or_default();
    *of_user = of_user.furthest(reached);
}

fn receipt((user, reached): (&Username, &Reached)) -> Receipt {
    Receipt { user: user.clone(), reached: *reached }
}
