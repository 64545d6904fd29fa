//! The broker within this process: a bounded channel from the posts to the intake.
//!
//! It keeps nothing itself. A post is answered when history has committed the message, so a process that dies takes
//! no accepted message with it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::broker::{Batch, Incoming, PublishError};

/// How many posts may wait for the intake: about one commit's worth of the busiest load. More wait in their own
/// requests.
const WAITING_POSTS: usize = 1024;

/// How many messages go into one commit at the most. Larger batches make each commit slower without saving much.
const MAX_BATCH: usize = 512;

/// How long a post waits for its commit before it is answered with 503.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

struct Waiting {
    message: Incoming,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

/// The way in.
#[derive(Debug, Clone)]
pub struct Embedded {
    posts: mpsc::Sender<Waiting>,
}

/// The way out.
#[derive(Debug)]
pub struct Deliveries {
    posts: mpsc::Receiver<Waiting>,
}

/// The posts that wait for an answer.
#[derive(Debug)]
pub struct Receipt(Vec<oneshot::Sender<Result<(), PublishError>>>);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("id", &self.message.id).finish_non_exhaustive()
    }
}

/// Makes a broker with its one way out.
#[must_use]
pub fn open() -> (Embedded, Deliveries) {
    let (sender, receiver) = mpsc::channel(WAITING_POSTS);
    (Embedded { posts: sender }, Deliveries { posts: receiver })
}

impl Embedded {
    /// Waits until the message is committed.
    ///
    /// # Errors
    /// When history refused it, when the intake has stopped, or after five seconds.
    pub async fn publish(&self, message: Incoming) -> Result<(), PublishError> {
        let (answer, committed) = oneshot::channel();
        let commit = async {
            self.posts.send(Waiting { message, answer }).await.map_err(|_| stopping())?;
            committed.await.unwrap_or_else(|_| Err(stopping()))
        };
        let timed_out = |_| PublishError::Unavailable("history did not commit the message in time".to_owned());
        tokio::time::timeout(COMMIT_TIMEOUT, commit).await.map_err(timed_out)?
    }
}

impl Deliveries {
    /// Waits for posts and takes all that are there.
    pub async fn next(&mut self) -> Option<Batch> {
        let mut waiting = Vec::new();
        self.posts.recv_many(&mut waiting, MAX_BATCH).await;
        if waiting.is_empty() {
            return None;
        }
        let (messages, answers) = waiting.into_iter().map(|w| (w.message, w.answer)).unzip();
        Some(Batch { messages, receipt: crate::broker::Receipt::Embedded(Receipt(answers)) })
    }

    /// Lets no further post in. Those that wait already are still delivered.
    pub fn close(&mut self) {
        self.posts.close();
    }
}

impl Receipt {
    /// Answers each post: kept.
    pub fn acknowledge(self) {
        for answer in self.0 {
            // A post that no longer waits has timed out or lost its client; the message is kept all the same.
            let _ = answer.send(Ok(()));
        }
    }

    /// Answers each post: not kept.
    pub fn refuse(self, reason: &str) {
        for answer in self.0 {
            // Nobody waits for this answer any more; it would have been a refusal anyway.
            let _ = answer.send(Err(PublishError::Unavailable(reason.to_owned())));
        }
    }
}

fn stopping() -> PublishError {
    PublishError::Unavailable("the server is shutting down".to_owned())
}
