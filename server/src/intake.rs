//! Takes messages from the broker in batches: history, announce, then acknowledge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::message::Message;
use shared::names::RoomId;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::broker::{Batch, Deliveries, Incoming, Receipt};
use crate::history::{History, HistoryError, Placed};
use crate::hub::Hub;
use crate::nodes::NodeId;

/// How long to wait for a history that did not take a batch: at first, and at the most.
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// Runs until `stop`; what the embedded broker has taken by then is still kept.
pub async fn run(mut deliveries: Deliveries, history: History, hub: Hub, stop: CancellationToken) {
    let mut trouble = Trouble::default();
    loop {
        let batch = tokio::select! {
            batch = deliveries.next() => batch,
            () = stop.cancelled() => break,
        };
        match batch {
            Some(batch) => take(batch, &history, &hub, &mut trouble, &stop).await,
            None => return,
        }
    }
    deliveries.close();
    while let Some(batch) = deliveries.next().await {
        take(batch, &history, &hub, &mut trouble, &stop).await;
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

async fn take(batch: Batch, history: &History, hub: &Hub, trouble: &mut Trouble, stop: &CancellationToken) {
    let Batch { messages, receipt } = batch;
    if let Some((placed, receipt)) = keep(messages.into(), receipt, history, trouble, stop).await {
        for (room, Announcement { messages, hosts }) in by_room(placed) {
            hub.announce(room, messages, hosts).await;
        }
        receipt.acknowledge().await;
    }
}

/// Commits a batch. While history fails, one that the broker keeps is tried again until `stop`; otherwise it is given
/// back to the posts that wait for it.
async fn keep(
    messages: Arc<[Incoming]>,
    mut receipt: Receipt,
    history: &History,
    trouble: &mut Trouble,
    stop: &CancellationToken,
) -> Option<(Vec<Placed>, Receipt)> {
    let mut wait = RETRY;
    loop {
        let error = match history.append(Arc::clone(&messages)).await {
            Ok(placed) => {
                trouble.is_over();
                return Some((placed, receipt));
            }
            Err(error) => error,
        };
        trouble.begins(&error);
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
