//! Tokens for those who show an invite or a refresh token.

use axum::http::HeaderMap;
use jsonwebtoken::errors::Error;
use shared::rest::{TokenAnswer, TokenRequest};
use tracing::error;

use crate::access::codes::{self, Digest};
use crate::access::invites::{Attempt, later};
use crate::clock;
use crate::http::App;
use crate::http::error::ApiError;
use crate::http::headers::idempotency_key;

/// Exchanges an invite for a refresh token and a first token. Who repeats it with the same `Idempotency-Key` gets the same.
pub(super) async fn redeem(
    app: &App,
    headers: &HeaderMap,
    invite: &str,
    request: TokenRequest,
) -> Result<TokenAnswer, ApiError> {
    let key = match idempotency_key(headers).map_err(ApiError::InvalidRequest)? {
        Some(key) => key.as_str().to_owned(),
        None => codes::nonce().map_err(|_| ApiError::Internal)?,
    };
    let refresh = app.tokens.refresh_token(invite, &key).map_err(not_made)?;
    // Before the exchange: a revocation that comes behind it is later than the token.
    let now = app.store.now().await?;
    let attempt = Attempt {
        room: request.room_id.clone(),
        user: request.username.clone(),
        refresh: refresh.digest(),
        now,
        member_until: later(now, app.member_for),
    };
    app.store.redeem(Digest::of(invite), attempt).await??;
    let token = app.tokens.issue(request, now).map_err(not_made)?;
    Ok(TokenAnswer { token, refresh_token: Some(refresh.expose().to_owned()) })
}

/// Gives a token to a member.
pub(super) async fn refresh(app: &App, refresh: &str, request: TokenRequest) -> Result<TokenAnswer, ApiError> {
    let now = app.store.now().await?;
    let member = app.store.refresh(Digest::of(refresh), now, later(now, app.member_for)).await?;
    let member = member.ok_or(ApiError::RefreshInvalid)?;
    if member.room != request.room_id {
        return Err(crate::access::invites::Refusal::WrongRoom.into());
    }
    if member.user != request.username {
        return Err(ApiError::WrongUser);
    }
    let token = app.tokens.issue(request, now).map_err(not_made)?;
    Ok(TokenAnswer { token, refresh_token: None })
}

/// Gives a token to whoever a program of the operator's vouches for, and on an open server to whoever asks.
pub(super) async fn issue(app: &App, request: TokenRequest) -> Result<TokenAnswer, ApiError> {
    let ours = clock::timestamp();
    // On an open server it makes no difference who was sent away. A closed one goes on where the store does not answer.
    let now = if app.gate.is_closed() { app.store.now().await.unwrap_or(ours) } else { ours };
    let token = app.tokens.issue(request, now).map_err(not_made)?;
    Ok(TokenAnswer { token, refresh_token: None })
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn not_made(error: Error) -> ApiError {
    error!(%error, "a token could not be made");
    ApiError::Internal
}
