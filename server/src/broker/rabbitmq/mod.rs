//! RabbitMQ: messages go in through the queue `messages` and come out of it, by whomever they were published.
//!
//! Two connections, for a broker that is short of memory or disk blocks a connection that publishes, and a blocked
//! one would carry no acknowledgements either. Each is looked after by a task of its own that connects again and
//! again. lapin's own recovery is not used: it does not bring back a channel that the broker has closed, tells nobody
//! when it begins or ends, and stops for good where the first connection fails.

mod confirms;
mod connection;
mod dead;
mod health;
mod letters;
pub mod nodes;
mod publisher;
mod retained;
mod sharing;
mod subscription;
mod turn;
mod unreadable;
#[doc(hidden)] // public for fuzzing and nothing else
pub mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::types::{DeliveryTag, ShortString};
use lapin::{BasicProperties, Channel};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::access::tokens::Tokens;
use crate::broker::rabbitmq::connection::{Address, AddressError, AuthoritiesError, Backoff};
use crate::broker::rabbitmq::health::{Health, Link};
use crate::broker::rabbitmq::publisher::{Publisher, Publishing, Queue, WAITING_POSTS};
use crate::broker::rabbitmq::subscription::{Intake, Subscription};
pub use crate::broker::rabbitmq::turn::Peers;
use crate::broker::rabbitmq::wire::Reader;
use crate::broker::{Batch, BrokerState, Incoming, PublishError};
use crate::clock;
use crate::nodes::NodeId;

/// The queue that carries messages in, shared with every other producer.
const MESSAGES: &str = "messages";

/// The queue for what is not a message.
const DEAD: &str = "messages.dead";

/// How long a post may take, with all that goes before it.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an acknowledgement may take to be written.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// What there is to set.
#[derive(Debug, Clone)]
pub struct Settings {
    address: Address,
    longest: Longest,
    peers: Peers,
}

/// The longest that is taken from the queue, in bytes of UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Longest {
    /// Of contents.
    pub content: usize,
    /// Of names of rooms, where no seal vouches for the message.
    pub room: usize,
}

/// Why RabbitMQ cannot be used with these settings: a sentence that says what to set, without the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error("AMQP_URL {0}")]
    Address(#[from] AddressError),
    /// Whom to believe cannot be found out.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
}

/// The way in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RabbitMq {
    publisher: Publisher,
    tokens: Arc<Tokens>,
    health: Arc<Health>,
    queue: Arc<Queue>,
}

/// The way out: the messages of the queue `messages`, in its order.
#[derive(Debug)]
pub struct Deliveries {
    subscriptions: mpsc::Receiver<Box<Subscription>>,
    current: Option<Box<Subscription>>,
    taken: Option<Taken>,
    publisher: Publisher,
    reader: Reader,
    health: Arc<Health>,
}

/// What is owed to RabbitMQ for a batch.
#[derive(Debug)]
pub struct Receipt {
    channel: Arc<Channel>,
    last: DeliveryTag,
    /// Those of the messages that have one, by the node that says it has published them.
    ids: BTreeMap<Option<NodeId>, Vec<ShortString>>,
    queue: Arc<Queue>,
}

/// A batch whose poison has not been put aside yet.
#[derive(Debug)]
struct Taken {
    messages: Vec<Incoming>,
    poison: VecDeque<Poison>,
    receipt: Receipt,
}

#[derive(Debug)]
struct Poison {
    properties: BasicProperties,
    body: Vec<u8>,
    reason: String,
}

