//! Pure. What `join --plain` says of what happens, line by line.

use std::collections::HashSet;
use std::fmt::Write;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::frames::{PresenceState, Resume, Welcome};
use shared::message::{Message, Seq};
use shared::names::{MessageId, Username};
use shared::rest::MAX_CONTENT_BYTES;

use crate::app::receipts::Receipts;
use crate::app::{invitation, sanitize};
use crate::cli::lines::{gap_in_words, person, voice};
use crate::network::{Membership, NetworkEvent};
use crate::outbox::lines::Held;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Look in the outbox for what clients that are gone have left.
    Adopt,
    /// Keep this message, then send it.
    Send(String),
    /// The outbox need not keep this message any longer.
    Forget(MessageId),
    /// The outbox is to keep this message as one that the server will never take.
    Refuse { id: MessageId, reason: String },
    /// Everything up to this place is printed.
    Printed(Seq),
    /// Do not wait for the next attempt to connect.
    Retry,
    /// The room holds two others.
    Full,
    /// The server will not have us.
    TurnedAway(String),
    /// Leave the room.
    Quit,
}

/// Whose lines are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typist {
    /// Somebody who sees what they type, so that it need not be said again.
    Person,
    /// A program, or a file: nobody has seen it.
    Pipe,
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    Connecting,
    Live,
    Lost(String),
    Full,
}

pub(crate) struct Conversation {
    pub(super) user: Username,
    room: String,
    pub(super) invitation: String,
    zone: TimeZone,
    pub(super) typist: Typist,
    pub(super) link: Link,
    /// Of several servers the one that is tried or connected to.
    pub(super) host: Option<String>,
    pub(crate) was_in: bool,
    pub(super) others: Vec<(Username, PresenceState)>,
    pub(super) receipts: Receipts,
    pub(super) max_content_bytes: usize,
    /// What was sent and is not accepted yet.
    pub(super) waiting: HashSet<MessageId>,
    /// What was typed here and has not come back.
    typed: HashSet<MessageId>,
    /// The newest place that was ours.
    pub(super) last_mine: Option<Seq>,
    /// The lines of a message that goes on.
    pub(super) begun: String,
    day: Option<Date>,
    /// How far the room had come when we came in, and how far we have.
    head: Option<Seq>,
    seen: Seq,
    /// What was said last of all messages that are sent now.
    said_once: String,
    /// How many messages were not sent and never will be.
    pub(crate) unsent: usize,
    /// What is to be printed.
    pub(crate) out: String,
}

impl Conversation {
    pub(crate) fn new(membership: &Membership, zone: TimeZone, typist: Typist) -> Self {
        Self {
            user: membership.user.clone(),
            room: sanitize::name(membership.room.as_str()),
            invitation: invitation::line(membership),
            zone,
            typist,
            link: Link::Connecting,
            host: None,
            was_in: false,
            others: vec![],
            receipts: Receipts::default(),
            max_content_bytes: MAX_CONTENT_BYTES,
            waiting: HashSet::new(),
            typed: HashSet::new(),
            last_mine: None,
            begun: String::new(),
            day: None,
            // Without a first look nothing is to come.
            head: (membership.last == 0).then_some(Seq::START),
            seen: Seq::START,
            said_once: String::new(),
            unsent: 0,
            out: String::new(),
        }
    }

    /// Says a line that is of nobody.
    pub(crate) fn say(&mut self, words: &str) {
        // Writing to a string does not fail.
        _ = writeln!(self.out, "-- {}", sanitize::line(words));
    }

    /// Whether a line that is typed now has a place to go: not before it is known that the room has one for us.
    pub(crate) fn takes_input(&self) -> bool {
        matches!(self.link, Link::Live | Link::Lost(_))
    }

    pub(crate) fn is_live(&self) -> bool {
        self.link == Link::Live
    }

