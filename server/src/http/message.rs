//! `POST /message`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use shared::names::{MessageId, RoomId, Username};
use shared::rest::{HANDLING_STRICT, IDEMPOTENCY_KEY, PREFER, Post, PostAnswer};
use uuid::Uuid;

use crate::broker::Incoming;
use crate::clock;
use crate::http::error::ApiError;
use crate::http::{App, bearer, body};

/// How many bytes a byte of content may take in JSON (`\u0000`).
const LONGEST_ESCAPE: usize = 6;

/// Room for everything in a body but the content.
const AROUND_CONTENT: usize = 4 * 1024;

/// Sends a message to a room. The answer 200 means that it is safe.
///
/// No token is needed. With a valid token of the room the message carries its user's name; without one it is shown as
/// coming from outside.
// Optional headers have no `example`: Swagger UI would send it, and a second post with the same key is no second message.
#[utoipa::path(
    post,
    path = "/message",
    tag = "messages",
    request_body(content = Post, description = "The room and the text"),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated post the same message: 1 to 255 bytes, \
            a UUID at best, such as 019ab3c2-7d1e-7c3a-9f5e-2b6d8a4c1e0f"),
        ("Prefer" = Option<String>, Header, description = "`handling=strict`: refuse a token that is not valid for this room \
            instead of passing it over"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "Kept: confirmed by RabbitMQ, or committed to history", body = PostAnswer),
        (status = 401, description = "Strict: the token is not valid"),
        (status = 403, description = "Strict: the token is for another room"),
        (status = 408, description = "The body took too long"),
        (status = 413, description = "The content or the body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The body is not what the schema says"),
        (status = 503, description = "Nothing can be accepted now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post_message(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PostAnswer>, ApiError> {
    let max = app.max_content_bytes;
    let post: Post = body::json(&headers, body, max * LONGEST_ESCAPE + AROUND_CONTENT).await?;
    if post.content.len() > max {
        return Err(ApiError::TooLarge { what: "the content", max });
    }
    let message = Incoming {
        sender: sender(&app, &headers, &post.room_id)?,
        id: id(&headers)?,
        room: post.room_id.clone(),
        content: post.content,
        sent_at: clock::timestamp(),
    };
    app.broker.publish(message).await?;
    Ok(Json(PostAnswer::sent_to(&post.room_id)))
}

/// Whose message it is.
fn sender(app: &App, headers: &HeaderMap, room: &RoomId) -> Result<Option<Username>, ApiError> {
    let Some(token) = bearer(headers) else { return Ok(None) };
    match app.tokens.check_for(token, room) {
        Ok(claims) => Ok(Some(claims.username)),
        Err(error) if is_strict(headers) => Err(error.into()),
        // The contract asks for no token, so one that is no good changes nothing.
        Err(_) => Ok(None),
    }
}

fn is_strict(headers: &HeaderMap) -> bool {
    let prefers = |value: &str| value.split(',').any(|wish| wish.trim().eq_ignore_ascii_case(HANDLING_STRICT));
    headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok()).any(prefers)
}

/// The id that makes a repeat the same message: the client's, or a new one.
fn id(headers: &HeaderMap) -> Result<MessageId, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(MessageId::new(Uuid::now_v7().to_string())?);
    };
    let text = value.to_str().map_err(|_| ApiError::InvalidRequest(format!("{IDEMPOTENCY_KEY} is not ASCII text")))?;
    // The draft writes it as a quoted string; most clients do not.
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    MessageId::new(text).map_err(|e| ApiError::InvalidRequest(format!("{IDEMPOTENCY_KEY}: {e}")))
}
