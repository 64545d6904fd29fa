//! Which web pages may use the server: its own, and those that are named.

use std::str::FromStr;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, UPGRADE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// What pages of other origins may send and see, and for how many seconds their browser may rely on that.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, Idempotency-Key, Prefer");
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static("Retry-After");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins besides its own whose pages may use the server, as `scheme://host:port` (RFC 6454 §6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

/// Where the page is from that sends a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Sender {
    /// No page of another origin: a program, or a page of ours.
    Own,
    /// A page that is named.
    Allowed(HeaderValue),
    /// Any other.
    Foreign,
}

impl AllowedOrigins {
    /// Where the page is from that sends a request with this head.
    pub fn sender(&self, headers: &HeaderMap, target: &Uri) -> Sender {
        let Some(origin) = headers.get(ORIGIN) else { return Sender::Own };
        // Two of them are of no browser.
        let text = origin.to_str().ok().filter(|_| headers.get_all(ORIGIN).iter().count() == 1);
        let Some(said) = text.and_then(normal) else { return Sender::Foreign };
        let host = target.authority().map(|authority| authority.as_str());
        let host = host.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()));
        let scheme = said.split_once("://").map_or("", |(scheme, _)| scheme);
        let own = host.and_then(|host| normal(&format!("{scheme}://{host}")));
        if own.as_deref() == Some(&said) {
            Sender::Own
        } else if self.0.contains(&said) {
            Sender::Allowed(origin.clone())
        } else {
            Sender::Foreign
        }
    }
}

impl Sender {
    /// Whether the request is not to be looked at: browsers let any page connect by WebSocket and post, and ask nobody.
    pub fn is_refused(&self, method: &Method, headers: &HeaderMap) -> bool {
        let only_reads =
            matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !headers.contains_key(UPGRADE);
        *self == Self::Foreign && !only_reads
    }

    /// The answer to a browser that asks before it sends for a page (Fetch §3.3.4), where the page may.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let is_asked = *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let (Self::Allowed(_), true) = (self, is_asked) else { return None };
        let headers = [
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        Some((StatusCode::NO_CONTENT, headers).into_response())
    }

    /// Lets the page see the answer, where it may.
    pub fn let_see(self, answer: &mut HeaderMap) {
        if let Self::Allowed(origin) = self {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

impl FromStr for AllowedOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let normal = |text: &str| {
            normal(text).ok_or_else(|| format!("{text:?} is no origin: write such as https://chat.example.com"))
        };
        origins.map(normal).collect::<Result<_, _>>().map(Self)
    }
}

/// An origin in the one way it is compared in: small letters, and the port always there.
fn normal(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    let (scheme, authority) = origin.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let parsed: axum::http::uri::Authority = authority.parse().ok()?;
    let is_plain = !authority.contains('@') && !parsed.host().is_empty();
    let port = match authority.strip_prefix(parsed.host())? {
        "" => usual,
        port => port.strip_prefix(':')?.parse::<u16>().ok()?,
    };
    is_plain.then(|| format!("{scheme}://{}:{port}", parsed.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(allowed: &str, host: &str, origin: Option<&str>) -> Sender {
        let mut headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        allowed.parse::<AllowedOrigins>().unwrap().sender(&headers, &Uri::from_static("/message"))
    }

    #[test]
    fn programs_and_pages_of_the_server_are_its_own() {
        for (host, origin) in [
            ("127.0.0.1:8000", None),
            ("127.0.0.1:8000", Some("http://127.0.0.1:8000")),
            ("[::1]:8000", Some("http://[::1]:8000")),
            ("Chat.Example.com", Some("https://chat.example.com")),
            ("chat.example.com:443", Some("https://chat.example.com")),
            ("chat.example.com", Some("http://chat.example.com:80")),
        ] {
            assert_eq!(sender("", host, origin), Sender::Own, "{host} {origin:?}");
        }
    }

    #[test]
    fn any_other_page_is_foreign() {
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:8001",
            "http://127.0.0.1",
            "http://127.0.0.1:8000.evil.example",
            "http://127.0.0.1:8000@evil.example",
            "http://evil.example@127.0.0.1:8000",
            "file://127.0.0.1:8000",
            "null",
            "",
        ] {
            assert_eq!(sender("", "127.0.0.1:8000", Some(origin)), Sender::Foreign, "{origin}");
        }
    }

    #[test]
    fn a_page_that_is_named_is_allowed_and_no_page_like_it() {
        let allowed = "https://chat.example.com, http://localhost:3000";
        for origin in ["https://chat.example.com", "https://chat.example.com:443", "http://localhost:3000"] {
            let expected = Sender::Allowed(origin.parse().unwrap());
            assert_eq!(sender(allowed, "duet:8000", Some(origin)), expected, "{origin}");
        }
        for origin in ["http://chat.example.com", "https://chat.example.com:8443", "https://x.chat.example.com"] {
            assert_eq!(sender(allowed, "duet:8000", Some(origin)), Sender::Foreign, "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_is_one() {
        for wrong in
            ["*", "chat.example.com", "https://", "https://chat.example.com/page", "ftp://chat.example.com", "null"]
        {
            let error = wrong.parse::<AllowedOrigins>().unwrap_err();
            assert!(error.contains("such as https://chat.example.com"), "{error}");
        }
        assert_eq!("".parse(), Ok(AllowedOrigins::default()));
    }
}
