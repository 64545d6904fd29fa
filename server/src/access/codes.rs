//! The secrets that people carry: invites and refresh tokens. What they look like, and what is kept of them.

use std::fmt;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::rest::{INVITE_PREFIX, REFRESH_PREFIX};

/// How many random bytes an invite has: 144 bits, which fill their 24 characters.
const INVITE_BYTES: usize = 18;

/// How many random bytes the name of an invite has. It is no secret.
const ID_BYTES: usize = 6;

/// A secret in the form in which it is handed over. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

/// What is kept of a secret: its SHA-256. The secret is random and long, so it needs no salt and no slowness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; SHA256_OUTPUT_LEN]);

/// What came as `Authorization: Bearer`, by its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// An invite.
    Invite(&'a str),
    /// A refresh token.
    Refresh(&'a str),
    /// Anything else: a token, or the operator's key.
    Other(&'a str),
}

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

impl Code {
    /// A new invite.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn invite() -> Result<Self, NoRandomness> {
        Ok(Self(format!("{INVITE_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<INVITE_BYTES>()?))))
    }

    /// The refresh token with this secret part.
    #[must_use]
    pub fn refresh(secret: &str) -> Self {
        Self(format!("{REFRESH_PREFIX}{secret}"))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Digest {
    /// Of a secret as it was handed over.
    #[must_use]
    pub fn of(code: &str) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, code.as_bytes()).as_ref());
        Self(bytes)
    }

    /// As it is kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what was kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl<'a> Bearer<'a> {
    /// Tells by the prefix what it is. No token begins so: base64 of `{` is `e`.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        match text {
            invite if invite.starts_with(INVITE_PREFIX) => Self::Invite(invite),
            refresh if refresh.starts_with(REFRESH_PREFIX) => Self::Refresh(refresh),
            other => Self::Other(other),
        }
    }
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invite(_) => "Invite(***)",
            Self::Refresh(_) => "Refresh(***)",
            Self::Other(_) => "Other(***)",
        })
    }
}

/// A name for a new invite, by which it is listed and withdrawn.
///
/// # Errors
/// When the system gives no random bytes.
pub fn invite_id() -> Result<String, NoRandomness> {
    Ok(random::<ID_BYTES>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A text nobody can guess, for whoever redeems an invite without an `Idempotency-Key` of their own.
///
/// # Errors
/// When the system gives no random bytes.
pub fn nonce() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(random::<INVITE_BYTES>()?))
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_new_each_time_and_goes_into_an_address_as_it_is() {
        let (one, other) = (Code::invite().unwrap(), Code::invite().unwrap());
        assert_ne!(one.expose(), other.expose());
        let secret = one.expose().strip_prefix("duet_inv_").unwrap();
        assert_eq!(secret.len(), 24);
        assert!(secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{secret}");
    }

    #[test]
    fn what_is_kept_is_not_what_was_handed_over() {
        let code = Code::invite().unwrap();
        assert_eq!(code.digest(), Digest::of(code.expose()));
        assert_eq!(Digest::from_bytes(code.digest().bytes()), Some(code.digest()));
        assert_eq!(Digest::from_bytes(b"short"), None);
    }

    #[test]
    fn prefixes_tell_secrets_apart() {
        assert_eq!(Bearer::of("duet_inv_x"), Bearer::Invite("duet_inv_x"));
        assert_eq!(Bearer::of("duet_ref_x"), Bearer::Refresh("duet_ref_x"));
        assert_eq!(Bearer::of("eyJ0.x.y"), Bearer::Other("eyJ0.x.y"));
    }

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        assert_eq!(format!("{:?} {:?}", Code::refresh("x"), Bearer::of("duet_inv_x")), "*** Invite(***)");
    }
}
