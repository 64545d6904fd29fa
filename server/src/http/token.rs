//! `POST /generate-token`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use shared::rest::{TokenAnswer, TokenRequest};
use tracing::error;

use crate::clock;
use crate::http::error::ApiError;
use crate::http::{App, body};

/// The longest body, in bytes: all three names at their longest, every character written as an escape.
const MAX_BODY_BYTES: usize = 8 * 1024;

/// Gives a token for a room to whoever asks.
#[utoipa::path(
    post,
    path = "/generate-token",
    tag = "tokens",
    request_body(content = TokenRequest, description = "Who wants to enter which room"),
    responses(
        (status = 200, description = "A token for this room, good for one hour", body = TokenAnswer),
        (status = 408, description = "The body took too long"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The body is not what the schema says"),
    )
)]
pub(super) async fn generate_token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TokenAnswer>, ApiError> {
    let request: TokenRequest = body::json(&headers, body, MAX_BODY_BYTES).await?;
    let token = app.tokens.issue(request, clock::timestamp()).map_err(|error| {
        error!(%error, "a token could not be made");
        ApiError::Internal
    })?;
    Ok(Json(TokenAnswer { token }))
}
