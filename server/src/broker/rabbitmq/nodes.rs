//! What nodes tell each other by way of RabbitMQ: a queue for each node, and one publishing for any number of them (the header
//! `BCC`, RabbitMQ's sender-selected distribution), so that no room needs a binding. What waits goes out together. What is told may be lost. It is sealed,
//! for whoever may write to the default exchange may write to these queues.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::access::tokens::Tokens;
use crate::broker::rabbitmq::connection::{self, Address, Backoff, LinkError};
use crate::broker::rabbitmq::letters::{self, Addressed, Letter};
use crate::broker::rabbitmq::publisher::Queue;
use crate::broker::rabbitmq::{RabbitMq, Settings};
use crate::clock;
use crate::nodes::{NodeId, Word};

/// How many words may wait to be told; a burst of messages. More are lost.
const WAITING_WORDS: usize = 4096;

/// How many letters may wait in the queue of a node that does not come to hear them. The oldest are lost first.
const MAX_LENGTH: i32 = 10_000;

/// How long a word may wait for others to go with that nobody waits for.
const IN_NO_HURRY: Duration = Duration::from_secs(1);

/// The header with what shows that a node of ours says it.
const SEAL: &str = "x-duet-seal";

/// How many letters may wait for the hub. More wait in the queue.
const HEARD_LETTERS: usize = 16;

/// The way to the other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Announcer {
    words: mpsc::Sender<Addressed>,
    name: watch::Sender<Option<NodeId>>,
}

/// What comes from the other nodes.
#[derive(Debug)]
pub enum Heard {
    /// One of them says this, in this order.
    Words(Vec<Word>),
    /// From now on they are heard; what they said before was not.
    Connected,
}

struct Exchange {
    address: Address,
    tokens: Arc<Tokens>,
    /// Hears what of it has its places.
    queue: Arc<Queue>,
    words: mpsc::Receiver<Addressed>,
    name: watch::Receiver<Option<NodeId>>,
    heard: mpsc::Sender<Heard>,
    stop: CancellationToken,
    /// Whether the log has been told that the others are not heard.
    is_said: bool,
}

