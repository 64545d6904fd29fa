//! `GET /rooms/{room_id}/search`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use shared::message::Seq;
use shared::rest::{MAX_FOUND, SearchPage};
use shared::search::{self, MAX_QUERY_BYTES, MAX_QUERY_WORDS};

use crate::http::App;
use crate::http::admitted::Admitted;
use crate::http::error::ApiError;

/// How many messages a page holds when nothing is asked.
const DEFAULT_FOUND: u32 = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    q: String,
    before: Option<Seq>,
    limit: Option<u32>,
}

/// Looks through the whole history of a room for messages in which every word of `q` occurs, at least as the beginning of a
/// word.
#[utoipa::path(
    get,
    path = "/rooms/{room_id}/search",
    tag = "messages",
    params(
        ("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1"),
        ("q" = String, Query, description = "Up to 8 different words, and 256 bytes", format = "duet-words",
            min_length = 1, max_length = 256, example = "deploy"),
        ("before" = Option<u64>, Query, format = "uint64", maximum = 18446744073709551615usize, description = "Only messages before this place"),
        ("limit" = Option<u32>, Query, description = "At most this many, 1 to 100; 50 when absent",
            minimum = 1, maximum = 100, example = 50),
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "The newest that were found; `earlier` says where to search on", body = SearchPage),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 422, description = "The path or the query is not what the schema says"),
        (status = 503, description = "History cannot be read now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    Admitted { room_id, .. }: Admitted,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<SearchPage>, ApiError> {
    let Query(Asked { q, before, limit }) = asked.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
    if q.len() > MAX_QUERY_BYTES {
        return Err(ApiError::InvalidRequest(format!("q is longer than {MAX_QUERY_BYTES} bytes: ask for less")));
    }
    let Some(query) = search::Query::new(&q) else {
        return Err(ApiError::InvalidRequest("q has no letter and no digit in it: give a word to look for".to_owned()));
    };
    if query.words().len() > MAX_QUERY_WORDS {
        return Err(ApiError::InvalidRequest(format!(
            "q has more than {MAX_QUERY_WORDS} different words: ask for fewer"
        )));
    }
    let limit = limit.unwrap_or(DEFAULT_FOUND);
    if !(1..=MAX_FOUND).contains(&limit) {
        return Err(ApiError::InvalidRequest(format!("limit is {limit}: give 1 to {MAX_FOUND}")));
    }
    let found = app.history.search(&room_id, query, before, limit).await?;
    let epoch = app.history.epoch().to_owned();
    Ok(Json(SearchPage { room_id, epoch, messages: found.messages, earlier: found.earlier }))
}
