//! What is printed, as lines: for people, or as one JSON object each for programs.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::frames::{Gap, Presence, PresenceState, Welcome};
use shared::message::Message;
use shared::names::{MessageId, RoomId, Username};
use shared::rest::{Occupant, RoomAnswer};

use crate::app::sanitize;
use crate::cli::exit::{Exit, Failure};
use crate::cli::schema::{Line, VERSION, json};
use crate::outbox::lines::{Held, Kept, Whose};

/// Who speaks when no token says who; a person of that name is put in quotes.
const OUTSIDE: &str = "(outside)";

/// How messages are written.
#[derive(Debug, Clone)]
pub(crate) enum Style {
    /// One JSON object a line.
    Json,
    /// For people: date and time, name, text. Harmless wherever it goes, for what goes into a pipe comes to a terminal in
    /// the end; what has to be exact is for programs, and is JSON.
    Words { zone: TimeZone },
}

impl Style {
    /// The style for standard output.
    pub(crate) fn for_stdout(json: bool) -> Self {
        if json { Self::Json } else { Self::Words { zone: TimeZone::system() } }
    }

    pub(crate) fn message(&self, room: &RoomId, message: &Message, out: &mut String) {
        let Message { seq, id, sender, content, sent_at } = message;
        match self {
            Self::Json => {
                let (sender, sent_at) = (sender.as_ref(), format!("{sent_at:.3}"));
                json(&Line::Message { v: VERSION, room, seq: *seq, id, sender, content, sent_at }, out);
            }
            Self::Words { zone } => {
                let time = minute(*sent_at, zone);
                let name = voice(sender.as_ref());
                // Indented, so that no line of a message passes for a message.
                line(out, &format!("{time} {name}  {}", sanitize::body(content).replace('\n', "\n    ")));
            }
        }
    }

    pub(crate) fn gap(&self, room: &RoomId, gap: Gap, out: &mut String) {
        let Gap { from, to } = gap;
        match self {
            Self::Json => json(&Line::Gap { v: VERSION, room, from, to }, out),
            Self::Words { .. } => line(out, &format!("-- {} --", gap_in_words(gap))),
        }
    }

    /// Who is in a room.
    pub(crate) fn room(&self, answer: &RoomAnswer, out: &mut String) {
        let RoomAnswer { room_id: room, head, occupants } = answer;
        match self {
            Self::Json => json(&Line::Room { v: VERSION, room, head: *head, occupants }, out),
            Self::Words { zone } => {
                for Occupant { user, state, since } in occupants {
                    let state = match state {
                        PresenceState::Here => "here",
                        PresenceState::Idle => "idle",
                        PresenceState::Away | PresenceState::Gone => "away",
                    };
                    let (name, since) = (person(user), minute(*since, zone));
                    line(out, &format!("{name}  {state} since {since}"));
                }
            }
        }
    }

    pub(crate) fn welcome(&self, welcome: &Welcome, out: &mut String) {
        let Welcome { room_id: room, user, head, occupants, .. } = welcome;
        match self {
            Self::Json => json(&Line::Welcome { v: VERSION, room, user, head: *head, occupants }, out),
            Self::Words { .. } => {
                let names: Vec<String> = occupants.iter().map(person).collect();
                line(out, &format!("-- in the room: {} --", names.join(", ")));
            }
        }
    }

    pub(crate) fn presence(&self, room: &RoomId, presence: &Presence, out: &mut String) {
        let Presence { user, state, since, occupants } = presence;
        match self {
            Self::Json => {
                let since = format!("{since:.3}");
                json(&Line::Presence { v: VERSION, room, user, state: *state, since, occupants }, out);
            }
            Self::Words { .. } => {
                let name = person(user);
                line(out, &format!("-- {name} {} --", state_in_words(*state)));
            }
        }
    }

    pub(crate) fn lost(&self, room: &RoomId, reason: &str, out: &mut String) {
        match self {
            Self::Json => json(&Line::Lost { v: VERSION, room, reason }, out),
            // It is said on standard error anyway.
            Self::Words { .. } => {}
        }
    }

    /// What the outbox keeps of one user in one room. `short` makes an id one that people can type.
    pub(crate) fn kept<'a>(
        &self,
        whose: &'a Whose,
        held: &'a Held,
        short: impl Fn(&'a MessageId) -> &'a str,
        out: &mut String,
    ) {
        let Whose { server, room, user } = whose;
        if let Self::Words { .. } = self {
            let (room, user) = (sanitize::name(room.as_str()), person(user));
            line(out, &format!("{room} as {user} at {}", addresses(whose)));
        }
        let waiting = held.waiting.iter().map(|kept| (kept, None));
        let refused = held.refused.iter().map(|refused| (&refused.kept, Some(refused.reason.as_str())));
        for (Kept { id, content, at }, refused) in waiting.chain(refused) {
            match self {
                Self::Json => {
                    let written_at = format!("{at:.3}");
                    json(&Line::Waiting { v: VERSION, server, room, user, id, content, written_at, refused }, out);
                }
                Self::Words { zone } => {
                    let text = sanitize::body(content).replace('\n', "\n        ");
                    line(out, &format!("    {}  {}  {text}", minute(*at, zone), sanitize::line(short(id))));
                    if let Some(reason) = refused {
                        line(out, &format!("        refused: {}", sanitize::line(reason)));
                    }
                }
            }
        }
    }
}

