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
    /// Time was up: why it was not answered before.
    TimeUp(ApiError),
}

/// Makes `attempt`, which asks the server at `address`, until it is answered for good.
///
/// # Errors
/// With [`Exit::Refused`] when the server refuses, with [`Exit::NoConnection`] when `within` is over.
pub(crate) async fn until_answered<T>(
    address: &str,
    within: Duration,
    attempt: impl AsyncFnMut() -> Result<T, ApiError>,
) -> Result<T, Failure> {
    until_answered_by(Instant::now() + within, attempt).await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(error) => error.into(),
        GaveUp::TimeUp(ApiError::Unreachable(words)) => Failure::new(
            Exit::NoConnection,
            format!(
                "connecting to {address} for {}: {words}: start a server there, or name another one with --server",
                in_words(within)
            ),
        ),
        GaveUp::TimeUp(error) => {
            Failure::new(Exit::NoConnection, format!("gave up after {}: {error}", in_words(within)))
        }
    })
}

/// A duration as people write it.
fn in_words(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") }
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
    let mut last = ApiError::Unreachable("no answer".to_owned());
    while let Ok(result) = timeout_at(deadline, attempt()).await {
        last = match result {
            Ok(answer) => return Ok(answer),
            Err(error @ (ApiError::Refused(_) | ApiError::Unheard(_) | ApiError::Token(_))) => {
                return Err(GaveUp::Refused(error));
            }
            Err(error @ (ApiError::Busy { .. } | ApiError::Unreachable(_))) => error,
        };
        let asked = if let ApiError::Busy { retry_after, .. } = &last { *retry_after } else { None };
        let wait = backoff.next_wait(rand::random(), asked).min(LONGEST_WAIT);
        if timeout_at(deadline, sleep(wait)).await.is_err() {
            break;
        }
    }
    Err(GaveUp::TimeUp(last))
}
