//! The way in: one task that owns the publishing connection and its only channel.
//!
//! One task, for lapin mixes up the confirms of a channel that several tasks publish on. It publishes all that waits,
//! one after the other without waiting for confirms, and answers each post when its own confirm comes.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection, Event};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::PublishError;
use crate::broker::rabbitmq::confirms::{Confirms, answer};
use crate::broker::rabbitmq::connection::{self, Address, Backoff, Line, LinkError};
use crate::broker::rabbitmq::health::{Health, Link};
use crate::broker::rabbitmq::nodes::Announcer;
use crate::broker::rabbitmq::retained::{Message, Retained};
use crate::broker::rabbitmq::{DEAD, MESSAGES};
use crate::nodes::{NodeId, Word};

/// How many posts may wait for the task: about as many as it publishes at one go. More wait in their own requests.
pub(super) const WAITING_POSTS: usize = 1024;

/// How long RabbitMQ may take to say that the queues are there. Posts wait meanwhile.
const ENSURE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long posts that are in hand at the stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Something to publish, and who waits for the answer.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) queue: &'static str,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    /// `None` when nobody waits: it was accepted before and is published again.
    pub(super) answer: Option<Answer>,
}

/// Where the one who waits is told how it went.
pub(super) type Answer = oneshot::Sender<Result<(), PublishError>>;

/// Hands posts to the task. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    posts: mpsc::Sender<Post>,
}

/// The task.
#[derive(Debug)]
pub(super) struct Publishing {
    address: Address,
    posts: mpsc::Receiver<Post>,
    queue: Arc<Queue>,
    health: Arc<Health>,
    stop: CancellationToken,
}

/// What the publishing and the intake know together of the queue `messages`.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// What went in and has not come out.
    pub(super) retained: Retained,
    /// The way to the other nodes, where there are any: one of them may take out what went in here.
    pub(super) announcer: OnceLock<Announcer>,
    /// Says that it had gone. Only the publishing declares it, for only so is the first that goes into the new one what
    /// the old one had.
    pub(super) had_gone: Notify,
}

impl Queue {
    /// History has the messages with these ids, which these nodes say they have published: whoever it was may let go of them.
    pub(super) fn placed(&self, ids: BTreeMap<Option<NodeId>, Vec<ShortString>>) {
        let own_name = self.announcer.get().and_then(Announcer::own_name);
        for (node, ids) in ids {
            // A node may have gone by another name when it published them.
            self.retained.placed(&ids);
            if let (Some(announcer), Some(node)) = (self.announcer.get(), node.filter(|node| Some(*node) != own_name)) {
                let ids = ids.into_iter().map(String::from).collect();
                announcer.tell(vec![node], Word::Placed { ids });
            }
        }
    }
}

impl Publisher {
    /// Publishes by way of `posts`.
    pub(super) fn new(posts: mpsc::Sender<Post>) -> Self {
        Self { posts }
    }

    /// Puts a message into `queue` and waits until RabbitMQ has confirmed it.
    pub(super) async fn publish(
        &self,
        queue: &'static str,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> Result<(), PublishError> {
        let (answer, confirmed) = oneshot::channel();
        // No time limit here: who waits has one, and what is put aside is waited for however long it takes.
        self.posts.send(Post { queue, properties, body, answer: Some(answer) }).await.map_err(|_| stopping())?;
        confirmed.await.unwrap_or_else(|_| Err(stopping()))
    }
}

