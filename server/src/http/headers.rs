//! What is read of a request's headers. Pure.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use shared::names::MessageId;
use shared::rest::{HANDLING_STRICT, IDEMPOTENCY_KEY, PREFER};

/// The token of `Authorization: Bearer` (RFC 6750 §2.1), if there is one.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The client's `Idempotency-Key`, if it has one.
///
/// # Errors
/// When it cannot be one: a sentence that says why.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<MessageId>, String> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().map_err(|_| format!("{IDEMPOTENCY_KEY} is not ASCII text"))?;
    // The draft writes it as a quoted string; most clients do not.
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    MessageId::new(text).map(Some).map_err(|e| format!("{IDEMPOTENCY_KEY}: {e}"))
}

/// Whether the body is said to be JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether a token that is not valid is to be refused instead of passed over.
#[must_use]
pub fn is_strict(headers: &HeaderMap) -> bool {
    let prefers = |value: &str| value.split(',').any(|wish| wish.trim().eq_ignore_ascii_case(HANDLING_STRICT));
    headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok()).any(prefers)
}
