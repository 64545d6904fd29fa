//! A server that does what the test says, request by request: the test waits for a request and answers it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use shared::frames::SUBPROTOCOL;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// What never takes this long, unless something is broken.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Scripted {
    address: String,
    requests: mpsc::Receiver<Exchange>,
    /// Requests that came before the one the test waited for.
    early: Vec<Exchange>,
    accepting: AbortHandle,
}

/// One request, waiting for its answer.
pub(crate) struct Exchange {
    /// Such as `POST /message`, with the query.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: serde_json::Value,
    answer: oneshot::Sender<Answer>,
}

enum Answer {
    Http { status: u16, headers: String, body: String },
    Upgrade { subprotocol: Option<&'static str>, socket: oneshot::Sender<ServerSocket> },
    Hang,
}

pub(crate) struct ServerSocket(WebSocketStream<BufReader<TcpStream>>);

impl Scripted {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // One at a time: the test answers each before it looks for the next.
        let (sender, requests) = mpsc::channel(1);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, sender.clone()));
            }
        })
        .abort_handle();
        Self { address, requests, early: vec![], accepting }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and drops every connection that is not a WebSocket.
    pub(crate) fn stop(self) {
        self.accepting.abort();
    }

    /// Waits for the request whose line starts with `line`.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &'static str) -> impl Future<Output = Exchange> {
        let caller = std::panic::Location::caller();
        async move {
            if let Some(i) = self.early.iter().position(|exchange| exchange.line.starts_with(line)) {
                return self.early.remove(i);
            }
            loop {
                let Ok(Some(exchange)) = timeout(SOON, self.requests.recv()).await else {
                    panic!("no request `{line}` for {caller}")
                };
                if exchange.line.starts_with(line) {
                    return exchange;
                }
                self.early.push(exchange);
            }
        }
    }

    /// Waits for the next request, whichever it is and however long it takes.
    pub(crate) async fn any(&mut self) -> Exchange {
        self.requests.recv().await.expect("the server runs")
    }

    /// Answers the request for a token.
    #[track_caller]
    pub(crate) fn give_token(&mut self, token: &str) -> impl Future<Output = ()> {
        let request = self.expect("POST /generate-token");
        async move { request.await.ok(json!({"token": token})) }
    }

    /// Accepts a connection that asks for `duet.v1`.
    #[track_caller]
    pub(crate) fn let_in(&mut self) -> impl Future<Output = ServerSocket> {
        let request = self.expect("GET /updates/room1");
        async move { request.await.upgrade(Some(SUBPROTOCOL)).await }
    }

    /// Whether a request comes within `time`.
    pub(crate) async fn is_asked_within(&mut self, time: Duration) -> bool {
        match timeout(time, self.requests.recv()).await {
            Ok(exchange) => {
                self.early.extend(exchange);
                true
            }
            Err(_) => false,
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Exchange {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    #[expect(clippy::needless_pass_by_value, reason = "json!() at every call")]
    pub(crate) fn ok(self, body: serde_json::Value) {
        self.answer(200, "", body.to_string());
    }

    pub(crate) fn problem(self, status: u16, code: &str, detail: &str) {
        let body = json!({"type": "", "title": "", "status": status, "detail": detail, "code": code});
        self.answer(status, "content-type: application/problem+json\r\n", body.to_string());
    }

    /// Says that it was asked too often, and when to ask again.
    pub(crate) fn too_often(self, retry_after_seconds: u32) {
        let detail = "posts come too fast";
        let body = json!({"type": "", "title": "", "status": 429, "detail": detail, "code": "too_many_requests"});
        self.answer(429, &format!("retry-after: {retry_after_seconds}\r\n"), body.to_string());
    }

    pub(crate) fn answer(self, status: u16, headers: &str, body: String) {
        let _ = self.answer.send(Answer::Http { status, headers: headers.to_owned(), body });
    }

    /// Drops the connection without an answer.
    pub(crate) fn drop_connection(self) {}

    /// Keeps the connection and never answers.
    pub(crate) fn hang(self) {
        let _ = self.answer.send(Answer::Hang);
    }

    pub(crate) async fn upgrade(self, subprotocol: Option<&'static str>) -> ServerSocket {
        let (socket, upgraded) = oneshot::channel();
        let _ = self.answer.send(Answer::Upgrade { subprotocol, socket });
        upgraded.await.unwrap()
    }
}

impl ServerSocket {
    pub(crate) async fn send(&mut self, frame: serde_json::Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends the `welcome` of the room `room1` with history `e1`.
    pub(crate) async fn welcome(&mut self, resume: &str, head: u64) {
        self.welcome_to("e1", resume, head).await;
    }

    pub(crate) async fn welcome_to(&mut self, epoch: &str, resume: &str, head: u64) {
        self.send(json!({"type": "welcome", "room_id": "room1", "user": "alice", "epoch": epoch, "head": head,
            "occupants": ["alice"], "resume": resume, "max_content_bytes": 65536}))
            .await;
    }

    pub(crate) async fn message(&mut self, seq: u64, content: &str) {
        self.send(json!({"type": "message", "seq": seq, "id": format!("id-{seq}"), "sender": "bob",
            "content": content, "sent_at": "2026-11-22T14:02:11.125Z"}))
            .await;
    }

    pub(crate) async fn close(mut self, code: u16) {
        self.0.close(Some(CloseFrame { code: CloseCode::from(code), reason: "".into() })).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// What the client sends next; pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        timeout(SOON, self.0.next()).await.expect("the client sends something").and_then(Result::ok)
    }
}

async fn serve(stream: TcpStream, requests: mpsc::Sender<Exchange>) {
    let mut stream = BufReader::new(stream);
    while let Some((mut exchange, answer)) = read_request(&mut stream).await {
        let key = exchange.header("sec-websocket-key").unwrap_or_default().to_owned();
        exchange.line = exchange.line.trim_end_matches(" HTTP/1.1").to_owned();
        if requests.send(exchange).await.is_err() {
            return;
        }
        match answer.await {
            Ok(Answer::Http { status, headers, body }) => {
                let head = format!("HTTP/1.1 {status} Some Words\r\n{headers}content-length: {}\r\n\r\n", body.len());
                if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
            Ok(Answer::Upgrade { subprotocol, socket }) => {
                let accept = derive_accept_key(key.as_bytes());
                let subprotocol =
                    subprotocol.map(|name| format!("sec-websocket-protocol: {name}\r\n")).unwrap_or_default();
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-accept: {accept}\r\n{subprotocol}\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                let stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                let _ = socket.send(ServerSocket(stream));
                return;
            }
            Ok(Answer::Hang) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(Exchange, oneshot::Receiver<Answer>)> {
    let line = read_line(stream).await?;
    let mut headers = vec![];
    loop {
        let header = read_line(stream).await?;
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let (answer, answered) = oneshot::channel();
    let mut exchange = Exchange { line, headers, body: serde_json::Value::Null, answer };
    if let Some(length) = exchange.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.ok()?;
        exchange.body = serde_json::from_slice(&body).unwrap();
    }
    Some((exchange, answered))
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).await.ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}
