//! Who may enter and speak here: anybody, or those with a token that was not given to just anyone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use shared::names::RoomId;
use tokio::sync::Notify;

use crate::access::invites::Revocation;
use crate::access::issuer::IssuerKey;
use crate::access::revocations::Revocations;
use crate::access::term::Term;
use crate::access::tokens::{Claims, TokenError, Tokens};
use crate::clock;
use crate::limits::lengths::Lengths;
use crate::rooms::Voice;

/// Who gets a token, and who may post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Access {
    /// Whoever asks, under any name: the contract.
    Open,
    /// Who was invited, and the operator's own programs. Only members of a room post to it.
    Closed,
}

/// What is asked before anybody enters or speaks.
#[derive(Debug)]
pub struct Gate {
    access: Access,
    tokens: Arc<Tokens>,
    issuer: Option<IssuerKey>,
    lengths: Lengths,
    /// Whether there are any of the following, so that nobody waits for a lock where there are none.
    has_revocations: AtomicBool,
    revocations: RwLock<Revocations>,
    /// Whether every server that shares our history signs by a key that is known here, as far as is known.
    knows_all_keys: AtomicBool,
    /// Says that revocations are to be read anew.
    look: Notify,
}

impl Gate {
    /// Asks for what `access` says, and for names within `lengths`. Without an `issuer` key nobody has it.
    #[must_use]
    pub fn new(access: Access, tokens: Arc<Tokens>, issuer: Option<IssuerKey>, lengths: Lengths) -> Self {
        Self {
            access,
            tokens,
            issuer,
            lengths,
            has_revocations: AtomicBool::new(false),
            revocations: RwLock::default(),
            knows_all_keys: AtomicBool::new(true),
            look: Notify::new(),
        }
    }

    /// Whether only those come in who were let in.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.access == Access::Closed
    }

    /// Whether this is the key of the operator's own programs.
    #[must_use]
    pub fn is_issuer(&self, candidate: &str) -> bool {
        self.issuer.as_ref().is_some_and(|key| key.is(candidate))
    }

    /// How long names may be that come in.
    #[must_use]
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Reads a token, and checks that it is good now.
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, [`TokenError::TooLong`] when it is for a longer name than may be,
    /// [`TokenError::Revoked`] when its user was sent away since it was made, otherwise [`TokenError::Invalid`].
    pub fn check(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = self.tokens.check(token, clock::timestamp())?;
        self.lengths.check(&claims.room_id, &claims.username)?;
        if self.is_revoked(&claims) { Err(TokenError::Revoked) } else { Ok(claims) }
    }

    /// [`Gate::check`], and that the token is for `room`.
    ///
    /// # Errors
    /// Those of [`Gate::check`], and [`TokenError::WrongRoom`].
    pub fn check_for(&self, token: &str, room: &RoomId) -> Result<Claims, TokenError> {
        let claims = self.check(token)?;
        if claims.room_id == *room { Ok(claims) } else { Err(TokenError::WrongRoom) }
    }

    /// Whether the user of a token was sent away since it was made.
    #[must_use]
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        self.has_revocations.load(Ordering::Acquire)
            && self.read().covers(&claims.room_id, &claims.username, claims.issued_at())
    }

    /// How long somebody may stay who came with this token. `None`: for as long as they like, as a plain client on an open server,
    /// for the contract knows no end of a connection.
    #[must_use]
    pub fn term(&self, claims: &Claims, voice: Voice) -> Option<Term> {
        match voice {
            Voice::Plain if !self.is_closed() => None,
            Voice::Plain | Voice::DuetV1 => Term::begin(clock::now(), self.tokens.span(claims)),
        }
    }

    /// Takes in all revocations there are, and says which of them are new.
    pub fn revoke(&self, revocations: Revocations) -> Vec<Revocation> {
        let mut known = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        let new = revocations.beyond(&known);
        self.has_revocations.store(!revocations.is_empty(), Ordering::Release);
        *known = revocations;
        new
    }

    /// Takes in whether the others sign by keys that are known here, and says what held before.
    pub fn note_others_key(&self, is_known: bool) -> bool {
        self.knows_all_keys.swap(is_known, Ordering::Relaxed)
    }

    /// Whether they do.
    #[must_use]
    pub fn knows_all_keys(&self) -> bool {
        self.knows_all_keys.load(Ordering::Relaxed)
    }

    /// Has the revocations read anew at once.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Waits until they are to be read anew at once.
    pub async fn asked_to_look(&self) {
        self.look.notified().await;
    }

    fn read(&self) -> RwLockReadGuard<'_, Revocations> {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use shared::rest::TokenRequest;

    use super::*;

    const KEY: &[u8] = b"a-secret-key-of-at-least-thirty-two-bytes";

    #[test]
    fn a_token_is_for_one_room_only() {
        let tokens = Arc::new(Tokens::new(KEY));
        let gate = Gate::new(Access::Open, Arc::clone(&tokens), None, Lengths::default());
        let room = |name: &str| name.parse::<RoomId>().unwrap();
        let request =
            TokenRequest { username: "alice".parse().unwrap(), email: "".parse().unwrap(), room_id: room("room1") };
        let token = tokens.issue(request, Timestamp::now()).unwrap();
        assert!(gate.check_for(&token, &room("room1")).is_ok());
        assert_eq!(gate.check_for(&token, &room("room2")), Err(TokenError::WrongRoom));
    }

    #[test]
    fn without_an_issuer_key_nobody_has_it() {
        let gate = Gate::new(Access::Closed, Arc::new(Tokens::new(KEY)), None, Lengths::default());
        assert!(gate.is_closed() && !gate.is_issuer(""));
    }
}
