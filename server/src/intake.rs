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

/// How long to wait for a history that did not take a batch: at first, and at the most.
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// Runs until `stop`; what the embedded broker has taken by then is still kept.
pub async fn run(mut deliveries: Deliveries, history: History, hub: Hub, stop: CancellationToken) {
    loop {
        let batch = tokio::select! {
            batch = deliveries.next() => batch,
            () = stop.cancelled() => break,
        };
        match batch {
            Some(batch) => take(batch, &history, &hub, &stop).await,
            None => return,
        }
    }
    deliveries.close();
    while let Some(batch) = deliveries.next().await {
        take(batch, &history, &hub, &stop).await;
    }
}

async fn take(batch: Batch, history: &History, hub: &Hub, stop: &CancellationToken) {
    let Batch { messages, receipt } = batch;
    if let Some((placed, receipt)) = keep(messages.into(), receipt, history, stop).await {
        for (room, messages) in by_room(placed) {
            hub.announce(room, messages).await;
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
    stop: &CancellationToken,
) -> Option<(Vec<Placed>, Receipt)> {
    let mut wait = RETRY;
    loop {
        let error = match history.append(Arc::clone(&messages)).await {
            Ok(placed) => {
                if wait > RETRY {
                    info!("history takes messages again");
                }
                return Some((placed, receipt));
            }
            Err(error) => error,
        };
        if wait == RETRY {
            warn!(%error, messages = messages.len(), "history does not take messages");
        }
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

/// The messages of each room, in the order of their places.
fn by_room(placed: Vec<Placed>) -> HashMap<RoomId, Vec<Arc<Message>>> {
    let mut rooms: HashMap<RoomId, Vec<Arc<Message>>> = HashMap::new();
    for Placed { room, message } in placed {
        rooms.entry(room).or_default().push(message);
    }
    rooms
}
