//! Both ends of the way by RabbitMQ, without a server around them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use server::access::tokens::Tokens;
use server::broker::rabbitmq::{self, Deliveries, Longest, Peers, RabbitMq, Settings};
use server::broker::{BrokerState, Incoming, PublishError};
use shared::names::{MessageId, RoomId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::server::SECRET;
use crate::support::soon;

/// The longest that is taken from the queue.
pub(crate) const LONGEST: Longest = Longest { content: 1000, room: 32 };

/// What counts as at once: less than the time that a confirm is waited for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Both ends, as a node makes them.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) broker: RabbitMq,
    pub(crate) deliveries: Deliveries,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Ends {
    pub(crate) fn open(url: &str) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let settings = Settings::new(url, LONGEST, Peers::Nobody).unwrap();
        let (broker, deliveries) =
            rabbitmq::open(settings, Arc::new(Tokens::new(SECRET.as_bytes())), &tasks, stop.clone());
        Self { broker, deliveries, tasks, stop }
    }

    pub(crate) async fn ready(url: &str) -> Self {
        let ends = Self::open(url);
        ends.until(|state| *state == BrokerState::Ready).await;
        ends
    }

    /// Waits for a state.
    #[track_caller]
    pub(crate) fn until(&self, is_it: impl Fn(&BrokerState) -> bool) -> impl Future<Output = ()> {
        soon(async move {
            while !is_it(&self.broker.state()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    }

    pub(crate) async fn until_not_ready(&self, reason: &str) {
        self.until(|state| matches!(state, BrokerState::NotReady(why) if why.contains(reason))).await;
    }

    /// The next batch, not acknowledged.
    pub(crate) async fn hold(&mut self) -> (Vec<Incoming>, server::broker::Receipt) {
        let batch = soon(self.deliveries.next()).await.unwrap();
        (batch.messages, batch.receipt)
    }

    /// The next `n` messages, acknowledged.
    pub(crate) async fn take(&mut self, n: usize) -> Vec<Incoming> {
        let mut taken = Vec::new();
        while taken.len() < n {
            let (messages, receipt) = self.hold().await;
            receipt.acknowledge().await;
            taken.extend(messages);
        }
        assert_eq!(taken.len(), n, "more came than was expected");
        taken
    }

    /// Begins to stop.
    pub(crate) fn halt(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stop(mut self) {
        self.deliveries.close();
        self.halt();
        self.tasks.close();
        soon(self.tasks.wait()).await;
    }

    /// The reason for which a post is refused now, at once.
    pub(crate) async fn refusal(&self) -> String {
        let begin = Instant::now();
        let PublishError::Unavailable(reason) = soon(self.broker.publish(message("refused"))).await.unwrap_err();
        assert!(begin.elapsed() < AT_ONCE, "refused after {:?}: {reason}", begin.elapsed());
        reason
    }

    /// Posts until it is accepted, as a client does.
    pub(crate) async fn insist(&self, content: &str) {
        soon(async {
            while self.broker.publish(message(content)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Posts as many messages at the same time, and gives the contents of those that were accepted.
    pub(crate) async fn post_at_once(&self, round: u32, count: u32) -> Vec<String> {
        let posts: Vec<_> = (0..count)
            .map(|i| (self.broker.clone(), format!("{round}/{i}")))
            .map(|(broker, content)| {
                tokio::spawn(async move { broker.publish(message(&content)).await.map(|()| content) })
            })
            .collect();
        let mut accepted = Vec::new();
        for post in posts {
            accepted.extend(soon(post).await.unwrap());
        }
        accepted
    }
}

pub(crate) fn message(content: &str) -> Incoming {
    Incoming {
        room: RoomId::new("room1").unwrap(),
        id: MessageId::new(format!("id of {content}")).unwrap(),
        sender: None,
        content: content.to_owned(),
        sent_at: "2026-11-22T14:02:11.125Z".parse().unwrap(),
    }
}

pub(crate) fn contents(messages: &[Incoming]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}
