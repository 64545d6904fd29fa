//! Swagger UI at `/docs` and the OpenAPI document behind it, both from within the program.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use shared::error::{ErrorCode, Problem};
use shared::rest::MAX_CONTENT_BYTES;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

use crate::access::tokens::TokenError;
use crate::http::error::{ApiError, PROBLEM_JSON};
use crate::http::limiter::TooMany;
use crate::http::{health, history, invites, members, message, room, search, token, updates};
use crate::limits::Usual;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Duet",
        description = "Chat for two people and the programs they let speak. Every error is `application/problem+json` \
            (RFC 9457) with a stable `code`. Formats that begin with `duet-` are texts by rules of their own: see \
            `docs/protocol.md`. Lengths are bytes of UTF-8.",
        license(name = "MIT", identifier = "MIT"),
    ),
    paths(
        token::generate_token,
        message::post_message,
        updates::updates,
        room::room,
        history::messages,
        search::search,
        invites::invite,
        invites::pending,
        invites::withdraw,
        members::revoke,
        health::healthz,
        health::readyz,
    ),
    components(schemas(Problem, ErrorCode)),
    modifiers(&Token, &Problems),
    tags(
        (name = "tokens", description = "Who may enter"),
        (name = "messages", description = "What is said"),
        (name = "updates", description = "What is heard"),
        (name = "rooms", description = "Who is there"),
        (name = "operation", description = "For whoever watches over the server"),
    ),
)]
struct Documented;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let issuer =
            Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("The issuer key of a closed server"));
        components.add_security_scheme("issuer", SecurityScheme::Http(issuer.build()));
    }
}

/// Gives every documented error its schema and an example: the answer that it really has.
struct Problems;

impl Modify for Problems {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let operations = openapi
            .paths
            .paths
            .values_mut()
            .flat_map(|path| [&mut path.get, &mut path.post, &mut path.delete])
            .flatten();
        for (status, response) in operations.flat_map(|operation| &mut operation.responses.responses) {
            if let (RefOr::T(response), Some(error)) = (response, example(status)) {
                let content = Content::builder().schema(Some(Ref::from_schema_name("Problem")));
                let content = content.example(serde_json::to_value(error.problem()).ok()).build();
                response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(content));
            }
        }
    }
}

/// An error that is answered with this status.
fn example(status: &str) -> Option<ApiError> {
    match status {
        "401" => Some(TokenError::Expired.into()),
        "403" => Some(TokenError::WrongRoom.into()),
        "404" => Some(ApiError::NoSuchInvite),
        "409" => Some(ApiError::TooManyInvites),
        "408" => Some(ApiError::RequestTimeout(30)),
        "413" => Some(ApiError::TooLarge { what: "the content", max: MAX_CONTENT_BYTES }),
        "415" => Some(ApiError::UnsupportedMediaType),
        "422" => Some(ApiError::InvalidBody("missing field `content` at line 1 column 19".to_owned())),
        "426" => Some(ApiError::UpgradeRequired("Connection header did not include 'upgrade'".to_owned())),
        "429" => Some(ApiError::TooManyRequests(TooMany {
            what: "posts to the room",
            rate: Usual::Sane.rates().posts_per_room?,
            wait: Duration::from_secs(1),
        })),
        "503" => Some(ApiError::Unavailable("RabbitMQ is not reachable: connection refused".to_owned())),
        _ => None,
    }
}

#[expect(clippy::expect_used, reason = "the document is made of constants; a test reads it")]
static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Documented::openapi().to_pretty_json().expect("the OpenAPI document can be written as JSON"));

static UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

/// The OpenAPI document.
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// What the page may load and do: what is its own. Swagger UI writes styles into its elements, and has pictures in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page. Served here and not at `/docs/`, because clients of the first system do not follow redirects to it.
pub(super) async fn page() -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, Html(include_str!("docs.html"))).into_response()
}

/// What the page loads.
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, ApiError> {
    // The library has pages of its own, which would come without the policy of ours.
    if file.ends_with(".html") {
        return Err(ApiError::NotFound);
    }
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&UI)).ok().flatten().ok_or(ApiError::NotFound)?;
    let headers = [(CONTENT_TYPE, found.content_type), (CACHE_CONTROL, "max-age=86400".to_owned())];
    Ok((headers, found.bytes.into_owned()).into_response())
}
