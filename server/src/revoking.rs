//! Learns who may not be in which room any more, also from other nodes and from the command line, and ends their connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::access::gate::Gate;
use crate::access::revocations::Revocations;
use crate::access::store::{Store, StoreError, Version};
use crate::hub::Hub;

/// How often they are read anew. Somebody who was sent away elsewhere is gone here after that at the latest.
const READ_EVERY: Duration = Duration::from_millis(1_500);

/// Reads them before anybody is let in.
///
/// # Errors
/// When they cannot be read.
pub async fn begin(store: &Store, gate: &Gate) -> Result<Option<Version>, StoreError> {
    let Some((version, revocations)) = store.revocations(None).await? else { return Ok(None) };
    gate.revoke(Revocations::new(revocations));
    Ok(Some(version))
}

/// Reads them again and again, from those that are `known` on. Where they cannot be read those go on to hold.
pub async fn run(store: Store, gate: Arc<Gate>, hub: Hub, mut known: Option<Version>) {
    let mut is_blind = false;
    loop {
        // Either way it is time to read.
        let _ = timeout(READ_EVERY, gate.asked_to_look()).await;
        match store.revocations(known.as_ref()).await {
            Ok(changed) => {
                if let Some((version, revocations)) = changed {
                    known = Some(version);
                    let new = gate.revoke(Revocations::new(revocations));
                    if !new.is_empty() {
                        hub.revoke(new).await;
                    }
                }
                if std::mem::take(&mut is_blind) {
                    info!("revocations are read again");
                }
            }
            Err(error) if !std::mem::replace(&mut is_blind, true) => {
                warn!(%error, "revocations cannot be read; those that are known go on to hold");
            }
            Err(_) => {}
        }
    }
}
