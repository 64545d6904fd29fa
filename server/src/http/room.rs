//! `GET /rooms/{room_id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use shared::rest::RoomAnswer;

use crate::history::Span;
use crate::http::App;
use crate::http::admitted::Admitted;
use crate::http::error::ApiError;

/// Says who is in a room and what they are. It takes no seat.
#[utoipa::path(
    get,
    path = "/rooms/{room_id}",
    tag = "rooms",
    params(("room_id" = String, Path, description = "The room", format = "duet-room", min_length = 1, max_length = 128,
            example = "room1")),
    security(("token" = [])),
    responses(
        (status = 200, description = "Who is there", body = RoomAnswer),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token is for another room"),
        (status = 422, description = "The path is not what the schema says"),
        (status = 503, description = "The room cannot be read now; try again after `Retry-After` seconds"),
    )
)]
pub(super) async fn room(
    State(app): State<Arc<App>>,
    Admitted { room_id, .. }: Admitted,
) -> Result<Json<RoomAnswer>, ApiError> {
    let occupants = app.hub.occupants(room_id.clone()).await?;
    let head = app.history.page(&room_id, Span::Newest, 0).await?.head;
    Ok(Json(RoomAnswer { room_id, head, occupants }))
}
