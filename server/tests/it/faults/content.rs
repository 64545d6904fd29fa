//! Pure. What the messages of a run say, and under which ids: each can be told from its number, so that nobody has to
//! remember it.

use std::hash::{DefaultHasher, Hash, Hasher};

use shared::message::Message;

use crate::faults::event::{Id, Number, Placed, Room, User};

/// The text of a message, about so many bytes.
pub(crate) fn content(number: Number, bytes: usize) -> String {
    let mut text = format!("{} of {bytes} bytes: ", number.0);
    // Differs from message to message and from place to place, so that a mixed-up text does not pass.
    text.extend((text.len()..bytes).map(|i| char::from(b'a' + ((i * 7 + number.0 as usize * 31) % 26) as u8)));
    text
}

/// The message whose text this is, to the last byte.
pub(crate) fn number(text: &str) -> Option<Number> {
    let (number, rest) = text.split_once(" of ")?;
    let (bytes, _) = rest.split_once(' ')?;
    let number = Number(number.parse().ok()?);
    (content(number, bytes.parse().ok()?) == text).then_some(number)
}

/// The id that a message is posted with, if with any.
pub(crate) fn key(number: Number) -> String {
    format!("key-{}", number.0)
}

pub(crate) fn room_name(room: Room) -> String {
    format!("room{}", room.0)
}

pub(crate) fn placed(message: &Message) -> Placed {
    let id = message.id.as_str();
    let hash = || {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        hasher.finish()
    };
    let keyed = id.strip_prefix("key-").and_then(|number| number.parse().ok()).map(|number| Id::Key(Number(number)));
    // A user we do not know is nobody who posts.
    let sender = message.sender.as_ref().map(|sender| User::named(sender.as_str()));
    let number = if sender == Some(None) { None } else { number(&message.content) };
    Placed { seq: message.seq.0, id: keyed.unwrap_or_else(|| Id::Other(hash())), sender: sender.flatten(), number }
}

#[test]
fn a_text_is_told_from_its_number_and_the_number_from_the_text() {
    for bytes in [0, 40, 5000] {
        let text = content(Number(12), bytes);
        assert_eq!(number(&text), Some(Number(12)));
        assert!(text.len() >= bytes);
    }
    let text = content(Number(12), 100);
    assert_eq!(number(&text[..99]), None);
    assert_eq!(number(&text.replacen("12", "13", 1)), None);
    assert_eq!(number("hello"), None);
}
