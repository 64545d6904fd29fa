//! RabbitMQ (being written).

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::tokens::Tokens;
use crate::broker::{Batch, BrokerState, Incoming, PublishError};

/// The way in.
#[derive(Debug, Clone)]
pub struct RabbitMq {}

/// The way out.
#[derive(Debug)]
pub struct Deliveries {}

/// What is to be acknowledged.
#[derive(Debug)]
pub struct Receipt {}

/// Settings.
#[derive(Debug)]
pub struct Settings {
    /// Where.
    pub url: String,
    /// Limit.
    pub max_content_bytes: usize,
}

impl RabbitMq {
    pub(crate) async fn publish(&self, _: Incoming) -> Result<(), PublishError> {
        std::future::pending().await
    }
    pub(crate) fn state(&self) -> BrokerState {
        BrokerState::Ready
    }
}
impl Deliveries {
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        None
    }
    pub(crate) fn close(&mut self) {}
}
impl Receipt {
    pub(crate) async fn acknowledge(self) {}
}

/// Opens.
pub fn open(_: Settings, _: Arc<Tokens>, _: &TaskTracker, _: CancellationToken) -> (RabbitMq, Deliveries) {
    (RabbitMq {}, Deliveries {})
}

/// Why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);
impl Settings {
    pub fn new(url: &str, max_content_bytes: usize) -> Result<Self, SettingsError> {
        Ok(Self { url: url.into(), max_content_bytes })
    }
}
