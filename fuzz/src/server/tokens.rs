//! Tokens: what was not signed under our key is none, whatever it looks like, and what was signed holds good names and an end.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use server::access::tokens::{TokenError, Tokens};

use super::good;

const SECRET: &[u8] = b"a-secret-key-of-at-least-thirty-two-bytes";

/// In the year 2025.
const NOW: Timestamp = Timestamp::constant(1_764_000_000, 0);

/// Of the bytes each of these is tried: a whole token, the claims of one that is signed well, the head of one that is signed
/// well.
pub fn check(data: &[u8]) {
    let tokens = Tokens::new(SECRET);
    if let Ok(token) = std::str::from_utf8(data) {
        assert_eq!(tokens.check(token, NOW), Err(TokenError::Invalid), "nobody guesses a signature");
    }
    let head = br#"{"typ":"JWT","alg":"HS256"}"#;
    if let Ok(claims) = tokens.check(&signed(head, data), NOW) {
        good(&claims.room_id, Some(&claims.username));
        let said: serde_json::Value = serde_json::from_slice(data).expect("claims are JSON");
        assert!(said["exp"].is_number(), "it has an end");
    }
    // Year 2100.
    let claims = br#"{"username":"user1","email":"","room_id":"room1","exp":4102444800}"#;
    if tokens.check(&signed(data, claims), NOW).is_ok() {
        let head: serde_json::Value = serde_json::from_slice(data).expect("a head is JSON");
        assert_eq!(head["alg"], "HS256", "there is one algorithm");
    }
}

fn signed(head: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", base64url(head), base64url(claims));
    let key = EncodingKey::from_secret(SECRET);
    let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("HS256 does not fail");
    format!("{signed}.{signature}")
}

/// RFC 4648 §5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]));
        text.extend(&digits[..=chunk.len()]);
    }
    text
}
