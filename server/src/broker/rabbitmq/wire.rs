//! A message as it lies in the queue: the contract's body, and what Duet adds to it in properties and headers. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde::Deserialize;
use shared::names::{MessageId, RoomId, Username};
use shared::rest::Post;
use uuid::Uuid;

use crate::access::tokens::Tokens;
use crate::broker::rabbitmq::Longest;
use crate::broker::{Incoming, PublishError};
use crate::nodes::NodeId;

const CONTENT_TYPE: &str = "application/json";
const APP_ID: &str = concat!("duet-server/", env!("CARGO_PKG_VERSION"));

/// The broker writes such a message to disk (AMQP 0-9-1 §1.8).
pub(super) const PERSISTENT: u8 = 2;

/// The user whose token the message was posted with.
const SENDER: &str = "x-duet-sender";
/// What shows that a Duet has seen that token.
const SEAL: &str = "x-duet-seal";
/// When the message was accepted, in milliseconds since 1970; the property `timestamp` only counts seconds.
const SENT_AT: &str = "x-duet-sent-at";

/// Which node has published the message, and waits to hear that it has its place.
const NODE: &str = "x-duet-node";

/// Puts a message into the form it travels in.
///
/// # Errors
/// When the sender cannot be sealed, which does not happen with the algorithm in use.
pub fn write(message: Incoming, tokens: &Tokens) -> Result<(BasicProperties, Vec<u8>), PublishError> {
    let not_written = |what: &str| PublishError::Unavailable(format!("the message cannot be put into its {what}"));
    let mut headers = FieldTable::default();
    headers.insert(SENT_AT.into(), AMQPValue::LongLongInt(message.sent_at.as_millisecond()));
    if let Some(sender) = &message.sender {
        let seal = tokens.seal(&message, sender).map_err(|_| not_written("seal"))?;
        headers.insert(SENDER.into(), AMQPValue::LongString(sender.as_str().into()));
        headers.insert(SEAL.into(), AMQPValue::LongString(seal.into()));
    }
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message.id.as_str().into())
        .with_timestamp(u64::try_from(message.sent_at.as_second()).unwrap_or_default())
        .with_app_id(APP_ID.into())
        .with_headers(headers);
    let post = Post { room_id: message.room, content: message.content };
    let body = serde_json::to_vec(&post).map_err(|_| not_written("body"))?;
    Ok((properties, body))
}

/// Says which node publishes a message.
pub(super) fn published_by(properties: BasicProperties, node: NodeId) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(NODE.into(), AMQPValue::LongString(node.to_string().into()));
    properties.with_headers(headers)
}

/// Which node has published a message, by what it says.
pub(super) fn publisher(properties: &BasicProperties) -> Option<NodeId> {
    text(properties, NODE)?.parse().ok()
}

/// Takes messages for what they are, from whoever they come.
#[derive(Debug, Clone)]
pub struct Reader {
    tokens: Arc<Tokens>,
    longest: Longest,
}

/// The body, with any further fields.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    room_id: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

impl Reader {
    /// Checks senders with `tokens`, and takes nothing longer than `longest`.
    pub fn new(tokens: Arc<Tokens>, longest: Longest) -> Self {
        Self { tokens, longest }
    }

    /// Reads what came out of the queue at `now`.
    ///
    /// # Errors
    /// Why it is poison, in words that repeat nothing of the message.
    pub fn read(&self, properties: &BasicProperties, body: &[u8], now: Timestamp) -> Result<Incoming, String> {
        // serde takes an array for a structure as well.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err("the body is not a JSON object".to_owned());
        }
        let Body { room_id, content } = serde_json::from_slice(body).map_err(|_| why_not_read(body).to_owned())?;
        let room = RoomId::new(room_id).map_err(|e| e.to_string())?;
        let (bytes, max) = (content.len(), self.longest.content);
        if bytes > max {
            return Err(format!("content is {bytes} bytes long: at most {max} are allowed"));
        }
        let id = properties.message_id().as_ref().and_then(|id| MessageId::new(id.as_str()).ok());
        let mut message = Incoming {
            room,
            id: id.unwrap_or_else(new_id),
            sender: None,
            content: content.into_owned(),
            sent_at: sent_at(properties).map_or(now, |at| at.min(now)),
        };
        message.sender = self.sender(properties, &message);
        // What is sealed a server has accepted, by a limit that it had.
        if message.sender.is_none() {
            message.room.at_most(self.longest.room).map_err(|e| e.to_string())?;
        }
        Ok(message)
    }

    /// The sender, if the name is there and sealed for this very message. Anybody may write a header.
    fn sender(&self, properties: &BasicProperties, message: &Incoming) -> Option<Username> {
        let sender = Username::new(text(properties, SENDER)?).ok()?;
        self.tokens.is_sealed(message, &sender, text(properties, SEAL)?).then_some(sender)
    }
}

