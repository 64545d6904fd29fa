//! Invites as they are asked for and shown: a secret is what it begins like, no two of them are taken for one, and one lets
//! in nobody else.

use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use server::access::codes::{Bearer, Code, Digest};
use server::access::invites::{self, Admission, Attempt, Kept, MAX_LIFE, Member, Refusal};
use server::access::tokens::Tokens;
use server::http::{body, headers};
use shared::names::{MessageId, RoomId};
use shared::rest::{IDEMPOTENCY_KEY, InviteRequest};

use super::good;

/// Parts, with the byte 0xff between them: the headers `Authorization` and `Idempotency-Key`, the body of who invites.
pub fn check(data: &[u8]) {
    let parts: Vec<&[u8]> = data.splitn(3, |byte| *byte == 0xff).collect();
    let [authorization, key, body] = parts[..] else { return };
    let mut all = HeaderMap::new();
    for (name, value) in [(AUTHORIZATION, authorization), (HeaderName::from_static("idempotency-key"), key)] {
        // What a connection takes for a header.
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        all.insert(name, value);
    }
    let secret = headers::bearer(&all);
    if let Some(secret) = secret {
        shown(secret);
    }
    match headers::idempotency_key(&all) {
        Ok(None) => assert!(!all.contains_key(IDEMPOTENCY_KEY)),
        Ok(Some(key)) => {
            assert_eq!(MessageId::new(key.as_str()).as_ref(), Ok(&key));
            redeemed(secret.unwrap_or("duet_inv_0123456789abcdefghijklmn"), key.as_str());
        }
        Err(sentence) => assert!(!sentence.contains(char::is_control) && sentence.len() < 300, "{sentence:?}"),
    }
    if let Ok(request) = body::decode::<InviteRequest>(body) {
        let written = serde_json::to_vec(&request).expect("a body can be written");
        assert_eq!(body::decode::<InviteRequest>(&written).as_ref(), Ok(&request));
        asked(request);
    }
}

/// A secret is of one kind, by its beginning, and shows in no log.
fn shown(secret: &str) {
    assert!(secret.chars().all(|c| c.is_ascii_graphic() || c == ' ' || c == '\t') && secret.trim() == secret);
    let kind = Bearer::of(secret);
    let (is_invite, is_refresh) = (secret.starts_with("duet_inv_"), secret.starts_with("duet_ref_"));
    assert_eq!((matches!(kind, Bearer::Invite(_)), matches!(kind, Bearer::Refresh(_))), (is_invite, is_refresh));
    let (Bearer::Invite(whole) | Bearer::Refresh(whole) | Bearer::Other(whole)) = kind;
    assert_eq!(whole, secret);
    assert!(["Invite(***)", "Refresh(***)", "Other(***)"].contains(&format!("{kind:?}").as_str()));
    let digest = Digest::of(secret);
    assert_eq!(Digest::from_bytes(digest.bytes()), Some(digest));
    assert_ne!(Digest::of(&format!("{secret}x")), digest);
}

/// What an invite is exchanged for is that of this invite and this key, wherever one ends and the other begins.
fn redeemed(invite: &str, key: &str) {
    let tokens = Tokens::new(b"a-secret-key-of-at-least-thirty-two-bytes");
    let given = |invite: &str, key: &str| -> Code { tokens.refresh_token(invite, key).expect("HS256 does not fail") };
    let refresh = given(invite, key);
    assert!(matches!(Bearer::of(refresh.expose()), Bearer::Refresh(_)));
    assert_eq!(given(invite, key).digest(), refresh.digest());
    if let (Some(first), Some(rest)) = (key.get(..1), key.get(1..)) {
        assert_ne!(given(&format!("{invite}{first}"), rest).digest(), refresh.digest());
    }
}

/// Whoever is invited gets in once, in time, and as themselves.
fn asked(request: InviteRequest) {
    let room = RoomId::new("room1").expect("a name");
    good(&room, Some(&request.username));
    let now = Timestamp::UNIX_EPOCH;
    let life = request.expires_in.map_or(invites::USUAL_LIFE, Duration::from_secs);
    let member = Member { room: room.clone(), user: request.username.clone() };
    let (invite, code) = invites::make(member, None, now, life).expect("there is randomness");
    assert!(invite.expires_at <= invites::later(now, MAX_LIFE));
    let attempt = Attempt { room, user: request.username, refresh: Digest::of(code.expose()), now, member_until: now };
    let at_end = Attempt { now: invite.expires_at, ..attempt.clone() };
    let elsewhere = Attempt { room: RoomId::new("room2").expect("a name"), ..attempt.clone() };
    let kept = Kept { invite, used: None };
    let first = invites::admit(Some(&kept), &attempt);
    assert_eq!(first, if life.is_zero() { Err(Refusal::Expired) } else { Ok(Admission::First) });
    assert_eq!(invites::admit(Some(&kept), &at_end), Err(Refusal::Expired));
    assert_eq!(invites::admit(Some(&kept), &elsewhere), Err(Refusal::WrongRoom));
    let used = Kept { used: Some((now, Digest::of("somebody else's"))), ..kept };
    assert_eq!(invites::admit(Some(&used), &attempt), Err(Refusal::Used));
}