impl Publishing {
    /// Takes posts from `posts` until `stop`.
    pub(super) fn new(
        address: Address,
        posts: mpsc::Receiver<Post>,
        queue: Arc<Queue>,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Self {
        Self { address, posts, queue, health, stop }
    }

    /// Connects, publishes while that lasts, and connects again.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        while let Some(opened) = self.refusing(open(self.address.clone())).await {
            match opened {
                Err(error) => self.health.away(Link::Publishing, &error.to_string()),
                Ok((line, channel)) => {
                    backoff.reset();
                    self.health.ready(Link::Publishing);
                    let queue = Arc::clone(&self.queue);
                    let mut confirms = Confirms::new(&channel, &queue);
                    let Err(reason) = self.serve(&line.connection, &mut confirms).await else {
                        self.finish(&line.connection, &mut confirms).await;
                        return line.close().await;
                    };
                    self.health.away(Link::Publishing, &reason);
                    confirms.refuse(&reason);
                    self.refusing(line.close()).await;
                }
            }
            if self.refusing(sleep(backoff.pause())).await.is_none() {
                return;
            }
        }
    }

    /// Waits for `work`, and meanwhile refuses each post at once. `None` at the stop.
    async fn refusing<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.stop.cancelled() => return None,
                Some(post) = self.posts.recv() => post.refuse(&self.health.reason(Link::Publishing)),
            }
        }
    }

    /// Publishes and answers until the stop, or until the connection is of no more use, and then says why.
    async fn serve(&mut self, connection: &Connection, confirms: &mut Confirms<'_>) -> Result<(), String> {
        let mut events = pin!(connection.events_listener());
        let mut blocked = None;
        let mut taken = Vec::new();
        // Where it went before is not known to be there any more.
        let mut again = self.retained();
        loop {
            let room = match blocked {
                Some(_) => WAITING_POSTS,
                None => {
                    again.drain(..again.len().min(confirms.room())).for_each(|post| confirms.publish(post));
                    // Nothing new goes before what is published again, or a sender's order would break.
                    if again.is_empty() { confirms.room() } else { 0 }
                }
            };
            let overdue = confirms.overdue();
            tokio::select! {
                biased;
                confirmed = confirms.next() => answer(confirmed)?,
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(why)) => {
                        let reason = format!("RabbitMQ has blocked publishers: {why}");
                        self.health.away(Link::Publishing, &reason);
                        confirms.refuse(&reason);
                        blocked = Some(reason);
                    }
                    Some(Event::ConnectionUnblocked) => {
                        blocked = None;
                        confirms.restart_clocks();
                        self.health.ready(Link::Publishing);
                    }
                    Some(Event::Error(error)) => return Err(connection::describe(&error)),
                    Some(_) => {}
                    None => return Err("the connection to RabbitMQ ended".to_owned()),
                },
                () = overdue, if blocked.is_none() => {
                    return Err("RabbitMQ did not confirm a message in time".to_owned());
                }
                () = self.queue.had_gone.notified() => {
                    let ensured = timeout(ENSURE_TIMEOUT, ensure_queues(connection)).await;
                    ensured.map_err(|_| connection::no_answer())?.map_err(|error| error.to_string())?;
                    again = self.retained();
                }
                () = self.stop.cancelled() => return Ok(()),
                taken_now = self.posts.recv_many(&mut taken, room), if room > 0 => {
                    if taken_now == 0 {
                        // Nobody is left who could post.
                        return Ok(());
                    }
                    for post in taken.drain(..).filter(Post::is_waited_for) {
                        match &blocked {
                            Some(reason) => post.refuse(reason),
                            None => confirms.publish(post),
                        }
                    }
                }
            }
        }
    }

    fn retained(&self) -> VecDeque<Post> {
        let post = |Message { properties, body }| Post { queue: MESSAGES, properties, body, answer: None };
        self.queue.retained.all().into_iter().map(post).collect()
    }

    /// Lets no further post in, and brings those that are in hand to their end.
    async fn finish(&mut self, connection: &Connection, confirms: &mut Confirms<'_>) {
        self.posts.close();
        while let Some(post) = self.posts.recv().await {
            confirms.publish(post);
        }
        let finishing = async {
            while !confirms.is_empty() {
                answer(confirms.next().await)?;
            }
            Ok::<(), String>(())
        };
        let limit = if connection.status().blocked() { Duration::ZERO } else { STOP_TIMEOUT };
        if !matches!(timeout(limit, finishing).await, Ok(Ok(()))) {
            confirms.refuse("the server is shutting down");
        }
    }
}

/// A channel that confirms, on a connection of its own.
async fn open(address: Address) -> Result<(Line, Channel), LinkError> {
    let line = connection::connect(&address, "duet-server, publishing").await?;
    let channel = line.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    ensure_queues(&line.connection).await?;
    Ok((line, channel))
}

async fn ensure_queues(connection: &Connection) -> Result<(), LinkError> {
    // `messages` last: what is published again goes right behind, before other producers find the new queue.
    for queue in [DEAD, MESSAGES] {
        connection::ensure_queue(connection, queue).await?;
    }
    Ok(())
}

impl Post {
    /// Whether somebody waits for the answer, or it was accepted before.
    fn is_waited_for(&self) -> bool {
        !self.answer.as_ref().is_some_and(Answer::is_closed)
    }

    fn refuse(self, reason: &str) {
        if let Some(answer) = self.answer {
            refuse(answer, reason);
        }
    }
}

/// Tells the one who waits that the message is not known to be safe.
pub(super) fn refuse(answer: Answer, reason: &str) {
    // Nobody waits for the answer any more; it would have been a refusal anyway.
    let _ = answer.send(Err(PublishError::Unavailable(reason.to_owned())));
}

fn stopping() -> PublishError {
    PublishError::Unavailable("the server is shutting down".to_owned())
}
