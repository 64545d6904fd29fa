//! `GET /healthz` and `GET /readyz`, for whoever watches over the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::broker::BrokerState;
use crate::http::App;
use crate::http::error::ApiError;

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Messages can be accepted and reach their rooms.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Which server gives messages their places: `here`, this one, or `elsewhere`, another of several.
    #[schema(example = "here")]
    intake: &'static str,
    /// What is to be seen to all the same.
    #[schema(example = "a consumer that is no server of this history takes messages away from the queue `messages`")]
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// This server, or another of several.
const HERE: &str = "here";
const ELSEWHERE: &str = "elsewhere";

/// Whatever it takes never gets a place in a room.
const ROBBED: &str = "a consumer that is no server of this history takes messages away from the queue `messages`: find it on \
                      RabbitMQ's management page and end it";

/// Strangers reach it.
const EXPOSED: &str = "whoever reaches this server gets in under any name, and other machines do: set DUET_ACCESS=closed where that is \
                       not meant";

/// What one gives out, another refuses.
const ESTRANGED: &str = "another server of this history signs tokens by a key that this one does not know: give all of them the same \
                         SECRET_KEY, or this one the other key as SECRET_KEY_PREVIOUS";

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    OK
}

/// Messages can be accepted and reach their rooms.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "They can; `detail` says what is to be seen to all the same", body = Readiness),
        (status = 503, description = "They cannot; `detail` says why"),
    )
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Readiness>, ApiError> {
    if app.departure.is_announced() {
        return Err(ApiError::Unavailable("draining: this server is about to stop".to_owned()));
    }
    let (intake, robbed) = match app.broker.state() {
        BrokerState::NotReady(reason) => return Err(ApiError::Unavailable(reason)),
        BrokerState::StandingBy => (ELSEWHERE, None),
        BrokerState::Robbed => (HERE, Some(ROBBED)),
        BrokerState::Ready => (HERE, None),
    };
    if !app.hub.is_open() {
        return Err(ApiError::Unavailable("this server holds no lease among those that share its history".to_owned()));
    }
    match app.history.trouble() {
        Some(trouble) => Err(ApiError::Unavailable(trouble)),
        None => {
            let details: Vec<&str> =
                [robbed, app.is_exposed.then_some(EXPOSED), (!app.gate.knows_all_keys()).then_some(ESTRANGED)]
                    .into_iter()
                    .flatten()
                    .collect();
            let detail = (!details.is_empty()).then(|| details.join("; "));
            Ok(Json(Readiness { status: "ok", intake, detail }))
        }
    }
}
