//! The rules of invites and of what they are exchanged for. Pure, but for the random bytes of a new one.

use std::time::Duration;

use jiff::Timestamp;
use shared::names::{RoomId, Username};
use shared::rest::MAX_INVITE_SECONDS;

use crate::access::codes::{self, Code, Digest, NoRandomness};

/// How long an invite is good for, unless it says so.
pub const USUAL_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long it may be good for at the most.
pub const MAX_LIFE: Duration = Duration::from_secs(MAX_INVITE_SECONDS);

/// How long a member stays one without coming, unless it is set.
pub const MEMBER_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long the same redeemer gets the same answer again, whose answer was lost.
pub const REPEAT_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How many invites of a room may be pending: more than two people need, and no way to fill a disk.
pub const MAX_PENDING: u32 = 64;

/// How long an invite is remembered past its end, so that whoever comes late hears why.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a revocation is remembered: longer than any token that was made before it may live, with the leeway of clocks.
pub const REVOKED_FOR: Duration = Duration::from_secs(25 * 60 * 60);

/// An invite as its room sees it: without its code, which nobody has but the invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// By which it is listed and withdrawn.
    pub id: String,
    /// Where to.
    pub room: RoomId,
    /// Whom, under which name.
    pub user: Username,
    /// By whom; `None` is the operator.
    pub creator: Option<Username>,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it is no good.
    pub expires_at: Timestamp,
}

/// An invite with what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The invite.
    pub invite: Invite,
    /// When it was redeemed, and for which refresh token.
    pub used: Option<(Timestamp, Digest)>,
}

/// What became of a new invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is kept, and good.
    Kept,
    /// [`MAX_PENDING`] of its room wait to be used.
    TooMany,
    /// Its creator was sent away since their token was made, which their server does not know yet.
    Revoked,
}

/// Somebody wants to redeem an invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// For which room.
    pub room: RoomId,
    /// Under which name.
    pub user: Username,
    /// What they are to get for it. It follows from the invite and the redeemer's own key.
    pub refresh: Digest,
    /// When.
    pub now: Timestamp,
    /// How long what they get is good for when it is not used.
    pub member_until: Timestamp,
}

/// That an invite is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is used from now on.
    First,
    /// It was used just now by the same redeemer, whose answer was lost.
    Again,
}

/// Why an invite is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none with this code: mistyped, withdrawn, or long over.
    #[error("there is no such invite: see that all of it was pasted, or ask for a new one")]
    Invalid,
    /// Somebody has used it.
    #[error(
        "the invite has been used, and is good for once: ask for a new one; if it was not you, say so to whoever sent it"
    )]
    Used,
    /// Its time is over.
    #[error("the invite has expired: ask for a new one")]
    Expired,
    /// It is for another room.
    #[error("the invite is for another room: use the link as it was given to you")]
    WrongRoom,
    /// It is for somebody else.
    #[error("the invite is for another name: use the link as it was given to you")]
    WrongUser,
}

/// Whose refresh token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// In which room.
    pub room: RoomId,
    /// Under which name.
    pub user: Username,
}

/// That whatever a user of a room had at some time is no good any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whose.
    pub member: Member,
    /// What was made at this time or before.
    pub at: Timestamp,
}

/// Whether a token that was made at `issued_at` is no good after a revocation at `at`. Of one that does not say when it was made
/// nobody knows, so it is not.
#[must_use]
pub fn is_revoked(issued_at: Option<Timestamp>, at: Timestamp) -> bool {
    issued_at.is_none_or(|issued_at| issued_at <= at)
}

/// A new invite, and the code that is to be handed over.
///
/// # Errors
/// When the system gives no random bytes.
pub fn make(
    member: Member,
    creator: Option<Username>,
    now: Timestamp,
    life: Duration,
) -> Result<(Invite, Code), NoRandomness> {
    let Member { room, user } = member;
    let invite = Invite {
        id: codes::invite_id()?,
        room,
        user,
        creator,
        made_at: now,
        expires_at: later(now, life.min(MAX_LIFE)),
    };
    Ok((invite, Code::invite()?))
}

/// Whether somebody may redeem an invite.
///
/// # Errors
/// Why not.
pub fn admit(kept: Option<&Kept>, attempt: &Attempt) -> Result<Admission, Refusal> {
    let Some(Kept { invite, used }) = kept else { return Err(Refusal::Invalid) };
    if invite.room != attempt.room {
        return Err(Refusal::WrongRoom);
    }
    if invite.user != attempt.user {
        return Err(Refusal::WrongUser);
    }
    match used {
        Some((at, refresh)) if *refresh == attempt.refresh && attempt.now < later(*at, REPEAT_WITHIN) => {
            Ok(Admission::Again)
        }
        Some(_) => Err(Refusal::Used),
        None if attempt.now >= invite.expires_at => Err(Refusal::Expired),
        None => Ok(Admission::First),
    }
}

/// The time so much later.
#[must_use]
pub fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// The time so much earlier.
#[must_use]
pub fn earlier(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T14:02:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn attempt() -> Attempt {
        Attempt {
            room: RoomId::new("room1").unwrap(),
            user: Username::new("bob").unwrap(),
            refresh: Digest::of("bob's"),
            now: now(),
            member_until: now(),
        }
    }

    fn kept() -> Kept {
        let Attempt { room, user, .. } = attempt();
        let invite = Invite {
            id: "1".to_owned(),
            room,
            user,
            creator: None,
            made_at: now(),
            expires_at: later(now(), Duration::from_secs(60)),
        };
        Kept { invite, used: None }
    }

    fn at(seconds: u64) -> Attempt {
        Attempt { now: later(now(), Duration::from_secs(seconds)), ..attempt() }
    }

    #[test]
    fn an_invite_is_good_until_its_end() {
        assert_eq!(admit(Some(&kept()), &at(59)), Ok(Admission::First));
        assert_eq!(admit(Some(&kept()), &at(60)), Err(Refusal::Expired));
    }

    #[test]
    fn an_unknown_invite_is_invalid() {
        assert_eq!(admit(None, &attempt()), Err(Refusal::Invalid));
    }

    #[test]
    fn an_invite_is_for_one_room_and_one_name() {
        let elsewhere = Attempt { room: RoomId::new("room2").unwrap(), ..attempt() };
        let somebody = Attempt { user: Username::new("mallory").unwrap(), ..attempt() };
        assert_eq!(admit(Some(&kept()), &elsewhere), Err(Refusal::WrongRoom));
        assert_eq!(admit(Some(&kept()), &somebody), Err(Refusal::WrongUser));
    }

    #[test]
    fn a_used_invite_is_good_only_for_whoever_used_it_and_only_for_ten_minutes() {
        let used = Kept { used: Some((now(), attempt().refresh)), ..kept() };
        assert_eq!(admit(Some(&used), &at(599)), Ok(Admission::Again), "also past the end of the invite itself");
        assert_eq!(admit(Some(&used), &at(600)), Err(Refusal::Used));
        let another = Attempt { refresh: Digest::of("mallory's"), ..attempt() };
        assert_eq!(admit(Some(&used), &another), Err(Refusal::Used));
    }
}
