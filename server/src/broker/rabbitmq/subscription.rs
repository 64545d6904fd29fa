//! The exclusive consumer on `messages`, and the task that sees to it that there is one.
//!
//! The task hands each subscription over to [`Deliveries`](super::Deliveries), which reads it without a task between,
//! so that a batch is all that has arrived while the last one was being kept.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::ReadyChunks;
use futures_util::{Stream, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, Event};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::broker::rabbitmq::connection::{self, Address, Backoff, LinkError, describe};
use crate::broker::rabbitmq::health::{Health, Link};
use crate::broker::rabbitmq::publisher::Queue;
use crate::broker::rabbitmq::sharing::{self, Sharing};
use crate::broker::rabbitmq::{MESSAGES, Peers, Receipt};

/// How many messages RabbitMQ sends ahead: twice a batch, so that the next one is here when the last one is kept.
const PREFETCH: u16 = 512;

/// How many messages go into one batch at the most. Larger ones make each commit slower without saving much.
const MAX_BATCH: usize = 256;

/// How often to ask for a queue that another consumer has.
const TAKEOVER_PAUSE: Duration = Duration::from_secs(1);

/// How often to ask for a queue that is being declared, which takes milliseconds.
const DECLARED_PAUSE: Duration = Duration::from_millis(50);

/// How often it may be missing before that is worth a word: a second's worth.
const USUAL_TRIES: u32 = 20;

/// A consumer at work.
#[derive(Debug)]
pub(super) struct Subscription {
    channel: Arc<Channel>,
    deliveries: ReadyChunks<Consumer>,
    queue: Arc<Queue>,
    /// Tells the task why the subscription is over. Dropped without a word, nobody wants another one.
    over: oneshot::Sender<String>,
}

/// Why it leaves the queue to others.
const CUT_OFF: &str = "this server holds no lease among those that share its history, and takes no messages";

/// The task.
#[derive(Debug)]
pub(super) struct Intake {
    address: Address,
    peers: Peers,
    subscriptions: mpsc::Sender<Box<Subscription>>,
    queue: Arc<Queue>,
    health: Arc<Health>,
    stop: CancellationToken,
}

impl Subscription {
    /// Waits for deliveries and takes all that are there. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Why there are no more.
    pub(super) async fn take(&mut self) -> Result<(Vec<Delivery>, Receipt), String> {
        let Some(delivered) = self.deliveries.next().await else {
            return Err(format!("RabbitMQ has ended the subscription to the queue `{MESSAGES}`"));
        };
        let deliveries: Vec<Delivery> =
            delivered.into_iter().collect::<lapin::Result<_>>().map_err(|error| describe(&error))?;
        match deliveries.last() {
            // What is left of a broken connection comes again. Taken now, a message without an id would come twice.
            Some(last) if self.channel.status().connected() => {
                let (channel, last) = (Arc::clone(&self.channel), last.delivery_tag);
                let ids = deliveries.iter().filter_map(|delivery| delivery.properties.message_id().clone()).collect();
                let receipt = Receipt { channel, last, ids, queue: Arc::clone(&self.queue) };
                Ok((deliveries, receipt))
            }
            _ => Err("the connection to RabbitMQ has ended".to_owned()),
        }
    }

    /// Tells the task that this one is over, and why.
    pub(super) fn end(self, reason: String) {
        // The task knows already, or has ended.
        let _ = self.over.send(reason);
    }
}

impl Intake {
    /// Hands each subscription over by `subscriptions`, until `stop` or until nobody takes them.
    pub(super) fn new(
        address: Address,
        peers: Peers,
        subscriptions: mpsc::Sender<Box<Subscription>>,
        queue: Arc<Queue>,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Self {
        Self { address, peers, subscriptions, queue, health, stop }
    }

    /// Connects and subscribes, and does so again when that is over.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        let connect = async || {
            self.peers.may_take().await;
            connection::connect(&self.address, "duet-server, intake").await
        };
        while let Some(connected) = self.stop.run_until_cancelled(connect()).await {
            let over = match connected {
                Err(error) => Err(error),
                Ok(line) => {
                    let subscribing = self.subscribe(&line.connection, &mut backoff);
                    let over = self.stop.run_until_cancelled(subscribing).await;
                    line.close().await;
                    over.unwrap_or(Ok(()))
                }
            };
            let Err(error) = over else { return };
            self.health.away(Link::Intake, &error.to_string());
            if self.stop.run_until_cancelled(sleep(backoff.pause())).await.is_none() {
                return;
            }
        }
    }

    /// Subscribes as soon as no other consumer has the queue, hands the subscription over, and waits until it is over.
    /// `Ok` when nobody wants another one.
    async fn subscribe(&self, connection: &Connection, backoff: &mut Backoff) -> Result<(), LinkError> {
        let (channel, consumer) = self.consume(connection).await?;
        // Not before: each refusal of the queue is an error event, too.
        let events = connection.events_listener();
        backoff.reset();
        self.health.ready(Link::Intake);
        let (over, is_over) = oneshot::channel();
        let (channel, deliveries) = (Arc::new(channel), consumer.ready_chunks(MAX_BATCH));
        let queue = Arc::clone(&self.queue);
        if self.subscriptions.send(Box::new(Subscription { channel, deliveries, queue, over })).await.is_err() {
            return Ok(());
        }
        tokio::select! {
            // Seen even while nobody reads the subscription, for history may be away as well.
            error = first_error(events) => Err(error),
            () = self.peers.may_not_take() => Err(LinkError::Away(CUT_OFF.to_owned())),
            reason = is_over => reason.map_or(Ok(()), |reason| Err(LinkError::Away(reason))),
        }
    }

    async fn consume(&self, connection: &Connection) -> Result<(Channel, Consumer), LinkError> {
        let mut tries = 0;
        loop {
            match self.try_to_consume(connection).await {
                Err(taken @ LinkError::Taken) => {
                    match &self.peers {
                        Peers::Nobody => self.health.away(Link::Intake, &taken.to_string()),
                        Peers::Nodes(_) => self.health.stands_by(),
                    }
                    sleep(TAKEOVER_PAUSE).await;
                }
                Err(missing @ LinkError::Missing) => {
                    // At the first start it is not there either, and about to be.
                    tries += 1;
                    if tries > USUAL_TRIES {
                        self.health.away(Link::Intake, &missing.to_string());
                    }
                    self.queue.had_gone.notify_one();
                    sleep(DECLARED_PAUSE).await;
                }
                consuming => return consuming,
            }
        }
    }

    async fn try_to_consume(&self, connection: &Connection) -> Result<(Channel, Consumer), LinkError> {
        // Two that consume at once would break a sender's order.
        let sharing = match &self.peers {
            Peers::Nobody => Sharing::Exclusive,
            Peers::Nodes(_) => sharing::ask(connection).await?,
        };
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let exclusive = sharing == Sharing::Exclusive;
        let options = BasicConsumeOptions { exclusive, ..BasicConsumeOptions::default() };
        let tag = "duet-intake".into();
        let consumer = channel.basic_consume(MESSAGES.into(), tag, options, FieldTable::default()).await?;
        Ok((channel, consumer))
    }
}

async fn first_error(events: impl Stream<Item = Event>) -> LinkError {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        if let Event::Error(error) = event {
            return error.into();
        }
    }
    LinkError::Away("the connection to RabbitMQ has ended".to_owned())
}
