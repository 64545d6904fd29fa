//! The HTTP routes: a token, a post, a page of history, and the request that opens a WebSocket.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::DATE;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use shared::message::Seq;
use shared::names::MessageId;
use shared::rest::{
    HANDLING_STRICT, HistoryPage, IDEMPOTENCY_KEY, PREFER, Post, PostAnswer, RoomAnswer, SearchPage, TokenAnswer,
    TokenRequest,
};

use crate::network::Membership;
use crate::network::error::{ApiError, host_and_port, not_duets, refusal, unanswered, words};
use crate::network::lookup::Lookup;
use crate::network::token::Token;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the server may stay silent before and within an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A server, seen by one user of one room.
#[derive(Debug)]
pub struct Api {
    http: Client,
    server: Url,
    /// Who asks for a token, for which room.
    pub(crate) who: TokenRequest,
    /// Servers that are one take each other's.
    token: Arc<Mutex<Option<Token>>>,
}

/// Which messages of a room's history are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The newest ones.
    Newest,
    /// The newest of those before this place.
    Before(Seq),
    /// The oldest of those after this place.
    After(Seq),
}

/// What a server says of itself.
#[derive(Debug)]
pub struct Readiness {
    /// When it was asked, by our clock.
    pub asked: Timestamp,
    /// When it answered, by our clock.
    pub answered: Timestamp,
    /// When it answered, by its own clock, in whole seconds.
    pub its_clock: Option<Timestamp>,
    /// Why it carries no messages, if so.
    pub trouble: Option<ApiError>,
}

impl Api {
    /// Makes ready to talk to the first of the membership's servers; connects to nothing yet.
    ///
    /// # Errors
    /// When the system's trusted certificates cannot be read, for a server on `https`.
    pub fn new(membership: &Membership) -> Result<Self, ApiError> {
        let server = membership.servers.first().clone();
        Ok(Self { http: client(&server)?, server, who: membership.token_request(), token: Arc::default() })
    }

    /// Where the server is, for a person: host and port.
    pub(crate) fn address(&self) -> String {
        host_and_port(&self.server)
    }

    /// Whether there may be several servers behind the address.
    pub(crate) fn goes_by_a_name(&self) -> bool {
        self.server.domain().is_some() && !is_this_machine(&self.server)
    }

    pub(crate) fn is_at_the_server_of(&self, other: &Self) -> bool {
        self.server == other.server
    }

    /// The same at another server, which is one with this one.
    pub(crate) fn beside(&self, server: Url) -> Result<Self, ApiError> {
        let (who, token) = (self.who.clone(), Arc::clone(&self.token));
        Ok(Self { http: client(&server)?, server, who, token })
    }

    /// The same with connections of its own, for when the old ones may be dead without knowing it.
    pub(crate) fn afresh(&self) -> Result<Self, ApiError> {
        self.beside(self.server.clone())
    }

