//! What the queue `messages` is, and so what keeps it to one consumer. Whoever declared it decided that; it is taken as it stands.
//!
//! AMQP has no question for it. But a queue that is declared once more with just what it is is left alone, and with
//! anything else it is refused with the first thing that is different. So it is declared again and again with what was
//! learnt, until nothing is. That proves it; a refusal that cannot be read only leaves it unknown.

use lapin::options::QueueDeclareOptions;
use lapin::protocol::AMQPSoftError;
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

use crate::broker::rabbitmq::MESSAGES;
use crate::broker::rabbitmq::connection::{LinkError, soft_error};

/// More than a queue has to be told of it.
const MOST_TERMS: usize = 24;

/// What keeps the queue to one consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// The first that asks for it alone has it, and the others are refused: a classic queue, or one of which nothing is known.
    Exclusive,
    /// RabbitMQ gives messages to one of its consumers (`x-single-active-consumer`). None may ask for it alone.
    SingleActive,
    /// Nothing: a quorum queue, where RabbitMQ passes over that somebody asks for it alone.
    Open,
    /// It is a stream, of which nothing is ever taken out.
    Stream,
}

/// What a queue is declared with.
#[derive(Debug, Clone, PartialEq)]
struct Terms {
    durable: bool,
    auto_delete: bool,
    arguments: FieldTable,
}

/// Finds out what the queue is, which must be there.
pub(super) async fn ask(connection: &Connection) -> Result<Sharing, LinkError> {
    // Where there is none, none is to be made.
    consumers(&connection.create_channel().await?).await?;
    let mut terms = Terms { durable: true, auto_delete: false, arguments: FieldTable::default() };
    for _ in 0..MOST_TERMS {
        // On a channel of its own, for a refusal ends the channel.
        let channel = connection.create_channel().await?;
        let Terms { durable, auto_delete, arguments } = terms.clone();
        let options = QueueDeclareOptions { durable, auto_delete, ..QueueDeclareOptions::default() };
        let Err(error) = channel.queue_declare(MESSAGES.into(), options, arguments).await else {
            channel.close(REPLY_SUCCESS, "OK".into()).await?;
            return Ok(terms.sharing());
        };
        match soft_error(&error) {
            Some((AMQPSoftError::PRECONDITIONFAILED, told)) if terms.learn(told.get_message().as_str()) => {}
            // It cannot be read, or this user may not declare.
            Some((AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::ACCESSREFUSED, _)) => break,
            Some(_) | None => return Err(error.into()),
        }
    }
    Ok(Sharing::Exclusive)
}

/// How many consumers the queue has; of a queue that RabbitMQ keeps to one, those it gives messages to.
pub(super) async fn consumers(channel: &Channel) -> Result<u32, LinkError> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(MESSAGES.into(), passive, FieldTable::default()).await?;
    Ok(queue.consumer_count())
}

impl Terms {
    /// Takes in what a refusal says. `false` when it says nothing that is understood.
    fn learn(&mut self, refusal: &str) -> bool {
        let Some((name, current)) = difference(refusal) else { return false };
        match (name, current) {
            ("durable", "'true'" | "'false'") => self.durable = current == "'true'",
            ("auto_delete", "'true'" | "'false'") => self.auto_delete = current == "'true'",
            (name, current) => {
                let Some(value) = value(current) else { return false };
                self.arguments.insert(name.to_owned().into(), value);
            }
        }
        true
    }

    fn sharing(&self) -> Sharing {
        let argument = |name: &str| self.arguments.inner().get(name);
        let kind = match argument("x-queue-type") {
            Some(AMQPValue::LongString(kind)) => String::from_utf8_lossy(kind.as_bytes()),
            Some(_) | None => "classic".into(),
        };
        match (&*kind, argument("x-single-active-consumer")) {
            ("stream", _) => Sharing::Stream,
            (_, Some(AMQPValue::Boolean(true))) => Sharing::SingleActive,
            ("classic", _) => Sharing::Exclusive,
            _ => Sharing::Open,
        }
    }
}

/// What is different, and what it is with the queue: `inequivalent arg 'NAME' for queue …: received … but current is …`.
fn difference(refusal: &str) -> Option<(&str, &str)> {
    let (_, rest) = refusal.split_once("inequivalent arg '")?;
    let (name, rest) = rest.split_once('\'')?;
    let (_, current) = rest.rsplit_once(" but current is ")?;
    Some((name, current))
}

/// An argument as a refusal shows it: `the value 'VALUE' of type 'TYPE'`.
fn value(shown: &str) -> Option<AMQPValue> {
    let (value, kind) = shown.strip_prefix("the value '")?.strip_suffix('\'')?.rsplit_once("' of type '")?;
    match kind {
        "longstr" => Some(AMQPValue::LongString(value.into())),
        "bool" => value.parse().ok().map(AMQPValue::Boolean),
        // RabbitMQ compares whole numbers by what they are worth.
        _ => value.parse().ok().map(AMQPValue::LongLongInt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(of: &str) -> String {
        format!("PRECONDITION_FAILED - inequivalent arg {of}")
    }

    #[test]
    fn a_refusal_tells_what_the_queue_is() {
        let mut terms = Terms { durable: true, auto_delete: false, arguments: FieldTable::default() };
        assert_eq!(terms.sharing(), Sharing::Exclusive);
        for (told, sharing) in [
            ("'durable' for queue 'messages' in vhost '/': received 'true' but current is 'false'", Sharing::Exclusive),
            (
                "'x-dead-letter-exchange' for queue 'messages' in vhost '/': received none but current is the value 'it's' of \
                 type 'longstr'",
                Sharing::Exclusive,
            ),
            (
                "'x-queue-type' for queue 'messages' in vhost '/': received none but current is the value 'quorum' of type \
                 'longstr'",
                Sharing::Open,
            ),
            (
                "'x-single-active-consumer' for queue 'messages' in vhost '/': received none but current is the value 'true' of \
                 type 'bool'",
                Sharing::SingleActive,
            ),
            (
                "'x-delivery-limit' for queue 'messages' in vhost '/': received none but current is the value '5' of type \
                 'signedint'",
                Sharing::SingleActive,
            ),
        ] {
            assert!(terms.learn(&refusal(told)), "{told}");
            assert_eq!(terms.sharing(), sharing, "{told}");
        }
        assert!(!terms.durable);
        let arguments = terms.arguments.inner();
        assert_eq!(arguments.get("x-dead-letter-exchange"), Some(&AMQPValue::LongString("it's".into())));
        assert_eq!(arguments.get("x-delivery-limit"), Some(&AMQPValue::LongLongInt(5)));
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        let mut terms = Terms { durable: true, auto_delete: false, arguments: FieldTable::default() };
        let before = terms.clone();
        for told in ["", "'x-new' for queue 'messages': received none but current is a surprise", "'x"] {
            assert!(!terms.learn(&refusal(told)), "{told}");
        }
        assert_eq!(terms, before);
    }
}
