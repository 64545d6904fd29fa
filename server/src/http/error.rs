//! The only place that turns errors into answers: problem details (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::error::{ErrorCode, Problem};
use shared::names::NameError;

use crate::access::invites::{MAX_PENDING, Refusal};
use crate::access::store::StoreError;
use crate::access::tokens::TokenError;
use crate::broker::PublishError;
use crate::history::HistoryError;
use crate::http::limiter::TooMany;
use crate::hub::JoinError;

/// The media type of every answer that is not a success.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// When to try again what could not be accepted, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Everything a route may answer that is not a success.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("send the header Authorization: Bearer with a token from POST /generate-token")]
    TokenMissing,
    #[error(
        "this server lets in whom it has invited: ask somebody in the room for an invite (tui-client invite ROOM --for NAME), or \
         whoever keeps the server (duet-server invite ROOM --for NAME)"
    )]
    InviteRequired,
    #[error(
        "that is neither an invite, nor a refresh token, nor the issuer key of this server: send one of them as \
         Authorization: Bearer"
    )]
    IssuerKeyInvalid,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Invite(#[from] Refusal),
    #[error("you are no member of this room any more: ask for a new invite")]
    RefreshInvalid,
    #[error("it is for another name: ask under your own")]
    WrongUser,
    #[error("no invite of this room that can still be used has that id")]
    NoSuchInvite,
    #[error("{MAX_PENDING} invites of this room wait to be used: take some back, or wait until they have expired")]
    TooManyInvites,
    #[error("there is no such route: see /docs")]
    NotFound,
    #[error("this route does not take that method: see /docs")]
    MethodNotAllowed,
    #[error("the body did not arrive within {0} seconds: send it again")]
    RequestTimeout(u64),
    #[error("{what} is larger than {max} bytes: send less at a time")]
    TooLarge { what: &'static str, max: usize },
    #[error("send the body as JSON, with the header Content-Type: application/json")]
    UnsupportedMediaType,
    #[error("{0}")]
    InvalidBody(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("this route speaks WebSocket: connect to it with a WebSocket client ({0})")]
    UpgradeRequired(String),
    #[error("pages of this origin may not use this server: name it in DUET_ALLOWED_ORIGINS")]
    OriginRefused,
    #[error("there are as many connections of this address as there may be: close some, or come back later")]
    TooManyConnections,
    #[error(transparent)]
    TooManyRequests(TooMany),
    #[error("something went wrong on our side: the server's log says what")]
    Internal,
    #[error("{0}")]
    Unavailable(String),
}

impl ApiError {
    /// The body of the answer.
    pub(super) fn problem(&self) -> Problem {
        let code = self.code();
        let (status, title) = status_and_title(code);
        let name =
            serde_json::to_value(code).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        Problem {
            kind: format!("urn:duet:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            code,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::TokenMissing => ErrorCode::TokenMissing,
            Self::InviteRequired => ErrorCode::InviteRequired,
            Self::IssuerKeyInvalid => ErrorCode::IssuerKeyInvalid,
            Self::Token(TokenError::Invalid | TokenError::TooLong(_)) => ErrorCode::TokenInvalid,
            Self::Token(TokenError::Expired) => ErrorCode::TokenExpired,
            Self::Token(TokenError::Revoked) => ErrorCode::TokenRevoked,
            Self::Token(TokenError::WrongRoom) => ErrorCode::WrongRoom,
            Self::Invite(Refusal::Invalid) => ErrorCode::InviteInvalid,
            Self::Invite(Refusal::Used) => ErrorCode::InviteUsed,
            Self::Invite(Refusal::Expired) => ErrorCode::InviteExpired,
            Self::Invite(Refusal::WrongRoom) => ErrorCode::WrongRoom,
            Self::Invite(Refusal::WrongUser) | Self::WrongUser => ErrorCode::WrongUser,
            Self::RefreshInvalid => ErrorCode::RefreshInvalid,
            Self::TooManyInvites => ErrorCode::TooManyInvites,
            Self::NotFound | Self::NoSuchInvite => ErrorCode::NotFound,
            Self::MethodNotAllowed => ErrorCode::MethodNotAllowed,
            Self::RequestTimeout(_) => ErrorCode::RequestTimeout,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
            Self::InvalidBody(_) => ErrorCode::InvalidBody,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::UpgradeRequired(_) => ErrorCode::UpgradeRequired,
            Self::OriginRefused => ErrorCode::OriginRefused,
            Self::TooManyConnections => ErrorCode::TooManyConnections,
            Self::TooManyRequests(_) => ErrorCode::TooManyRequests,
            Self::Internal => ErrorCode::Internal,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }
}

/// The status and the title of a code. Both are part of the protocol.
fn status_and_title(code: ErrorCode) -> (StatusCode, &'static str) {
    match code {
        ErrorCode::TokenMissing => (StatusCode::UNAUTHORIZED, "A token is needed"),
        ErrorCode::TokenInvalid => (StatusCode::UNAUTHORIZED, "The token is not valid"),
        ErrorCode::TokenExpired => (StatusCode::UNAUTHORIZED, "The token has expired"),
        ErrorCode::TokenRevoked => (StatusCode::UNAUTHORIZED, "The token has been revoked"),
        ErrorCode::InviteRequired => (StatusCode::UNAUTHORIZED, "An invite is needed"),
        ErrorCode::IssuerKeyInvalid => (StatusCode::UNAUTHORIZED, "The issuer key is not valid"),
        ErrorCode::InviteInvalid => (StatusCode::UNAUTHORIZED, "There is no such invite"),
        ErrorCode::InviteUsed => (StatusCode::UNAUTHORIZED, "The invite has been used"),
        ErrorCode::InviteExpired => (StatusCode::UNAUTHORIZED, "The invite has expired"),
        ErrorCode::RefreshInvalid => (StatusCode::UNAUTHORIZED, "Not a member any more"),
        ErrorCode::WrongUser => (StatusCode::FORBIDDEN, "For another name"),
        ErrorCode::TooManyInvites => (StatusCode::CONFLICT, "Too many invites"),
        ErrorCode::WrongRoom => (StatusCode::FORBIDDEN, "The token is for another room"),
        ErrorCode::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        ErrorCode::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        ErrorCode::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "The request took too long"),
        ErrorCode::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        ErrorCode::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON"),
        ErrorCode::InvalidBody => (StatusCode::UNPROCESSABLE_ENTITY, "The body is not what the schema says"),
        ErrorCode::InvalidRequest => (StatusCode::UNPROCESSABLE_ENTITY, "The request is not what the schema says"),
        ErrorCode::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "A WebSocket is needed"),
        ErrorCode::OriginRefused => (StatusCode::FORBIDDEN, "The origin is not allowed"),
        ErrorCode::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "Too many connections"),
        ErrorCode::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        ErrorCode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Not available now"),
        ErrorCode::Internal | ErrorCode::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}

/// A header that goes with an error.
fn header(error: &ApiError) -> Option<(HeaderName, HeaderValue)> {
    if let ApiError::TooManyRequests(many) = error {
        return Some((RETRY_AFTER, many.wait_seconds().into()));
    }
    match error.code() {
        ErrorCode::TokenMissing | ErrorCode::InviteRequired => {
            Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
        }
        ErrorCode::InviteInvalid
        | ErrorCode::InviteUsed
        | ErrorCode::InviteExpired
        | ErrorCode::RefreshInvalid
        | ErrorCode::TokenInvalid
        | ErrorCode::TokenExpired
        | ErrorCode::TokenRevoked
        | ErrorCode::IssuerKeyInvalid => {
            Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")))
        }
        ErrorCode::UpgradeRequired => Some((UPGRADE, HeaderValue::from_static("websocket"))),
        ErrorCode::TooManyConnections | ErrorCode::Unavailable => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
        ErrorCode::WrongRoom
        | ErrorCode::OriginRefused
        | ErrorCode::WrongUser
        | ErrorCode::TooManyInvites
        | ErrorCode::NotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::RequestTimeout
        | ErrorCode::TooLarge
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::InvalidBody
        | ErrorCode::InvalidRequest
        | ErrorCode::TooManyRequests
        | ErrorCode::Internal
        | ErrorCode::Unknown => None,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _) = status_and_title(self.code());
        let mut response = (status, Json(self.problem())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().extend(header(&self));
        // For the metrics.
        response.extensions_mut().insert(self.code());
        response
    }
}

impl From<NameError> for ApiError {
    /// Of a name that is not in a body.
    fn from(error: NameError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        Self::Unavailable(format!("the room cannot be read now ({error})"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(format!("nobody can be let in now ({error})"))
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        match error {
            // Callers turn a full room into a close code; over HTTP there is no way in either.
            JoinError::Full => Self::Unavailable("the room is full".to_owned()),
            JoinError::TooManyRooms => Self::Unavailable(
                "there are people in as many rooms as this server takes (DUET_MAX_ROOMS): try again later".to_owned(),
            ),
            JoinError::Unavailable => Self::Unavailable("the room cannot be entered now".to_owned()),
        }
    }
}
