//! Names that are valid by construction: rooms, users, e-mail addresses and message ids.
//!
//! All four are short texts with a limit in bytes and no control characters; what differs is said by a [`Rule`].

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a room, 1 to 128 bytes.
pub type RoomId = Name<RoomRule>;
/// The name of a user within a room, 1 to 64 bytes.
pub type Username = Name<UsernameRule>;
/// An e-mail address as its owner gave it, up to 254 bytes (RFC 5321 §4.5.3.1.3). Duet never sends mail, so it is
/// kept and not parsed; the first system's clients may leave it empty.
pub type Email = Name<EmailRule>;
/// What makes a message the same message when it is sent again: the `Idempotency-Key` of a post and the
/// `message_id` of AMQP (a short string, AMQP 0-9-1 §4.2.5.3, so 1 to 255 bytes).
pub type MessageId = Name<MessageIdRule>;

/// A short text that keeps to the rule `R`. Cloning it is cheap.
pub struct Name<R> {
    text: Arc<str>,
    rule: PhantomData<fn() -> R>,
}

/// What a kind of name must be like.
pub trait Rule {
    /// What the name is called in an error.
    const WHAT: &'static str;
    /// The longest it may be, in bytes of UTF-8.
    const MAX_BYTES: usize;
    /// Whether it may be empty or blank.
    const MAY_BE_BLANK: bool;
}

/// The rule of [`RoomId`].
#[derive(Debug)]
pub enum RoomRule {}
/// The rule of [`Username`].
#[derive(Debug)]
pub enum UsernameRule {}
/// The rule of [`Email`].
#[derive(Debug)]
pub enum EmailRule {}
/// The rule of [`MessageId`].
#[derive(Debug)]
pub enum MessageIdRule {}

impl Rule for RoomRule {
    const WHAT: &'static str = "room_id";
    const MAX_BYTES: usize = 128;
    const MAY_BE_BLANK: bool = false;
}

impl Rule for UsernameRule {
    const WHAT: &'static str = "username";
    const MAX_BYTES: usize = 64;
    const MAY_BE_BLANK: bool = false;
}

impl Rule for EmailRule {
    const WHAT: &'static str = "email";
    const MAX_BYTES: usize = 254;
    const MAY_BE_BLANK: bool = true;
}

impl Rule for MessageIdRule {
    const WHAT: &'static str = "message id";
    const MAX_BYTES: usize = 255;
    const MAY_BE_BLANK: bool = false;
}

/// Why a text is not a name. The sentence says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or nothing but white space.
    #[error("{what} is empty: give it at least one visible character")]
    Blank {
        /// Which name.
        what: &'static str,
    },
    /// Longer than the rule allows.
    #[error("{what} is {bytes} bytes long: at most {max} are allowed")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// How long it is, in bytes of UTF-8.
        bytes: usize,
        /// How long it may be, in bytes of UTF-8.
        max: usize,
    },
    /// A control character (Unicode category Cc) or a line separator.
    #[error("{what} contains the control character U+{code:04X}: leave it out")]
    Control {
        /// Which name.
        what: &'static str,
        /// The character's code point.
        code: u32,
    },
}

impl<R: Rule> Name<R> {
    /// Takes `text` for a name.
    ///
    /// # Errors
    /// When `text` is blank, too long, or holds a control character or line separator.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, NameError> {
        let text = text.into();
        let what = R::WHAT;
        if !R::MAY_BE_BLANK && text.trim().is_empty() {
            return Err(NameError::Blank { what });
        }
        if text.len() > R::MAX_BYTES {
            return Err(NameError::TooLong { what, bytes: text.len(), max: R::MAX_BYTES });
        }
        if let Some(c) = text.chars().find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(NameError::Control { what, code: c.into() });
        }
        Ok(Self { text, rule: PhantomData })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

// By hand, because deriving would ask the same of the rule, which is never a value.
impl<R> Clone for Name<R> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), rule: PhantomData }
    }
}

impl<R> PartialEq for Name<R> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<R> Eq for Name<R> {}

impl<R> PartialOrd for Name<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Name<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<R> std::hash::Hash for Name<R> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<R> fmt::Debug for Name<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<R> fmt::Display for Name<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R: Rule> std::str::FromStr for Name<R> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl<R> Serialize for Name<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, R: Rule> Deserialize<'de> for Name<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_any_visible_text_within_its_limit() {
        for text in ["room1", "r", "Zimmer für zwei", "房间", "a/b c", &"x".repeat(128)] {
            assert_eq!(RoomId::new(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn a_blank_long_or_unprintable_name_is_refused_with_what_to_change() {
        assert_eq!(
            RoomId::new(" ").unwrap_err().to_string(),
            "room_id is empty: give it at least one visible character"
        );
        assert_eq!(
            Username::new("x".repeat(65)).unwrap_err().to_string(),
            "username is 65 bytes long: at most 64 are allowed"
        );
        assert_eq!(
            Username::new("a\u{1b}[31m").unwrap_err().to_string(),
            "username contains the control character U+001B: leave it out"
        );
        assert!(RoomId::new("a\u{2028}b").is_err());
    }

    #[test]
    fn an_email_may_be_empty_as_in_the_first_system() {
        assert!(Email::new("").is_ok());
    }

    #[test]
    fn a_name_is_checked_when_it_is_read_from_json() {
        assert_eq!(serde_json::from_str::<Username>("\"alice\"").unwrap().as_str(), "alice");
        assert!(serde_json::from_str::<Username>("\"\"").is_err());
    }
}
