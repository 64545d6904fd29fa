//! How the queue `messages` keeps to one consumer where several nodes want it: the queue is taken as it stands, and what it
//! is can only be asked by declaring it once more, which changes nothing and fails where it is something else.

use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::AMQPSoftError;
use lapin::protocol::constants::REPLY_SUCCESS;
use lapin::types::{AMQPValue, FieldTable};

use crate::broker::rabbitmq::MESSAGES;
use crate::broker::rabbitmq::connection::{LinkError, soft_error};

/// How one of several consumers is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// It is the first that asks for the queue alone; the others are refused.
    Exclusive,
    /// All consume, and RabbitMQ gives messages to one of them (`x-single-active-consumer`). None may ask for it alone.
    SingleActive,
}

/// Not asked for alone by RabbitMQ's own rules, so that the order of messages would not hold.
const SHARED: &str = "the queue `messages` is a quorum queue without x-single-active-consumer, from which several servers \
                      would take at once: declare it anew with that argument, or as a classic queue";

/// Asks what the queue is, which must be there.
pub(super) async fn ask(connection: &Connection) -> Result<Sharing, LinkError> {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let single = || ("x-single-active-consumer", AMQPValue::Boolean(true));
    if !is(connection, true, vec![]).await? {
        return Err(LinkError::Missing);
    }
    let quorum = || ("x-queue-type", text("quorum"));
    if is(connection, false, vec![quorum(), single()]).await? || is(connection, false, vec![single()]).await? {
        return Ok(Sharing::SingleActive);
    }
    if is(connection, false, vec![quorum()]).await? {
        return Err(LinkError::Away(SHARED.to_owned()));
    }
    Ok(Sharing::Exclusive)
}

/// Whether the queue is there, or is durable with these arguments.
async fn is(
    connection: &Connection,
    passive: bool,
    arguments: Vec<(&'static str, AMQPValue)>,
) -> Result<bool, LinkError> {
    // On a channel of its own, for the answer no ends the channel.
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    let Err(error) = channel.queue_declare(MESSAGES.into(), options, table).await else {
        channel.close(REPLY_SUCCESS, "OK".into()).await?;
        return Ok(true);
    };
    match soft_error(&error) {
        Some((AMQPSoftError::NOTFOUND | AMQPSoftError::PRECONDITIONFAILED, _)) => Ok(false),
        Some(_) | None => Err(error.into()),
    }
}
