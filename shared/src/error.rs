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
    /// 401: its user may not be in the room any more, or not by a token as old as this one.
    TokenRevoked,
    /// 401: a closed server gives tokens to those it has invited, and to the operator's own programs, alone.
    InviteRequired,
    /// 401: what was shown for a token is neither an invite, nor a refresh token, nor the issuer key.
    IssuerKeyInvalid,
    /// 401: there is no such invite.
    InviteInvalid,
    /// 401: somebody has used the invite.
    InviteUsed,
    /// 401: the invite's time is over.
    InviteExpired,
    /// 401: the refresh token is over or revoked, or never was one.
    RefreshInvalid,
    /// 403: the token is for another room.
    WrongRoom,
    /// 403: a web page of another origin may not do this.
    OriginRefused,
    /// 403: what was shown is for another name.
    WrongUser,
    /// 404: there is no such route.
    NotFound,
    /// 405: the route exists, but not for this method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 409: the room has too many invites that nobody has used.
    TooManyInvites,
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
    /// 429: there are as many connections of this address as there may be.
    TooManyConnections,
    /// 429: more often than is allowed; try again after `Retry-After` seconds.
    TooManyRequests,
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
