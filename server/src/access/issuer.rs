//! The key by which the operator's own programs get tokens from a closed server.

use std::fmt;

use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

/// What a key signs to be told from another one: a MAC (RFC 2104) takes the same time wherever two keys differ.
const SIGNED: &[u8] = b"\0duet issuer";

/// The key, of which only what it signs is kept.
pub struct IssuerKey(String);

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerKey(***)")
    }
}

impl IssuerKey {
    /// Takes `DUET_ISSUER_KEY`.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn new(key: &str) -> Result<Self, Error> {
        crypto::sign(SIGNED, &EncodingKey::from_secret(key.as_bytes()), Algorithm::HS256).map(Self)
    }

    /// Whether this is the key.
    #[must_use]
    pub fn is(&self, candidate: &str) -> bool {
        let key = DecodingKey::from_secret(candidate.as_bytes());
        crypto::verify(&self.0, SIGNED, &key, Algorithm::HS256).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_is_the_key() {
        let text = "an-issuer-key-of-at-least-thirty-two-bytes";
        let key = IssuerKey::new(text).unwrap();
        assert!(key.is(text));
        for candidate in
            ["", "an-issuer-key-of-at-least-thirty-two-byte", &text[1..], &format!("{text}x"), &text.to_uppercase()]
        {
            assert!(!key.is(candidate), "{candidate}");
        }
        assert_eq!(format!("{key:?}"), "IssuerKey(***)");
    }
}
