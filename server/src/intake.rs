//! Takes messages from the broker in batches: history, announce, then acknowledge.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use shared::message::Message;
use shared::names::RoomId;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::broker::{Batch, Deliveries, Incoming, Receipt};
use crate::history::{History, HistoryError, Placed};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::nodes::NodeId;

/// How long to wait for a history that did not take a batch: at first, and at the most.
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_millis(500);

/// After a batch of so many messages that goes to several nodes there is a pause in which the next one grows: PostgreSQL,
/// RabbitMQ and the other nodes have hardly more to do for a larger one. Smaller ones hurry, and larger ones are large enough.
const GROWING: Range<usize> = 8..64;
/// How long that is.
const PAUSE: Duration = Duration::from_millis(4);

/// Where messages go.
#[derive(Debug, Clone)]
pub struct Way {
    /// Gives them their places.
    pub history: History,
    /// Tells their rooms.
    pub hub: Hub,
    /// Counts them.
    pub metrics: Arc<Metrics>,
}

/// Runs until `stop`; what the embedded broker has taken by then is still kept.
pub async fn run(mut deliveries: Deliveries, way: Way, stop: CancellationToken) {
    let mut trouble = Trouble::default();
    loop {
        let batch = tokio::select! {
            batch = deliveries.next() => batch,
            () = stop.cancelled() => break,
        };
        match batch {
            Some(batch) => take(batch, &way, &mut trouble, &stop).await,
            None => return,
        }
    }
    deliveries.close();
    while let Some(batch) = deliveries.next().await {
        take(batch, &way, &mut trouble, &stop).await;
    }
}

/// Whether history fails, so that the log says it once.
#[derive(Debug, Default)]
struct Trouble {
    is_said: bool,
}

impl Trouble {
    fn begins(&mut self, error: &HistoryError) {
        if !std::mem::replace(&mut self.is_said, true) {
            warn!(%error, "history does not take messages; see that there is room where it is kept");
        }
    }

    fn is_over(&mut self) {
        if std::mem::take(&mut self.is_said) {
            info!("history takes messages again");
        }
    }
}

async fn take(batch: Batch, way: &Way, trouble: &mut Trouble, stop: &CancellationToken) {
    let Batch { messages, receipt } = batch;
    if let Some((placed, receipt)) = keep(messages.into(), receipt, way, trouble, stop).await {
        let next_may_grow = GROWING.contains(&placed.len()) && goes_to_several_nodes(&placed);
        for (room, Announcement { messages, hosts }) in by_room(placed) {
            for message in &messages {
                way.metrics.announced.count(message.sender.is_some());
            }
            way.hub.announce(room, messages, hosts).await;
        }
        receipt.acknowledge().await;
        if next_may_grow {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn goes_to_several_nodes(placed: &[Placed]) -> bool {
    let mut hosts = placed.iter().flat_map(|placed| placed.hosts.iter());
    let first = hosts.next();
    hosts.any(|host| Some(host) != first)
}

/// Commits a batch. While history fails, one that the broker keeps is tried again until `stop`; otherwise it is given
/// back to the posts that wait for it.
async fn keep(
    messages: Arc<[Incoming]>,
    mut receipt: Receipt,
    way: &Way,
    trouble: &mut Trouble,
    stop: &CancellationToken,
) -> Option<(Vec<Placed>, Receipt)> {
    let mut wait = RETRY;
    loop {
        let error = match way.history.append(Arc::clone(&messages)).await {
            Ok(placed) => {
                trouble.is_over();
                if let Some(oldest) = messages.iter().map(|message| message.sent_at).min() {
                    way.metrics.committed(oldest);
                }
                return Some((placed, receipt));
            }
            Err(error) => error,
        };
        trouble.begins(&error);
        way.metrics.history_errors.inc();
        receipt = receipt.refuse(&refusal(&error))?;
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(MAX_RETRY),
            () = stop.cancelled() => return None,
        }
    }
}

fn refusal(error: &HistoryError) -> String {
    format!("the message could not be kept ({error})")
}

/// What is new in a room.
#[derive(Debug, Default)]
struct Announcement {
    /// In the order of their places.
    messages: Vec<Arc<Message>>,
    hosts: Arc<[NodeId]>,
}

fn by_room(placed: Vec<Placed>) -> HashMap<RoomId, Announcement> {
    let mut rooms: HashMap<RoomId, Announcement> = HashMap::new();
    for Placed { room, message, hosts } in placed {
        let announcement = rooms.entry(room).or_default();
        announcement.messages.push(message);
        announcement.hosts = hosts;
    }
    rooms
}

#[cfg(test)]
mod tests {
    use shared::message::Seq;
    use shared::names::MessageId;

    use super::*;

    fn placed(hosts: &[NodeId]) -> Placed {
        let id = MessageId::new("m1").unwrap();
        let sent_at = "2026-11-22T14:02:11.125Z".parse().unwrap();
        let message = Message { seq: Seq(1), id, sender: None, content: "hello".to_owned(), sent_at };
        Placed { room: "room1".parse().unwrap(), message: Arc::new(message), hosts: hosts.into() }
    }

    #[test]
    fn a_batch_goes_to_several_nodes_by_one_room_or_by_all() {
        let (a, b) = (NodeId::new(), NodeId::new());
        for (goes, batch) in [
            (false, &[][..]),
            (false, &[&[][..], &[]]),
            (false, &[&[a], &[], &[a]]),
            (true, &[&[a], &[], &[b]]),
            (true, &[&[a, b]]),
        ] {
            let batch: Vec<Placed> = batch.iter().map(|hosts| placed(hosts)).collect();
            assert_eq!(goes_to_several_nodes(&batch), goes, "{batch:?}");
        }
    }
}
