//! Messages of the queue: whatever producers write into body and headers is a message or has a reason not to be, and none of
//! them can speak in somebody's name without our seal.

use std::sync::Arc;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use server::access::tokens::Tokens;
use server::broker::Incoming;
use server::broker::rabbitmq::Longest;
use server::broker::rabbitmq::wire::{self, Reader};
use shared::names::{MessageId, RoomId, Username};

use super::good;

/// Parts, with the byte 0xff between them: the id, the sender, the seal, the time it was sent (in digits), the body.
pub fn check(data: &[u8]) {
    let parts: Vec<&[u8]> = data.splitn(5, |byte| *byte == 0xff).collect();
    let [id, sender, seal, at, body] = parts[..] else { return };
    let tokens = Arc::new(Tokens::new(b"a-secret-key-of-at-least-thirty-two-bytes"));
    let reader = Reader::new(Arc::clone(&tokens), Longest { content: 1_000, room: 128 });
    let now = Timestamp::UNIX_EPOCH;

    let mut headers = FieldTable::default();
    headers.insert("x-duet-sender".into(), AMQPValue::LongString(sender.into()));
    headers.insert("x-duet-seal".into(), AMQPValue::LongString(seal.into()));
    if let Some(at) = std::str::from_utf8(at).ok().and_then(|at| at.parse().ok()) {
        headers.insert("x-duet-sent-at".into(), AMQPValue::LongLongInt(at));
    }
    let mut properties = BasicProperties::default().with_headers(headers);
    if let Some(id) = std::str::from_utf8(id).ok().filter(|id| id.len() < 256) {
        properties = properties.with_message_id(id.into());
    }
    let incoming = match reader.read(&properties, body, now) {
        Ok(incoming) => incoming,
        Err(reason) => return assert!(!reason.contains(char::is_control) && reason.len() < 300, "{reason:?}"),
    };
    good(&incoming.room, None);
    assert_eq!(incoming.sender, None, "nobody has our key");
    assert!(incoming.content.len() <= 1_000 && incoming.sent_at <= now);

    // What we write ourselves comes back as it was, the sender as well.
    let sender = String::from_utf8_lossy(sender);
    let sent = Incoming { sender: Username::new(sender.as_ref()).ok(), ..incoming };
    let (properties, body) = wire::write(sent.clone(), &tokens).expect("a message can be written");
    assert_eq!(reader.read(&properties, &body, now).as_ref(), Ok(&sent));

    // In any other room, or with any other words, the seal is no good.
    let moved = Incoming { room: RoomId::new(format!("{}x", sent.content.len())).expect("a name"), ..sent.clone() };
    let other = Incoming { id: MessageId::new("another").expect("an id"), content: sent.content.clone() + "!", ..sent };
    for forged in [moved, other] {
        let (_, body) =
            wire::write(Incoming { sender: None, ..forged.clone() }, &tokens).expect("a message can be written");
        let kept = properties.clone().with_message_id(forged.id.as_str().into());
        assert!(reader.read(&kept, &body, now).is_ok_and(|read| read.sender.is_none() || forged == read));
    }
}
