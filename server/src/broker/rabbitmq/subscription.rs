//! The exclusive consumer on `messages`, and the task that sees to it that there is one.
//!
//! The task hands each subscription over to [`Deliveries`](super::Deliveries), which reads it without a task between,
//! so that a batch is all that has arrived while the last one was being kept.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::ReadyChunks;
use futures_util::{Stream, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer, Event};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::rabbitmq::connection::{self, Address, Backoff, LinkError, describe};
use crate::broker::rabbitmq::health::{Health, Link};
use crate::broker::rabbitmq::publisher::Queue;
use crate::broker::rabbitmq::sharing::{self, Sharing};
use crate::broker::rabbitmq::turn::Turn;
use crate::broker::rabbitmq::{MESSAGES, Peers, Receipt, unreadable, wire};
use crate::nodes::NodeId;

/// How many messages RabbitMQ sends ahead: twice a batch, so that the next one is here when the last one is kept.
const PREFETCH: u16 = 512;

/// The same where one of them cannot be read: all before it are taken and acknowledged, and it is the first.
const ONE_BY_ONE: u16 = 1;

/// How many messages go into one batch at the most. Larger ones make each commit slower without saving much.
const MAX_BATCH: usize = 256;

/// How often to ask for a queue that another consumer has.
const TAKEOVER_PAUSE: Duration = Duration::from_millis(500);

/// How often it may be refused to the node whose turn it is before that is worth a word: three seconds' worth.
const USUAL_REFUSALS: u32 = 6;

/// How often to look who else consumes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often to ask for a queue that is being declared, which takes milliseconds.
const DECLARED_PAUSE: Duration = Duration::from_millis(50);

/// How often it may be missing before that is worth a word: a second's worth.
const USUAL_TRIES: u32 = 20;

/// Said where another consumer has the queue of a node without others.
const SECOND: &str = "another consumer has the queue `messages`; this server takes over when that one has gone. Servers that \
                      are to work as one need DATABASE_URL, with the same PostgreSQL for all of them";

/// Said where another consumer has the queue of nodes.
const FOREIGN: &str = "a consumer that is no server of this history has the queue `messages` and takes messages away: find it \
                       on RabbitMQ's management page and end it";

/// Said of a quorum queue that nothing keeps to one consumer.
const OPEN: &str = "the queue `messages` is a quorum queue, which RabbitMQ does not keep to one consumer: declare it anew with \
                    x-single-active-consumer, or delete it and this server declares a classic one, or set DATABASE_URL";

/// Said of a stream.
const STREAM: &str = "the queue `messages` is a stream, of which nothing is ever taken out: delete it, and this server \
                      declares another one";

/// How long lapin may take to say why a connection has ended. What waits for the connection hears of the end by itself, and sooner.
const REASON_WITHIN: Duration = Duration::from_millis(100);

