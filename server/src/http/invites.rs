//! `/rooms/{room_id}/invites`: who is to come in.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use shared::names::RoomId;
use shared::rest::{InviteAnswer, InviteRequest, InvitesAnswer, MAX_INVITE_SECONDS, PendingInvite};

use crate::access::invites::{self, Added, MAX_LIFE, Member, USUAL_LIFE};
use crate::access::tokens::TokenError;
use crate::clock;
use crate::http::admitted::Keeper;
use crate::http::error::ApiError;
use crate::http::{App, body};

/// The longest body, in bytes: the name at its longest, every character written as an escape.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// Invites somebody into a room. Whoever has the answer's `invite` gets in under that name, once.
#[utoipa::path(
    post,
    path = "/rooms/{room_id}/invites",
    tag = "tokens",
    params(("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1")),
    request_body(content = InviteRequest, description = "Who is to come in"),
    security(("token" = [])),
    responses(
        (status = 201, description = "The invite", body = InviteAnswer),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 408, description = "The body took too long"),
        (status = 409, description = "Too many invites of this room wait to be used"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The path or the body is not what the schema says"),
        (status = 429, description = "Too many requests; try again after `Retry-After` seconds"),
        (status = 503, description = "Nothing can be written down now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    Keeper { room_id, user: creator, issued_at }: Keeper,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<InviteAnswer>), ApiError> {
    let InviteRequest { username, expires_in } = body::json(&headers, body, MAX_BODY_BYTES).await?;
    let lengths = app.gate.lengths();
    room_id.at_most(lengths.room)?;
    username.at_most(lengths.user).map_err(body::too_long)?;
    let life = expires_in.map_or(USUAL_LIFE, Duration::from_secs);
    if life.is_zero() || life > MAX_LIFE {
        return Err(ApiError::InvalidBody(format!("expires_in is to be from 1 to {MAX_INVITE_SECONDS} seconds")));
    }
    let member = Member { room: room_id, user: username };
    let made = invites::make(member, creator, clock::timestamp(), life);
    let (invite, code) = made.map_err(|_| ApiError::Internal)?;
    match app.store.add(invite.clone(), code.digest(), issued_at).await? {
        Added::Kept => {}
        Added::TooMany => return Err(ApiError::TooManyInvites),
        Added::Revoked => return Err(TokenError::Revoked.into()),
    }
    let answer = InviteAnswer {
        id: invite.id,
        invite: code.expose().to_owned(),
        room_id: invite.room,
        username: invite.user,
        expires_at: invite.expires_at,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Lists the invites of a room that can still be used, without what lets anybody in.
#[utoipa::path(
    get,
    path = "/rooms/{room_id}/invites",
    tag = "tokens",
    params(("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1")),
    security(("token" = [])),
    responses(
        (status = 200, description = "Who is invited", body = InvitesAnswer),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 422, description = "The path is not what the schema says"),
        (status = 429, description = "Too many requests; try again after `Retry-After` seconds"),
        (status = 503, description = "They cannot be read now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn pending(
    State(app): State<Arc<App>>,
    Keeper { room_id, .. }: Keeper,
) -> Result<Json<InvitesAnswer>, ApiError> {
    let invites = app.store.pending(&room_id, clock::timestamp()).await?.into_iter();
    let invites = invites.map(|it| PendingInvite {
        id: it.id,
        username: it.user,
        creator: it.creator,
        expires_at: it.expires_at,
    });
    Ok(Json(InvitesAnswer { room_id, invites: invites.collect() }))
}

/// Takes back an invite that nobody has used.
#[utoipa::path(
    delete,
    path = "/rooms/{room_id}/invites/{id}",
    tag = "tokens",
    params(
        ("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1"),
        ("id" = String, Path, description = "The invite's id", example = "5b3c1f0a9d2e"),
    ),
    security(("token" = [])),
    responses(
        (status = 204, description = "It lets nobody in any more"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 404, description = "There is none"),
        (status = 422, description = "The path is not what the schema says"),
        (status = 429, description = "Too many requests; try again after `Retry-After` seconds"),
        (status = 503, description = "Nothing can be written down now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Keeper { room_id, .. }: Keeper,
    path: Result<Path<(RoomId, String)>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path((_, id)) = path.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    let is_withdrawn = app.store.withdraw(&room_id, &id).await?;
    if is_withdrawn { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NoSuchInvite) }
}
