//! The `duet.v1` subprotocol: JSON text frames, one object each, tagged by `type`.
//!
//! Both sides ignore fields and types they do not know, so that versions can mix. A client asks for it with
//! `Sec-WebSocket-Protocol: duet.v1` (RFC 6455 §1.9); one that does not gets the content of each message as plain text.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Seq, to_the_millisecond};
use crate::names::{RoomId, Username};

/// The name of the subprotocol.
pub const SUBPROTOCOL: &str = "duet.v1";

/// How many users' receipts a room tells of: the two who are there, and those who were there before them.
pub const MAX_RECEIPTS: usize = 8;

/// How long a user counts as writing who does not say so again. Clients say it again after half of this.
pub const TYPING_LASTS: Duration = Duration::from_secs(6);

/// How long a seat is kept for a user whose connection broke off.
pub const SEAT_KEPT_FOR: Duration = Duration::from_secs(15);

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The first frame of every connection.
    Welcome(Welcome),
    /// A message of the room; places rise by one from frame to frame unless a `gap` says otherwise.
    Message(Message),
    /// Who is in the room has changed.
    Presence(Presence),
    /// Somebody's client has come further.
    Receipt(Receipt),
    /// Somebody is writing, or has stopped.
    Typing(Typing),
    /// Messages that history no longer has.
    Gap(Gap),
    /// The token of this connection ends soon: the client does well to send a new one.
    TokenExpiring(Remaining),
    /// The new token holds for this connection.
    TokenAccepted(Remaining),
    /// The server is about to close this connection.
    Bye(Bye),
    /// A frame of a later version.
    #[serde(other)]
    Unknown,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// How far this client has come.
    Receipt(Reached),
    /// Whether this client's user is writing.
    Typing(Activity),
    /// Whether somebody is at this client.
    Presence(Attention),
    /// A new token for this connection. One for another user or room is not taken.
    Token(NewToken),
    /// A frame of a later version.
    #[serde(other)]
    Unknown,
}

/// Where a client stands when it has come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The room, as in the path.
    pub room_id: RoomId,
    /// The user the token names.
    pub user: Username,
    /// The identity of the history that places count in. To be given back on resume.
    pub epoch: String,
    /// The place of the newest message.
    pub head: Seq,
    /// The users who hold a seat, this one included, by name.
    pub occupants: Vec<Username>,
    /// Those of them at whose clients nobody is, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<Idle>,
    /// How far users of the room have come, those who moved last first, at most [`MAX_RECEIPTS`].
    #[serde(default)]
    pub receipts: Vec<Receipt>,
    /// What the frames after this one begin with.
    pub resume: Resume,
    /// The longest content that `POST /message` takes, in bytes of UTF-8.
    pub max_content_bytes: usize,
}

/// How a connection continues from an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// Nothing was asked: messages after `head` follow.
    Live,
    /// `last` was asked: the newest messages follow, then the rest.
    Recent,
    /// `after` and `epoch` were asked: every later message follows, a `gap` for each that has expired.
    Complete,
    /// `after` and `epoch` were asked and are of another history: forget all places; continues as `Recent` or `Live`.
    Reset,
}

/// Somebody came or went. `occupants` is the whole truth after it, so a missed one is healed by the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub user: Username,
    /// What they are now.
    pub state: PresenceState,
    /// Since when, in UTC to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    pub since: Timestamp,
    /// The users who hold a seat now, by name.
    pub occupants: Vec<Username>,
}

/// What a user of a room can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    /// Connected.
    Here,
    /// Connected, and nobody is at any of their clients, by what these say.
    Idle,
    /// The connection broke off without a close; the seat is kept for a while.
    Away,
    /// The seat is free.
    Gone,
}

/// A user who is connected, and at whose clients nobody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// Who.
    pub user: Username,
    /// Since when, in UTC to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    pub since: Timestamp,
}

/// Whether somebody is at a client. A connection that has said nothing counts as attended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Which of both.
    pub state: AttentionState,
}

/// What [`Attention`] can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionState {
    /// Somebody is.
    Here,
    /// Nobody has been for a while, or the client is a program's.
    Idle,
}

/// Whether somebody writes. It holds for [`TYPING_LASTS`] unless it is said again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Which of both.
    pub state: TypingState,
}

/// What [`Activity`] can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypingState {
    /// Somebody writes.
    Active,
    /// They have stopped, or have sent it.
    Stopped,
}

/// Whether a user writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Who.
    pub user: Username,
    /// Whether they do.
    #[serde(flatten)]
    pub activity: Activity,
}

/// How far a client has come in the messages of its room. Neither place ever goes back, and one the room does not have
/// yet counts as its newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Every message up to this place has arrived, those of a gap aside.
    #[serde(default)]
    pub delivered: Seq,
    /// Every message up to this place has been shown to the person. What was read was delivered.
    #[serde(default)]
    pub read: Seq,
}

