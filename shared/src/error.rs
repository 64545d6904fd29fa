//! Errors as a program sees them: problem details (RFC 9457) with a stable code.

use serde::{Deserialize, Serialize};

/// What a program may branch on. Codes are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ErrorCode {
    /// 401: no `Authorization: Bearer` header.
    TokenMissing,
    /// 401: the token is malformed, forged, or lacks a claim.
    TokenInvalid,
    /// 401: the token was good and is no longer; get a new one.
    TokenExpired,
    /// 403: the token is for another room.
    WrongRoom,
    /// 404: there is no such route.
    NotFound,
    /// 405: the route exists, but not for this method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 413: the content or the whole body is past its limit.
    TooLarge,
    /// 415: the body is not `application/json`.
    UnsupportedMediaType,
    /// 422: the body is not what the schema says.
    InvalidBody,
    /// 422: the path, the query or a header is not what the schema says.
    InvalidRequest,
    /// 426: this route speaks WebSocket only.
    UpgradeRequired,
    /// 500: our fault; the log has more.
    Internal,
    /// 503: messages cannot be accepted or read now; try again after `Retry-After` seconds.
    Unavailable,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}

/// The body of every answer that is not a success, sent as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI for this kind of problem: `urn:duet:problem:` and the code.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "urn:duet:problem:invalid_body"))]
    pub kind: String,
    /// The kind in words, always the same for a code.
    #[cfg_attr(feature = "openapi", schema(example = "The body is not what the schema says"))]
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(example = 422))]
    pub status: u16,
    /// What happened this time, and what to do next.
    #[cfg_attr(feature = "openapi", schema(example = "missing field `content` at line 1 column 19"))]
    pub detail: String,
    /// What a program may branch on.
    #[cfg_attr(feature = "openapi", schema(example = "invalid_body"))]
    pub code: ErrorCode,
}
