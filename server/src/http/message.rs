//! `POST /message`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use shared::names::{MessageId, RoomId, Username};
use shared::rest::{Post, PostAnswer};
use uuid::Uuid;

use crate::access::tokens::{Claims, TokenError};
use crate::broker::Incoming;
use crate::clock;
use crate::http::error::ApiError;
use crate::http::headers::{bearer, idempotency_key, is_strict};
use crate::http::{App, body};

/// How many bytes a byte of content may take in JSON (`\u0000`).
const LONGEST_ESCAPE: usize = 6;

/// Room for everything in a body but the content.
const AROUND_CONTENT: usize = 4 * 1024;

/// Sends a message to a room. The answer 200 means that it is safe.
///
/// An open server asks for no token. With a valid token of the room the message carries its user's name; without one it is
/// shown as coming from outside. A closed server asks for one.
// Optional headers have no `example`: Swagger UI would send it, and a second post with the same key is no second message.
#[utoipa::path(
    post,
    path = "/message",
    tag = "messages",
    request_body(content = Post, description = "The room and the text"),
    params(
        ("Idempotency-Key" = Option<String>, Header, format = "duet-message-id", min_length = 1, max_length = 255,
            description = "Makes a repeated post the same message: 1 to 255 bytes, \
            a UUID at best, such as 019ab3c2-7d1e-7c3a-9f5e-2b6d8a4c1e0f"),
        ("Prefer" = Option<String>, Header, description = "`handling=strict`: refuse a token that is not valid for this room \
            instead of passing it over"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "Kept: confirmed by RabbitMQ, or committed to history", body = PostAnswer),
        (status = 401, description = "Closed or strict: the token is missing or not valid"),
        (status = 403, description = "Closed or strict: the token is for another room"),
        (status = 408, description = "The body took too long"),
        (status = 413, description = "The content or the body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The body is not what the schema says"),
        (status = 429, description = "Too many posts; try again after `Retry-After` seconds"),
        (status = 503, description = "Nothing can be accepted now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post_message(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PostAnswer>, ApiError> {
    // Before the body is read: strangers cost a closed server nothing more.
    let member = if app.gate.is_closed() { Some(member(&app, &headers)?) } else { None };
    let max = app.max_content_bytes;
    let post: Post = body::json(&headers, body, max * LONGEST_ESCAPE + AROUND_CONTENT).await?;
    if post.content.len() > max {
        return Err(ApiError::TooLarge { what: "the content", max });
    }
    post.room_id.at_most(app.gate.lengths().room).map_err(body::too_long)?;
    let sender = match member {
        Some(claims) if claims.room_id == post.room_id => Some(claims.username),
        Some(_) => return Err(TokenError::WrongRoom.into()),
        None => sender(&app, &headers, &post.room_id)?,
    };
    app.limits.post(&post.room_id, sender.as_ref())?;
    let message = Incoming {
        sender,
        id: id(&headers)?,
        room: post.room_id.clone(),
        content: post.content,
        sent_at: clock::timestamp(),
    };
    let is_of_user = message.sender.is_some();
    app.broker.publish(message).await?;
    app.metrics.accepted.count(is_of_user);
    Ok(Json(PostAnswer::sent_to(&post.room_id)))
}

/// Whose message it is where only members of rooms post.
fn member(app: &App, headers: &HeaderMap) -> Result<Claims, ApiError> {
    Ok(app.gate.check(bearer(headers).ok_or(ApiError::TokenMissing)?)?)
}

/// Whose message it is where anybody posts.
fn sender(app: &App, headers: &HeaderMap, room: &RoomId) -> Result<Option<Username>, ApiError> {
    let Some(token) = bearer(headers) else { return Ok(None) };
    match app.gate.check_for(token, room) {
        Ok(claims) => Ok(Some(claims.username)),
        Err(error) if is_strict(headers) => Err(error.into()),
        // The contract asks for no token, so one that is no good changes nothing.
        Err(_) => Ok(None),
    }
}

/// The id that makes a repeat the same message: the client's, or a new one.
fn id(headers: &HeaderMap) -> Result<MessageId, ApiError> {
    match idempotency_key(headers).map_err(ApiError::InvalidRequest)? {
        Some(key) => Ok(key),
        None => Ok(MessageId::new(Uuid::now_v7().to_string())?),
    }
}
