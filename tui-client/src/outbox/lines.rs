//! Pure. What stands in a file of the outbox: a head that says whose it is, then a line for each message, for each that
//! the server refused, and for each that is done with. One JSON object a line.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::names::{MessageId, RoomId, Username};

/// The version of the lines. A file of another one is left alone.
const VERSION: u32 = 1;

/// Who said something, in which room of which server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Whose {
    /// The server's base address; of several servers that are one, all of them by
    /// [`Servers::key`](crate::network::servers::Servers::key).
    pub server: String,
    /// The room.
    pub room: RoomId,
    /// The user.
    pub user: Username,
}

impl Whose {
    /// The base addresses of the servers.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.server.split(' ')
    }

    /// Whether what is kept for the other is kept for these as well: of the same user in the same room, of servers that have
    /// an address in common. Servers that share one are one, whichever others were named with it.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        let shares = |address| other.addresses().any(|theirs| theirs == address);
        self.room == other.room && self.user == other.user && self.addresses().any(shares)
    }

    /// Those of both.
    pub(crate) fn with(self, other: &Self) -> Self {
        let all: BTreeSet<&str> = self.addresses().chain(other.addresses()).collect();
        Self { server: Vec::from_iter(all).join(" "), ..self }
    }
}

/// A message that is kept until the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its `Idempotency-Key`.
    pub id: MessageId,
    /// What it says.
    pub content: String,
    /// When it was written.
    pub at: Timestamp,
}

/// A message that the server will never take, kept for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The message.
    pub kept: Kept,
    /// Why, in the server's sentence.
    pub reason: String,
}

/// What the outbox keeps, in the order in which it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// What is to be sent.
    pub waiting: Vec<Kept>,
    /// What is not sent again by itself.
    pub refused: Vec<Refused>,
}

impl Held {
    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.refused.is_empty()
    }

    /// Every message, whatever becomes of it.
    pub fn all(&self) -> impl Iterator<Item = &Kept> {
        self.waiting.iter().chain(self.refused.iter().map(|refused| &refused.kept))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.waiting.extend(more.waiting);
        self.refused.extend(more.refused);
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Post(kept) => self.waiting.push(kept),
            Line::Refused { id, reason } => {
                if let Some(at) = self.waiting.iter().position(|kept| kept.id == id) {
                    self.refused.push(Refused { kept: self.waiting.remove(at), reason });
                }
            }
            Line::Done { id } => {
                self.waiting.retain(|kept| kept.id != id);
                self.refused.retain(|refused| refused.kept.id != id);
            }
            Line::Outbox { .. } => {}
        }
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Without a whole line: nothing in it was ever shown as kept.
    Blank,
    /// Not made by this version.
    Foreign,
    /// What waits in it.
    Outbox(Contents),
}

/// A file of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) whose: Whose,
    /// What is not done with.
    pub(crate) held: Held,
    /// How many bytes there are up to the end of the last whole line.
    pub(crate) whole: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Outbox {
        v: u32,
        #[serde(flatten)]
        whose: Whose,
    },
    Post(Kept),
    Refused {
        id: MessageId,
        reason: String,
    },
    Done {
        id: MessageId,
    },
}

/// The first line of a file.
pub(crate) fn head(whose: &Whose) -> Vec<u8> {
    line(&Line::Outbox { v: VERSION, whose: whose.clone() })
}

/// The line of a message.
pub(crate) fn post(kept: &Kept) -> Vec<u8> {
    line(&Line::Post(kept.clone()))
}

/// The line that says that the server will never take a message.
pub(crate) fn refused(id: &MessageId, reason: &str) -> Vec<u8> {
    line(&Line::Refused { id: id.clone(), reason: reason.to_owned() })
}

/// The line that says that a message is done with.
pub(crate) fn done(id: &MessageId) -> Vec<u8> {
    line(&Line::Done { id: id.clone() })
}

