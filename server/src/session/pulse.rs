//! The signs of life of a peer.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::task::unconstrained;
use tokio::time::timeout_at;

use crate::clock;
use crate::session::End;

/// How long a write may wait for a peer since its last sign of life. A reader slower than that is closed; it comes back
/// and resumes.
const SILENCE: Duration = Duration::from_secs(30);

/// When a peer was felt, and whether it is waited for.
pub(super) struct Pulse {
    felt_at: Instant,
    /// Whether nothing was felt since the last ping.
    pub(super) is_pong_due: bool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { felt_at: clock::now().instant, is_pong_due: false }
    }

    pub(super) fn felt(&mut self) {
        *self = Self::new();
    }

    pub(super) fn felt_at(&self) -> Instant {
        self.felt_at
    }

    /// Waits for a write, but no longer than the peer may be silent. One that had to wait and went through is a sign of
    /// life: what stands before a ping may keep a slow reader longer than a pong is waited for.
    pub(super) async fn write(&mut self, write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
        // Unconstrained, for only the peer makes it wait and not the runtime.
        let mut write = pin!(unconstrained(write));
        let mut has_waited = false;
        let write = poll_fn(|context| {
            let poll = write.as_mut().poll(context);
            has_waited |= poll.is_pending();
            poll
        });
        match timeout_at((self.felt_at + SILENCE).into(), write).await {
            Ok(Ok(())) if has_waited => self.felt(),
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Vanished),
            Err(_) => return Err(End::TooSlow),
        }
        Ok(())
    }
}