    pub(crate) fn waits_for(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything that was in the room when we came in has been printed.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.head.is_some_and(|head| head <= self.seen)
    }

    pub(crate) fn hear(&mut self, event: NetworkEvent) -> Option<Deed> {
        match event {
            NetworkEvent::Welcomed(welcome) => {
                self.welcome(&welcome);
                return Some(Deed::Adopt);
            }
            NetworkEvent::Message(message) => return Some(self.message(&message)),
            NetworkEvent::Presence(presence) => {
                let others = presence.occupants.into_iter().filter(|name| *name != self.user).map(|name| {
                    let known = self.others.iter().find(|(other, _)| *other == name);
                    let known = known.map_or(PresenceState::Here, |(_, state)| *state);
                    (name.clone(), if name == presence.user { presence.state } else { known })
                });
                let others = others.collect();
                self.people(others);
            }
            NetworkEvent::Gap(gap) => {
                self.seen = self.seen.max(gap.to);
                self.say(&gap_in_words(gap));
            }
            NetworkEvent::Receipt(receipt) => self.receipts.take(&receipt, &self.user),
            NetworkEvent::Lost { reason, .. } => {
                if !matches!(self.link, Link::Lost(_)) {
                    self.say(&format!("no connection ({reason}), trying again"));
                    self.said_once.clear();
                }
                self.link = Link::Lost(reason);
            }
            NetworkEvent::RoomFull => {
                self.link = Link::Full;
                return Some(Deed::Full);
            }
            NetworkEvent::Refused(sentence) => return Some(Deed::TurnedAway(sentence)),
            NetworkEvent::Posted(id) => {
                self.waiting.remove(&id);
                return Some(Deed::Forget(id));
            }
            NetworkEvent::PostDelayed(reason) => self.say_once(&format!("still waiting: {reason}")),
            NetworkEvent::PostRefused { id, reason } => {
                self.waiting.remove(&id);
                self.not_sent(&format!("{reason}; `tui-client outbox` keeps it"));
                return Some(Deed::Refuse { id, reason });
            }
            NetworkEvent::Server(host) => self.host = Some(host),
            NetworkEvent::Connecting
            | NetworkEvent::SeatsTaken(_)
            | NetworkEvent::RoundTrip(_)
            | NetworkEvent::Page(_)
            | NetworkEvent::PageFailed(_)
            | NetworkEvent::Typing(_)
            | NetworkEvent::Found { .. }
            | NetworkEvent::SearchFailed { .. } => {}
        }
        None
    }

    fn welcome(&mut self, welcome: &Welcome) {
        let others = welcome.occupants.iter().filter(|name| **name != self.user).map(|name| {
            let is_idle = welcome.idle.iter().any(|idle| idle.user == *name);
            (name.clone(), if is_idle { PresenceState::Idle } else { PresenceState::Here })
        });
        let others: Vec<_> = others.collect();
        self.max_content_bytes = welcome.max_content_bytes;
        self.receipts.welcome(welcome, &self.user);
        self.said_once.clear();
        self.link = Link::Live;
        let is_first = !std::mem::replace(&mut self.was_in, true);
        if self.head.is_none() || welcome.resume == Resume::Reset {
            self.head = Some(welcome.head);
        }
        if welcome.resume == Resume::Reset {
            self.seen = Seq::START;
            self.say("the server has another history now: this is what is in it");
            self.last_mine = None;
        }
        if is_first {
            self.others = others;
            let here = self.who();
            self.say(&format!("{} as {}: {here}", self.room, person(&self.user)));
            return;
        }
        self.say("connected again");
        self.people(others);
    }

