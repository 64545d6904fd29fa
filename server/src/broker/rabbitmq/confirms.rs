//! The posts that RabbitMQ has not confirmed yet.

use std::future::{self, Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation};
use tokio::time::sleep_until;

use crate::broker::PublishError;
use crate::broker::rabbitmq::nodes::Announcer;
use crate::broker::rabbitmq::publisher::{Answer, Post, Queue};
use crate::broker::rabbitmq::retained::{Number, Retained};
use crate::broker::rabbitmq::{MESSAGES, connection, wire};
use crate::clock;

/// How many confirms may be outstanding. lapin looks through all of them at each confirm of several, as we do, and
/// RabbitMQ gets no faster with more.
const MAX_OUTSTANDING: usize = 1000;

/// How long a confirm may take. A broker that needs longer is treated as gone, for one that hangs says nothing.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// What has been published on one channel and not been confirmed, in that order.
pub(super) struct Confirms<'a> {
    channel: &'a Channel,
    queue: &'a Queue,
    posts: Vec<Outstanding<'a>>,
}

struct Outstanding<'a> {
    confirm: Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send + 'a>>,
    /// `None` when it has been given, or nobody waits for it.
    answer: Option<Waiting<'a>>,
    overdue: Instant,
}

/// Someone who waits for an answer.
struct Waiting<'a> {
    answer: Answer,
    retained: &'a Retained,
    /// The message's, unless another copy of it is held.
    number: Option<Number>,
}

/// A post that has its confirm, or never gets it.
pub(super) struct Confirmed<'a> {
    outcome: Outcome,
    /// `None` when it has been given, or nobody waits for it.
    answer: Option<Waiting<'a>>,
}

/// What a confirm says.
enum Outcome {
    Kept,
    NotKept,
    /// It comes with a message that found no queue, for this reason; not always the one it belongs to.
    Returned(String),
    /// There is none, for this reason.
    Lost(String),
}

impl<'a> Confirms<'a> {
    /// Nothing yet.
    pub(super) fn new(channel: &'a Channel, queue: &'a Queue) -> Self {
        Self { channel, queue, posts: Vec::new() }
    }

    /// How many more posts may be published.
    pub(super) fn room(&self) -> usize {
        MAX_OUTSTANDING.saturating_sub(self.posts.len())
    }

    /// Whether all are confirmed.
    pub(super) fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Publishes `post`, at the next [`Confirms::next`].
    pub(super) fn publish(&mut self, post: Post) {
        let Post { queue, properties, body, answer } = post;
        let (channel, retained) = (self.channel, &self.queue.retained);
        let answer = answer.map(|answer| {
            let number = (queue == MESSAGES).then(|| retained.hold(&properties, &body)).flatten();
            Waiting { answer, retained, number }
        });
        // Now, for a node goes by another name after a while.
        let properties = match self.queue.announcer.get().and_then(Announcer::own_name) {
            Some(name) if queue == MESSAGES => wire::published_by(properties, name),
            Some(_) | None => properties,
        };
        let confirm = async move {
            // Mandatory: a message that finds no queue comes back instead of being dropped and confirmed.
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            channel.basic_publish("".into(), queue.into(), options, &body, properties).await?.await
        };
        let (confirm, overdue) = (Box::pin(confirm), clock::now().instant + CONFIRM_TIMEOUT);
        self.posts.push(Outstanding { confirm, answer, overdue });
    }

    /// Waits for confirms and takes out all posts that have theirs. Waits for ever when there is nothing to wait for.
    pub(super) async fn next(&mut self) -> Vec<Confirmed<'a>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Looks until nothing new is found. See [`answer`] for why once is not enough.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Vec<Confirmed<'a>>> {
        let mut confirmed = Vec::new();
        loop {
            let before = confirmed.len();
            self.posts.retain_mut(|post| match post.confirm.as_mut().poll(cx) {
                Poll::Ready(outcome) => {
                    confirmed.push(Confirmed { outcome: outcome.into(), answer: post.answer.take() });
                    false
                }
                Poll::Pending => true,
            });
            if confirmed.len() == before {
                break;
            }
        }
        if confirmed.is_empty() { Poll::Pending } else { Poll::Ready(confirmed) }
    }

    /// Waits until the confirm of what is now the oldest post is overdue.
    pub(super) fn overdue(&self) -> impl Future<Output = ()> + use<> {
        let overdue = self.posts.first().map(|oldest| oldest.overdue);
        async move {
            match overdue {
                Some(at) => sleep_until(at.into()).await,
                None => future::pending().await,
            }
        }
    }

