//! Messages on their way out: in order, one at a time, each until it is accepted or refused for good.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, pending};
use shared::names::MessageId;
use tokio::time::{Instant, sleep_until};

use crate::network::api::Api;
use crate::network::backoff::Backoff;
use crate::network::error::ApiError;
use crate::network::fleet::{Fleet, Next};
use crate::network::{NetworkEvent, end_of};

/// The queue of posts. It is as long as the outbox lets it be, which keeps on disk what is in it.
pub(crate) struct Posts {
    servers: Fleet,
    waiting: VecDeque<(MessageId, String)>,
    /// The attempt to post the first of `waiting`.
    attempt: Option<BoxFuture<'static, Result<(), ApiError>>>,
    try_at: Instant,
    backoff: Backoff,
}

impl Posts {
    pub(crate) fn new(servers: Fleet) -> Self {
        let waiting = VecDeque::new();
        Self { servers, waiting, attempt: None, try_at: Instant::now(), backoff: Backoff::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a message in.
    pub(crate) fn push(&mut self, id: MessageId, content: String) {
        self.waiting.push_back((id, content));
    }

    /// Does not wait any longer.
    pub(crate) fn hurry(&mut self) {
        self.try_at = Instant::now();
    }

    /// The server that posts are made to.
    pub(crate) fn api(&self) -> Arc<Api> {
        self.servers.api()
    }

    /// Goes on at the server that holds the connection now. What is under way at another one, or by connections of before,
    /// may have been lost with them, and is made again.
    pub(crate) fn follow(&mut self, servers: &Fleet) {
        if !Arc::ptr_eq(&self.servers.api(), &servers.api()) {
            self.attempt = None;
        }
        self.servers = servers.fork();
        self.hurry();
    }

    /// Gives up an attempt over a connection that is dead, and makes it again over another one.
    pub(crate) fn start_over(&mut self, servers: Fleet) {
        self.servers = servers;
        self.attempt = None;
        self.hurry();
    }

    /// What became of the next message. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next(&mut self) -> NetworkEvent {
        loop {
            if let Some(attempt) = &mut self.attempt {
                let result = attempt.await;
                self.attempt = None;
                if let Some(event) = self.judge(result) {
                    return event;
                }
            }
            let Some((id, content)) = self.waiting.front().cloned() else {
                pending::<()>().await;
                continue;
            };
            sleep_until(self.try_at).await;
            let api = self.servers.api();
            self.attempt = Some(async move { api.post(&id, &content).await }.boxed());
        }
    }

    fn judge(&mut self, result: Result<(), ApiError>) -> Option<NetworkEvent> {
        if let Err(error) = &result
            && error.may_differ_elsewhere()
            && self.servers.pass() == Next::Another
        {
            self.hurry();
            return None;
        }
        let retry_after = match result {
            Ok(()) => {
                self.backoff.reset();
                self.servers.answered();
                return self.waiting.pop_front().map(|(id, _)| NetworkEvent::Posted(id));
            }
            Err(ApiError::Refused(reason)) => {
                return self.waiting.pop_front().map(|(id, _)| NetworkEvent::PostRefused { id, reason });
            }
            Err(ApiError::Busy { retry_after, detail, .. }) => {
                self.wait(retry_after);
                return Some(NetworkEvent::PostDelayed(detail));
            }
            Err(ApiError::TooOften { retry_after, .. }) => {
                let wait = self.wait(retry_after);
                return (!self.backoff.is_brief()).then(|| NetworkEvent::PostedTooOften { retry_at: end_of(wait) });
            }
            Err(ApiError::Unheard(sentence) | ApiError::Uninvited(sentence)) => {
                self.wait(None);
                return Some(NetworkEvent::PostDelayed(sentence));
            }
            Err(ApiError::Unreachable(_) | ApiError::Token(_)) => None,
        };
        self.wait(retry_after);
        None
    }

    fn wait(&mut self, retry_after: Option<Duration>) -> Duration {
        let wait = self.backoff.next_wait(rand::random(), retry_after);
        self.try_at = Instant::now() + wait;
        wait
    }
}