    /// Takes who is here, and says who has come and who has gone.
    fn people(&mut self, others: Vec<(Username, PresenceState)>) {
        let before = std::mem::replace(&mut self.others, others);
        let is_in = |people: &[(Username, PresenceState)], who: &Username| people.iter().any(|(name, _)| name == who);
        let come = self.others.iter().filter(|(name, _)| !is_in(&before, name)).map(|(name, _)| (name, "come"));
        let gone = before.iter().filter(|(name, _)| !is_in(&self.others, name)).map(|(name, _)| (name, "gone"));
        let said: Vec<String> = gone.chain(come).map(|(name, what)| format!("{} has {what}", person(name))).collect();
        said.iter().for_each(|words| self.say(words));
    }

    fn message(&mut self, message: &Message) -> Deed {
        let Message { seq, id, sender, content, sent_at } = message;
        self.seen = *seq;
        if sender.as_ref() == Some(&self.user) {
            self.last_mine = Some(*seq);
        }
        if self.typed.remove(id) {
            return Deed::Printed(*seq);
        }
        let at = sent_at.to_zoned(self.zone.clone());
        if self.day.replace(at.date()) != Some(at.date()) {
            self.say(&at.strftime("%A %-d %B %Y").to_string());
        }
        let name = voice(sender.as_ref());
        // Indented, so that no line of a message passes for a message.
        let text = sanitize::body(content).replace('\n', "\n      ");
        // Writing to a string does not fail.
        _ = writeln!(self.out, "{} {name}: {text}", at.strftime("%H:%M"));
        Deed::Printed(*seq)
    }

    /// A message is on its way.
    pub(crate) fn sent(&mut self, id: MessageId) {
        if self.typist == Typist::Person {
            self.typed.insert(id.clone());
        }
        self.waiting.insert(id);
        if matches!(self.link, Link::Lost(_)) {
            self.say_once("kept: it goes out when there is a connection again");
        }
    }

    pub(crate) fn not_sent(&mut self, reason: &str) {
        self.unsent += 1;
        self.say(&format!("not sent: {reason}"));
    }

    /// What clients that are gone had left goes out now.
    pub(crate) fn adopted(&mut self, held: &Held) {
        match held.waiting.len() {
            0 => {}
            1 => self.say("1 message of before goes out now"),
            count => self.say(&format!("{count} messages of before go out now")),
        }
        self.waiting.extend(held.waiting.iter().map(|kept| kept.id.clone()));
        if !held.refused.is_empty() {
            self.say("messages of before were refused: `tui-client outbox` shows them");
        }
    }