/// Which messages are missing.
pub(crate) fn gap_in_words(Gap { from, to }: Gap) -> String {
    if from == to {
        return format!("message {from} is no longer kept");
    }
    format!("messages {from} to {to} are no longer kept")
}

/// How somebody is there, after their name.
pub(crate) fn state_in_words(state: PresenceState) -> &'static str {
    match state {
        PresenceState::Here => "is here",
        PresenceState::Idle => "is connected, not at the keyboard",
        PresenceState::Away => "has lost the connection",
        PresenceState::Gone => "has gone",
    }
}

/// Who speaks, in harmless words that no name passes for.
pub(crate) fn voice(sender: Option<&Username>) -> String {
    sender.map_or_else(|| OUTSIDE.to_owned(), person)
}

/// The name of somebody, which passes for no other words of a line.
pub(crate) fn person(user: &Username) -> String {
    unmistakable(&sanitize::name(user.as_str()))
}

/// A name as it is shown, in quotes where it would pass for other words of a line.
pub(crate) fn unmistakable(name: &str) -> String {
    let passes_for_more = name.eq_ignore_ascii_case(OUTSIDE) || name.contains(':');
    if passes_for_more && !name.starts_with('"') { format!("\"{name}\"") } else { name.to_owned() }
}

/// The addresses of the servers for which something is kept.
pub(crate) fn addresses(whose: &Whose) -> String {
    sanitize::line(&whose.addresses().collect::<Vec<_>>().join(" or "))
}

/// A time as people read it.
pub(crate) fn minute(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Takes the result of writing to standard output: true, or false when nobody reads it any more, which is how `head`
/// ends its part and no failure.
///
/// # Errors
/// When it could not be written for another reason, such as a full disk.
pub(crate) fn written(result: io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::new(Exit::Unexpected, format!("writing to standard output: {e}"))),
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use shared::message::Seq;

    use super::*;

    fn message(sender: Option<&str>, content: &str) -> Message {
        Message {
            seq: Seq(17),
            id: MessageId::new("key-1").unwrap(),
            sender: sender.map(|name| Username::new(name).unwrap()),
            content: content.to_owned(),
            sent_at: "2026-11-22T14:02:11.125Z".parse().unwrap(),
        }
    }

    #[track_caller]
    fn check(style: &Style, message: &Message, expected: &str) {
        let mut out = String::new();
        style.message(&RoomId::new("room1").unwrap(), message, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn a_json_line_is_as_documented() {
        check(
            &Style::Json,
            &message(Some("alice"), "Hello, \"Room\"!\nGrüße"),
            concat!(
                r#"{"type":"message","v":1,"room":"room1","seq":17,"id":"key-1","sender":"alice","#,
                r#""content":"Hello, \"Room\"!\nGrüße","sent_at":"2026-11-22T14:02:11.125Z"}"#,
                "\n"
            ),
        );
    }

    #[test]
    fn a_json_line_holds_nothing_that_acts_on_a_terminal_and_still_says_the_same() {
        let content = "\u{1b}[31m\u{7f}\u{9b}2J\u{202e}abc\u{200b}\u{2028}\u{e0041}\u{feff}";
        let mut out = String::new();
        Style::Json.message(&RoomId::new("room1").unwrap(), &message(None, content), &mut out);
        assert!(out.trim_end().chars().all(|c| (' '..='~').contains(&c)), "{out}");
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(read.get("content").unwrap(), content);
        assert!(read.get("sender").unwrap().is_null());
    }

    #[test]
    fn a_line_for_people_has_date_time_name_and_text() {
        let words = Style::Words { zone: TimeZone::UTC };
        check(&words, &message(Some("alice"), "on it"), "2026-11-22 14:02 alice  on it\n");
        check(&words, &message(None, "build is green"), "2026-11-22 14:02 (outside)  build is green\n");
    }

    #[test]
    fn no_message_passes_for_another_ones() {
        let words = Style::Words { zone: TimeZone::UTC };
        let forged = message(Some("mallory"), "ok\n2026-11-22 14:03 alice  yes");
        check(&words, &forged, "2026-11-22 14:02 mallory  ok\n    2026-11-22 14:03 alice  yes\n");
        check(&words, &message(Some("(outside)"), "hi"), "2026-11-22 14:02 \"(outside)\"  hi\n");
        // Whatever could pass for the two columns between a name and a text is no name; `sanitize::name` would show it all the same.
        for loose in [" alice ", "alice  yes"] {
            assert!(Username::new(loose).is_err(), "{loose:?}");
        }
    }

    #[test]
    fn a_line_for_people_is_harmless() {
        let words = Style::Words { zone: TimeZone::UTC };
        let mut out = String::new();
        words.message(
            &RoomId::new("room1").unwrap(),
            &message(Some("alice"), "a\u{1b}]52;c;aGk=\u{7}b\u{9b}"),
            &mut out,
        );
        assert!(!out.trim_end().contains(char::is_control), "{out:?}");
    }

    #[test]
    fn a_gap_is_said_in_both_styles() {
        let (room, gap) = (RoomId::new("room1").unwrap(), Gap { from: Seq(3), to: Seq(7) });
        let mut out = String::new();
        Style::Json.gap(&room, gap, &mut out);
        Style::Words { zone: TimeZone::UTC }.gap(&room, gap, &mut out);
        let json = r#"{"type":"gap","v":1,"room":"room1","from":3,"to":7}"#;
        assert_eq!(out, format!("{json}\n-- messages 3 to 7 are no longer kept --\n"));
    }
}