/// Makes both ends, and tasks on `tasks` that connect them and keep them connected until `stop`.
///
/// Returns at once, whether RabbitMQ is there or not.
#[must_use]
pub fn open(
    settings: Settings,
    tokens: Arc<Tokens>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> (RabbitMq, Deliveries) {
    let Settings { address, longest, peers } = settings;
    let health = Arc::new(Health::new(&address));
    let (posts, waiting) = mpsc::channel(WAITING_POSTS);
    let publisher = Publisher::new(posts);
    let queue = Arc::new(Queue::default());
    let publishing = Publishing::new(address.clone(), waiting, Arc::clone(&queue), Arc::clone(&health), stop.clone());
    tasks.spawn(publishing.run());
    // One, for there is at most one subscription that nobody reads yet.
    let (handed_over, subscriptions) = mpsc::channel(1);
    tasks.spawn(Intake::new(address, peers, handed_over, Arc::clone(&queue), Arc::clone(&health), stop).run());
    let deliveries = Deliveries {
        subscriptions,
        current: None,
        taken: None,
        publisher: publisher.clone(),
        reader: Reader::new(Arc::clone(&tokens), longest),
        health: Arc::clone(&health),
    };
    (RabbitMq { publisher, tokens, health, queue }, deliveries)
}

impl Settings {
    /// RabbitMQ at `url`, an AMQP URL, the longest that is taken from the queue, and who else may take from it.
    ///
    /// # Errors
    /// When `url` is not an AMQP URL.
    pub fn new(url: &str, longest: Longest, peers: Peers) -> Result<Self, SettingsError> {
        Ok(Self { address: url.parse()?, longest, peers })
    }

    /// The same, where RabbitMQ's certificate may be signed by one of those in this file, besides those of the system.
    ///
    /// # Errors
    /// When the file holds none, or the address is not encrypted.
    pub fn trusting(self, file: &Path) -> Result<Self, SettingsError> {
        Ok(Self { address: self.address.trusting(file)?, ..self })
    }
}

impl RabbitMq {
    /// Waits until RabbitMQ has confirmed that it keeps the message.
    ///
    /// # Errors
    /// At once while RabbitMQ is away or has blocked publishers; later when it does not keep the message, does not
    /// confirm it in 5 s, or goes away before it has.
    pub async fn publish(&self, message: Incoming) -> Result<(), PublishError> {
        let (properties, body) = wire::write(message, &self.tokens)?;
        let publishing = self.publisher.publish(MESSAGES, properties, body);
        let timed_out = |_| PublishError::Unavailable("RabbitMQ did not confirm a message in time".to_owned());
        timeout(PUBLISH_TIMEOUT, publishing).await.map_err(timed_out)?
    }

    /// Whether messages get in and out now.
    #[must_use]
    pub fn state(&self) -> BrokerState {
        self.health.state()
    }
}

impl Deliveries {
    /// Waits for messages and takes all that are there, up to 256. `None` after [`Deliveries::close`] and at the stop.
    /// Dropping the future loses nothing.
    ///
    /// A batch must be acknowledged before the one after it, for an acknowledgement counts for all that came before.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            if self.taken.is_none() {
                self.taken = Some(self.take().await?);
            }
            self.put_poison_aside().await;
            let Taken { messages, receipt, .. } = self.taken.take()?;
            if !messages.is_empty() {
                return Some(Batch { messages, receipt: crate::broker::Receipt::RabbitMq(receipt) });
            }
            receipt.acknowledge().await;
        }
    }

    /// Ends the subscription. What has not been acknowledged stays in the queue.
    pub fn close(&mut self) {
        self.subscriptions.close();
        // The channel keeps one that was handed over and not read yet.
        drop((self.current.take(), self.subscriptions.try_recv()));
        self.taken = None;
    }

    async fn take(&mut self) -> Option<Taken> {
        loop {
            let subscription = match &mut self.current {
                Some(subscription) => subscription,
                None => self.current.insert(self.subscriptions.recv().await?),
            };
            match subscription.take().await {
                Ok((deliveries, receipt)) => return Some(self.sort(deliveries, receipt)),
                Err(reason) => {
                    if let Some(subscription) = self.current.take() {
                        subscription.end(reason);
                    }
                }
            }
        }
    }

    fn sort(&self, deliveries: Vec<Delivery>, receipt: Receipt) -> Taken {
        let now = clock::timestamp();
        let mut taken = Taken { messages: Vec::with_capacity(deliveries.len()), poison: VecDeque::new(), receipt };
        for Delivery { properties, data, .. } in deliveries {
            match self.reader.read(&properties, &data, now) {
                Ok(message) => taken.messages.push(message),
                Err(reason) => taken.poison.push_back(Poison { properties, body: data, reason }),
            }
        }
        taken
    }

    /// Waits until all poison of the batch lies in the queue of the dead, however long that takes: acknowledged
    /// before, it would be lost.
    async fn put_poison_aside(&mut self) {
        let Some(taken) = &mut self.taken else { return };
        let mut backoff = Backoff::new();
        while let Some(Poison { properties, body, reason }) = taken.poison.front() {
            match self.publisher.publish(DEAD, dead::properties(properties, reason), body.clone()).await {
                Ok(()) => {
                    warn!(reason, bytes = body.len(), queue = DEAD, "put aside what is not a message");
                    taken.poison.pop_front();
                    backoff.reset();
                    self.health.ready(Link::Aside);
                }
                Err(error) => {
                    let reason = format!("what is not a message cannot be put into the queue `{DEAD}`: {error}");
                    self.health.away(Link::Aside, &reason);
                    sleep(backoff.pause()).await;
                }
            }
        }
    }
}

impl Receipt {
    /// Acknowledges the batch, and with it all before. Where the connection is gone it does nothing: RabbitMQ delivers
    /// the messages again, with the same ids.
    pub async fn acknowledge(self) {
        self.queue.placed(self.ids);
        let written = self.channel.basic_ack(self.last, BasicAckOptions { multiple: true });
        match timeout(ACKNOWLEDGE_TIMEOUT, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "not acknowledged; the messages come again"),
            Err(_) => debug!("not acknowledged in time; the messages may come again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_post_whose_turn_does_not_come_is_refused_after_five_seconds() {
        let (posts, _waiting) = mpsc::channel(1);
        let health = Arc::new(Health::new(&"amqp://127.0.0.1".parse().unwrap()));
        let broker = RabbitMq {
            publisher: Publisher::new(posts),
            tokens: Arc::new(Tokens::new(&[1; 32])),
            health,
            queue: Arc::default(),
        };
        let message = Incoming {
            room: "room1".parse().unwrap(),
            id: "1".parse().unwrap(),
            sender: None,
            content: "hello".to_owned(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let begin = tokio::time::Instant::now();
        let PublishError::Unavailable(reason) = broker.publish(message).await.unwrap_err();
        assert_eq!((&*reason, begin.elapsed()), ("RabbitMQ did not confirm a message in time", PUBLISH_TIMEOUT));
    }
}
