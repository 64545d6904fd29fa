//! How long names may be: as every client counts on, or shorter. Pure.

use shared::names::{NameError, RoomId, RoomRule, Rule, Username, UsernameRule};

/// The longest name of a room that there is, in bytes of UTF-8.
pub const MAX_ROOM_BYTES: usize = RoomRule::MAX_BYTES;

/// The longest name of a user that there is, in bytes of UTF-8.
pub const MAX_USER_BYTES: usize = UsernameRule::MAX_BYTES;

/// The longest names that come in, in bytes of UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Of rooms.
    pub room: usize,
    /// Of users.
    pub user: usize,
}

impl Default for Lengths {
    /// As long as names can be.
    fn default() -> Self {
        Self { room: MAX_ROOM_BYTES, user: MAX_USER_BYTES }
    }
}

impl Lengths {
    /// Looks at the names of somebody in a room.
    ///
    /// # Errors
    /// When one of them is longer.
    pub fn check(&self, room: &RoomId, user: &Username) -> Result<(), NameError> {
        room.at_most(self.room)?;
        user.at_most(self.user)
    }
}