/// Makes both ways for a node that publishes by `broker`, and a task on `tasks` that connects them, again and again, until `stop`.
#[must_use]
pub fn open(
    settings: Settings,
    broker: &RabbitMq,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> (Announcer, mpsc::Receiver<Heard>) {
    let (words, waiting) = mpsc::channel(WAITING_WORDS);
    let (heard, letters) = mpsc::channel(HEARD_LETTERS);
    let (name, named) = watch::channel(None);
    let announcer = Announcer { words, name };
    let queue = Arc::clone(&broker.queue);
    // There is one way for each broker.
    queue.announcer.get_or_init(|| announcer.clone());
    let (address, tokens) = (settings.address, Arc::clone(&broker.tokens));
    let exchange = Exchange { address, tokens, queue, words: waiting, name: named, heard, stop, is_said: false };
    tasks.spawn(exchange.run());
    (announcer, letters)
}

impl Announcer {
    /// Under which name others are told of this node.
    pub(super) fn own_name(&self) -> Option<NodeId> {
        *self.name.borrow()
    }

    /// Under which name this node is to hear others, if under any.
    pub fn name(&self, name: Option<NodeId>) {
        self.name.send_replace(name);
    }

    /// Tells nodes, each of which is named once, unless too much waits already.
    pub fn tell(&self, to: Vec<NodeId>, word: Word) {
        if !to.is_empty() && self.words.try_send(Addressed { to, word }).is_err() {
            debug!("too much waits to be told to other nodes; they will see for themselves");
        }
    }
}

impl Exchange {
    async fn run(mut self) {
        let (mut backoff, stop) = (Backoff::new(), self.stop.clone());
        while !stop.is_cancelled() {
            let name = *self.name.borrow_and_update();
            let Some(name) = name else {
                if !matches!(stop.run_until_cancelled(self.name.changed()).await, Some(Ok(()))) {
                    return;
                }
                continue;
            };
            let connecting = connection::connect(&self.address, "duet-server, nodes");
            match stop.run_until_cancelled(connecting).await {
                None => return,
                Some(Err(error)) => self.away(&error),
                Some(Ok(line)) => {
                    let ended = self.serve(&line.connection, name, &mut backoff).await;
                    line.close().await;
                    if let Err(error) = ended {
                        self.away(&error);
                    }
                }
            }
            stop.run_until_cancelled(sleep(backoff.pause())).await;
        }
    }

    fn away(&mut self, error: &LinkError) {
        if !std::mem::replace(&mut self.is_said, true) {
            warn!(%error, "other nodes are not heard by way of RabbitMQ");
        }
    }

    /// What another node says. Anything else is passed over: what is missed, the comparison of the rooms brings.
    fn read(&self, delivery: &Delivery) -> Vec<Word> {
        if !is_sealed(&self.tokens, &delivery.properties, &delivery.data) {
            debug!("what no node of ours has sealed is passed over");
            return Vec::new();
        }
        letters::unpack(&delivery.data)
            .map_while(|word| word.inspect_err(|error| debug!(%error, "what another node said cannot be read")).ok())
            .filter_map(|word| {
                if let Word::Placed { ids } = word {
                    self.queue.retained.placed(&ids);
                    return None;
                }
                Some(word)
            })
            .collect()
    }

    /// Tells and hears until the name changes, the connection ends, or all is told at the stop.
    async fn serve(&mut self, connection: &Connection, name: NodeId, backoff: &mut Backoff) -> Result<(), LinkError> {
        let channel = connection.create_channel().await?;
        let consumer = listen(&channel, name).await?;
        backoff.reset();
        if std::mem::take(&mut self.is_said) {
            info!("other nodes are heard again");
        }
        let mut consumer = pin!(consumer);
        let (mut waiting, mut go_at) = (Vec::new(), None);
        if self.heard.send(Heard::Connected).await.is_err() {
            return Ok(());
        }
        loop {
            tokio::select! {
                delivery = consumer.next() => {
                    let Some(delivery) = delivery else { return Err(LinkError::Away("the queue has gone".to_owned())) };
                    let words = self.read(&delivery?);
                    if !words.is_empty() && self.heard.send(Heard::Words(words)).await.is_err() {
                        return Ok(());
                    }
                }
                // All that waits, so that the busier it is the less each word costs.
                taken = self.words.recv_many(&mut waiting, WAITING_WORDS) => {
                    if taken == 0 {
                        return Ok(());
                    }
                    let is_in_no_hurry = waiting.iter().all(|it| matches!(it.word, Word::Placed { .. }));
                    go_at = is_in_no_hurry.then(|| go_at.unwrap_or_else(|| clock::now().instant + IN_NO_HURRY));
                    if go_at.is_none() {
                        publish(&channel, &self.tokens, letters::pack(waiting.drain(..))).await?;
                    }
                }
                () = until(go_at) => {
                    go_at = None;
                    publish(&channel, &self.tokens, letters::pack(waiting.drain(..))).await?;
                }
                () = self.stop.cancelled() => {
                    waiting.extend(std::iter::from_fn(|| self.words.try_recv().ok()));
                    return publish(&channel, &self.tokens, letters::pack(waiting)).await;
                }
                changed = self.name.changed() => {
                    if changed.is_err() || *self.name.borrow() != Some(name) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Waits until then, or for ever.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether a node of ours has sealed it.
fn is_sealed(tokens: &Tokens, properties: &BasicProperties, body: &[u8]) -> bool {
    let seal = properties.headers().as_ref().and_then(|headers| headers.inner().get(SEAL));
    let Some(AMQPValue::LongString(seal)) = seal else { return false };
    str::from_utf8(seal.as_bytes()).is_ok_and(|seal| tokens.is_word_sealed(body, seal))
}

/// Declares the queue of a node and takes from it. It goes with the connection.
async fn listen(channel: &Channel, name: NodeId) -> Result<Consumer, LinkError> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(MAX_LENGTH));
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue(name).as_str().into(), own, arguments).await?;
    // What is told may be lost: nothing is acknowledged.
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(queue(name).as_str().into(), "duet-node".into(), options, FieldTable::default()).await?)
}

/// Publishes letters together.
async fn publish(channel: &Channel, tokens: &Tokens, letters: Vec<Letter>) -> Result<(), LinkError> {
    try_join_all(letters.into_iter().map(|letter| publish_one(channel, tokens, letter))).await.map(drop)
}

async fn publish_one(channel: &Channel, tokens: &Tokens, Letter { to, body }: Letter) -> Result<(), LinkError> {
    let seal = match tokens.seal_word(&body) {
        Ok(seal) => seal,
        Err(error) => {
            warn!(%error, "what was to be told to other nodes cannot be written");
            return Ok(());
        }
    };
    let mut names = to.into_iter().map(queue);
    let Some(first) = names.next() else { return Ok(()) };
    let others: Vec<AMQPValue> = names.map(|name| AMQPValue::LongString(name.into())).collect();
    let mut headers = FieldTable::default();
    headers.insert(SEAL.into(), AMQPValue::LongString(seal.into()));
    if !others.is_empty() {
        headers.insert("BCC".into(), AMQPValue::FieldArray(FieldArray::from(others)));
    }
    let properties = BasicProperties::default().with_content_type("application/json".into()).with_headers(headers);
    let options = BasicPublishOptions::default();
    // Not confirmed, so that nothing is waited for.
    let _confirmed = channel.basic_publish("".into(), first.as_str().into(), options, &body, properties).await?;
    Ok(())
}

fn queue(name: NodeId) -> String {
    format!("duet.node.{name}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_has_its_place_is_let_go_of_and_told_to_the_node_that_has_published_it() {
        let (one, two) = (NodeId::new(), NodeId::new());
        let (words, mut told) = mpsc::channel(8);
        let queue = Queue::default();
        queue.announcer.get_or_init(|| Announcer { words, name: watch::Sender::new(Some(one)) });
        let properties = BasicProperties::default().with_message_id("of one".into());
        queue.retained.hold(&properties, b"").unwrap();
        let ids = |id: &str| vec![id.into()];
        queue.placed(BTreeMap::from([
            (None, ids("of a producer")),
            (Some(one), ids("of one")),
            (Some(two), ids("of two")),
        ]));
        assert!(queue.retained.all().is_empty());
        let Addressed { to, word } = told.try_recv().unwrap();
        assert_eq!((to, word), (vec![two], Word::Placed { ids: vec!["of two".to_owned()] }));
        assert!(told.try_recv().is_err());
    }
}