impl Reached {
    /// The further of both, for each place, with nothing of the other beyond `head` and nothing read that was not
    /// delivered.
    #[must_use]
    pub fn and(self, other: Self, head: Seq) -> Self {
        self.furthest(Self { delivered: other.delivered.min(head), read: other.read.min(head) })
    }

    /// The further of both, for each place, with nothing read that was not delivered.
    #[must_use]
    pub fn furthest(self, other: Self) -> Self {
        let read = self.read.max(other.read);
        Self { delivered: self.delivered.max(other.delivered).max(read), read }
    }
}

/// How far a user has come, by whichever of their connections came furthest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Who.
    pub user: Username,
    /// How far.
    #[serde(flatten)]
    pub reached: Reached,
}

/// Messages that cannot be had any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first missing place.
    pub from: Seq,
    /// The last missing place.
    pub to: Seq,
}

/// How long the token of a connection holds yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// In milliseconds from now.
    pub expires_in_ms: u64,
}

/// What takes the place of the token that a connection was made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// A JWT, as `POST /generate-token` gives it.
    pub token: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken(***)")
    }
}

/// Why the server closes, and when to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// The reason, a sentence for a person.
    pub reason: String,
    /// When to try again, in milliseconds from now; absent when trying again is of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The close codes Duet sends (RFC 6455 §7.4, the private range from 4000).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The server is going away; come back to it or to another (IANA registry, 1012 "Service Restart").
    Restart = 1012,
    /// The client has sent more in one message than is taken (RFC 6455 §7.4.1, 1009 "Message Too Big").
    TooLarge = 1009,
    /// The messages of the room cannot be read; come back (RFC 6455 §7.4.1, 1011 "Internal Error").
    Unreadable = 1011,
    /// This reader was too slow for too long; come back and resume (IANA registry, 1013 "Try Again Later").
    TooSlow = 1013,
    /// The room holds two other users.
    RoomFull = 4001,
    /// The token has ended, and no new one came; come back with one.
    TokenExpired = 4002,
    /// The user may not be in the room any more.
    Revoked = 4003,
}

impl CloseCode {
    /// Whether a client does well to connect again by itself.
    #[must_use]
    pub fn may_reconnect(code: u16) -> bool {
        code != Self::RoomFull as u16 && code != Self::Revoked as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_a_later_version_is_unknown_and_not_an_error() {
        let frame: ServerFrame = serde_json::from_str(r#"{"type":"reaction","seq":3,"emoji":"x"}"#).unwrap();
        assert_eq!(frame, ServerFrame::Unknown);
    }

    #[test]
    fn a_field_of_a_later_version_is_ignored() {
        let frame: ServerFrame = serde_json::from_str(r#"{"type":"gap","from":3,"to":7,"why":"expired"}"#).unwrap();
        assert_eq!(frame, ServerFrame::Gap(Gap { from: Seq(3), to: Seq(7) }));
    }

    #[test]
    fn a_receipt_goes_forward_only_and_not_beyond_the_room() {
        let reached = |delivered, read| Reached { delivered: Seq(delivered), read: Seq(read) };
        let head = Seq(10);
        assert_eq!(reached(3, 2).and(reached(5, 1), head), reached(5, 2));
        assert_eq!(reached(3, 2).and(reached(0, 7), head), reached(7, 7));
        assert_eq!(reached(3, 2).and(reached(99, 99), head), reached(10, 10));
        assert_eq!(reached(12, 12).and(reached(0, 0), head), reached(12, 12));
    }

    #[test]
    fn a_receipt_names_its_user_beside_the_places() {
        let text = r#"{"type":"receipt","user":"bob","delivered":18,"read":17}"#;
        let frame: ServerFrame = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        let frame: ClientFrame = serde_json::from_str(r#"{"type":"receipt","read":17}"#).unwrap();
        assert_eq!(frame, ClientFrame::Receipt(Reached { delivered: Seq::START, read: Seq(17) }));
    }

    #[test]
    fn only_a_full_room_and_a_revoked_user_are_final() {
        for code in [4001, 4003] {
            assert!(!CloseCode::may_reconnect(code));
        }
        for code in [1000, 1001, 1006, 1011, 1012, 1013, 4002] {
            assert!(CloseCode::may_reconnect(code));
        }
    }

    #[test]
    fn a_token_is_not_shown_by_debug() {
        let frame: ClientFrame = serde_json::from_str(r#"{"type":"token","token":"eyJ0"}"#).unwrap();
        assert_eq!(frame, ClientFrame::Token(NewToken { token: "eyJ0".to_owned() }));
        assert_eq!(format!("{frame:?}"), "Token(NewToken(***))");
    }
}
