//! `GET /rooms/{room_id}/messages`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use shared::message::Seq;
use shared::rest::{HistoryPage, MAX_PAGE};

use crate::history::Span;
use crate::http::App;
use crate::http::admitted::Admitted;
use crate::http::error::ApiError;

/// How many messages a page holds when nothing is asked.
const DEFAULT_PAGE: u32 = 100;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    after: Option<Seq>,
    before: Option<Seq>,
    limit: Option<u32>,
}

/// Reads a page of a room's messages, in the order of their places.
#[utoipa::path(
    get,
    path = "/rooms/{room_id}/messages",
    tag = "messages",
    params(
        ("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1"),
        ("after" = Option<u64>, Query, format = "uint64", maximum = 18446744073709551615usize, description = "The first messages after this place"),
        ("before" = Option<u64>, Query, format = "uint64", maximum = 18446744073709551615usize, description = "The last messages before this place; not together with `after`"),
        ("limit" = Option<u32>, Query, description = "At most this many, 1 to 500; 100 when absent",
            minimum = 1, maximum = 500, example = 100),
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "The messages; without `after` and `before` the newest", body = HistoryPage),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 422, description = "The path or the query is not what the schema says"),
        (status = 503, description = "History cannot be read now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn messages(
    State(app): State<Arc<App>>,
    Admitted { room_id, .. }: Admitted,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<HistoryPage>, ApiError> {
    let Query(asked) = asked.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    let span = match (asked.after, asked.before) {
        (None, None) => Span::Newest,
        (Some(after), None) => Span::After(after),
        (None, Some(before)) => Span::Before(before),
        (Some(_), Some(_)) => {
            return Err(ApiError::InvalidRequest("give after or before, not both".to_owned()));
        }
    };
    let limit = asked.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::InvalidRequest(format!("limit is {limit}: give 1 to {MAX_PAGE}")));
    }
    let page = app.history.page(&room_id, span, limit).await?;
    let epoch = app.history.epoch().to_owned();
    Ok(Json(HistoryPage { room_id, epoch, head: page.head, messages: page.messages }))
}
