//! `DELETE /rooms/{room_id}/members/{username}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use shared::names::{RoomId, Username};

use crate::access::invites::Member;
use crate::http::App;
use crate::http::admitted::Keeper;
use crate::http::error::ApiError;

/// Takes from a user all that lets them into a room: tokens, refresh tokens, invites, and what they invited others with, where nobody
/// has used it. Their connections are closed.
#[utoipa::path(
    delete,
    path = "/rooms/{room_id}/members/{username}",
    tag = "tokens",
    params(
        ("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1"),
        ("username" = String, Path, description = "Who", format = "duet-user", min_length = 1, max_length = 64,
            example = "bob"),
    ),
    security(("token" = [])),
    responses(
        (status = 204, description = "They are no member any more"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room, or for another user"),
        (status = 422, description = "The path is not what the schema says"),
        (status = 429, description = "Too many requests; try again after `Retry-After` seconds"),
        (status = 503, description = "Nothing can be written down now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Keeper { room_id: room, user: caller, .. }: Keeper,
    path: Result<Path<(RoomId, Username)>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path((_, user)) = path.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    // The operator may send away anybody, everybody else only themselves.
    if caller.is_some_and(|caller| caller != user) {
        return Err(ApiError::WrongUser);
    }
    app.store.revoke(&Member { room, user }).await?;
    app.gate.look();
    Ok(StatusCode::NO_CONTENT)
}
