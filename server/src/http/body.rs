//! Reads a JSON body: of the right type, within its limit, in time, and what the schema says.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use shared::names::NameError;

use crate::http::error::ApiError;
use crate::http::headers::is_json;

/// How long a body may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a body that is too large is still read, so that its sender gets to hear the answer instead of a broken
/// connection.
const READ_IN_VAIN: usize = 4 * 1024 * 1024;

/// Reads and decodes a body of at most `max` bytes.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body, max: usize) -> Result<T, ApiError> {
    // Asked for by name, because a web page may send anything else across origins without being asked first.
    if !is_json(headers) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let bytes = tokio::time::timeout(TIMEOUT, read(body, max))
        .await
        .map_err(|_| ApiError::RequestTimeout(TIMEOUT.as_secs()))??;
    decode(&bytes).map_err(ApiError::InvalidBody)
}

/// Decodes a body.
///
/// # Errors
/// When it is not an object of JSON that the schema allows: a sentence that says where.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // serde takes an array for a structure as well.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

/// Says that a name of a body is longer than may be here.
pub(super) fn too_long(error: NameError) -> ApiError {
    ApiError::InvalidBody(error.to_string())
}

async fn read(body: Body, max: usize) -> Result<Bytes, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut all = BytesMut::new();
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| ApiError::InvalidBody(format!("the body broke off ({e})")))?;
        length += chunk.len();
        if length <= max {
            all.extend_from_slice(&chunk);
        } else if length > max + READ_IN_VAIN {
            break;
        }
    }
    if length > max { Err(ApiError::TooLarge { what: "the body", max }) } else { Ok(all.freeze()) }
}
