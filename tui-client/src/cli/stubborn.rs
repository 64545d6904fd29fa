//! One request, made again until it is answered or time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::cli::exit::{Exit, Failure};
use crate::network::backoff::Backoff;
use crate::network::error::ApiError;

/// A script waits for us, so the waits do not grow beyond this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Why a request came to nothing in the end.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// Trying again changes nothing now.
    Refused(ApiError),
    /// Time was up: in a few words, why it was not answered before.
    TimeUp(String),
}

/// Makes `attempt` until it is answered for good.
///
/// # Errors
/// With [`Exit::Refused`] when the server refuses, with [`Exit::NoConnection`] when `within` is over.
pub(crate) async fn until_answered<T>(
    within: Duration,
    attempt: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, Failure> {
    until_answered_by(Instant::now() + within, attempt).await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(error) => error.into(),
        GaveUp::TimeUp(reason) => Failure::new(Exit::NoConnection, format!("gave up after {within:?}: {reason}")),
    })
}

/// Makes `attempt` until it is answered for good or the `deadline` has come.
///
/// # Errors
/// When the server refuses, or when it has not answered by then.
pub(crate) async fn until_answered_by<T>(
    deadline: Instant,
    mut attempt: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, GaveUp> {
    let mut backoff = Backoff::default();
    let mut reason = "no answer".to_owned();
    while let Ok(result) = timeout_at(deadline, attempt()).await {
        let asked = match result {
            Ok(answer) => return Ok(answer),
            Err(error @ (ApiError::Refused(_) | ApiError::Unheard(_) | ApiError::Token(_))) => {
                return Err(GaveUp::Refused(error));
            }
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
    Err(GaveUp::TimeUp(reason))
}
