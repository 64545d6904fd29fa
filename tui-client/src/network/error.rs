//! Why a request came to nothing, told apart by what the caller can do about it. Pure.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use shared::error::{ErrorCode, Problem};

/// Why there is a wait after [`ApiError::TooOften`], in a few words.
pub(crate) const TOO_OFTEN: &str = "asked too often";

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer: try again later. In a few words.
    #[error("{0}")]
    Unreachable(String),
    /// The server cannot do it now: try again later.
    #[error("{detail}")]
    Busy {
        /// A few words.
        words: String,
        /// The server's sentence.
        detail: String,
        /// When it asks to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server can do it, and we ask too often: ask the same one again when it says, for others count with it.
    #[error("{detail}")]
    TooOften {
        /// The server's sentence.
        detail: String,
        /// When it asks to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server does not take the token it gave a moment ago. Its sentence.
    #[error("{0}")]
    Token(String),
    /// A closed server gives us no token. A sentence that says whom to ask.
    #[error("{0}")]
    Uninvited(String),
    /// What was asked was not even looked at: something else than a Duet server answers here, such as the login page of a
    /// hotel, or the server gives no token. A sentence that says what to do.
    #[error("{0}")]
    Unheard(String),
    /// Trying again changes nothing: a sentence that says what to do.
    #[error("{0}")]
    Refused(String),
}

impl ApiError {
    /// Whether another server that is one with this one may have another answer.
    pub(crate) fn may_differ_elsewhere(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy { .. } | Self::Token(_) | Self::Unheard(_) => true,
            Self::TooOften { .. } | Self::Uninvited(_) | Self::Refused(_) => false,
        }
    }

    /// A refusal of something that only came before what was asked.
    pub(crate) fn before_the_request(self) -> Self {
        match self {
            Self::Refused(sentence) => Self::Unheard(sentence),
            Self::Unreachable(_)
            | Self::Busy { .. }
            | Self::TooOften { .. }
            | Self::Token(_)
            | Self::Uninvited(_)
            | Self::Unheard(_) => self,
        }
    }
}

/// What an answer that is no success means for the caller.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, problem: Option<&Problem>) -> ApiError {
    let sentence = || match problem {
        Some(problem) => problem.detail.clone(),
        None => format!("the server answers {status}: is this the right --server?"),
    };
    let retry_after = header(headers, RETRY_AFTER).and_then(|s| s.parse().ok()).map(Duration::from_secs);
    match status.as_u16() {
        401 if problem.is_some_and(|problem| is_about_admission(problem.code)) => ApiError::Uninvited(sentence()),
        401 => ApiError::Token(sentence()),
        // Proxies say it without a problem document. For too many connections another server may have room.
        429 if problem.is_none_or(|problem| problem.code != ErrorCode::TooManyConnections) => {
            let detail = problem.map_or_else(|| "the server was asked too often".to_owned(), |it| it.detail.clone());
            ApiError::TooOften { detail, retry_after }
        }
        // Those from 520 on are of proxies that have lost the server, or its answer.
        408 | 429 | 500 | 502..=504 | 520..=530 => ApiError::Busy {
            words: if status == 500 { "server error" } else { "server busy" }.to_owned(),
            detail: sentence(),
            retry_after,
        },
        300..=399 => {
            let there = header(headers, LOCATION).unwrap_or("another address");
            ApiError::Unheard(format!("the server has moved to {there}: give that to --server"))
        }
        // Without Duet's problem document they do not speak of the request, but of the way to the server.
        403..=405 | 407 | 511 if problem.is_none() => ApiError::Unheard(sentence()),
        _ => ApiError::Refused(sentence()),
    }
}

/// Whether it says that no token is given to whoever shows what we did, or nothing.
fn is_about_admission(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::InviteRequired
            | ErrorCode::IssuerKeyInvalid
            | ErrorCode::InviteInvalid
            | ErrorCode::InviteUsed
            | ErrorCode::InviteExpired
            | ErrorCode::RefreshInvalid
    )
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// What a request without an answer means for the caller.
pub(crate) fn unanswered(error: &reqwest::Error) -> ApiError {
    match error.url() {
        Some(url) if speaks_no_tls(error) => {
            let host = host_and_port(url);
            ApiError::Unheard(format!("no TLS is spoken at {host}: try --server http://{host}"))
        }
        Some(url) if is_from_a_stranger(error) => ApiError::Unheard(format!(
            "nobody whom this machine trusts vouches for the certificate of {}: name the file of its authority with --ca FILE; or is it another server?",
            host_and_port(url)
        )),
        Some(_) | None => ApiError::Unreachable(words(error)),
    }
}

/// Whether what came back to a TLS handshake was something else.
fn speaks_no_tls(error: &(dyn Error + 'static)) -> bool {
    // rustls hides behind types of other crates.
    std::iter::successors(Some(error), |&error| error.source())
        .any(|error| error.to_string().contains("InvalidContentType"))
}

/// Whether the certificate is signed by nobody we know.
fn is_from_a_stranger(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| error.to_string().contains("UnknownIssuer"))
}

