//! A token and when to get the next one. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// A token this close to its end is not used any more: a request takes time, and clocks differ a little. Of one that lives for
/// less than three times as long it is the last third.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// A JWT as the server gave it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    text: String,
    /// Unknown when the token is of another make, or when this machine's clock does not go with the server's.
    renew_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: Option<f64>,
}

impl Token {
    /// Takes a token that was received at `now`.
    pub(crate) fn new(text: String, now: Timestamp) -> Self {
        // A fresh token that seems to be over says that the clocks disagree. Then only a 401 tells when it ends.
        let renew_at = renewal(&text, now).filter(|at| *at > now);
        Self { text, renew_at }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.renew_at.is_some_and(|at| at <= now)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("text", &"***").field("renew_at", &self.renew_at).finish()
    }
}

/// When to get another one, by the claims `exp` and `iat` (RFC 7519 §4.1). Not verified: the server does that, and the client
/// only plans by them.
fn renewal(token: &str, now: Timestamp) -> Option<Timestamp> {
    let claims = token.split('.').nth(1)?;
    let Claims { exp, iat } = serde_json::from_slice(&base64url(claims)?).ok()?;
    let expires_at = time(exp)?;
    let issued_at = iat.and_then(time).unwrap_or(now);
    expires_at.checked_sub(MARGIN.min(expires_at.duration_since(issued_at) / 3)).ok()
}

fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

/// Decodes base64url without padding (RFC 7515 §2).
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0u32, 0u32);
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with PyJWT: `{"username": "user1", "exp": 1795360000}` under the key `k`.
    const PYJWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
        eyJ1c2VybmFtZSI6InVzZXIxIiwiZXhwIjoxNzk1MzYwMDAwfQ.c2lnbmF0dXJl";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_renewed_a_minute_before_it_ends() {
        let token = Token::new(PYJWT.to_owned(), at(1_795_356_400));
        assert!(!token.is_stale(at(1_795_359_939)));
        assert!(token.is_stale(at(1_795_359_940)));
    }

    #[test]
    fn a_token_with_a_short_life_is_renewed_in_its_last_third() {
        // {"exp":1795360000,"iat":1795359910.5}
        let token = "e30.eyJleHAiOjE3OTUzNjAwMDAsImlhdCI6MTc5NTM1OTkxMC41fQ.c2lnbmF0dXJl";
        let token = Token::new(token.to_owned(), at(1_795_359_911));
        assert!(!token.is_stale(at(1_795_359_970)));
        assert!(token.is_stale(at(1_795_359_971)));
    }

    #[test]
    fn a_clock_that_is_hours_off_does_not_renew_before_every_request() {
        let token = Token::new(PYJWT.to_owned(), at(1_795_400_000));
        assert!(!token.is_stale(at(1_795_400_000)));
    }

    #[test]
    fn a_token_of_another_make_is_used_until_it_is_refused() {
        for text in ["", "opaque", "a.b.c", "a.e30.c", "..", "a.\u{1f600}.c"] {
            assert!(!Token::new(text.to_owned(), at(0)).is_stale(at(i64::from(u32::MAX))), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown_by_debug() {
        assert!(!format!("{:?}", Token::new("secret".to_owned(), at(0))).contains("secret"));
    }

    #[test]
    fn base64url_is_decoded_as_rfc_4648_has_it() {
        for (text, bytes) in [("", ""), ("Zg", "f"), ("Zm8", "fo"), ("Zm9v", "foo"), ("Zm9vYmE", "fooba")] {
            assert_eq!(base64url(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64url("-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(base64url("a+/="), None);
    }
}