/// A consumer at work.
#[derive(Debug)]
pub(super) struct Subscription {
    channel: Arc<Channel>,
    deliveries: ReadyChunks<Consumer>,
    queue: Arc<Queue>,
    /// Tells the task why the subscription is over. Dropped without a word, nobody wants another one.
    over: oneshot::Sender<String>,
}

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
                let mut ids: BTreeMap<Option<NodeId>, Vec<ShortString>> = BTreeMap::new();
                for Delivery { properties, .. } in &deliveries {
                    if let Some(id) = properties.message_id() {
                        ids.entry(wire::publisher(properties)).or_default().push(id.clone());
                    }
                }
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

    /// Takes its turn when it comes, and again when that is over.
    pub(super) async fn run(self) {
        let (mut backoff, mut prefetch) = (Backoff::new(), PREFETCH);
        let stand_by = || self.health.stands_by();
        while let Some(turn) = self.stop.run_until_cancelled(self.peers.turn(stand_by)).await {
            let Err(error) = self.take_turn(&turn, prefetch, &mut backoff).await else { return };
            self.health.away(Link::Intake, &error.to_string());
            prefetch = match (error, prefetch) {
                (LinkError::Unreadable, PREFETCH) => ONE_BY_ONE,
                (LinkError::Unreadable, _) => {
                    let taking_out = unreadable::take_first_out(&self.address);
                    if let Some(Err(error)) = self.stop.run_until_cancelled(taking_out).await {
                        let reason = format!("{}: {error}", LinkError::Unreadable);
                        self.health.away(Link::Intake, &reason);
                    }
                    PREFETCH
                }
                _ => PREFETCH,
            };
            // Others need not wait until this node tries again.
            drop(turn);
            if self.stop.run_until_cancelled(sleep(backoff.pause())).await.is_none() {
                return;
            }
        }
    }

    /// Connects and subscribes while it is its turn. `Ok` at the stop, and when nobody wants another subscription.
    async fn take_turn(&self, turn: &Turn, prefetch: u16, backoff: &mut Backoff) -> Result<(), LinkError> {
        let connecting = connection::connect(&self.address, "duet-server, intake");
        let Some(line) = self.stop.run_until_cancelled(connecting).await else { return Ok(()) };
        let line = line?;
        let mut end = pin!(unreadable::end_of(line.connection.events_listener()));
        let over = tokio::select! {
            over = self.subscribe(&line.connection, turn, prefetch, backoff) => over,
            why = turn.over() => Err(LinkError::Away(why)),
            () = self.stop.cancelled() => Ok(()),
            error = &mut end => {
                line.close().await;
                return Err(error);
            }
        };
        // Whatever noticed it first, the connection knows best why it has ended.
        let is_broken = matches!(over, Err(LinkError::Away(_))) && !line.connection.status().connected();
        let reason = async { if is_broken { timeout(REASON_WITHIN, end).await.ok() } else { None } };
        let over = reason.await.map_or(over, Err);
        line.close().await;
        over
    }

    /// Subscribes as soon as no other consumer has the queue, hands the subscription over, and waits until it is over.
    async fn subscribe(
        &self,
        connection: &Connection,
        turn: &Turn,
        prefetch: u16,
        backoff: &mut Backoff,
    ) -> Result<(), LinkError> {
        let (channel, consumer) = self.consume(connection, turn, prefetch).await?;
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
            reason = is_over => reason.map_or(Ok(()), |reason| Err(LinkError::Away(reason))),
            error = self.watch(connection) => Err(error),
        }
    }

    /// Looks again and again whether somebody else takes messages from the queue.
    async fn watch(&self, connection: &Connection) -> LinkError {
        let looking = async {
            let channel = connection.create_channel().await?;
            let mut is_seen = false;
            loop {
                sleep(LOOK_EVERY).await;
                let was_seen = std::mem::replace(&mut is_seen, sharing::consumers(&channel).await? > 1);
                // Twice, for a node before this one may just not be quite gone.
                self.health.robbed(was_seen && is_seen);
            }
        };
        let Err(error): Result<Infallible, LinkError> = looking.await;
        error
    }

    async fn consume(
        &self,
        connection: &Connection,
        turn: &Turn,
        prefetch: u16,
    ) -> Result<(Channel, Consumer), LinkError> {
        let (mut sharing, mut missed, mut refused) = (None, 0, 0);
        loop {
            match try_to_consume(connection, turn, prefetch, &mut sharing).await {
                Err(LinkError::Taken) => {
                    refused += 1;
                    match turn {
                        Turn::Alone => self.health.away(Link::Intake, SECOND),
                        // Until then it may be a node that is not quite gone.
                        Turn::Held { .. } if refused > USUAL_REFUSALS => self.health.away(Link::Intake, FOREIGN),
                        Turn::Held { .. } => {}
                    }
                    sleep(TAKEOVER_PAUSE).await;
                }
                Err(missing @ LinkError::Missing) => {
                    // At the first start it is not there either, and about to be. It may be another one then.
                    (sharing, missed) = (None, missed + 1);
                    if missed > USUAL_TRIES {
                        self.health.away(Link::Intake, &missing.to_string());
                    }
                    self.queue.had_gone.notify_one();
                    sleep(DECLARED_PAUSE).await;
                }
                consuming => return consuming,
            }
        }
    }
}

async fn try_to_consume(
    connection: &Connection,
    turn: &Turn,
    prefetch: u16,
    known: &mut Option<Sharing>,
) -> Result<(Channel, Consumer), LinkError> {
    let sharing = match *known {
        Some(sharing) => sharing,
        None => *known.insert(sharing::ask(connection).await?),
    };
    let channel = connection.create_channel().await?;
    // Two that consume at once would break a sender's order.
    match (sharing, turn) {
        // It would let us wait in line without a word.
        (Sharing::SingleActive, _) if sharing::consumers(&channel).await? > 0 => return Err(LinkError::Taken),
        (Sharing::Open, Turn::Alone) => return Err(LinkError::Away(OPEN.to_owned())),
        (Sharing::Stream, _) => return Err(LinkError::Away(STREAM.to_owned())),
        (Sharing::Exclusive | Sharing::SingleActive, _) | (Sharing::Open, Turn::Held { .. }) => {}
    }
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let exclusive = sharing == Sharing::Exclusive;
    let options = BasicConsumeOptions { exclusive, ..BasicConsumeOptions::default() };
    let tag = "duet-intake".into();
    let consumer = channel.basic_consume(MESSAGES.into(), tag, options, FieldTable::default()).await?;
    Ok((channel, consumer))
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