    /// Says what concerns every message that is sent, once as long as it is the same.
    pub(crate) fn say_once(&mut self, words: &str) {
        if self.said_once != words {
            self.say(words);
            words.clone_into(&mut self.said_once);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use shared::frames::Presence;

    use super::*;

    fn talk(typist: Typist) -> Conversation {
        let membership = Membership {
            servers: "http://127.0.0.1:8000".parse::<reqwest::Url>().unwrap().into(),
            room: "room1".parse().unwrap(),
            user: "alice".parse().unwrap(),
            email: "".parse().unwrap(),
            last: 10,
        };
        Conversation::new(&membership, TimeZone::UTC, typist)
    }

    fn welcomed(typist: Typist) -> Conversation {
        let mut talk = talk(typist);
        assert!(!talk.takes_input(), "the room may be full");
        assert_eq!(talk.hear(welcome(&["alice", "bob"], "recent")), Some(Deed::Adopt));
        check(&mut talk, "-- room1 as alice: bob is here\n");
        talk
    }

    fn welcome(occupants: &[&str], resume: &str) -> NetworkEvent {
        NetworkEvent::Welcomed(
            serde_json::from_value(json!({"room_id": "room1", "user": "alice", "epoch": "e1", "head": 2,
                "occupants": occupants, "resume": resume, "max_content_bytes": 20}))
            .unwrap(),
        )
    }

    fn message(seq: u64, at: &str, sender: Option<&str>, content: &str) -> NetworkEvent {
        NetworkEvent::Message(Message {
            seq: Seq(seq),
            id: id(seq),
            sender: sender.map(|name| name.parse().unwrap()),
            content: content.to_owned(),
            sent_at: at.parse().unwrap(),
        })
    }

    fn id(number: u64) -> MessageId {
        MessageId::new(format!("id-{number}")).unwrap()
    }

    fn lost() -> NetworkEvent {
        NetworkEvent::Lost { reason: "refused".to_owned(), retry_at: Timestamp::UNIX_EPOCH }
    }

    #[track_caller]
    fn check(talk: &mut Conversation, expected: &str) {
        assert_eq!(std::mem::take(&mut talk.out), expected);
    }

    #[test]
    fn messages_are_lines_with_their_day_before_them() {
        let mut talk = welcomed(Typist::Person);
        assert_eq!(
            talk.hear(message(1, "2026-11-22T14:03:00Z", Some("bob"), "hi\nthere")),
            Some(Deed::Printed(Seq(1)))
        );
        talk.hear(message(2, "2026-11-22T23:59:00Z", Some("alice"), "from another client"));
        talk.hear(message(3, "2026-11-23T00:01:00Z", None, "build is green"));
        check(
            &mut talk,
            "-- Sunday 22 November 2026\n14:03 bob: hi\n      there\n23:59 alice: from another client\n\
             -- Monday 23 November 2026\n00:01 (outside): build is green\n",
        );
    }

    #[test]
    fn no_message_and_no_name_passes_for_another_ones() {
        let mut talk = welcomed(Typist::Person);
        let at = "2026-11-22T14:03:00Z";
        talk.hear(message(1, at, Some("bob"), "ok\n14:03 carol: yes\n-- carol has come"));
        talk.hear(message(2, at, Some("carol: yes"), "x"));
        talk.hear(message(3, at, Some("(outside)"), "x"));
        let lines = [
            "-- Sunday 22 November 2026",
            "14:03 bob: ok",
            "      14:03 carol: yes",
            "      -- carol has come",
            "14:03 \"carol: yes\": x",
            "14:03 \"(outside)\": x\n",
        ];
        check(&mut talk, &lines.join("\n"));
    }

    #[test]
    fn what_was_typed_before_ones_eyes_is_not_said_again_and_what_was_piped_in_is() {
        for (typist, expected) in
            [(Typist::Person, ""), (Typist::Pipe, "-- Sunday 22 November 2026\n14:03 alice: hello\n")]
        {
            let mut talk = welcomed(typist);
            assert_eq!(talk.typed("hello"), Some(Deed::Send("hello".to_owned())));
            talk.sent(id(3));
            assert_eq!(talk.waits_for(), 1);
            assert_eq!(talk.hear(NetworkEvent::Posted(id(3))), Some(Deed::Forget(id(3))));
            talk.hear(message(3, "2026-11-22T14:03:00Z", Some("alice"), "hello"));
            assert_eq!(talk.waits_for(), 0);
            check(&mut talk, expected);
        }
    }

    #[test]
    fn a_line_says_what_it_means() {
        let mut talk = welcomed(Typist::Person);
        let send = |text: &str| Some(Deed::Send(text.to_owned()));
        assert_eq!(talk.typed("a\\"), None);
        assert_eq!(talk.typed("/b\\"), None);
        assert_eq!(talk.typed("c "), send("a\n/b\nc"));
        assert_eq!(talk.typed("//who"), send("/who"));
        assert_eq!(talk.typed("C:\\ "), send("C:\\"));
        assert_eq!(talk.typed("   "), None);
        assert_eq!(talk.typed("begun\\"), None);
        assert_eq!(talk.finish(), send("begun"), "the end of the input ends it");
        assert_eq!((talk.typed("/quit"), talk.typed("/retry")), (Some(Deed::Quit), Some(Deed::Retry)));
        check(&mut talk, "");
        assert_eq!(talk.typed("/wo"), None);
        check(&mut talk, "-- there is no command /wo: /help tells of those there are\n");
        assert_eq!(talk.typed("a text that is longer than 20 bytes"), None);
        check(
            &mut talk,
            "-- not sent: the message is 35 bytes, and the room takes at most 20 bytes: send it in parts\n",
        );
        assert_eq!(talk.unsent, 1);
        let mut piped = welcomed(Typist::Pipe);
        assert_eq!(piped.typed("/etc/hosts is gone"), None);
        assert_eq!(piped.unsent, 1, "{}", piped.out);
    }

    #[test]
    fn a_loss_is_said_once_and_who_came_and_went_meanwhile() {
        let mut talk = welcomed(Typist::Person);
        talk.hear(lost());
        talk.hear(NetworkEvent::Connecting);
        talk.hear(lost());
        assert!(talk.takes_input());
        talk.sent(id(7));
        talk.sent(id(8));
        check(
            &mut talk,
            "-- no connection (refused), trying again\n-- kept: it goes out when there is a connection again\n",
        );
        talk.hear(welcome(&["alice", "carol"], "complete"));
        check(&mut talk, "-- connected again\n-- bob has gone\n-- carol has come\n");
    }

    #[test]
    fn who_comes_and_goes_is_said_and_who_is_idle_only_when_asked() {
        let mut talk = welcomed(Typist::Person);
        let presence = |user: &str, state, occupants: &[&str]| {
            let occupants = occupants.iter().map(|name| name.parse().unwrap()).collect();
            let since = Timestamp::UNIX_EPOCH;
            NetworkEvent::Presence(Presence { user: user.parse().unwrap(), state, since, occupants })
        };
        talk.hear(presence("bob", PresenceState::Idle, &["alice", "bob"]));
        check(&mut talk, "");
        talk.typed("/who");
        check(&mut talk, "-- bob is connected, not at the keyboard\n");
        talk.hear(presence("bob", PresenceState::Gone, &["alice"]));
        talk.hear(presence("alice", PresenceState::Here, &["alice"]));
        check(&mut talk, "-- bob has gone\n");
        talk.typed("/who");
        check(&mut talk, "-- nobody else is here; somebody joins with: tui-client join room1 --user bob\n");
        talk.hear(presence("bob", PresenceState::Here, &["alice", "bob"]));
        check(&mut talk, "-- bob has come\n");
    }

    #[test]
    fn status_tells_at_which_of_several_servers_it_is() {
        let mut talk = welcomed(Typist::Person);
        talk.hear(NetworkEvent::Server("b.example:8000".to_owned()));
        talk.typed("/status");
        check(&mut talk, "-- connected to b.example:8000\n-- you have said nothing that is known here\n");
    }

    #[test]
    fn status_tells_what_became_of_what_was_said() {
        let mut talk = welcomed(Typist::Person);
        talk.sent(id(9));
        talk.hear(message(3, "2026-11-22T14:03:00Z", Some("alice"), "hello"));
        let receipt = |delivered, read| {
            let receipt = json!({"user": "bob", "delivered": delivered, "read": read});
            NetworkEvent::Receipt(serde_json::from_value(receipt).unwrap())
        };
        talk.out.clear();
        for (delivered, read, word) in [(2, 2, "sent"), (3, 2, "delivered"), (3, 3, "read")] {
            talk.hear(receipt(delivered, read));
            talk.typed("/status");
            check(
                &mut talk,
                &format!("-- connected\n-- 1 message waits to be sent\n-- your last message was {word}\n"),
            );
        }
        let refused = NetworkEvent::PostRefused { id: id(9), reason: "too \u{1b}long".to_owned() };
        assert!(matches!(talk.hear(refused), Some(Deed::Refuse { .. })));
        check(&mut talk, "-- not sent: too ␛long; `tui-client outbox` keeps it\n");
        talk.typed("/status");
        check(&mut talk, "-- connected\n-- your last message was read\n");
    }
}
