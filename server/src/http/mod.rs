//! The HTTP side: every route on one screen.

mod admitted;
mod body;
mod docs;
mod error;
mod health;
mod history;
mod message;
mod room;
mod search;
mod token;
mod updates;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Redirect;
use axum::routing::{any, get, post};
use tokio_util::task::TaskTracker;

use crate::access::tokens::Tokens;
use crate::broker::Broker;
use crate::departure::Departure;
use crate::history::History;
use crate::http::error::ApiError;
use crate::hub::Hub;

/// What the routes work with.
#[derive(Debug)]
pub struct App {
    /// Makes and checks tokens.
    pub tokens: Arc<Tokens>,
    /// Takes messages.
    pub broker: Broker,
    /// Reads messages.
    pub history: History,
    /// Lets people into rooms.
    pub hub: Hub,
    /// The longest content, in bytes.
    pub max_content_bytes: usize,
    /// Every WebSocket is a task of this.
    pub sessions: TaskTracker,
    /// Ends every WebSocket, when it is time.
    pub departure: Departure,
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/generate-token", post(token::generate_token))
        .route("/message", post(message::post_message))
        .route("/updates/{room_id}", any(updates::updates))
        .route("/rooms/{room_id}", get(room::room))
        .route("/rooms/{room_id}/messages", get(history::messages))
        .route("/rooms/{room_id}/search", get(search::search))
        .route("/", get(async || Redirect::temporary("/docs")))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::file))
        .route("/openapi.json", get(docs::openapi))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(app)
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1), if there is one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
