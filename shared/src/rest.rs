//! The bodies of the HTTP routes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::frames::PresenceState;
use crate::message::{Message, Seq, to_the_millisecond};
use crate::names::{Email, RoomId, Username};

/// The header that makes a repeated `POST /message` the same message (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// How an invite begins, so that people and scanners for secrets know one when they see it.
pub const INVITE_PREFIX: &str = "duet_inv_";

/// How a refresh token begins.
pub const REFRESH_PREFIX: &str = "duet_ref_";

/// The header by which a client asks that a token which is not valid be refused instead of passed over: `Prefer:
/// handling=strict` (RFC 7240 §4.4). Without it the contract holds, which asks for no token at all.
pub const PREFER: &str = "Prefer";

/// The value of [`PREFER`] that asks for it.
pub const HANDLING_STRICT: &str = "handling=strict";

/// The longest content of a message by default, in bytes of UTF-8.
pub const MAX_CONTENT_BYTES: usize = 64 * 1024;

/// How long an invite may be good for at the most, in seconds: 30 days.
pub const MAX_INVITE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The most messages one page of history holds.
pub const MAX_PAGE: u32 = 500;

/// `POST /generate-token`: who wants to enter which room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRequest {
    /// The name to be seen under, 1 to 64 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "duet-user", max_length = 64, min_length = 1, example = "user1"))]
    pub username: Username,
    /// An e-mail address, up to 254 bytes; kept in the token and not checked.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "duet-email", max_length = 254, example = "user1@example.com"))]
    pub email: Email,
    /// The room, 1 to 128 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "duet-room", max_length = 128, min_length = 1, example = "room1"))]
    pub room_id: RoomId,
}

/// The answer to `POST /generate-token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenAnswer {
    /// A JWT (RFC 7519), HS256, good for one hour.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6InVzZXIxIn0.c2lnbmF0dXJl")
    )]
    pub token: String,
    /// Where an invite was redeemed: by what new tokens are to be had from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "duet_ref_q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"))]
    pub refresh_token: Option<String>,
}

/// `POST /rooms/{room_id}/invites`: who is to come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InviteRequest {
    /// The name under which they come in, 1 to 64 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "duet-user", max_length = 64, min_length = 1, example = "bob"))]
    pub username: Username,
    /// How long the invite is good for, in seconds: from 1 to 2592000 (30 days); a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 2_592_000, example = 86400))]
    pub expires_in: Option<u64>,
}

/// The answer to `POST /rooms/{room_id}/invites`, and the only one that holds the invite itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InviteAnswer {
    /// By which it is listed and taken back.
    #[cfg_attr(feature = "openapi", schema(example = "5b3c1f0a9d2e"))]
    pub id: String,
    /// The invite: whoever has it gets in, once.
    #[cfg_attr(feature = "openapi", schema(example = "duet_inv_q83vEjRWeJCrze8SNFZ4kKvN"))]
    pub invite: String,
    /// The room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "room1"))]
    pub room_id: RoomId,
    /// The name under which they come in.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "bob"))]
    pub username: Username,
    /// From when on it is no good, in UTC to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-11-23T14:02:11.125Z"))]
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for InviteAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InviteAnswer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The answer to `GET /rooms/{room_id}/invites`: those that can still be used, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitesAnswer {
    /// The room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "room1"))]
    pub room_id: RoomId,
    /// The invites, without what lets anybody in.
    pub invites: Vec<PendingInvite>,
}

/// An invite that can still be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PendingInvite {
    /// By which it is taken back.
    #[cfg_attr(feature = "openapi", schema(example = "5b3c1f0a9d2e"))]
    pub id: String,
    /// The name under which they come in.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "bob"))]
    pub username: Username,
    /// Who invites; absent for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "alice"))]
    pub creator: Option<Username>,
    /// From when on it is no good, in UTC to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-11-23T14:02:11.125Z"))]
    pub expires_at: Timestamp,
}

/// `POST /message`, and the body of a message on the queue `messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Post {
    /// The room, 1 to 128 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "duet-room", max_length = 128, min_length = 1, example = "room1"))]
    pub room_id: RoomId,
    /// The text, up to 64 KiB unless the server was told otherwise.
    #[cfg_attr(feature = "openapi", schema(example = "Hello, Room!"))]
    pub content: String,
}

/// The answer to `POST /message`: the message is safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostAnswer {
    /// A sentence, as the first system words it.
    #[cfg_attr(feature = "openapi", schema(example = "Message sent to room: room1"))]
    pub status: String,
}

impl PostAnswer {
    /// The answer for a message to `room_id`.
    #[must_use]
    pub fn sent_to(room_id: &RoomId) -> Self {
        Self { status: format!("Message sent to room: {room_id}") }
    }
}

/// The answer to `GET /rooms/{room_id}/messages`: messages in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryPage {
    /// The room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "room1"))]
    pub room_id: RoomId,
    /// The identity of the history that places count in.
    #[cfg_attr(feature = "openapi", schema(example = "5f0c8a52-6b1f-4c56-9a80-0d8f3f3a1c11"))]
    pub epoch: String,
    /// The place of the room's newest message, 0 when there is none.
    #[cfg_attr(feature = "openapi", schema(value_type = u64, example = 17))]
    pub head: Seq,
    /// The messages.
    pub messages: Vec<Message>,
}

/// The most messages one page of a search holds.
pub const MAX_FOUND: u32 = 100;

/// The answer to `GET /rooms/{room_id}/search`: messages that match, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// The room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "room1"))]
    pub room_id: RoomId,
    /// The identity of the history that places count in.
    #[cfg_attr(feature = "openapi", schema(example = "5f0c8a52-6b1f-4c56-9a80-0d8f3f3a1c11"))]
    pub epoch: String,
    /// The newest messages that match, or the newest of those before the place that was asked for.
    pub messages: Vec<Message>,
    /// The place before which to search on; absent when no older message matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>, example = 12))]
    pub earlier: Option<Seq>,
}

/// The answer to `GET /rooms/{room_id}`: who is there. It takes no seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomAnswer {
    /// The room.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "room1"))]
    pub room_id: RoomId,
    /// The place of the room's newest message, 0 when there is none.
    #[cfg_attr(feature = "openapi", schema(value_type = u64, example = 17))]
    pub head: Seq,
    /// The users who hold a seat, by name.
    pub occupants: Vec<Occupant>,
}

/// A user who holds a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Occupant {
    /// Who.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "alice"))]
    pub user: Username,
    /// `here`, `idle` or `away`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "here"))]
    pub state: PresenceState,
    /// Since when, in UTC to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-11-22T14:02:11.125Z"))]
    pub since: Timestamp,
}