    /// A token that is good for a while yet.
    ///
    /// # Errors
    /// When there is none at hand and the server gives none.
    pub async fn token(&self) -> Result<String, ApiError> {
        if let Some(token) = self.held().as_ref().filter(|token| !token.is_stale(Timestamp::now())) {
            return Ok(token.as_str().to_owned());
        }
        let request = self.http.post(self.url(&["generate-token"])).json(&self.who);
        let response = request.send().await.map_err(|e| unanswered(&e))?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            return Err(not_duets(&self.server, response.status()));
        }
        let given = async { body(accepted(response).await?).await };
        let TokenAnswer { token } = given.await.map_err(ApiError::before_the_request)?;
        *self.held() = Some(Token::new(token.clone(), Timestamp::now()));
        Ok(token)
    }

    /// Posts a message; with the same `id` again it is the same message. Accepted means that the server keeps it.
    ///
    /// # Errors
    /// When it was not accepted, or nobody knows.
    pub async fn post(&self, id: &MessageId, content: &str) -> Result<(), ApiError> {
        let post = Post { room_id: self.who.room_id.clone(), content: content.to_owned() };
        let request = self.http.post(self.url(&["message"])).json(&post);
        let request = request.header(IDEMPOTENCY_KEY, id.as_str()).header(PREFER, HANDLING_STRICT);
        // Read to its end, so that the connection is free for the next one.
        let _: PostAnswer = body(self.send(request).await?).await?;
        Ok(())
    }

    /// A page of at most `limit` messages.
    ///
    /// # Errors
    /// When the server gives none.
    pub async fn page(&self, range: Range, limit: u32) -> Result<HistoryPage, ApiError> {
        let mut url = self.url(&["rooms", self.who.room_id.as_str(), "messages"]);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        match range {
            Range::Newest => {}
            Range::Before(seq) => _ = url.query_pairs_mut().append_pair("before", &seq.to_string()),
            Range::After(seq) => _ = url.query_pairs_mut().append_pair("after", &seq.to_string()),
        }
        body(self.send(self.http.get(url)).await?).await
    }

    /// The newest messages that match `query`, only those before the place where one is named.
    ///
    /// # Errors
    /// When the server does not answer or cannot search.
    pub async fn search(&self, query: &str, before: Option<Seq>, limit: u32) -> Result<SearchPage, ApiError> {
        let mut url = self.url(&["rooms", self.who.room_id.as_str(), "search"]);
        url.query_pairs_mut().append_pair("q", query).append_pair("limit", &limit.to_string());
        if let Some(before) = before {
            url.query_pairs_mut().append_pair("before", &before.to_string());
        }
        body(self.send(self.http.get(url)).await?).await
    }

    /// Who is in the room. It takes no seat.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn room(&self) -> Result<RoomAnswer, ApiError> {
        body(self.send(self.http.get(self.url(&["rooms", self.who.room_id.as_str()]))).await?).await
    }

    /// Whether the server can carry messages. Asks for no token.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn readiness(&self) -> Result<Readiness, ApiError> {
        let asked = Timestamp::now();
        let response = self.http.get(self.url(&["readyz"])).send().await.map_err(|e| unanswered(&e))?;
        let answered = Timestamp::now();
        let (status, headers) = (response.status(), response.headers().clone());
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let its_clock = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
        let trouble = if status.is_success() {
            None
        } else {
            Some(refusal(status, &headers, response.json().await.ok().as_ref()))
        };
        Ok(Readiness { asked, answered, its_clock, trouble })
    }

    /// The request for a WebSocket of the room, without the handshake's headers.
    pub(crate) fn updates(&self, query: &[(&str, String)]) -> RequestBuilder {
        let mut url = self.url(&["updates", self.who.room_id.as_str()]);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.get(url)
    }

    /// Sends a request with the token, and once more with a new one when the server does not take it.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let again = request.try_clone();
        let token = self.token().await?;
        match (answer(request.bearer_auth(&token)).await, again) {
            (Err(ApiError::Token(_)), Some(again)) => {
                self.forget(&token);
                let token = self.token().await?;
                answer(again.bearer_auth(token)).await
            }
            (result, _) => result,
        }
    }

    fn forget(&self, token: &str) {
        // Only this one: another request may have renewed it meanwhile.
        self.held().take_if(|held| held.as_str() == token);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.server.clone();
        // Fails only for addresses without a host, which the settings do not take.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

fn client(server: &Url) -> Result<Client, ApiError> {
    let client = builder(server).build();
    client.map_err(|e| ApiError::Refused(format!("this machine's trusted certificates cannot be read: {e}")))
}

fn builder(server: &Url) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(concat!("duet-tui-client/", env!("CARGO_PKG_VERSION")))
        // For each name: several addresses share it.
        .connect_timeout(CONNECT_WITHIN)
        .dns_resolver(Lookup)
        .read_timeout(ANSWER_WITHIN)
        // Otherwise a redirected post would turn into a GET.
        .redirect(reqwest::redirect::Policy::none());
    if server.scheme() == "http" {
        // Saves reading some 150 certificates that nobody will ask for.
        builder = builder.tls_certs_only([]);
    }
    if is_this_machine(server) {
        builder = builder.no_proxy();
    }
    builder
}

fn is_this_machine(server: &Url) -> bool {
    server.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

async fn answer(request: RequestBuilder) -> Result<Response, ApiError> {
    accepted(request.send().await.map_err(|e| unanswered(&e))?).await
}

async fn accepted(response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let headers = response.headers().clone();
    Err(refusal(status, &headers, response.json().await.ok().as_ref()))
}

async fn body<T: DeserializeOwned>(response: Response) -> Result<T, ApiError> {
    response.json().await.map_err(|e| {
        if e.is_decode() {
            return ApiError::Unheard("the answer is not Duet's: is this the right --server?".to_owned());
        }
        ApiError::Unreachable(words(&e))
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request, and gives its address.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn where_one_address_of_a_name_refuses_the_next_is_tried() {
        let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let url = "http://several.example/".parse::<Url>().unwrap();
        let addresses = [refused, refused, server().await];
        let client = builder(&url).no_proxy().resolve_to_addrs("several.example", &addresses).build().unwrap();
        assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "hi");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_as_the_system_does() {
        let url = format!("http://localhost:{}/", server().await.port()).parse::<Url>().unwrap();
        assert_eq!(client(&url).unwrap().get(url).send().await.unwrap().text().await.unwrap(), "hi");
        let url = "http://nowhere.invalid/".parse::<Url>().unwrap();
        let client = builder(&url).no_proxy().build().unwrap();
        assert_eq!(words(&client.get(url).send().await.unwrap_err()), "name not found");
    }
}
