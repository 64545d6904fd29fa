//! Who may do something in a room: the room of the path, and the token for it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use shared::names::{RoomId, Username};

use crate::http::error::ApiError;
use crate::http::{App, bearer};

/// A caller with a token for the room of the path.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) room_id: RoomId,
    pub(super) user: Username,
}

impl FromRequestParts<Arc<App>> for Admitted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let room = Path::<RoomId>::from_request_parts(parts, app).await;
        let Path(room_id) = room.map_err(|e| ApiError::InvalidRequest(e.body_text()))?;
        let token = bearer(&parts.headers).ok_or(ApiError::TokenMissing)?;
        let user = app.tokens.check_for(token, &room_id)?.username;
        Ok(Self { room_id, user })
    }
}
