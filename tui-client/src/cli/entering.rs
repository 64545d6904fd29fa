//! `join` with a link: exchanges the invite in it for a membership, once.

use std::str::FromStr;
use std::time::Duration;

use shared::link::Link;
use shared::names::RoomId;
use tokio::time::Instant;
use uuid::Uuid;

use crate::cli::exit::{Exit, Failure};
use crate::cli::stubborn::{GaveUp, until_answered_by};
use crate::cli::{block_on, say};
use crate::config;
use crate::credentials::Kept;
use crate::network::Membership;
use crate::network::error::ApiError;
use crate::network::fleet::Fleet;

/// How long to keep trying while the server cannot be reached or is busy.
const WITHIN: Duration = Duration::from_secs(10);

/// Where to: a room of a server that the settings name, or what an invite says.
#[derive(Debug, Clone)]
pub(super) enum Destination {
    Room(RoomId),
    Link(Box<Link>),
    /// The beginning of a link, which a shell has cut into words, or one that is wrong. It shows nothing of itself.
    Torn(Torn),
}

/// Part of a link.
#[derive(Clone)]
pub(super) struct Torn(String);

impl std::fmt::Debug for Torn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Torn(***)")
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("duet://") && !text.contains("duet+http") {
            return config::room(text).map(Self::Room);
        }
        // What is wrong with it is said later: clap would show what was typed, which may hold an invite.
        Ok(Link::find(text).map_or_else(|_| Self::Torn(Torn(text.to_owned())), |link| Self::Link(Box::new(link))))
    }
}

impl Destination {
    /// Joins what a shell has cut into words; then no more rooms can have been named.
    pub(super) fn with(self, more: &[String]) -> Result<(Self, Vec<RoomId>), Failure> {
        let usage = |words: String| Failure::new(Exit::Usage, words);
        let Self::Torn(Torn(begin)) = self else {
            let more = more.iter().map(|room| config::room(room)).collect::<Result<_, _>>().map_err(usage)?;
            return Ok((self, more));
        };
        let link = Link::find(&format!("{begin}{}", more.concat())).map_err(|e| usage(e.to_string()))?;
        Ok((Self::Link(Box::new(link)), Vec::new()))
    }
}

/// Exchanges the invite of a link. Says where the membership is kept where that is a file.
pub(super) fn enter(membership: &Membership, link: &Link) -> Result<(), Failure> {
    let credentials = &membership.access.credentials;
    let member = membership.member(membership.servers.first());
    // A link that is pasted again the next day is as good as the room's name.
    let was_member = credentials.has(&member);
    let pending =
        credentials.redeeming(&member, &link.invite, || Uuid::new_v4().to_string()).unwrap_or_else(|pending| {
            say("what makes you a member cannot be kept here: set DUET_STATE_DIR to a folder that can be written to");
            pending
        });
    // A fresh client: the membership that is being got is not to be asked for.
    let mut stranger = membership.clone();
    stranger.access.credentials = crate::credentials::Credentials::default();
    let servers = Fleet::new(&stranger)?;
    block_on(async {
        match until_answered_by(&servers, Instant::now() + WITHIN, async |api| api.redeem(&pending).await).await {
            Ok(Some(secret)) => {
                let others = membership.servers.iter().skip(1).map(|server| server.as_str().to_owned()).collect();
                match credentials.keep(&member, others, &secret).await {
                    Ok(kept) => {
                        credentials.redeemed(&member);
                        if kept == Kept::InFile {
                            say("no keyring answers, so what makes you a member is kept in a file for you alone");
                        }
                    }
                    // The invite is used up, and the answer can be had again for ten minutes.
                    Err(error) => return Err(Failure::new(Exit::Unexpected, error.to_string())),
                }
                Ok(())
            }
            Ok(None) => {
                credentials.redeemed(&member);
                say("this server lets in everybody and keeps no members");
                Ok(())
            }
            Err(GaveUp::Refused(error)) => {
                // Anything else may stand between us and an answer that was lost, and that the key gets again.
                if matches!(error, ApiError::Uninvited(_) | ApiError::Refused(_)) {
                    credentials.redeemed(&member);
                }
                if was_member { Ok(()) } else { Err(error.into()) }
            }
            Err(gave_up @ GaveUp::TimeUp(_)) => Err(gave_up.after(WITHIN, &servers)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "duet://bob@chat.example.org/room1#duet_inv_0123456789abcdefghijklmn";

    fn room(text: &str) -> RoomId {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_a_room_and_a_link_a_link() {
        assert!(matches!("room1".parse(), Ok(Destination::Room(name)) if name == room("room1")));
        assert!(matches!(LINK.parse(), Ok(Destination::Link(_))));
        assert!("..".parse::<Destination>().is_err());
    }

    #[test]
    fn a_link_that_a_shell_has_cut_into_words_is_put_together() {
        let (begin, end) = LINK.split_at(50);
        let torn: Destination = begin.parse().unwrap();
        let (whole, more) = torn.with(&[end.to_owned()]).unwrap();
        assert!(matches!(whole, Destination::Link(link) if link.to_string() == LINK));
        assert!(more.is_empty());
        let torn: Destination = begin.parse().unwrap();
        let refused = torn.with(&[]).unwrap_err();
        assert!(refused.words.contains("cut off") && !refused.words.contains("0123"), "{refused}");
    }

    #[test]
    fn of_a_link_that_is_wrong_it_is_said_why_and_not_what_it_holds() {
        let wrong: Destination = LINK.replace("bob@", "bob@bob@").parse().unwrap();
        let refused = wrong.with(&[]).unwrap_err();
        assert!(refused.words.contains("link") && !refused.words.contains("0123"), "{refused}");
    }

    #[test]
    fn a_room_may_have_others_beside_it() {
        let (_, more) = "room1".parse::<Destination>().unwrap().with(&["room2".to_owned()]).unwrap();
        assert_eq!(more, [room("room2")]);
    }
}
