//! `POST /generate-token`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use shared::rest::{TokenAnswer, TokenRequest};

use crate::access::codes::Bearer;
use crate::http::error::ApiError;
use crate::http::headers::bearer;
use crate::http::{App, admission, body};

/// The longest body, in bytes: all three names at their longest, every character written as an escape.
const MAX_BODY_BYTES: usize = 8 * 1024;

/// Gives a token for a room.
///
/// An open server gives it to whoever asks, a closed one asks for the issuer key. Both give it to who shows an invite for that room and
/// name (`Authorization: Bearer duet_inv_…`), once, with the refresh token that gives new ones from then on (`Authorization: Bearer
/// duet_ref_…`). With an `Idempotency-Key` of their own they get the same answer again for ten minutes.
#[utoipa::path(
    post,
    path = "/generate-token",
    tag = "tokens",
    security((), ("issuer" = [])),
    params(("Idempotency-Key" = Option<String>, Header,
            description = "With an invite, and looked at with nothing else: who repeats it gets the same answer. 1 to 255 bytes")),
    request_body(content = TokenRequest, description = "Who wants to enter which room"),
    responses(
        (status = 200, description = "A token for this room, good for one hour unless the server was told otherwise", body = TokenAnswer),
        (status = 401, description = "The invite or the refresh token is no good; or the server is closed, and what it asks for is missing"),
        (status = 403, description = "It is for another room or another name"),
        (status = 408, description = "The body took too long"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The body is not what the schema says"),
        (status = 429, description = "Too many requests; try again after `Retry-After` seconds"),
        (status = 503, description = "The invite cannot be looked up now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn generate_token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TokenAnswer>, ApiError> {
    admit(&app, &headers)?;
    let request: TokenRequest = body::json(&headers, body, MAX_BODY_BYTES).await?;
    app.gate.lengths().check(&request.room_id, &request.username).map_err(body::too_long)?;
    let answer = match bearer(&headers).map(Bearer::of) {
        Some(Bearer::Invite(invite)) => admission::redeem(&app, &headers, invite, request).await?,
        Some(Bearer::Refresh(refresh)) => admission::refresh(&app, refresh, request).await?,
        // Admitted: the contract asks for nothing here, a closed server has seen its key.
        Some(Bearer::Other(_)) | None => admission::issue(&app, request).await?,
    };
    Ok(Json(answer))
}

/// Whether somebody gets a token. Before the body is read: strangers cost a closed server nothing more.
fn admit(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    if !app.gate.is_closed() {
        return Ok(());
    }
    match Bearer::of(bearer(headers).ok_or(ApiError::InviteRequired)?) {
        // Looked at when it is known for whom.
        Bearer::Invite(_) | Bearer::Refresh(_) => Ok(()),
        Bearer::Other(key) if app.gate.is_issuer(key) => Ok(()),
        Bearer::Other(_) => Err(ApiError::IssuerKeyInvalid),
    }
}