fn sent_at(properties: &BasicProperties) -> Option<Timestamp> {
    let header = header(properties, SENT_AT).and_then(AMQPValue::as_long_long_int);
    let precise = header.and_then(|at| Timestamp::from_millisecond(at).ok());
    let in_seconds = || properties.timestamp().and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok());
    precise.or_else(in_seconds)
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn text<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    std::str::from_utf8(header(properties, name)?.as_long_string()?.as_bytes()).ok()
}

fn new_id() -> MessageId {
    #[expect(clippy::expect_used, reason = "a UUID is 36 visible characters")]
    MessageId::new(Uuid::now_v7().to_string()).expect("a UUID is a message id")
}

fn why_not_read(body: &[u8]) -> &'static str {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return "the body is not JSON" };
    let is_text = |name| body.get(name).map(serde_json::Value::is_string);
    match (is_text("room_id"), is_text("content")) {
        (None, _) => "room_id is missing",
        (Some(false), _) => "room_id is not a string",
        (_, None) => "content is missing",
        (_, Some(false)) => "content is not a string",
        (Some(true), Some(true)) => "room_id or content is there twice",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T14:02:11.125Z";

    #[track_caller]
    fn read(properties: &BasicProperties, body: &str) -> Result<Incoming, String> {
        let tokens = Arc::new(Tokens::new(b"a-secret-key-of-at-least-thirty-two-bytes"));
        Reader::new(tokens, Longest { content: 10, room: 5 }).read(properties, body.as_bytes(), NOW.parse().unwrap())
    }

    #[track_caller]
    fn dated(properties: &BasicProperties) -> String {
        read(properties, r#"{"room_id":"room1","content":"hi"}"#).unwrap().sent_at.to_string()
    }

    #[test]
    fn a_message_is_dated_by_its_header_or_its_timestamp_or_now_and_never_ahead_of_now() {
        let none = BasicProperties::default();
        let with_header = |milliseconds| {
            let mut headers = FieldTable::default();
            headers.insert(SENT_AT.into(), AMQPValue::LongLongInt(milliseconds));
            none.clone().with_timestamp(1).with_headers(headers)
        };
        assert_eq!(dated(&none), NOW);
        assert_eq!(dated(&none.clone().with_timestamp(1_795_356_130)), "2026-11-22T14:02:10Z");
        assert_eq!(dated(&with_header(1_795_356_130_005)), "2026-11-22T14:02:10.005Z");
        // In milliseconds by mistake; a clock that is ahead; beyond all time.
        assert_eq!(dated(&none.clone().with_timestamp(1_795_356_130_005)), NOW);
        assert_eq!(dated(&with_header(1_795_356_999_000)), NOW);
        assert_eq!(dated(&none.clone().with_timestamp(u64::MAX)), NOW);
    }

    #[test]
    fn content_is_measured_in_bytes_of_utf_8_and_not_of_its_json() {
        let none = BasicProperties::default();
        assert_eq!(
            read(&none, r#"{"room_id":"r","content":"\u00e9\u00e9\u00e9\u00e9\u00e9"}"#).unwrap().content,
            "ééééé"
        );
        assert_eq!(
            read(&none, r#"{"room_id":"r","content":"\u00e9\u00e9\u00e9\u00e9\u00e9!"}"#).unwrap_err(),
            "content is 11 bytes long: at most 10 are allowed"
        );
    }

    #[test]
    fn a_name_of_a_room_that_is_longer_than_may_be_is_poison_unless_a_server_has_accepted_it() {
        let body = r#"{"room_id":"room12","content":"hi"}"#;
        let poison = || Err("room_id is 6 bytes long: at most 5 are allowed".to_owned());
        assert_eq!(read(&BasicProperties::default(), body), poison());
        let accepted = Incoming {
            room: RoomId::new("room12").unwrap(),
            id: new_id(),
            sender: Username::new("alice").ok(),
            content: "hi".to_owned(),
            sent_at: NOW.parse().unwrap(),
        };
        let by = |key| write(accepted.clone(), &Tokens::new(key)).unwrap();
        let (properties, body) = by(b"a-secret-key-of-at-least-thirty-two-bytes");
        let body = std::str::from_utf8(&body).unwrap();
        assert_eq!(read(&properties, body), Ok(accepted.clone()));
        assert_eq!(read(&by(b"the key of somebody else, of 32 bytes").0, body), poison());
    }

    #[test]
    fn a_field_that_is_there_twice_is_poison() {
        let body = r#"{"room_id":"r","content":"a","content":"b"}"#;
        assert_eq!(read(&BasicProperties::default(), body).unwrap_err(), "room_id or content is there twice");
    }
}
