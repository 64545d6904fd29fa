//! Tokens (JWT, RFC 7519, HS256) and the seal that lets a sender's name travel through the queue. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use serde::{Deserialize, Deserializer, Serialize};
use shared::names::{Email, NameError, RoomId, Username};
use shared::rest::TokenRequest;

use crate::access::codes::Code;
use crate::access::term::Span;
use crate::broker::Incoming;

/// How long a token is good for, unless it is set.
pub const LIFE: Duration = Duration::from_secs(60 * 60);

/// The shortest key that HS256 may be used with, in bytes (RFC 7518 §3.2).
pub const MIN_KEY_BYTES: usize = 32;

/// What is signed to tell keys apart: not the beginning of anything else that is.
const MARKED: &[u8] = b"\0duet key";

/// What a token says of its bearer. The same claims as in the first system, and `iat`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claims {
    /// Who.
    pub username: Username,
    /// Their e-mail address. Tokens made elsewhere may lack it.
    #[serde(default = "no_email")]
    pub email: Email,
    /// The one room the token is for.
    pub room_id: RoomId,
    /// The end, in seconds since 1970. One made elsewhere may have a fraction.
    exp: f64,
    /// When it was made, in the same way. Tokens made elsewhere may lack it, or have what is no number.
    #[serde(default, deserialize_with = "number")]
    iat: Option<f64>,
}

impl Claims {
    /// From when on the token is no good.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        time(self.exp)
    }

    /// When it was made, if it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.iat.map(time)
    }
}

/// Only to be written.
#[derive(Serialize)]
struct Written {
    username: Username,
    email: Email,
    room_id: RoomId,
    /// To the millisecond, which RFC 7519 §2 lets a `NumericDate` have: who is invited again within the second in which they
    /// were sent away gets in.
    iat: f64,
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
    /// Good until its user was sent away.
    #[error(
        "you may not be in this room any more, by this token: ask for an invite, or get a new one from POST /generate-token"
    )]
    Revoked,
    /// Good, but for a room or a user with a longer name than may be here.
    #[error("the token is not valid here: its {0}")]
    TooLong(#[from] NameError),
    /// Good, but for another room.
    #[error("the token is for another room: get one for this room from POST /generate-token")]
    WrongRoom,
}

/// What tokens are made and checked by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The bytes of `SECRET_KEY`, which signs.
    pub key: &'a [u8],
    /// The bytes of another key under which tokens and seals are good as well.
    pub also: Option<&'a [u8]>,
    /// How long a token that has ended is still taken, for clocks that differ.
    pub leeway: Duration,
    /// How long a token is good for, in whole seconds.
    pub life: Duration,
}

/// Makes and checks tokens and seals. Cheap to share behind an `Arc`.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// Only checks.
    also: Option<DecodingKey>,
    validation: Validation,
    leeway: SignedDuration,
    life: SignedDuration,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(***)")
    }
}