/// What has no route for a token is no Duet server.
pub(crate) fn not_duets(server: &Url, status: StatusCode) -> ApiError {
    let what_to_try = match server.path() {
        "/" => "is a path missing behind it, or is it another --server?".to_owned(),
        _ => format!("try --server {}", server.origin().ascii_serialization()),
    };
    ApiError::Unheard(format!("there is no Duet server at {server} (it answers {status}): {what_to_try}"))
}

/// Where a server is, for a person.
pub(crate) fn host_and_port(server: &Url) -> String {
    let host = server.host_str().unwrap_or_default();
    server.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why there is no answer, in the few words that fit a status line.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(words) = io_words(error) {
            return words.to_owned();
        }
        source = error.source();
    }
    "connection broken".to_owned()
}

fn io_words(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
        return Some("timed out");
    }
    // hyper and rustls hide these two behind types of their own.
    let text = error.to_string();
    if text.contains("dns error") || text.contains("lookup address") {
        return Some("name not found");
    }
    if text.contains("certificate") {
        return Some("certificate not trusted");
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are dozens of kinds, and more to come")]
    match error.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::ConnectionRefused => Some("refused"),
        ErrorKind::TimedOut => Some("timed out"),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Some("network unreachable")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use reqwest::header::HeaderValue;

    use super::*;

    fn problem(code: ErrorCode, detail: &str) -> Problem {
        let (kind, title) = (String::new(), String::new());
        Problem { kind, title, status: 0, detail: detail.to_owned(), code }
    }

    #[track_caller]
    fn check(status: u16, problem: Option<&Problem>, expected: &ApiError) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(&refusal(status, &HeaderMap::new(), problem), expected);
    }

    #[test]
    fn what_can_be_done_about_an_answer_follows_from_its_status() {
        let sentence = || "a sentence".to_owned();
        let of = |code| problem(code, "a sentence");
        check(401, Some(&of(ErrorCode::TokenExpired)), &ApiError::Token(sentence()));
        check(401, Some(&of(ErrorCode::TokenRevoked)), &ApiError::Token(sentence()));
        check(401, Some(&of(ErrorCode::InviteRequired)), &ApiError::Uninvited(sentence()));
        check(422, Some(&of(ErrorCode::InvalidBody)), &ApiError::Refused(sentence()));
        check(403, Some(&of(ErrorCode::WrongRoom)), &ApiError::Refused(sentence()));
        check(413, Some(&of(ErrorCode::TooLarge)), &ApiError::Refused(sentence()));
        check(
            404,
            None,
            &ApiError::Unheard("the server answers 404 Not Found: is this the right --server?".to_owned()),
        );
        check(404, Some(&of(ErrorCode::NotFound)), &ApiError::Refused(sentence()));
        for (status, words) in [(408, "server busy"), (500, "server error"), (503, "server busy"), (520, "server busy")]
        {
            let busy = ApiError::Busy { words: words.to_owned(), detail: sentence(), retry_after: None };
            check(status, Some(&of(ErrorCode::Unavailable)), &busy);
        }
    }

    #[test]
    fn the_server_says_when_to_ask_again() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        let error = refusal(StatusCode::SERVICE_UNAVAILABLE, &headers, None);
        let ApiError::Busy { retry_after, .. } = error else { panic!("{error:?}") };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn what_was_asked_too_often_is_asked_of_the_same_server_again() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        let of = |code| refusal(StatusCode::TOO_MANY_REQUESTS, &headers, Some(&problem(code, "a sentence")));
        let retry_after = Some(Duration::from_secs(7));
        let too_often = of(ErrorCode::TooManyRequests);
        assert_eq!(too_often, ApiError::TooOften { detail: "a sentence".to_owned(), retry_after });
        assert!(!too_often.may_differ_elsewhere());
        let by_a_proxy = ApiError::TooOften { detail: "the server was asked too often".to_owned(), retry_after: None };
        check(429, None, &by_a_proxy);

        let crowded = of(ErrorCode::TooManyConnections);
        assert!(matches!(crowded, ApiError::Busy { .. }) && crowded.may_differ_elsewhere(), "{crowded:?}");
    }

    #[test]
    fn a_server_that_has_moved_is_named() {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("https://chat.example.org/"))]);
        let error = refusal(StatusCode::MOVED_PERMANENTLY, &headers, None);
        assert!(error.to_string().contains("https://chat.example.org/"), "{error}");
    }

    #[test]
    fn a_reason_is_a_few_words() {
        let of = |kind: ErrorKind| words(&io::Error::from(kind));
        assert_eq!(of(ErrorKind::ConnectionRefused), "refused");
        assert_eq!(of(ErrorKind::TimedOut), "timed out");
        assert_eq!(of(ErrorKind::NetworkUnreachable), "network unreachable");
        assert_eq!(of(ErrorKind::UnexpectedEof), "connection broken");
        assert_eq!(words(&io::Error::other("dns error: failed to lookup address information")), "name not found");
        assert_eq!(words(&io::Error::other("invalid peer certificate: UnknownIssuer")), "certificate not trusted");
    }
}
