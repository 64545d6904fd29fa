//! What was published and has not come out of the queue yet.
//!
//! RabbitMQ confirms what it has handed to a queue, and when that queue is deleted, or comes back from a crash without
//! its messages, says nothing of those. Accepted means kept, so each message is held here until history has it, and
//! published again when the queue had gone. A copy too many does no harm: its id is known.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lapin::BasicProperties;
use lapin::types::ShortString;
use tracing::warn;

/// How much is held at the most. While history is away the queue grows beyond that, and of the oldest messages there is
/// only the broker's copy.
const MAX_MESSAGES: usize = 20_000;
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The messages, in the order in which they were published.
#[derive(Debug, Default)]
pub(super) struct Retained(Mutex<Messages>);

#[derive(Debug, Default)]
struct Messages {
    by_number: BTreeMap<u64, Message>,
    numbers: HashMap<ShortString, u64>,
    last_number: u64,
    bytes: usize,
    is_overfull: bool,
}

/// A message as it was published.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// Where a message stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(u64);

impl Retained {
    /// Holds a message that is about to be published. `None` when its id is held already: the first copy counts.
    pub(super) fn hold(&self, properties: &BasicProperties, body: &[u8]) -> Option<Number> {
        let mut messages = self.lock();
        let id = properties.message_id().clone()?;
        if messages.numbers.contains_key(&id) {
            return None;
        }
        messages.last_number += 1;
        let number = messages.last_number;
        messages.numbers.insert(id, number);
        messages.bytes += body.len();
        messages.by_number.insert(number, Message { properties: properties.clone(), body: body.to_vec() });
        messages.keep_within_limits();
        Some(Number(number))
    }

    /// Lets go of a message that was not accepted.
    pub(super) fn refused(&self, Number(number): Number) {
        self.lock().remove(number);
    }

    /// Lets go of the messages with these ids: history has them.
    pub(super) fn placed(&self, ids: &[impl Borrow<str>]) {
        let mut messages = self.lock();
        for id in ids {
            if let Some(number) = messages.numbers.get(id.borrow()).copied() {
                messages.remove(number);
            }
        }
        messages.is_overfull &= !messages.by_number.is_empty();
    }

    /// All that is held.
    pub(super) fn all(&self) -> Vec<Message> {
        self.lock().by_number.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Messages {
    fn remove(&mut self, number: u64) {
        let Some(message) = self.by_number.remove(&number) else { return };
        self.bytes -= message.body.len();
        if let Some(id) = message.properties.message_id() {
            self.numbers.remove(id);
        }
    }

    fn keep_within_limits(&mut self) {
        while (self.by_number.len() > MAX_MESSAGES || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.by_number.first_key_value().map(|(number, _)| *number)
        {
            self.remove(oldest);
            if !std::mem::replace(&mut self.is_overfull, true) {
                warn!(messages = MAX_MESSAGES, "many messages wait in RabbitMQ; of the oldest there is only its copy");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(id: &str) -> BasicProperties {
        BasicProperties::default().with_message_id(id.into())
    }

    #[track_caller]
    fn check(retained: &Retained, bodies: &[&str]) {
        let all: Vec<String> = retained.all().into_iter().map(|m| String::from_utf8(m.body).unwrap()).collect();
        assert_eq!(all, bodies);
    }

    fn holding(ids: &[&str]) -> Retained {
        let retained = Retained::default();
        for id in ids {
            retained.hold(&properties(id), id.as_bytes()).unwrap();
        }
        retained
    }

    #[test]
    fn what_is_held_stays_in_order_until_history_has_it() {
        let retained = holding(&["a", "b", "c", "d"]);
        retained.placed(&["b", "of another producer"]);
        check(&retained, &["a", "c", "d"]);
        retained.placed(&["d", "a", "c"]);
        check(&retained, &[]);
    }

    #[test]
    fn what_was_refused_is_not_published_again() {
        let retained = holding(&["a"]);
        let number = retained.hold(&properties("b"), b"b").unwrap();
        retained.refused(number);
        check(&retained, &["a"]);
    }

    #[test]
    fn of_one_id_the_first_copy_is_held_and_a_refusal_of_the_second_concerns_it_not() {
        let retained = holding(&["a"]);
        assert_eq!(retained.hold(&properties("a"), b"again"), None);
        check(&retained, &["a"]);
    }

    #[test]
    fn beyond_the_limits_the_oldest_goes() {
        let retained = Retained::default();
        for n in 0..=MAX_MESSAGES {
            retained.hold(&properties(&n.to_string()), b"x").unwrap();
        }
        assert_eq!(retained.all().len(), MAX_MESSAGES);
        retained.hold(&properties("large"), &vec![b'x'; MAX_BYTES]).unwrap();
        assert_eq!(retained.all().len(), 1);
        retained.placed(&["0", "large"]);
        check(&retained, &[]);
    }
}
