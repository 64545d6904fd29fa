//! Who may do something in a room: the room of the path, and the token for it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use jiff::Timestamp;
use shared::names::{RoomId, Username};

use crate::access::tokens::Claims;
use crate::http::App;
use crate::http::error::ApiError;
use crate::http::headers::bearer;

/// A caller with a token for the room of the path.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) room_id: RoomId,
    pub(super) user: Username,
    pub(super) claims: Claims,
}

impl FromRequestParts<Arc<App>> for Admitted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let room_id = room(parts, app).await?;
        room_id.at_most(app.gate.lengths().room)?;
        let token = bearer(&parts.headers).ok_or(ApiError::TokenMissing)?;
        let claims = app.gate.check_for(token, &room_id)?;
        Ok(Self { room_id, user: claims.username.clone(), claims })
    }
}

/// Who may say who comes into the room of the path and who stays: somebody with a token for it, or the operator's own programs.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) room_id: RoomId,
    /// `None` for the operator.
    pub(super) user: Option<Username>,
    /// When their token was made, if it says so.
    pub(super) issued_at: Option<Timestamp>,
}

impl FromRequestParts<Arc<App>> for Keeper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if bearer(&parts.headers).is_some_and(|key| app.gate.is_issuer(key)) {
            return Ok(Self { room_id: room(parts, app).await?, user: None, issued_at: None });
        }
        let Admitted { room_id, user, claims } = Admitted::from_request_parts(parts, app).await?;
        Ok(Self { room_id, user: Some(user), issued_at: claims.issued_at() })
    }
}

/// The room of the path, which may have more parts.
async fn room(parts: &mut Parts, app: &Arc<App>) -> Result<RoomId, ApiError> {
    #[derive(serde::Deserialize)]
    struct InPath {
        room_id: RoomId,
    }
    let path = Path::<InPath>::from_request_parts(parts, app).await;
    Ok(path.map_err(|e| ApiError::InvalidRequest(e.body_text()))?.0.room_id)
}