impl Tokens {
    /// Works with `secret`, the bytes of `SECRET_KEY`, without leeway.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self::by(Rules { key: secret, also: None, leeway: Duration::ZERO, life: LIFE })
    }

    /// Works by these rules.
    #[must_use]
    pub fn by(rules: Rules<'_>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // That there is an end is checked there, and here when it is: the library counts in whole seconds, and takes a token for
        // one more.
        validation.validate_exp = false;
        // A foreign token may carry an audience; the first system never looked at it.
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(rules.key),
            decoding: DecodingKey::from_secret(rules.key),
            also: rules.also.map(DecodingKey::from_secret),
            validation,
            leeway: SignedDuration::try_from(rules.leeway).unwrap_or(SignedDuration::MAX),
            life: SignedDuration::try_from(rules.life).unwrap_or(SignedDuration::MAX),
        }
    }

    /// Makes a token that is good from `now` for as long as the rules say.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn issue(&self, request: TokenRequest, now: Timestamp) -> Result<String, Error> {
        let TokenRequest { username, email, room_id } = request;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 42 bits")]
        let iat = now.as_millisecond() as f64 / 1000.0;
        let exp = now.as_second().saturating_add(self.life.as_secs());
        let token = Written { username, email, room_id, iat, exp };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &token, &self.encoding)
    }

    /// Reads a token and checks signature, algorithm and end.
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, otherwise [`TokenError::Invalid`].
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let read = |key| jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        let claims = match (read(&self.decoding), &self.also) {
            (Err(error), Some(also)) if matches!(error.kind(), ErrorKind::InvalidSignature) => read(also),
            (read, _) => read,
        };
        let claims = claims.map_err(|_| TokenError::Invalid)?.claims;
        let end = claims.expires_at().saturating_add(self.leeway).unwrap_or(Timestamp::MAX);
        if end <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// When a token was made and ends, and how much longer it is taken.
    #[must_use]
    pub fn span(&self, claims: &Claims) -> Span {
        Span { issued_at: claims.issued_at(), expires_at: claims.expires_at(), leeway: self.leeway }
    }

    /// Tells the key that signs from others, and nothing more of it: a MAC (RFC 2104) of a constant.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn mark(&self) -> Result<String, Error> {
        crypto::sign(MARKED, &self.encoding, Algorithm::HS256)
    }

    /// Whether what is made under the key with this mark is good here.
    #[must_use]
    pub fn knows(&self, mark: &str) -> bool {
        self.verifies(mark, MARKED)
    }

    /// What an invite is exchanged for by a redeemer with this `Idempotency-Key`: the same again for the same two, and nothing
    /// that anybody else could work out (HMAC-SHA256, RFC 2104).
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn refresh_token(&self, invite: &str, key: &str) -> Result<Code, jsonwebtoken::errors::Error> {
        crypto::sign(&parts(b"\0duet refresh", &[invite, key]), &self.encoding, Algorithm::HS256)
            .map(|secret| Code::refresh(&secret))
    }

    /// Seals the sender of a message, so that what comes out of the queue under a user's name was put in by a Duet
    /// that had seen the user's token: HMAC-SHA256 (RFC 2104) over all that must not be changed.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn seal(&self, message: &Incoming, sender: &Username) -> Result<String, Error> {
        crypto::sign(&sealed_bytes(message, sender), &self.encoding, Algorithm::HS256)
    }

    /// Whether `seal` was made by [`Tokens::seal`] for this message and sender. Compares in constant time.
    #[must_use]
    pub fn is_sealed(&self, message: &Incoming, sender: &Username, seal: &str) -> bool {
        self.verifies(seal, &sealed_bytes(message, sender))
    }

    /// Seals what one of several nodes tells the others, which is a JSON object: what a token or a sender's seal is the signature
    /// of never begins with a brace.
    ///
    /// # Errors
    /// When the signing library fails, which it does not for HS256.
    pub fn seal_word(&self, word: &[u8]) -> Result<String, Error> {
        crypto::sign(word, &self.encoding, Algorithm::HS256)
    }

    /// Whether `seal` was made by [`Tokens::seal_word`] for this word. Compares in constant time.
    #[must_use]
    pub fn is_word_sealed(&self, word: &[u8], seal: &str) -> bool {
        word.starts_with(b"{") && self.verifies(seal, word)
    }

    fn verifies(&self, signature: &str, bytes: &[u8]) -> bool {
        std::iter::once(&self.decoding)
            .chain(&self.also)
            .any(|key| crypto::verify(signature, bytes, key, Algorithm::HS256).unwrap_or(false))
    }
}

/// Each part with its length before it, so that no two messages have the same bytes; the NUL in front keeps a seal
/// from ever being the signature of a token, which is over base64 text.
fn sealed_bytes(message: &Incoming, sender: &Username) -> Vec<u8> {
    parts(b"\0duet sender", &[message.room.as_str(), message.id.as_str(), sender.as_str(), &message.content])
}

/// What is signed: what it is for, and each part with its length before it.
fn parts(purpose: &[u8], parts: &[&str]) -> Vec<u8> {
    let mut bytes = purpose.to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// A time in seconds since 1970; one that cannot be represented is as early or as late as can be.
fn time(seconds: f64) -> Timestamp {
    let farthest = if seconds < 0.0 { Timestamp::MIN } else { Timestamp::MAX };
    SignedDuration::try_from_secs_f64(seconds).ok().and_then(|at| Timestamp::from_duration(at).ok()).unwrap_or(farthest)
}

/// A number, or nothing where there is something else.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(|value| value.as_f64())
}

