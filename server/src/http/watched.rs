//! `GET /metrics`, on an address of its own: numbers of all rooms are nobody's business who is in one.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};

use crate::broker::BrokerState;
use crate::http::App;
use crate::http::error::ApiError;
use crate::metrics::{Now, OPENMETRICS};

/// Answers a request to the address of the metrics.
pub fn answer<B>(app: &App, request: &Request<B>) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => ([(CONTENT_TYPE, OPENMETRICS)], app.metrics.text(&now(app))).into_response(),
        (_, "/metrics") => ApiError::MethodNotAllowed.into_response(),
        _ => ApiError::NotFound.into_response(),
    }
}

fn now(app: &App) -> Now {
    let (is_broker_up, is_intake_here) = match app.broker.state() {
        BrokerState::Ready | BrokerState::Robbed => (true, true),
        BrokerState::StandingBy => (true, false),
        BrokerState::NotReady(_) => (false, false),
    };
    Now {
        connections: app.connections.open(),
        sessions: app.sessions.len(),
        rooms: app.hub.rooms(),
        is_broker_up,
        is_intake_here,
        is_history_up: app.history.trouble().is_none(),
    }
}
