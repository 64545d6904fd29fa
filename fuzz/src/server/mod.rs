//! What reaches the server.

pub mod bodies;
pub mod invites;
pub mod queue;
pub mod tokens;

use shared::names::{RoomId, Username};

/// A name that came through is one by itself.
fn good(room: &RoomId, user: Option<&Username>) {
    assert_eq!(RoomId::new(room.as_str()).as_ref(), Ok(room));
    assert!((1..=128).contains(&room.as_str().len()));
    if let Some(user) = user {
        assert_eq!(Username::new(user.as_str()).as_ref(), Ok(user));
        assert!((1..=64).contains(&user.as_str().len()));
    }
}
