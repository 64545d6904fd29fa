//! A message that lapin cannot read, for its properties are not UTF-8 (AMQP 0-9-1 §4.2.5.3 wants short strings to be): a connection
//! ends over it, and the next one is sent it again. Where it is first in the queue it can be taken out.

use std::pin::pin;

use futures_util::{Stream, StreamExt};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions};
use lapin::protocol::AMQPErrorKind;
use lapin::{Connection, ErrorKind, Event};
use tracing::warn;

use crate::broker::rabbitmq::MESSAGES;
use crate::broker::rabbitmq::connection::{self, Address, LinkError};

/// What RabbitMQ counts as acknowledged.
#[derive(Debug, Clone, Copy)]
enum Taken {
    /// Nothing: it stays in the queue.
    Looked,
    /// What it has sent.
    Out,
}

/// Waits for the end of a connection with these events, and for its reason. All the while, for lapin waits for who listens.
pub(super) async fn end_of(events: impl Stream<Item = Event>) -> LinkError {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        let Event::Error(error) = event else { continue };
        // Others end a channel, or follow.
        let kind = error.kind();
        let is_reason =
            matches!(kind, ErrorKind::ParsingError(_) | ErrorKind::IOError(_) | ErrorKind::MissingHeartbeatError)
                || matches!(kind, ErrorKind::ProtocolError(error) if matches!(error.kind(), AMQPErrorKind::Hard(_)));
        if is_reason {
            return error.into();
        }
    }
    LinkError::Away("the connection to RabbitMQ has ended".to_owned())
}

/// Takes the first message out of the queue if it is such a one. Nobody else may take from the queue meanwhile.
///
/// It is lost: whatever reads it by lapin cannot hand it on.
///
/// # Errors
/// When RabbitMQ cannot be asked, as of a queue with a single active consumer; then it is still there.
pub(super) async fn take_first_out(address: &Address) -> Result<(), LinkError> {
    // First without taking it, for what is good must not be taken so.
    match get(address, Taken::Looked).await {
        Err(LinkError::Unreadable) => {}
        other => return other,
    }
    match get(address, Taken::Out).await {
        Err(LinkError::Unreadable) => {
            warn!(queue = MESSAGES, "lost a message whose properties are not UTF-8");
            Ok(())
        }
        other => other,
    }
}

async fn get(address: &Address, taken: Taken) -> Result<(), LinkError> {
    let line = connection::connect(address, "duet-server, looking").await?;
    let got = get_by(&line.connection, taken).await;
    line.close().await;
    got
}

async fn get_by(connection: &Connection, taken: Taken) -> Result<(), LinkError> {
    let events = connection.events_listener();
    let channel = connection.create_channel().await?;
    let options = BasicGetOptions { no_ack: matches!(taken, Taken::Out) };
    let got = tokio::select! {
        got = channel.basic_get(MESSAGES.into(), options) => got?,
        // lapin leaves who waits for an answer waiting.
        error = end_of(events) => return Err(error),
    };
    // Somebody was quicker, with another one, which must not be lost.
    if let (Some(BasicGetMessage { delivery, .. }), Taken::Out) = (got, taken) {
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), MESSAGES.into(), options, &delivery.data, delivery.properties).await?;
    }
    Ok(())
}
