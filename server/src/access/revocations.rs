//! Pure. Who may not be in which room any more, by tokens that were made until then.

use std::collections::HashMap;

use jiff::Timestamp;
use shared::names::{RoomId, Username};

use crate::access::invites::{Member, Revocation, is_revoked};

/// All that is remembered. A revocation is remembered for as long as a token may live.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// By room, so that nothing is made to look into it.
    rooms: HashMap<RoomId, Vec<(Username, Timestamp)>>,
}

impl Revocations {
    /// These.
    #[must_use]
    pub fn new(revocations: impl IntoIterator<Item = Revocation>) -> Self {
        let mut rooms: HashMap<RoomId, Vec<(Username, Timestamp)>> = HashMap::new();
        for Revocation { member: Member { room, user }, at } in revocations {
            rooms.entry(room).or_default().push((user, at));
        }
        Self { rooms }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether a token of this user for this room, made then, is no good any more.
    #[must_use]
    pub fn covers(&self, room: &RoomId, user: &Username, issued_at: Option<Timestamp>) -> bool {
        self.of(room, user).is_some_and(|at| is_revoked(issued_at, at))
    }

    /// Those that were not there before, or not as late.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Vec<Revocation> {
        let all = self.rooms.iter().flat_map(|(room, users)| users.iter().map(move |(user, at)| (room, user, *at)));
        let new = all.filter(|(room, user, at)| before.of(room, user).is_none_or(|known| known < *at));
        let revocation = |(room, user, at): (&RoomId, &Username, Timestamp)| Revocation {
            member: Member { room: room.clone(), user: user.clone() },
            at,
        };
        new.map(revocation).collect()
    }

    fn of(&self, room: &RoomId, user: &Username) -> Option<Timestamp> {
        let users = self.rooms.get(room)?;
        users.iter().filter(|(revoked, _)| revoked == user).map(|(_, at)| *at).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomId {
        name.parse().unwrap()
    }

    fn user(name: &str) -> Username {
        name.parse().unwrap()
    }

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn revocation(name: &str, millisecond: i64) -> Revocation {
        Revocation { member: Member { room: room("room1"), user: user(name) }, at: at(millisecond) }
    }

    #[test]
    fn what_was_made_until_then_is_no_good_any_more() {
        let revocations = Revocations::new([revocation("bob", 1_000), revocation("carol", 3_000)]);
        let covers =
            |room_name, name, issued: Option<i64>| revocations.covers(&room(room_name), &user(name), issued.map(at));
        assert!(
            covers("room1", "bob", Some(999)) && covers("room1", "bob", Some(1_000)) && covers("room1", "bob", None)
        );
        assert!(covers("room1", "carol", Some(2_000)));
        assert!(!covers("room1", "bob", Some(1_001)));
        assert!(!covers("room1", "alice", None) && !covers("room2", "bob", None) && !covers("room1", "Bob", None));
        assert!(!Revocations::default().covers(&room("room1"), &user("bob"), None));
    }

    #[test]
    fn only_what_is_new_or_later_is_told() {
        let before = Revocations::new([revocation("bob", 1_000), revocation("carol", 3_000)]);
        let now = Revocations::new([revocation("bob", 2_000), revocation("carol", 3_000), revocation("dave", 1)]);
        let mut new = now.beyond(&before);
        new.sort_by_key(|revocation| revocation.at);
        assert_eq!(new, [revocation("dave", 1), revocation("bob", 2_000)]);
        assert!(Revocations::default().beyond(&now).is_empty());
        assert!(now.beyond(&now).is_empty());
    }
}
