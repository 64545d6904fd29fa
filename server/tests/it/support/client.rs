//! A client of the server: HTTP and WebSocket as users have them.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::error::Problem;
use shared::frames::ServerFrame;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::{A_WHILE, soon};

/// Talks to one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    http: reqwest::Client,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }

    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, http: reqwest::Client::new() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(reqwest::Method::GET, path)).await
    }

    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        answer(self.request(reqwest::Method::GET, path).bearer_auth(token)).await
    }

    /// Waits until the server says that it is ready.
    pub(crate) async fn ready(&self) {
        soon(async {
            while self.get("/readyz").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Posts a body to a route.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(reqwest::Method::POST, path).json(body)).await
    }

    pub(crate) async fn token(&self, user: &str, room: &str) -> String {
        let body = json!({ "username": user, "email": format!("{user}@example.com"), "room_id": room });
        let answer = self.post_json("/generate-token", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Posts a message and says whether it was accepted.
    pub(crate) async fn try_post(&self, body: &Value) -> bool {
        let request = self.request(reqwest::Method::POST, "/message").json(body);
        soon(request.send()).await.is_ok_and(|response| response.status() == 200)
    }

    /// Posts a message from outside and expects that it is accepted.
    #[track_caller]
    pub(crate) fn post(&self, room: &str, content: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let body = json!({ "room_id": room, "content": content });
        let expected = format!("Message sent to room: {room}");
        async move {
            let answer = self.post_json("/message", &body).await;
            assert_eq!(answer.status, 200, "{} at {caller}", answer.body);
            assert_eq!(answer.json(), json!({ "status": expected }), "at {caller}");
        }
    }

    /// A token, unless the server does not answer.
    pub(crate) async fn try_token(&self, user: &str, room: &str) -> Option<String> {
        let body = json!({ "username": user, "email": format!("{user}@example.com"), "room_id": room });
        let response = self.request(reqwest::Method::POST, "/generate-token").json(&body).send().await.ok()?;
        Some(response.json::<Value>().await.ok()?["token"].as_str()?.to_owned())
    }

    /// Connects a `duet.v1` client, unless the server does not answer or refuses.
    pub(crate) async fn try_connect(&self, path: &str, token: &str) -> Option<Socket> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "duet.v1".parse().unwrap());
        Some(Socket(tokio_tungstenite::connect_async(request).await.ok()?.0))
    }

    /// Connects a plain client.
    pub(crate) async fn listen(&self, user: &str, room: &str) -> Socket {
        let token = self.token(user, room).await;
        self.connect(&format!("/updates/{room}"), Some(&token), None).await.unwrap()
    }

    /// Connects a `duet.v1` client and takes its welcome.
    pub(crate) async fn enter(&self, user: &str, room: &str, query: &str) -> (Socket, shared::frames::Welcome) {
        self.enter_with(&self.token(user, room).await, room, query).await
    }

    /// The same with a token that is at hand.
    pub(crate) async fn enter_with(&self, token: &str, room: &str, query: &str) -> (Socket, shared::frames::Welcome) {
        let path = format!("/updates/{room}{query}");
        let mut socket = self.connect(&path, Some(token), Some("duet.v1")).await.unwrap();
        match socket.frame().await {
            ServerFrame::Welcome(welcome) => (socket, welcome),
            other => panic!("expected a welcome, got {other:?}"),
        }
    }

    /// Connects, or gives the answer that refused it.
    pub(crate) async fn connect(
        &self,
        path: &str,
        token: Option<&str>,
        protocol: Option<&str>,
    ) -> Result<Socket, Box<Response<Option<Vec<u8>>>>> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        match soon(tokio_tungstenite::connect_async(request)).await {
            Ok((stream, response)) => {
                assert_eq!(response.headers().get("sec-websocket-protocol").map(|p| p.to_str().unwrap()), protocol);
                Ok(Socket(stream))
            }
            Err(Error::Http(response)) => Err(response),
            Err(other) => panic!("connecting to {path}: {other}"),
        }
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = soon(request.send()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: soon(response.text()).await.unwrap() }
}

/// A WebSocket from the client's side.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// The next text frame.
    #[track_caller]
    pub(crate) fn text(&mut self) -> impl Future<Output = String> {
        soon(async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return text.to_string(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("expected a text frame, got {other:?}"),
                }
            }
        })
    }

    /// The next text frame, or `Err` when the server closes.
    pub(crate) async fn text_or_close(&mut self) -> Result<String, ()> {
        soon(async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(_))) | None => return Err(()),
                    Some(Ok(_)) => {}
                    Some(Err(e)) => panic!("expected a text frame or a close, got {e}"),
                }
            }
        })
        .await
    }

    /// The next text frame, or `None` when the connection has ended, in whichever way. Dropping the future loses none.
    pub(crate) async fn text_or_gone(&mut self) -> Option<String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next text frame that comes within `limit`, or `Err` when the server closes.
    pub(crate) async fn text_or_close_within(&mut self, limit: Duration) -> Result<String, ()> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            match tokio::time::timeout_at(deadline, self.0.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.to_string()),
                Ok(Some(Ok(Message::Close(_)))) => return Err(()),
                Ok(Some(Ok(_))) => {}
                other => panic!("expected a text frame or a close within {limit:?}, got {other:?}"),
            }
        }
    }

    /// Takes what comes next. `false` when that is the end.
    pub(crate) async fn text_or_end(&mut self) -> bool {
        matches!(self.0.next().await, Some(Ok(message)) if !message.is_close())
    }

    /// The next frame of `duet.v1`.
    pub(crate) async fn frame(&mut self) -> ServerFrame {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// The next message of `duet.v1`, passing over who comes and goes.
    pub(crate) async fn message(&mut self) -> shared::message::Message {
        loop {
            match self.frame().await {
                ServerFrame::Message(message) => return message,
                ServerFrame::Presence(_) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// The code with which the server closes.
    pub(crate) async fn close_code(&mut self) -> u16 {
        soon(async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("expected a close with a code, got {other:?}"),
                }
            }
        })
        .await
    }

    /// Checks that nothing comes for a while.
    pub(crate) async fn silence(&mut self) {
        if let Ok(frame) = tokio::time::timeout(A_WHILE, self.0.next()).await {
            panic!("expected silence, got {frame:?}");
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Closes by the closing handshake and waits for its end.
    pub(crate) async fn close(mut self) {
        self.0.close(None).await.unwrap();
        soon(async { while let Some(Ok(_)) = self.0.next().await {} }).await;
    }

    /// Breaks the connection off.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}
