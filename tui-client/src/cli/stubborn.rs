//! One request, made again until it is answered or time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::cli::exit::{Exit, Failure};
use crate::network::api::Api;
use crate::network::backoff::Backoff;
use crate::network::error::ApiError;
use crate::network::fleet::{Fleet, Next};

/// A script waits for us, so the waits do not grow beyond this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Why a request came to nothing in the end.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// Trying again changes nothing now.
    Refused(ApiError),
    /// Time was up, or will be when the server wants to be asked again: why it was not answered before.
    TimeUp(ApiError),
}

/// Makes `attempt` at the server whose turn it is, until it is answered for good.
///
/// # Errors
/// With [`Exit::Refused`] when the server refuses, with [`Exit::NoConnection`] when `within` is over.
pub(crate) async fn until_answered<T>(
    servers: &Fleet,
    within: Duration,
    attempt: impl AsyncFnMut(&Api) -> Result<T, ApiError>,
) -> Result<T, Failure> {
    let answer = until_answered_by(servers, Instant::now() + within, attempt).await;
    answer.map_err(|gave_up| gave_up.after(within, servers))
}

impl GaveUp {
    /// How the program ends when `servers` were asked for this long.
    pub(crate) fn after(self, within: Duration, servers: &Fleet) -> Failure {
        match self {
            Self::Refused(error) => error.into(),
            Self::TimeUp(ApiError::Unreachable(words)) => Failure::new(
                Exit::NoConnection,
                format!(
                    "connecting to {} for {}: {words}: start a server there, or name another one with --server",
                    servers.addresses(),
                    in_words(within)
                ),
            ),
            // When the next attempt makes sense, the server's sentence says.
            Self::TimeUp(error @ ApiError::TooOften { .. }) => error.into(),
            Self::TimeUp(error) => {
                Failure::new(Exit::NoConnection, format!("gave up after {}: {error}", in_words(within)))
            }
        }
    }
}

/// A duration as people write it.
fn in_words(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") }
}

/// Makes `attempt` until it is answered for good or the `deadline` has come. When a server fails, another one is tried at once;
/// when all have, there is a wait. One that was asked too often is asked again when it says.
///
/// # Errors
/// When the server refuses, or when it has not answered by then.
pub(crate) async fn until_answered_by<T>(
    servers: &Fleet,
    deadline: Instant,
    mut attempt: impl AsyncFnMut(&Api) -> Result<T, ApiError>,
) -> Result<T, GaveUp> {
    let mut backoff = Backoff::default();
    let mut last = ApiError::Unreachable("no answer".to_owned());
    while let Ok(result) = timeout_at(deadline, attempt(&servers.api())).await {
        last = match result {
            Ok(answer) => {
                servers.answered();
                return Ok(answer);
            }
            Err(error) => error,
        };
        if last.may_differ_elsewhere() && servers.pass() == Next::Another {
            continue;
        }
        let wait = match &last {
            ApiError::TooOften { retry_after: Some(asked), .. } if Instant::now() + *asked > deadline => break,
            ApiError::TooOften { retry_after, .. } => backoff.next_wait(rand::random(), *retry_after),
            ApiError::Busy { retry_after, .. } => backoff.next_wait(rand::random(), *retry_after).min(LONGEST_WAIT),
            ApiError::Unreachable(_) => backoff.next_wait(rand::random(), None).min(LONGEST_WAIT),
            ApiError::Refused(_) | ApiError::Unheard(_) | ApiError::Uninvited(_) | ApiError::Token(_) => {
                return Err(GaveUp::Refused(last));
            }
        };
        if timeout_at(deadline, sleep(wait)).await.is_err() {
            break;
        }
    }
    Err(GaveUp::TimeUp(last))
}
