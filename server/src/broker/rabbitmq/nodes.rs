//! What nodes tell each other by way of RabbitMQ: a queue for each node, and one publishing for any number of them (the header
//! `BCC`, RabbitMQ's sender-selected distribution), so that no room needs a binding. What is told may be lost.

use std::pin::pin;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::broker::rabbitmq::Settings;
use crate::broker::rabbitmq::connection::{self, Address, Backoff, LinkError};
use crate::nodes::{NodeId, Word};

/// How many words may wait to be told; a burst of messages. More are lost.
const WAITING_WORDS: usize = 4096;

/// How many words may wait in the queue of a node that does not come to hear them. The oldest are lost first.
const MAX_LENGTH: i32 = 100_000;

/// How many words may wait for the hub. More wait in the queue.
const HEARD_WORDS: usize = 256;

/// The way to the other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Announcer {
    letters: mpsc::Sender<Letter>,
    name: watch::Sender<Option<NodeId>>,
}

/// What comes from the other nodes.
#[derive(Debug)]
pub enum Heard {
    /// One of them says this.
    Word(Word),
    /// From now on they are heard; what they said before was not.
    Connected,
}

#[derive(Debug)]
struct Letter {
    to: Vec<NodeId>,
    body: Vec<u8>,
}

struct Exchange {
    address: Address,
    letters: mpsc::Receiver<Letter>,
    name: watch::Receiver<Option<NodeId>>,
    heard: mpsc::Sender<Heard>,
    stop: CancellationToken,
    /// Whether the log has been told that the others are not heard.
    is_said: bool,
}

/// Makes both ways, and a task on `tasks` that connects them, again and again, until `stop`.
#[must_use]
pub fn open(settings: Settings, tasks: &TaskTracker, stop: CancellationToken) -> (Announcer, mpsc::Receiver<Heard>) {
    let (letters, waiting) = mpsc::channel(WAITING_WORDS);
    let (heard, words) = mpsc::channel(HEARD_WORDS);
    let (name, named) = watch::channel(None);
    let address = settings.address;
    let exchange = Exchange { address, letters: waiting, name: named, heard, stop, is_said: false };
    tasks.spawn(exchange.run());
    (Announcer { letters, name }, words)
}

impl Announcer {
    /// Under which name this node is to hear others, if under any.
    pub fn name(&self, name: Option<NodeId>) {
        self.name.send_replace(name);
    }

    /// Tells nodes, unless too much waits already.
    pub fn tell(&self, to: Vec<NodeId>, word: &Word) {
        if to.is_empty() {
            return;
        }
        match serde_json::to_vec(word) {
            Ok(body) => {
                if self.letters.try_send(Letter { to, body }).is_err() {
                    debug!("too much waits to be told to other nodes; they will see for themselves");
                }
            }
            Err(error) => warn!(%error, "what was to be told to other nodes cannot be written"),
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

    /// Tells and hears until the name changes, the connection ends, or all is told at the stop.
    async fn serve(&mut self, connection: &Connection, name: NodeId, backoff: &mut Backoff) -> Result<(), LinkError> {
        let channel = connection.create_channel().await?;
        let consumer = listen(&channel, name).await?;
        backoff.reset();
        if std::mem::take(&mut self.is_said) {
            info!("other nodes are heard again");
        }
        let mut consumer = pin!(consumer);
        if self.heard.send(Heard::Connected).await.is_err() {
            return Ok(());
        }
        loop {
            tokio::select! {
                delivery = consumer.next() => {
                    let Some(delivery) = delivery else { return Err(LinkError::Away("the queue has gone".to_owned())) };
                    match serde_json::from_slice(&delivery?.data) {
                        Ok(word) => if self.heard.send(Heard::Word(word)).await.is_err() {
                            return Ok(());
                        },
                        Err(error) => debug!(%error, "what another node said cannot be read"),
                    }
                }
                letter = self.letters.recv() => {
                    let Some(letter) = letter else { return Ok(()) };
                    publish(&channel, letter).await?;
                }
                () = self.stop.cancelled() => {
                    while let Ok(letter) = self.letters.try_recv() {
                        publish(&channel, letter).await?;
                    }
                    return Ok(());
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

async fn publish(channel: &Channel, Letter { to, body }: Letter) -> Result<(), LinkError> {
    let mut names = to.into_iter().map(queue);
    let Some(first) = names.next() else { return Ok(()) };
    let others: Vec<AMQPValue> = names.map(|name| AMQPValue::LongString(name.into())).collect();
    let mut headers = FieldTable::default();
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
