//! Tokens (JWT, RFC 7519, HS256) and the seal that lets a sender's name travel through the queue.

use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use serde::{Deserialize, Serialize};
use shared::names::{Email, RoomId, Username};
use shared::rest::TokenRequest;

use crate::broker::Incoming;

/// How long a token is good for, in seconds.
pub const LIFETIME_SECONDS: i64 = 3600;

/// The shortest key that HS256 may be used with, in bytes (RFC 7518 §3.2).
pub const MIN_KEY_BYTES: usize = 32;

/// What a token says of its bearer. The same claims as in the first system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who.
    pub username: Username,
    /// Their e-mail address. Tokens made elsewhere may lack it.
    #[serde(default = "no_email")]
    pub email: Email,
    /// The one room the token is for.
    pub room_id: RoomId,
}

/// The claims with the end of the token. Only to be written: in a token made elsewhere the end may have a fraction,
/// and the library that checks it takes both.
#[derive(Serialize)]
struct Expiring {
    #[serde(flatten)]
    claims: Claims,
    /// In seconds since 1970.
    exp: i64,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Malformed, forged, of another algorithm, or without a claim that is needed.
    #[error("the token is not valid: get one from POST /generate-token")]
    Invalid,
    /// Good until now.
    #[error("the token has expired: get a new one from POST /generate-token")]
    Expired,
    /// Good, but for another room.
    #[error("the token is for another room: get one for this room from POST /generate-token")]
    WrongRoom,
}

/// Makes and checks tokens and seals. Cheap to share behind an `Arc`.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(***)")
    }
}

impl Tokens {
    /// Works with `secret`, the bytes of `SECRET_KEY`.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Clients of the first system see a token end when it says; PyJWT has no leeway either.
        validation.leeway = 0;
        // A foreign token may carry an audience; the first system never looked at it.
        validation.validate_aud = false;
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// Makes a token that is good for an hour from `now`.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn issue(&self, request: TokenRequest, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let TokenRequest { username, email, room_id } = request;
        let claims = Claims { username, email, room_id };
        let token = Expiring { claims, exp: now.as_second() + LIFETIME_SECONDS };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &token, &self.encoding)
    }

    /// Reads a token and checks signature, algorithm and end.
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, otherwise [`TokenError::Invalid`].
    pub fn check(&self, token: &str) -> Result<Claims, TokenError> {
        match jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation) {
            Ok(data) => Ok(data.claims),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => Err(TokenError::Expired),
            Err(_) => Err(TokenError::Invalid),
        }
    }

    /// [`Tokens::check`], and that the token is for `room`.
    ///
    /// # Errors
    /// Those of [`Tokens::check`], and [`TokenError::WrongRoom`].
    pub fn check_for(&self, token: &str, room: &RoomId) -> Result<Claims, TokenError> {
        let claims = self.check(token)?;
        if claims.room_id == *room { Ok(claims) } else { Err(TokenError::WrongRoom) }
    }

    /// Seals the sender of a message, so that what comes out of the queue under a user's name was put in by a Duet
    /// that had seen the user's token: HMAC-SHA256 (RFC 2104) over all that must not be changed.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn seal(&self, message: &Incoming, sender: &Username) -> Result<String, jsonwebtoken::errors::Error> {
        crypto::sign(&sealed_bytes(message, sender), &self.encoding, Algorithm::HS256)
    }

    /// Whether `seal` was made by [`Tokens::seal`] for this message and sender. Compares in constant time.
    #[must_use]
    pub fn is_sealed(&self, message: &Incoming, sender: &Username, seal: &str) -> bool {
        crypto::verify(seal, &sealed_bytes(message, sender), &self.decoding, Algorithm::HS256).unwrap_or(false)
    }
}

/// Each part with its length before it, so that no two messages have the same bytes; the NUL in front keeps a seal
/// from ever being the signature of a token, which is over base64 text.
fn sealed_bytes(message: &Incoming, sender: &Username) -> Vec<u8> {
    let mut bytes = b"\0duet sender".to_vec();
    for part in [message.room.as_str(), message.id.as_str(), sender.as_str(), &message.content] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// The address of a token that has none.
fn no_email() -> Email {
    #[expect(clippy::expect_used, reason = "an e-mail address may be empty by its rule")]
    Email::new("").expect("an empty e-mail address is allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T14:02:00Z";

    fn tokens() -> Tokens {
        Tokens::new(b"a-secret-key-of-at-least-thirty-two-bytes")
    }

    fn request() -> TokenRequest {
        TokenRequest {
            username: Username::new("alice").unwrap(),
            email: Email::new("alice@example.com").unwrap(),
            room_id: RoomId::new("room1").unwrap(),
        }
    }

    fn message() -> Incoming {
        Incoming {
            room: RoomId::new("room1").unwrap(),
            id: shared::names::MessageId::new("m1").unwrap(),
            sender: None,
            content: "hi".to_owned(),
            sent_at: NOW.parse().unwrap(),
        }
    }

    #[test]
    fn a_token_comes_back_as_what_it_was_made_for() {
        let token = tokens().issue(request(), Timestamp::now()).unwrap();
        let claims = tokens().check_for(&token, &request().room_id).unwrap();
        assert_eq!(claims.username, request().username);
        assert_eq!(claims.email, request().email);
    }

    #[test]
    fn a_token_ends_after_an_hour() {
        let past = Timestamp::from_second(Timestamp::now().as_second() - LIFETIME_SECONDS - 1).unwrap();
        let token = tokens().issue(request(), past).unwrap();
        assert_eq!(tokens().check(&token), Err(TokenError::Expired));
    }

    #[test]
    fn a_forged_malformed_or_unsigned_token_is_invalid() {
        let forged =
            Tokens::new(b"another-secret-key-of-thirty-two-bytes!").issue(request(), Timestamp::now()).unwrap();
        // {"alg":"none"} and the claims of alice, without a signature.
        let unsigned =
            "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFsaWNlIiwicm9vbV9pZCI6InJvb20xIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        for token in ["", "x", "a.b.c", unsigned, forged.as_str()] {
            assert_eq!(tokens().check(token), Err(TokenError::Invalid), "{token}");
        }
    }

    #[test]
    fn a_token_is_for_one_room_only() {
        let token = tokens().issue(request(), Timestamp::now()).unwrap();
        assert_eq!(tokens().check_for(&token, &RoomId::new("room2").unwrap()), Err(TokenError::WrongRoom));
    }

    #[test]
    fn a_seal_holds_for_its_message_and_sender_only() {
        let (message, alice) = (message(), Username::new("alice").unwrap());
        let seal = tokens().seal(&message, &alice).unwrap();
        assert!(tokens().is_sealed(&message, &alice, &seal));
        assert!(!tokens().is_sealed(&message, &Username::new("bob").unwrap(), &seal));
        assert!(!tokens().is_sealed(&Incoming { content: "ho".to_owned(), ..message.clone() }, &alice, &seal));
        assert!(!Tokens::new(b"another-secret-key-of-thirty-two-bytes!").is_sealed(&message, &alice, &seal));
    }

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", tokens()), "Tokens(***)");
    }
}