fn line(line: &Line) -> Vec<u8> {
    // These types cannot fail to serialize: no maps with odd keys, no writers.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads a file. What a crash cut off or spoilt was never shown as kept, and is passed over.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    let Some(whole) = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1) else { return Reading::Blank };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').take_while(|line| line.ends_with(b"\n"));
    let first = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    let Some(Line::Outbox { v: VERSION, whose }) = first else { return Reading::Foreign };
    let mut held = Held::default();
    for line in lines.filter_map(|line| serde_json::from_slice(line).ok()) {
        held.take(line);
    }
    Reading::Outbox(Contents { whose, held, whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose() -> Whose {
        let (room, user) = ("room1".parse().unwrap(), "alice".parse().unwrap());
        Whose { server: "http://127.0.0.1:8000/".to_owned(), room, user }
    }

    fn kept(id: &str) -> Kept {
        Kept { id: id.parse().unwrap(), content: format!("{id} says\n\u{1b}"), at: Timestamp::UNIX_EPOCH }
    }

    fn file() -> Vec<u8> {
        [head(&whose()), post(&kept("a")), post(&kept("b")), done(&kept("a").id), post(&kept("c"))].concat()
    }

    #[track_caller]
    fn check(bytes: &[u8], waiting: &[&str], whole: usize) {
        let Reading::Outbox(contents) = read(bytes) else { panic!("{:?}", read(bytes)) };
        let held = Held { waiting: waiting.iter().map(|id| kept(id)).collect(), refused: Vec::new() };
        assert_eq!(contents, Contents { whose: whose(), held, whole });
    }

    #[test]
    fn what_is_not_done_with_waits_in_the_order_in_which_it_was_written() {
        let bytes = file();
        check(&bytes, &["b", "c"], bytes.len());
        check(&head(&whose()), &[], head(&whose()).len());
    }

    #[test]
    fn what_was_refused_does_not_wait_and_is_there_until_it_is_done_with() {
        let id = |id: &str| kept(id).id;
        let bytes = [file(), refused(&id("c"), "too long"), refused(&id("a"), "it was done with")].concat();
        let Reading::Outbox(contents) = read(&bytes) else { panic!("{:?}", read(&bytes)) };
        let c = Refused { kept: kept("c"), reason: "too long".to_owned() };
        assert_eq!(contents.held, Held { waiting: vec![kept("b")], refused: vec![c] });
        let bytes = [bytes, done(&id("c"))].concat();
        check(&bytes, &["b"], bytes.len());
    }

    #[test]
    fn wherever_a_crash_cuts_it_off_what_was_whole_is_there() {
        let bytes = file();
        let ends: Vec<usize> = (1..=bytes.len()).filter(|end| bytes[end - 1] == b'\n').collect();
        for cut in 0..bytes.len() {
            let whole = ends.iter().rev().find(|end| **end <= cut);
            match whole {
                None => assert_eq!(read(&bytes[..cut]), Reading::Blank),
                Some(whole) => {
                    let lines = ends.iter().position(|end| end == whole).unwrap() + 1;
                    let waiting: &[&str] = [&[][..], &["a"], &["a", "b"], &["b"]][lines - 1];
                    check(&bytes[..cut], waiting, *whole);
                }
            }
        }
    }

    #[test]
    fn a_spoilt_line_costs_no_other() {
        let bytes = [file(), b"{\"type\":\"po\0\0\0\n".to_vec(), post(&kept("d"))].concat();
        check(&bytes, &["b", "c", "d"], bytes.len());
        // After a power cut there may be zeros where nothing was synced.
        let zeros = [file(), vec![0; 100]].concat();
        check(&zeros, &["b", "c"], file().len());
    }

    #[test]
    fn a_file_of_a_later_version_is_foreign() {
        let head = String::from_utf8(head(&whose())).unwrap().replace("\"v\":1", "\"v\":2");
        assert_eq!(read(head.as_bytes()), Reading::Foreign);
        assert_eq!(read(b"something else\n"), Reading::Foreign);
    }
}
