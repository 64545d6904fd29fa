//! A new token for a connection that goes on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, pending};
use tokio::time::sleep;

use crate::network::api::Api;
use crate::network::error::ApiError;

/// How soon it is tried again. There are some tries before the end.
const TRY_AGAIN: Duration = Duration::from_secs(4);

/// The tokens of those who came together end together: each asks at a time of its own, in this part of what is left.
const SPREAD: f64 = 0.1;

/// The new token that is being asked for, if any.
#[derive(Default)]
pub(crate) struct Renewal(Option<BoxFuture<'static, String>>);

impl Renewal {
    /// Asks for one, for the token of the connection ends in `left`.
    pub(crate) fn begin(&mut self, api: Arc<Api>, left: Duration) {
        let pause = left.mul_f64(SPREAD * rand::random::<f64>());
        self.0 = Some(renewed(api, pause).boxed());
    }

    /// Asks no more: the connection has ended.
    pub(crate) fn stop(&mut self) {
        self.0 = None;
    }

    /// The new token, when it is there.
    pub(crate) async fn next(&mut self) -> String {
        let Some(asking) = &mut self.0 else { return pending().await };
        let token = asking.await;
        self.0 = None;
        token
    }
}

async fn renewed(api: Arc<Api>, pause: Duration) -> String {
    sleep(pause).await;
    loop {
        match api.new_token().await {
            Ok(token) => return token,
            // The server closes the connection when the time has come, and then this is told.
            Err(ApiError::Uninvited(_) | ApiError::Refused(_)) => return pending().await,
            Err(ApiError::TooOften { retry_after, .. }) => sleep(retry_after.unwrap_or_default().max(TRY_AGAIN)).await,
            Err(ApiError::Unreachable(_) | ApiError::Busy { .. } | ApiError::Token(_) | ApiError::Unheard(_)) => {
                sleep(TRY_AGAIN).await;
            }
        }
    }
}