/// The address of a token that has none.
fn no_email() -> Email {
    #[expect(clippy::expect_used, reason = "an e-mail address may be empty by its rule")]
    Email::new("").expect("an empty e-mail address is allowed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-22T14:02:00.250Z";
    const KEY: &[u8] = b"a-secret-key-of-at-least-thirty-two-bytes";
    const ANOTHER: &[u8] = b"another-secret-key-of-thirty-two-bytes!";

    fn tokens() -> Tokens {
        Tokens::new(KEY)
    }

    fn rules() -> Rules<'static> {
        Rules { key: KEY, also: None, leeway: Duration::ZERO, life: LIFE }
    }

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn after(milliseconds: i64) -> Timestamp {
        now() + SignedDuration::from_millis(milliseconds)
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
            sent_at: now(),
        }
    }

    /// A token made elsewhere.
    fn foreign(algorithm: Algorithm, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(KEY)).unwrap()
    }

    fn claims() -> Value {
        json!({ "username": "alice", "room_id": "room1", "exp": now().as_second() + 60 })
    }

    fn checked(token: &str) -> Result<Claims, TokenError> {
        tokens().check(token, now())
    }

    #[test]
    fn a_token_comes_back_as_what_it_was_made_for() {
        let claims = checked(&tokens().issue(request(), now()).unwrap()).unwrap();
        assert_eq!((claims.username, claims.email), (request().username, request().email));
        assert_eq!(claims.room_id, request().room_id);
        assert_eq!(claims.iat.map(time), Some(now()));
        assert_eq!(time(claims.exp).as_second(), now().as_second() + 3600);
    }

    #[test]
    fn a_forged_malformed_or_unsigned_token_is_invalid() {
        let forged = Tokens::new(ANOTHER).issue(request(), now()).unwrap();
        // {"alg":"none"} and the claims of alice, without a signature.
        let unsigned =
            "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFsaWNlIiwicm9vbV9pZCI6InJvb20xIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        for token in ["", "x", ".", "..", "a.b.c", "a.b.c.d", unsigned, forged.as_str()] {
            assert_eq!(checked(token), Err(TokenError::Invalid), "{token}");
        }
    }

    #[test]
    fn only_hs256_is_taken_also_where_the_key_is_right() {
        assert!(checked(&foreign(Algorithm::HS256, &claims())).is_ok());
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(checked(&foreign(algorithm, &claims())), Err(TokenError::Invalid), "{algorithm:?}");
        }
        // The header says another algorithm than the one that signed: under HMAC a public key would be the secret.
        let good = foreign(Algorithm::HS256, &claims());
        let body = good.split('.').nth(1).unwrap();
        for header in
            ["eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJoczI1NiJ9", "eyJhbGciOiJIUzM4NCJ9", "e30"]
        {
            let key = EncodingKey::from_secret(KEY);
            let signature = crypto::sign(format!("{header}.{body}").as_bytes(), &key, Algorithm::HS256).unwrap();
            for signature in [signature.as_str(), ""] {
                assert_eq!(checked(&format!("{header}.{body}.{signature}")), Err(TokenError::Invalid), "{header}");
            }
        }
    }

    #[test]
    fn an_end_is_needed_and_has_to_be_a_number() {
        for exp in [json!(null), json!("9999999999"), json!(true), json!([9_999_999_999_u64]), json!({})] {
            let mut claims = claims();
            claims["exp"] = exp;
            assert_eq!(checked(&foreign(Algorithm::HS256, &claims)), Err(TokenError::Invalid), "{claims}");
        }
        let endless = json!({ "username": "alice", "room_id": "room1" });
        assert_eq!(checked(&foreign(Algorithm::HS256, &endless)), Err(TokenError::Invalid));
        let mut distant = claims();
        distant["exp"] = json!(1e18);
        assert_eq!(checked(&foreign(Algorithm::HS256, &distant)).unwrap().expires_at(), Timestamp::MAX);
    }

    #[test]
    fn when_a_token_was_made_may_be_missing_or_no_number() {
        for (iat, known) in
            [(json!(null), false), (json!("today"), false), (json!(1_795_360_000), true), (json!(1.5), true)]
        {
            let mut claims = claims();
            claims["iat"] = iat;
            assert_eq!(checked(&foreign(Algorithm::HS256, &claims)).unwrap().issued_at().is_some(), known, "{claims}");
        }
    }

    #[test]
    fn what_another_key_signed_is_good_where_it_is_named_and_nothing_is_signed_by_it() {
        let (before, between) = (Tokens::new(ANOTHER), Tokens::by(Rules { also: Some(ANOTHER), ..rules() }));
        let alice = request().username;
        assert!(between.check(&before.issue(request(), now()).unwrap(), now()).is_ok());
        assert!(between.is_sealed(&message(), &alice, &before.seal(&message(), &alice).unwrap()));
        assert!(between.is_word_sealed(b"{}", &before.seal_word(b"{}").unwrap()));
        assert!(between.knows(&before.mark().unwrap()));
        // What it makes itself is good where the other key was never known.
        assert!(checked(&between.issue(request(), now()).unwrap()).is_ok());
        assert!(tokens().is_sealed(&message(), &alice, &between.seal(&message(), &alice).unwrap()));
        assert!(tokens().knows(&between.mark().unwrap()) && !tokens().knows(&before.mark().unwrap()));
        let expired = before.issue(request(), after(-3_601_000)).unwrap();
        assert_eq!(between.check(&expired, now()), Err(TokenError::Expired));
        let third = Tokens::new(b"a third secret key, of thirty-two bytes").issue(request(), now()).unwrap();
        assert_eq!(between.check(&third, now()), Err(TokenError::Invalid));
    }

    #[test]
    fn a_seal_holds_for_its_message_and_sender_only() {
        let (message, alice) = (message(), Username::new("alice").unwrap());
        let seal = tokens().seal(&message, &alice).unwrap();
        assert!(tokens().is_sealed(&message, &alice, &seal));
        assert!(!tokens().is_sealed(&message, &Username::new("bob").unwrap(), &seal));
        assert!(!tokens().is_sealed(&Incoming { content: "ho".to_owned(), ..message.clone() }, &alice, &seal));
        assert!(!Tokens::new(ANOTHER).is_sealed(&message, &alice, &seal));
    }

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", tokens()), "Tokens(***)");
    }

    proptest! {
        /// Taken until its end and the leeway, to the millisecond, and never longer.
        #[test]
        fn a_token_is_good_until_its_end_and_the_leeway(life in 1..100_000_u64, leeway in 0..300_u64, at in -1_000..1_100_000_i64) {
            let (life, leeway) = (Duration::from_secs(life / 100 + 1), Duration::from_secs(leeway));
            let tokens = Tokens::by(Rules { leeway, life, ..rules() });
            let token = tokens.issue(request(), now()).unwrap();
            let until = i64::try_from((life + leeway).as_millis()).unwrap() - i64::from(now().subsec_millisecond());
            let good = tokens.check(&token, after(at));
            prop_assert_eq!(good.err(), (at >= until).then_some(TokenError::Expired));
        }

        #[test]
        fn a_token_in_which_anything_is_changed_is_invalid(at in 0..1_000_usize, to in "[A-Za-z0-9_.-]") {
            let token = tokens().issue(request(), now()).unwrap();
            let at = at % token.len();
            prop_assume!(token[at..=at] != to);
            let changed = [&token[..at], &to, &token[at + 1..]].concat();
            prop_assert_eq!(checked(&changed), Err(TokenError::Invalid));
            prop_assert_eq!(checked(&token[..at]), Err(TokenError::Invalid));
            prop_assert_eq!(checked(&[&token[..at], &token[at + 1..]].concat()), Err(TokenError::Invalid));
        }

        #[test]
        fn whatever_comes_is_answered(header in "\\PC{0,40}", body in "\\PC{0,80}", signature in "\\PC{0,60}") {
            prop_assert_eq!(checked(&format!("{header}.{body}.{signature}")), Err(TokenError::Invalid));
            // Also under the right key, where only the claims are no good.
            let key = EncodingKey::from_secret(KEY);
            let claims: Value = serde_json::from_str(&body).unwrap_or(json!({ "username": body, "room_id": header, "exp": signature }));
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            prop_assert_eq!(checked(&token), Err(TokenError::Invalid));
        }
    }
}
