//! The JSON lines that programs read: every type of line, and how it is written. docs/cli.md shows one of each.

use std::fmt::Write;

use serde::Serialize;
use shared::frames::PresenceState;
use shared::message::Seq;
use shared::names::{MessageId, RoomId, Username};
use shared::rest::Occupant;

/// What `doctor` says of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// The version of the JSON lines. Fields may be added under the same number; it rises when one changes its meaning.
pub(crate) const VERSION: u8 = 1;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Message {
        v: u8,
        room: &'a RoomId,
        seq: Seq,
        id: &'a MessageId,
        /// `null` for a message from outside.
        sender: Option<&'a Username>,
        content: &'a str,
        sent_at: String,
    },
    Gap {
        v: u8,
        room: &'a RoomId,
        from: Seq,
        to: Seq,
    },
    /// Of `doctor`.
    Check {
        v: u8,
        name: &'a str,
        state: Verdict,
        words: &'a str,
    },
    /// Of `who`.
    Room {
        v: u8,
        room: &'a RoomId,
        head: Seq,
        occupants: &'a [Occupant],
    },
    /// With `tail --presence`, on coming in and after each loss: who is there.
    Welcome {
        v: u8,
        room: &'a RoomId,
        user: &'a Username,
        head: Seq,
        occupants: &'a [Username],
    },
    /// With `tail --presence`: somebody is there, idle, away or gone. `occupants` is the whole truth after it.
    Presence {
        v: u8,
        room: &'a RoomId,
        user: &'a Username,
        state: PresenceState,
        since: String,
        occupants: &'a [Username],
    },
    /// With `tail --presence`: the connection is lost, and nothing is known until the next `welcome`.
    Lost {
        v: u8,
        room: &'a RoomId,
        reason: &'a str,
    },
    Waiting {
        v: u8,
        server: &'a str,
        room: &'a RoomId,
        user: &'a Username,
        id: &'a MessageId,
        content: &'a str,
        written_at: String,
        /// `null` while it is to be sent; else why the server will never take it.
        refused: Option<&'a str>,
    },
}

pub(crate) fn json(value: &Line<'_>, out: &mut String) {
    // These types cannot fail to serialize: no maps with odd keys, no writers.
    let text = serde_json::to_string(value).unwrap_or_default();
    for c in text.chars() {
        if !is_treacherous(c) {
            out.push(c);
            continue;
        }
        // Outside ASCII, JSON has nothing but what stands in a string, where this is the same character.
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            // Writing to a string does not fail.
            _ = write!(out, "\\u{unit:04x}");
        }
    }
    out.push('\n');
}

/// Whether a terminal, or a reader who looks at one, is led astray by the character: controls (serde escapes only those
/// below U+0020), directions, and what is not seen.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each; a new type of line does not compile without an example.
    fn example<'a>(
        names: &'a (RoomId, Username, MessageId),
        people: &'a [Username],
        after: Option<&Line>,
    ) -> Option<Line<'a>> {
        let (room, user, id) = names;
        let (v, at, content) = (VERSION, || "2026-11-22T14:02:11.125Z".to_owned(), "Hello, Room!");
        Some(match after {
            None => Line::Message { v, room, seq: Seq(17), id, sender: Some(user), content, sent_at: at() },
            Some(Line::Message { .. }) => Line::Gap { v, room, from: Seq(3), to: Seq(7) },
            Some(Line::Gap { .. }) => Line::Welcome { v, room, user, head: Seq(17), occupants: people },
            Some(Line::Welcome { .. }) => Line::Presence {
                v,
                room,
                user: people.last()?,
                state: PresenceState::Idle,
                since: at(),
                occupants: people,
            },
            Some(Line::Presence { .. }) => Line::Lost { v, room, reason: "refused" },
            Some(Line::Lost { .. }) => Line::Waiting {
                v,
                server: "http://127.0.0.1:8000/",
                room,
                user,
                id,
                content,
                written_at: at(),
                refused: None,
            },
            Some(Line::Waiting { .. }) => Line::Room { v, room, head: Seq(17), occupants: &[] },
            Some(Line::Room { .. }) => {
                Line::Check { v, name: "server", state: Verdict::Ok, words: "answers in 2.1 ms and is ready" }
            }
            Some(Line::Check { .. }) => return None,
        })
    }

    #[test]
    fn the_documents_show_one_of_each_as_it_is_written() {
        let names = (RoomId::new("room1").unwrap(), Username::new("alice").unwrap(), MessageId::new("key-1").unwrap());
        let people = [Username::new("alice").unwrap(), Username::new("bob").unwrap()];
        let bob = Occupant {
            user: Username::new("bob").unwrap(),
            state: PresenceState::Here,
            since: "2026-11-22T14:02:11.125Z".parse().unwrap(),
        };
        let document = include_str!("../../../docs/cli.md");
        let mut after = None;
        let mut count = 0;
        while let Some(mut line) = example(&names, &people, after.as_ref()) {
            if let Line::Room { occupants, .. } = &mut line {
                *occupants = std::slice::from_ref(&bob);
            }
            let mut written = String::new();
            json(&line, &mut written);
            assert!(document.contains(&written), "{written}");
            after = Some(line);
            count += 1;
        }
        assert_eq!(document.lines().filter(|line| line.starts_with("{\"type\"")).count(), count, "no line too many");
    }
}
