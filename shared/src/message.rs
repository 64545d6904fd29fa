//! A message and its place in its room.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::names::{MessageId, Username};

/// The place of a message in its room: 1 for the first one, without holes. 0 is the place before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The place before the first message.
    pub const START: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place `n` before this one, [`Seq::START`] at the least.
    #[must_use]
    pub fn back(self, n: u64) -> Self {
        Self(self.0.saturating_sub(n))
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A message as history keeps it and every `duet.v1` client gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its place in the room.
    #[cfg_attr(feature = "openapi", schema(value_type = u64, minimum = 1, example = 17))]
    pub seq: Seq,
    /// The `Idempotency-Key` it was posted with, or the one the server made; unique in the room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "019ab3c2-7d1e-7c3a-9f5e-2b6d8a4c1e0f"))]
    pub id: MessageId,
    /// Who posted it with a valid token of the room; absent for a message from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "alice"))]
    pub sender: Option<Username>,
    /// What it says.
    #[cfg_attr(feature = "openapi", schema(example = "Hello, Room!"))]
    pub content: String,
    /// When the server accepted it, in UTC to the millisecond.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-11-22T14:02:11.125Z"))]
    #[serde(serialize_with = "to_the_millisecond")]
    pub sent_at: Timestamp,
}

/// Writes a time as RFC 3339 with three digits after the second, always: some readers take no other number of them.
pub(crate) fn to_the_millisecond<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}
