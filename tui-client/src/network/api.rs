//! The HTTP routes: a token, a post, a page of history, and the request that opens a WebSocket.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::DATE;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use shared::error::Problem;
use shared::message::Seq;
use shared::names::MessageId;
use shared::rest::{
    HANDLING_STRICT, HistoryPage, IDEMPOTENCY_KEY, InviteAnswer, InviteRequest, InvitesAnswer, PREFER, Post,
    PostAnswer, RoomAnswer, SearchPage, TokenAnswer, TokenRequest,
};

use crate::credentials::{Member, Pending, Secret};
use crate::network::client::{client, is_this_machine};
use crate::network::error::{ApiError, host_and_port, not_duets, refusal, unanswered, words};
use crate::network::token::Token;
use crate::network::{Access, Membership};

/// A server, seen by one user of one room.
#[derive(Debug)]
pub struct Api {
    http: Client,
    server: Url,
    /// Who asks for a token, for which room.
    pub(crate) who: TokenRequest,
    /// Servers that are one take each other's.
    token: Arc<Mutex<Option<Token>>>,
    access: Access,
    /// As what we may be known, to this server or to those that are one with it.
    members: Arc<[Member]>,
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
        let access = membership.access.clone();
        let members = membership.servers.iter().map(|server| membership.member(server)).collect();
        let (http, who) = (client(&server, &access)?, membership.token_request());
        Ok(Self { http, server, who, token: Arc::default(), access, members })
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
        let (access, members) = (self.access.clone(), Arc::clone(&self.members));
        Ok(Self { http: client(&server, &access)?, server, who, token, access, members })
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
        let given = match self.secret().await? {
            Some(secret) => self.given(request.bearer_auth(secret.expose())).await,
            None => self.given(request).await.map_err(|error| self.for_a_stranger(error)),
        };
        Ok(given.map_err(ApiError::before_the_request)?.token)
    }

    /// Of nobody's membership the server has nothing to say but that one is needed.
    fn for_a_stranger(&self, error: ApiError) -> ApiError {
        let ApiError::Uninvited(_) = error else { return error };
        let TokenRequest { username, room_id, .. } = &self.who;
        ApiError::Uninvited(format!(
            "{username} is not invited into {room_id}: ask somebody in the room for an invite (tui-client invite), or whoever \
             keeps the server; or come under the name that was invited, with --user NAME"
        ))
    }

    /// Exchanges an invite for a token, which is held, and for what makes us a member from then on; none of a server that knows no
    /// invites and gives a token to whoever asks.
    ///
    /// # Errors
    /// When the server gives neither: [`ApiError::Uninvited`] or [`ApiError::Refused`] when it refuses the invite. With the same key
    /// it may be asked again.
    pub async fn redeem(&self, pending: &Pending) -> Result<Option<Secret>, ApiError> {
        let request = self.http.post(self.url(&["generate-token"])).json(&self.who);
        let request = request.bearer_auth(pending.invite.expose()).header(IDEMPOTENCY_KEY, &pending.key);
        Ok(self.given(request).await?.refresh_token.map(Secret::new))
    }

    /// Asks for a token, and holds it.
    async fn given(&self, request: RequestBuilder) -> Result<TokenAnswer, ApiError> {
        let response = request.send().await.map_err(|e| unanswered(&e))?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            return Err(not_duets(&self.server, response.status()));
        }
        let answer: TokenAnswer = body(accepted(response).await?).await?;
        *self.held() = Some(Token::new(answer.token.clone(), Timestamp::now()));
        Ok(answer)
    }

    /// What makes us a member, if anything does.
    async fn secret(&self) -> Result<Option<Secret>, ApiError> {
        let Some(member) = self.members.iter().find(|member| self.access.credentials.has(member)) else {
            return Ok(None);
        };
        self.access.credentials.secret(member).await.map_err(|e| ApiError::Unheard(e.to_string()))
    }

    /// Invites somebody into the room.
    ///
    /// # Errors
    /// When the server does not answer, or lets us invite nobody.
    pub async fn invite(&self, invite: &InviteRequest) -> Result<InviteAnswer, ApiError> {
        let url = self.url(&["rooms", self.who.room_id.as_str(), "invites"]);
        body(self.send(self.http.post(url).json(invite)).await?).await
    }

    /// Who is invited into the room and has not come.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn invites(&self) -> Result<InvitesAnswer, ApiError> {
        let url = self.url(&["rooms", self.who.room_id.as_str(), "invites"]);
        body(self.send(self.http.get(url)).await?).await
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// When the server does not answer, or knows none.
    pub async fn withdraw(&self, id: &str) -> Result<(), ApiError> {
        let url = self.url(&["rooms", self.who.room_id.as_str(), "invites", id]);
        self.send(self.http.delete(url)).await.map(drop)
    }

    /// Ends our own membership.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leave(&self) -> Result<(), ApiError> {
        let url = self.url(&["rooms", self.who.room_id.as_str(), "members", self.who.username.as_str()]);
        self.send(self.http.delete(url)).await.map(drop)
    }

    /// A new token, whatever is at hand.
    pub(crate) async fn new_token(&self) -> Result<String, ApiError> {
        self.held().take();
        self.token().await
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
        let trouble = if status.is_success() { None } else { Some(refused(response).await) };
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

async fn answer(request: RequestBuilder) -> Result<Response, ApiError> {
    accepted(request.send().await.map_err(|e| unanswered(&e))?).await
}

async fn accepted(response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    Err(refused(response).await)
}

/// What an answer that is no success means for the caller.
async fn refused(response: Response) -> ApiError {
    let (status, headers) = (response.status(), response.headers().clone());
    match response.json::<Problem>().await {
        Ok(problem) => refusal(status, &headers, Some(&problem)),
        // Whether it is final, and of what it speaks, only the problem would have said.
        Err(error) if broke_off(&error) && status.is_client_error() => ApiError::Unreachable(words(&error)),
        Err(_) => refusal(status, &headers, None),
    }
}

async fn body<T: DeserializeOwned>(response: Response) -> Result<T, ApiError> {
    response.json().await.map_err(|error| {
        if broke_off(&error) {
            // What was asked may have been done.
            return ApiError::Unreachable(words(&error));
        }
        ApiError::Unheard("the answer is not Duet's: is this the right --server?".to_owned())
    })
}

/// Whether a body did not arrive whole. reqwest calls that a failure to decode it as well.
fn broke_off(error: &reqwest::Error) -> bool {
    !error.source().is_some_and(|source| source.is::<serde_json::Error>())
}