    /// Gives each post all the time again.
    pub(super) fn restart_clocks(&mut self) {
        for post in &mut self.posts {
            post.overdue = clock::now().instant + CONFIRM_TIMEOUT;
        }
    }

    /// Answers each post without waiting for its confirm. The confirms are still waited for, for lapin keeps what
    /// belongs to one that is not.
    pub(super) fn refuse(&mut self, reason: &str) {
        for waiting in self.posts.iter_mut().filter_map(|post| post.answer.take()) {
            waiting.tell(Err(reason.to_owned()));
        }
    }
}

impl Waiting<'_> {
    fn tell(self, verdict: Result<(), String>) {
        if let (Err(_), Some(number)) = (&verdict, self.number) {
            self.retained.refused(number);
        }
        // Whoever no longer waits has lost its client; what became of the message is the same.
        let _ = self.answer.send(verdict.map_err(PublishError::Unavailable));
    }
}

impl From<lapin::Result<Confirmation>> for Outcome {
    fn from(confirmation: lapin::Result<Confirmation>) -> Self {
        match confirmation {
            Ok(Confirmation::Ack(None)) => Self::Kept,
            Ok(Confirmation::Nack(None)) => Self::NotKept,
            Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) => {
                Self::Returned(format!("the queue `{}` had gone, and is being declared again", message.routing_key))
            }
            Ok(Confirmation::NotRequested) => Self::Lost("RabbitMQ was not asked to confirm".to_owned()),
            Err(error) => Self::Lost(connection::describe(&error)),
        }
    }
}

/// Answers posts that have been confirmed.
///
/// A message that finds no queue comes back before it is confirmed, but lapin hands what came back to whichever
/// confirm it completes next, its own or not. By the time a post that came back is confirmed, some confirm has
/// something with it; and as [`Confirms::next`] takes all there are, that one is in `confirmed` too. So one return puts
/// all of them in doubt, and where there is none, none came back.
///
/// # Errors
/// Why the channel is of no more use.
pub(super) fn answer(confirmed: Vec<Confirmed<'_>>) -> Result<(), String> {
    let returned = confirmed.iter().find_map(|post| match &post.outcome {
        Outcome::Returned(reason) => Some(reason.clone()),
        Outcome::Kept | Outcome::NotKept | Outcome::Lost(_) => None,
    });
    let in_doubt = returned.is_some();
    let mut end = returned.map_or(Ok(()), Err);
    for Confirmed { outcome, answer } in confirmed {
        let verdict = match outcome {
            _ if in_doubt => end.clone(),
            Outcome::Kept => Ok(()),
            Outcome::NotKept => Err("RabbitMQ could not keep the message".to_owned()),
            Outcome::Returned(reason) | Outcome::Lost(reason) => {
                end = Err(reason.clone());
                Err(reason)
            }
        };
        if let Some(waiting) = answer {
            waiting.tell(verdict);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Answers posts with these outcomes, and gives what each was told and what the channel is worth.
    fn told(outcomes: Vec<Outcome>) -> (Vec<Result<(), String>>, Result<(), String>) {
        let retained = Retained::default();
        let mut told = Vec::new();
        let mut confirmed = Vec::new();
        for outcome in outcomes {
            let (answer, is_told) = oneshot::channel();
            let answer = Some(Waiting { answer, retained: &retained, number: None });
            confirmed.push(Confirmed { outcome, answer });
            told.push(is_told);
        }
        let end = answer(confirmed);
        (told.into_iter().map(|mut told| told.try_recv().unwrap().map_err(|e| e.to_string())).collect(), end)
    }

    #[test]
    fn each_post_is_told_what_its_confirm_says() {
        let not_kept = Err("RabbitMQ could not keep the message".to_owned());
        assert_eq!(
            told(vec![Outcome::Kept, Outcome::NotKept, Outcome::Kept]),
            (vec![Ok(()), not_kept, Ok(())], Ok(()))
        );
    }

    #[test]
    fn a_lost_confirm_says_nothing_of_the_others() {
        let gone = || Err("gone".to_owned());
        assert_eq!(told(vec![Outcome::Kept, Outcome::Lost("gone".to_owned())]), (vec![Ok(()), gone()], gone()));
    }

    #[test]
    fn one_message_that_found_no_queue_puts_all_in_doubt_for_it_need_not_be_the_one_whose_confirm_brought_it() {
        let (told, end) = told(vec![Outcome::Kept, Outcome::Returned("no queue".to_owned()), Outcome::Kept]);
        let doubt = Err("no queue".to_owned());
        assert_eq!((told, end), (vec![doubt.clone(), doubt.clone(), doubt.clone()], doubt));
    }
}
