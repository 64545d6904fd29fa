//! The only place that turns errors into answers: problem details (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::error::{ErrorCode, Problem};
use shared::names::NameError;

use crate::access::tokens::TokenError;
use crate::broker::PublishError;
use crate::history::HistoryError;
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
    #[error(transparent)]
    Token(#[from] TokenError),
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
            Self::Token(TokenError::Invalid) => ErrorCode::TokenInvalid,
            Self::Token(TokenError::Expired) => ErrorCode::TokenExpired,
            Self::Token(TokenError::WrongRoom) => ErrorCode::WrongRoom,
            Self::NotFound => ErrorCode::NotFound,
            Self::MethodNotAllowed => ErrorCode::MethodNotAllowed,
            Self::RequestTimeout(_) => ErrorCode::RequestTimeout,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
            Self::InvalidBody(_) => ErrorCode::InvalidBody,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::UpgradeRequired(_) => ErrorCode::UpgradeRequired,
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
        ErrorCode::WrongRoom => (StatusCode::FORBIDDEN, "The token is for another room"),
        ErrorCode::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        ErrorCode::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        ErrorCode::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "The request took too long"),
        ErrorCode::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        ErrorCode::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON"),
        ErrorCode::InvalidBody => (StatusCode::UNPROCESSABLE_ENTITY, "The body is not what the schema says"),
        ErrorCode::InvalidRequest => (StatusCode::UNPROCESSABLE_ENTITY, "The request is not what the schema says"),
        ErrorCode::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "A WebSocket is needed"),
        ErrorCode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Not available now"),
        ErrorCode::Internal | ErrorCode::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}

/// A header that goes with a code.
fn header(code: ErrorCode) -> Option<(HeaderName, HeaderValue)> {
    match code {
        ErrorCode::TokenMissing => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        ErrorCode::TokenInvalid | ErrorCode::TokenExpired => {
            Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")))
        }
        ErrorCode::UpgradeRequired => Some((UPGRADE, HeaderValue::from_static("websocket"))),
        ErrorCode::Unavailable => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
        ErrorCode::WrongRoom
        | ErrorCode::NotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::RequestTimeout
        | ErrorCode::TooLarge
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::InvalidBody
        | ErrorCode::InvalidRequest
        | ErrorCode::Internal
        | ErrorCode::Unknown => None,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _) = status_and_title(self.code());
        let mut response = (status, Json(self.problem())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().extend(header(self.code()));
        response
    }
}

impl From<NameError> for ApiError {
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

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        match error {
            // Callers turn a full room into a close code; over HTTP there is no way in either.
            JoinError::Full => Self::Unavailable("the room is full".to_owned()),
            JoinError::Unavailable => Self::Unavailable("the room cannot be entered now".to_owned()),
        }
    }
}
