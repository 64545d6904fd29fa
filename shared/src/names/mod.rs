//! Names that are valid by construction: rooms, users, e-mail addresses and message ids.
//!
//! All four are short texts with a limit in bytes and no control characters. Those that people see are normalised and keep
//! to [`letters`] besides; what differs is said by a [`Rule`].

pub mod letters;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::letters::{Fault, Refused};

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
    /// Whether people see it and tell it from others: it is normalised, and keeps to [`letters`].
    const IS_SEEN: bool;
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
    const IS_SEEN: bool = true;
}

impl Rule for UsernameRule {
    const WHAT: &'static str = "username";
    const MAX_BYTES: usize = 64;
    const MAY_BE_BLANK: bool = false;
    const IS_SEEN: bool = true;
}

impl Rule for EmailRule {
    const WHAT: &'static str = "email";
    const MAX_BYTES: usize = 254;
    const MAY_BE_BLANK: bool = true;
    const IS_SEEN: bool = false;
}

impl Rule for MessageIdRule {
    const WHAT: &'static str = "message id";
    const MAX_BYTES: usize = 255;
    const MAY_BE_BLANK: bool = false;
    const IS_SEEN: bool = false;
}

/// Why a text is not a name. The sentence says what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    /// It holds a character that it may not.
    #[error("{what} contains U+{code:04X}, {fault}")]
    Character {
        /// Which name.
        what: &'static str,
        /// The character's code point.
        code: u32,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl<R: Rule> Name<R> {
    /// Takes `text` for a name. The name of a room or a person is kept in Unicode's Normalization Form C, so that what is
    /// written in two ways is one name; its length is that of this form.
    ///
    /// # Errors
    /// When `text` is blank, too long, or holds a character that it may not: a control character or line separator, and
    /// in the name of a room or a person whatever [`Fault`] lists.
    pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, NameError> {
        let given = text.as_ref();
        let what = R::WHAT;
        if !R::MAY_BE_BLANK && given.trim().is_empty() {
            return Err(NameError::Blank { what });
        }
        let too_long = |bytes| NameError::TooLong { what, bytes, max: R::MAX_BYTES };
        if given.len() > LONGEST_FORM * R::MAX_BYTES {
            return Err(too_long(given.len()));
        }
        let normal = if R::IS_SEEN { letters::normal(given) } else { Cow::Borrowed(given) };
        if normal.len() > R::MAX_BYTES {
            return Err(too_long(normal.len()));
        }
        let checked = if R::IS_SEEN { letters::check(&normal) } else { check_unseen(&normal) };
        checked.map_err(|Refused { c, fault }| NameError::Character { what, code: c.into(), fault })?;
        let text = match normal {
            Cow::Owned(normal) => normal.into(),
            Cow::Borrowed(_) => text.into(),
        };
        Ok(Self { text, rule: PhantomData })
    }

    /// Asks for a name that is shorter than the rule has it.
    ///
    /// # Errors
    /// [`NameError::TooLong`] when it is longer than `max` bytes.
    pub fn at_most(&self, max: usize) -> Result<(), NameError> {
        let bytes = self.text.len();
        if bytes > max { Err(NameError::TooLong { what: R::WHAT, bytes, max }) } else { Ok(()) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// How many times as long as normalised a text can be: three jamo make one syllable of Hangul, and nothing shrinks more.
/// What is longer need not be normalised to be refused.
const LONGEST_FORM: usize = 3;

/// Looks at a name that only programs compare.
fn check_unseen(text: &str) -> Result<(), Refused> {
    match text.chars().find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Some(c) => Err(Refused { c, fault: Fault::Control }),
        None => Ok(()),
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
        deserializer.deserialize_str(Reading(PhantomData))
    }
}

/// Makes a name of a text that is still in its document, so that it is copied once.
struct Reading<R>(PhantomData<fn() -> R>);

impl<R: Rule> Visitor<'_> for Reading<R> {
    type Value = Name<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name<R>, E> {
        Name::new(text).map_err(E::custom)
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
        let room = RoomId::new("rööm").unwrap();
        assert_eq!(room.at_most(6), Ok(()));
        assert_eq!(room.at_most(5).unwrap_err().to_string(), "room_id is 6 bytes long: at most 5 are allowed");
        assert_eq!(
            Username::new("a\u{1b}[31m").unwrap_err().to_string(),
            "username contains U+001B, a control character: leave it out"
        );
        assert_eq!(
            RoomId::new("al\u{200b}ice").unwrap_err().to_string(),
            "room_id contains U+200B, which is not seen there: leave it out"
        );
        assert!(RoomId::new("a\u{2028}b").is_err());
    }

    #[test]
    fn a_name_is_kept_and_measured_in_its_normal_form() {
        assert_eq!(Username::new("Rene\u{301}").unwrap(), Username::new("Ren\u{e9}").unwrap());
        assert_eq!(Username::new("e\u{301}".repeat(32)).unwrap().as_str().len(), 64);
        assert_eq!(
            Username::new("e\u{301}".repeat(33)).unwrap_err().to_string(),
            "username is 66 bytes long: at most 64 are allowed"
        );
        // Grows by being normalised: U+0958 is excluded from composition.
        assert_eq!(
            RoomId::new("\u{958}".repeat(40)).unwrap_err().to_string(),
            "room_id is 240 bytes long: at most 128 are allowed"
        );
        assert_eq!(
            Username::new("x".repeat(1_000_000)).unwrap_err().to_string(),
            "username is 1000000 bytes long: at most 64 are allowed"
        );
    }

    #[test]
    fn what_only_programs_compare_is_taken_as_it_is() {
        assert_eq!(MessageId::new("e\u{301}  x\u{200b}").unwrap().as_str(), "e\u{301}  x\u{200b}");
        assert_eq!(Email::new(" a@b\u{200b}").unwrap().as_str(), " a@b\u{200b}");
        assert_eq!(
            MessageId::new("a\u{7}").unwrap_err().to_string(),
            "message id contains U+0007, a control character: leave it out"
        );
    }

    #[test]
    fn an_email_may_be_empty_as_in_the_first_system() {
        assert!(Email::new("").is_ok());
    }

    #[test]
    fn a_name_is_checked_when_it_is_read_from_json() {
        assert_eq!(serde_json::from_str::<Username>("\"alice\"").unwrap().as_str(), "alice");
        assert_eq!(serde_json::from_str::<Username>(r#""Ren\u0065\u0301""#).unwrap().as_str(), "Ren\u{e9}");
        assert_eq!(serde_json::from_value::<Username>("bob".into()).unwrap().as_str(), "bob");
        assert!(serde_json::from_str::<Username>("\"\"").is_err());
        assert!(serde_json::from_str::<Username>("1").is_err());
    }
}
