//! The HTTP side: every route on one screen.

mod admission;
mod admitted;
#[doc(hidden)] // public for fuzzing and nothing else
pub mod body;
mod docs;
mod error;
#[doc(hidden)] // public for fuzzing and nothing else
pub mod headers;
mod health;
mod history;
mod invites;
pub mod limiter;
mod members;
mod message;
mod room;
mod search;
pub mod socket;
mod token;
mod updates;
pub mod watched;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CONNECTION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Request};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use shared::error::ErrorCode;
use tokio_util::task::TaskTracker;

use crate::access::gate::Gate;
use crate::access::origin::AllowedOrigins;
use crate::access::store::Store;
use crate::access::tokens::Tokens;
use crate::broker::Broker;
use crate::departure::Departure;
use crate::history::History;
use crate::http::error::ApiError;
use crate::http::headers::bearer;
use crate::http::limiter::Limits;
use crate::hub::Hub;
use crate::limits::rate::Rate;
use crate::listener::address::ClientAddress;
use crate::listener::counted::{Connections, Refusal};
use crate::metrics::Metrics;

/// What the routes work with.
#[derive(Debug)]
pub struct App {
    /// Makes tokens.
    pub tokens: Arc<Tokens>,
    /// Keeps invites, refresh tokens and revocations.
    pub store: Store,
    /// Says who may enter and speak.
    pub gate: Arc<Gate>,
    /// Whether strangers reach a server that is open.
    pub is_exposed: bool,
    /// How long a member stays one without coming.
    pub member_for: Duration,
    /// Takes messages.
    pub broker: Broker,
    /// Reads messages.
    pub history: History,
    /// Lets people into rooms.
    pub hub: Hub,
    /// How often things may be done.
    pub limits: Arc<Limits>,
    /// How many frames of a WebSocket are read.
    pub frames: Option<Rate>,
    /// The longest content, in bytes.
    pub max_content_bytes: usize,
    /// The longest message of a client on a WebSocket, in bytes.
    pub max_frame_bytes: usize,
    /// Counts what an operator watches.
    pub metrics: Arc<Metrics>,
    /// The connections that there are.
    pub connections: Connections,
    /// Every WebSocket is a task of this.
    pub sessions: TaskTracker,
    /// Ends every WebSocket, when it is time.
    pub departure: Departure,
}

/// Answers requests by the routes.
#[derive(Debug, Clone)]
pub struct Front {
    routes: TowerToHyperService<Router>,
    origins: Arc<AllowedOrigins>,
    limits: Arc<Limits>,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
}

impl Front {
    /// In front of what the routes work with.
    #[must_use]
    pub fn new(app: Arc<App>, origins: AllowedOrigins) -> Self {
        let (limits, gate, metrics) = (Arc::clone(&app.limits), Arc::clone(&app.gate), Arc::clone(&app.metrics));
        Self { routes: TowerToHyperService::new(router(app)), origins: Arc::new(origins), limits, gate, metrics }
    }

    /// Answers a request.
    pub async fn answer(self, request: Request<Incoming>) -> Response {
        let sender = self.origins.sender(request.headers(), request.uri());
        let mut answer = if sender.is_refused(request.method(), request.headers()) {
            ApiError::OriginRefused.into_response()
        } else if let Some(answer) = sender.preflight(request.method(), request.headers()) {
            answer
        } else if let Err(error) = self.limit(&request) {
            error.into_response()
        } else {
            let Ok(answer) = self.routes.call(request).await;
            answer
        };
        if let Some(code) = answer.extensions().get::<ErrorCode>() {
            self.metrics.refused(*code);
        }
        sender.let_see(answer.headers_mut());
        // No browser is to guess what something is (Fetch §3.6).
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    fn limit(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        let Some(client) = request.extensions().get::<ClientAddress>() else { return Ok(()) };
        let is_operators = || bearer(request.headers()).is_some_and(|key| self.gate.is_issuer(key));
        self.limits.request((request.method(), request.uri().path()), *client, is_operators)
    }
}

/// What a connection is answered that is not served.
#[must_use]
pub fn refusal(refusal: Refusal) -> Response {
    let mut answer = match refusal {
        Refusal::Full => ApiError::Unavailable("this server has as many connections as it may have".to_owned()),
        Refusal::ManyOfAddress => ApiError::TooManyConnections,
        Refusal::NotEncrypted => {
            ApiError::InvalidRequest("TLS is spoken here: write https:// or wss:// instead".to_owned())
        }
    }
    .into_response();
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// All routes.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/generate-token", post(token::generate_token))
        .route("/message", post(message::post_message))
        .route("/updates/{room_id}", get(updates::updates))
        .route("/rooms/{room_id}", get(room::room))
        .route("/rooms/{room_id}/messages", get(history::messages))
        .route("/rooms/{room_id}/search", get(search::search))
        .route("/rooms/{room_id}/invites", get(invites::pending).post(invites::invite))
        .route("/rooms/{room_id}/invites/{id}", delete(invites::withdraw))
        .route("/rooms/{room_id}/members/{username}", delete(members::revoke))
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
