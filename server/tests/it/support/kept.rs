//! A history written directly, without a server: quicker, and with messages of any age.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use server::broker::Incoming;
use server::history::{Durability, History, Placed, Retention, Span};
use shared::message::{Message, Seq};
use shared::names::{MessageId, RoomId};

use crate::support::Folder;

/// How many messages are committed together.
const BATCH: usize = 1_000;

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::new(name).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn ago(age: Duration) -> Timestamp {
    now() - age
}

pub(crate) fn open(folder: &Folder, retention: Retention) -> History {
    History::open(folder.path(), Durability::Relaxed, retention).unwrap()
}

/// Closes it and lets go of its lock.
pub(crate) async fn close(history: History) {
    history.close().await;
}

/// A message like `n` of a room; two that are alike have the same id.
pub(crate) fn incoming(name: &str, n: u64, content: String, sent_at: Timestamp) -> Incoming {
    Incoming { room: room(name), id: MessageId::new(format!("{name}-{n}")).unwrap(), sender: None, content, sent_at }
}

/// Places one message.
pub(crate) async fn append(history: &History, message: Incoming) -> Placed {
    history.append(Arc::new([message])).await.unwrap().remove(0)
}

/// Places `count` messages, numbered from `first`, each of this many bytes at least.
pub(crate) async fn fill(history: &History, name: &str, first: u64, count: u64, bytes: usize, sent_at: Timestamp) {
    let numbers: Vec<u64> = (first..first + count).collect();
    for batch in numbers.chunks(BATCH) {
        let message = |n: &u64| incoming(name, *n, format!("message {n} {}", "x".repeat(bytes)), sent_at);
        history.append(batch.iter().map(message).collect()).await.unwrap();
    }
}

/// All messages of a room, page by page.
pub(crate) async fn messages(history: &History, name: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let after = messages.last().map_or(Seq::START, |message| message.seq);
        let page = history.page(&room(name), Span::After(after), 1_000).await.unwrap();
        if page.messages.is_empty() {
            return messages;
        }
        messages.extend(page.messages);
    }
}

/// Their places.
pub(crate) async fn places(history: &History, name: &str) -> Vec<u64> {
    messages(history, name).await.iter().map(|message| message.seq.0).collect()
}

/// Makes a history with one room of `count` messages of this age, and gives its epoch.
pub(crate) async fn make(folder: &Folder, name: &str, count: u64, sent_at: Timestamp) -> String {
    let history = open(folder, Retention::default());
    fill(&history, name, 1, count, 0, sent_at).await;
    let epoch = history.epoch().to_owned();
    close(history).await;
    epoch
}
