//! What carries messages in: the embedded default, or RabbitMQ.
//!
//! A post goes in through [`Broker::publish`], which answers when the message is safe. The intake takes messages out
//! in batches through [`Deliveries::next`] and acknowledges a batch when history has it.

pub mod embedded;
pub mod rabbitmq;

use jiff::Timestamp;
use shared::names::{MessageId, RoomId, Username};

/// A message that has no place in its room yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The room it is for.
    pub room: RoomId,
    /// What makes it the same message when it comes again.
    pub id: MessageId,
    /// Who posted it, when a valid token said so.
    pub sender: Option<Username>,
    /// What it says.
    pub content: String,
    /// When it was accepted, to the millisecond.
    pub sent_at: Timestamp,
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing can be accepted now. The message was not taken, or it is not known whether it was; posting it again
    /// with the same id is right in both cases.
    #[error("{0}")]
    Unavailable(String),
}

/// Whether messages can get through, and if not, why: a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// They can.
    Ready,
    /// They can, but somebody who is none of ours takes some of them away.
    Robbed,
    /// They can go in, and another node takes them out.
    StandingBy,
    /// They cannot.
    NotReady(String),
}

/// The way in. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Broker {
    /// Within this process.
    Embedded(embedded::Embedded),
    /// By way of the queue `messages`.
    RabbitMq(rabbitmq::RabbitMq),
}

impl Broker {
    /// Hands a message over and waits until it is safe: committed to history (embedded), or confirmed by RabbitMQ.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`] at once while the broker is away or blocked, and after a few seconds when it
    /// does not answer.
    pub async fn publish(&self, message: Incoming) -> Result<(), PublishError> {
        match self {
            Self::Embedded(broker) => broker.publish(message).await,
            Self::RabbitMq(broker) => broker.publish(message).await,
        }
    }

    /// Whether messages can be taken in and carried to the rooms now.
    #[must_use]
    pub fn state(&self) -> BrokerState {
        match self {
            Self::Embedded(_) => BrokerState::Ready,
            Self::RabbitMq(broker) => broker.state(),
        }
    }
}

/// The way out, for the one intake.
#[derive(Debug)]
pub enum Deliveries {
    /// Within this process.
    Embedded(embedded::Deliveries),
    /// From the queue `messages`, as its exclusive consumer.
    RabbitMq(rabbitmq::Deliveries),
}

impl Deliveries {
    /// Waits for messages and takes as many as are there, up to a limit of the broker's. `None` when the way in is
    /// closed and empty. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Batch> {
        match self {
            Self::Embedded(deliveries) => deliveries.next().await,
            Self::RabbitMq(deliveries) => deliveries.next().await,
        }
    }
}

impl Deliveries {
    /// Lets no further message in. Those that were taken already still come out of [`Deliveries::next`].
    pub fn close(&mut self) {
        match self {
            Self::Embedded(deliveries) => deliveries.close(),
            // What is not acknowledged stays in the queue.
            Self::RabbitMq(deliveries) => deliveries.close(),
        }
    }
}

/// Messages in the order of the queue, and what is owed for them.
#[derive(Debug)]
pub struct Batch {
    /// The messages. Poison has been put aside already.
    pub messages: Vec<Incoming>,
    /// What to do when they are kept.
    pub receipt: Receipt,
}

/// How the broker learns that a batch is kept.
#[derive(Debug)]
pub enum Receipt {
    /// Each post waits for its answer.
    Embedded(embedded::Receipt),
    /// The queue waits for an acknowledgement.
    RabbitMq(rabbitmq::Receipt),
}

impl Receipt {
    /// Says that the batch is kept. A broker that is gone by then brings the messages again; their ids are known.
    pub async fn acknowledge(self) {
        match self {
            Self::Embedded(receipt) => receipt.acknowledge(),
            Self::RabbitMq(receipt) => receipt.acknowledge().await,
        }
    }

    /// Says that history cannot keep the batch now. Returns what to try again later: a broker that keeps messages
    /// itself holds on to them, while embedded posts are answered with a refusal and forgotten.
    #[must_use]
    pub fn refuse(self, reason: &str) -> Option<Self> {
        match self {
            Self::Embedded(receipt) => {
                receipt.refuse(reason);
                None
            }
            Self::RabbitMq(_) => Some(self),
        }
    }
}
