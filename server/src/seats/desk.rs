//! Pure. What a node has to say to the shared judge: of each room one thing at a time and in order, and of each user only
//! what still counts.

use std::collections::HashMap;

use shared::names::{RoomId, Username};
use shared::rest::Occupant;

/// What waits and what is under way.
#[derive(Debug, Default)]
pub struct Desk {
    rooms: HashMap<RoomId, Work>,
    /// Of the last errand.
    number: u64,
}

/// What is said of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// They need a seat, and are about to be this.
    Take(Occupant),
    /// They are this now; `gone` frees their seat.
    Note(Occupant),
}

/// What is to be done for one room together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Of two errands of a node the later has the higher number. One that was given up for lost may yet be done after
    /// others, and must then change nothing that these have said.
    pub number: u64,
    /// What to say of each user. If there is nothing, the room is only to be looked at.
    pub wishes: Vec<Wish>,
}

#[derive(Debug, Default)]
struct Work {
    under_way: Option<Vec<Wish>>,
    waiting: Option<Vec<Wish>>,
}

impl Desk {
    /// Adds a wish. It takes the place of an earlier one for the same user that is not under way.
    pub fn wish(&mut self, room: &RoomId, wish: Wish) {
        let waiting = self.waiting(room);
        waiting.retain(|earlier| earlier.user() != wish.user());
        waiting.push(wish);
    }

    /// The room is to be looked at.
    pub fn look(&mut self, room: &RoomId) {
        self.waiting(room);
    }

    /// What is to be done for this room now, if there is anything and nothing is under way. [`Desk::done`] or
    /// [`Desk::failed`] is to follow.
    pub fn next(&mut self, room: &RoomId) -> Option<Errand> {
        let work = self.rooms.get_mut(room).filter(|work| work.under_way.is_none())?;
        work.under_way = work.waiting.take();
        let wishes = work.under_way.clone()?;
        self.number += 1;
        Some(Errand { number: self.number, wishes })
    }

    /// What was under way has been done.
    pub fn done(&mut self, room: &RoomId) {
        self.end(room);
    }

    /// Nobody knows what became of what was under way. What was only noted waits again, unless something newer does.
    /// Says for whom a seat was asked.
    pub fn failed(&mut self, room: &RoomId) -> Vec<Username> {
        let mut asked = Vec::new();
        for wish in self.end(room).into_iter().rev() {
            match wish {
                Wish::Take(occupant) => asked.push(occupant.user),
                Wish::Note(_) => {
                    let waiting = self.waiting(room);
                    if waiting.iter().all(|newer| newer.user() != wish.user()) {
                        waiting.insert(0, wish);
                    }
                }
            }
        }
        asked
    }

    /// The rooms for which something waits and nothing is under way.
    #[must_use]
    pub fn waiting_rooms(&self) -> Vec<RoomId> {
        let waits = |work: &Work| work.under_way.is_none() && work.waiting.is_some();
        self.rooms.iter().filter(|(_, work)| waits(work)).map(|(room, _)| room.clone()).collect()
    }

    /// Whether all has been said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    fn waiting(&mut self, room: &RoomId) -> &mut Vec<Wish> {
        self.rooms.entry(room.clone()).or_default().waiting.get_or_insert_default()
    }

    fn end(&mut self, room: &RoomId) -> Vec<Wish> {
        let Some(work) = self.rooms.get_mut(room) else { return Vec::new() };
        let ended = work.under_way.take();
        if work.waiting.is_none() {
            self.rooms.remove(room);
        }
        ended.unwrap_or_default()
    }
}

impl Wish {
    fn user(&self) -> &Username {
        match self {
            Self::Take(occupant) | Self::Note(occupant) => &occupant.user,
        }
    }
}

#[cfg(test)]
mod tests {
    use PresenceState::{Away, Gone, Here};
    use jiff::Timestamp;
    use shared::frames::PresenceState;

    use super::*;

    fn room() -> RoomId {
        RoomId::new("room1").unwrap()
    }

    fn occupant(user: &str, state: PresenceState) -> Occupant {
        Occupant { user: Username::new(user).unwrap(), state, since: Timestamp::UNIX_EPOCH }
    }

    fn take(user: &str) -> Wish {
        Wish::Take(occupant(user, Here))
    }

    fn note(user: &str, state: PresenceState) -> Wish {
        Wish::Note(occupant(user, state))
    }

    fn next(desk: &mut Desk) -> Option<Vec<Wish>> {
        desk.next(&room()).map(|errand| errand.wishes)
    }

    #[test]
    fn of_a_room_one_thing_is_under_way_and_of_a_user_only_the_last_wish_counts() {
        let mut desk = Desk::default();
        desk.wish(&room(), take("alice"));
        assert_eq!(next(&mut desk), Some(vec![take("alice")]));
        for wish in [note("alice", Away), take("bob"), note("alice", Gone)] {
            desk.wish(&room(), wish);
        }
        assert_eq!(next(&mut desk), None);
        desk.done(&room());
        assert_eq!(next(&mut desk), Some(vec![take("bob"), note("alice", Gone)]));
        desk.done(&room());
        assert_eq!(next(&mut desk), None);
        assert!(desk.rooms.is_empty());
    }

    #[test]
    fn what_failed_is_noted_again_unless_there_is_news_and_nobody_is_asked_for_twice() {
        let mut desk = Desk::default();
        for wish in [note("alice", Gone), note("bob", Away), take("carol")] {
            desk.wish(&room(), wish);
        }
        let first = desk.next(&room()).unwrap();
        desk.wish(&room(), note("bob", Here));
        assert_eq!(desk.failed(&room()), [Username::new("carol").unwrap()]);
        assert_eq!(desk.waiting_rooms(), [room()]);
        let second = desk.next(&room()).unwrap();
        assert_eq!(second.wishes, [note("alice", Gone), note("bob", Here)]);
        assert!(second.number > first.number);
    }

    #[test]
    fn a_room_may_only_be_looked_at() {
        let mut desk = Desk::default();
        desk.look(&room());
        assert_eq!(next(&mut desk), Some(Vec::new()));
        assert!(desk.failed(&room()).is_empty() && desk.rooms.is_empty());
    }
}
