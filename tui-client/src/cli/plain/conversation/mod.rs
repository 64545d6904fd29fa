//! Pure. What `join --plain` says of what happens, line by line.

use std::collections::HashSet;
use std::fmt::Write;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::frames::{PresenceState, Resume, Welcome};
use shared::message::{Message, Seq};
use shared::names::{MessageId, Username};
use shared::rest::MAX_CONTENT_BYTES;

use crate::app::lookalikes::Acquaintances;
use crate::app::receipts::Receipts;
use crate::app::{invitation, sanitize};
use crate::cli::lines::{gap_in_words, unmistakable, voice};
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
    acquaintances: Acquaintances,
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
            acquaintances: Acquaintances::new(&membership.user),
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
            NetworkEvent::PostedTooOften { retry_at } => {
                let at = retry_at.to_zoned(self.zone.clone()).strftime("%H:%M:%S");
                self.say_once(&format!("still waiting: sent too often, trying again at {at}"));
            }
            NetworkEvent::PostRefused { id, reason } => {
                self.waiting.remove(&id);
                self.not_sent(&format!("{reason}; `tui-client outbox` keeps it"));
                return Some(Deed::Refuse { id, reason });
            }
            NetworkEvent::Server(host) => self.host = Some(host),
            NetworkEvent::Connecting
            | NetworkEvent::NotLetIn(_)
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
        // Who was here before is met first: it is the one who comes that may only look like them.
        let before = self.meet(welcome.receipts.iter().map(|receipt| receipt.user.clone()));
        before.iter().for_each(|words| self.say(words));
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
            let users: Vec<_> = self.others.iter().map(|(user, _)| user.clone()).collect();
            let warnings = self.meet(users);
            let here = self.who();
            self.say(&format!("{} as {}: {here}", self.room, self.name(&self.user)));
            warnings.iter().for_each(|words| self.say(words));
            return;
        }
        self.say("connected again");
        self.people(others);
    }

    /// Takes who is here, and says who has come and who has gone.
    fn people(&mut self, others: Vec<(Username, PresenceState)>) {
        let before = std::mem::replace(&mut self.others, others);
        let users: Vec<_> = self.others.iter().map(|(user, _)| user.clone()).collect();
        let warnings = self.meet(users);
        let is_in = |people: &[(Username, PresenceState)], who: &Username| people.iter().any(|(name, _)| name == who);
        let come = self.others.iter().filter(|(name, _)| !is_in(&before, name)).map(|(name, _)| (name, "come"));
        let gone = before.iter().filter(|(name, _)| !is_in(&self.others, name)).map(|(name, _)| (name, "gone"));
        let said: Vec<String> =
            gone.chain(come).map(|(name, what)| format!("{} has {what}", self.name(name))).collect();
        said.iter().chain(&warnings).for_each(|words| self.say(words));
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
        let warnings = self.meet(sender.clone());
        warnings.iter().for_each(|words| self.say(words));
        let name = sender.as_ref().map_or_else(|| voice(None), |sender| self.name(sender));
        // Indented, so that no line of a message passes for a message.
        let text = sanitize::body(content).replace('\n', "\n      ");
        // Writing to a string does not fail.
        _ = writeln!(self.out, "{} {name}: {text}", at.strftime("%H:%M"));
        Deed::Printed(*seq)
    }

    /// Sees these people, and gives what is to be said of names that look alike.
    fn meet(&mut self, users: impl IntoIterator<Item = Username>) -> Vec<String> {
        users.into_iter().filter_map(|user| self.acquaintances.meet(&user)).collect()
    }

    /// The name of somebody, with a mark where it looks like another one.
    pub(super) fn name(&self, user: &Username) -> String {
        unmistakable(&self.acquaintances.shown(user))
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
mod tests;
