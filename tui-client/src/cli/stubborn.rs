//! One request, made again until it is answered or time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::cli::exit::{Exit, Failure};
use crate::network::backoff::Backoff;
use crate::network::error::ApiError;

/// A script waits for us, so the waits do not grow beyond this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Makes `attempt` until it is answered for good.
///
/// # Errors
/// With [`Exit::Refused`] when the server refuses, with [`Exit::NoConnection`] when `within` is over.
pub(crate) async fn until_answered<T>(
    within: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + within;
    let mut backoff = Backoff::default();
    let mut reason = "no answer".to_owned();
    while let Ok(result) = timeout_at(deadline, attempt()).await {
        let asked = match result {
            Ok(answer) => return Ok(answer),
            Err(error @ (ApiError::Refused(_) | ApiError::Token(_))) => return Err(error.into()),
            Err(ApiError::Busy { detail, retry_after, .. }) => {
                reason = detail;
                retry_after
            }
            Err(ApiError::Unreachable(words)) => {
                reason = words;
                None
            }
        };
        let wait = backoff.next_wait(rand::random(), asked).min(LONGEST_WAIT);
        if timeout_at(deadline, sleep(wait)).await.is_err() {
            break;
        }
    }
    Err(Failure::new(Exit::NoConnection, format!("gave up after {within:?}: {reason}")))
}
