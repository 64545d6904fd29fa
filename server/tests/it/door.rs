//! How connections come in: who keeps the server waiting, and who comes in numbers.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use shared::error::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::client::{Client, answer};
use crate::support::process::{Process, log_of};
use crate::support::server::Server;
use crate::support::{Folder, SOON, soon};

/// Short times of the listener. The idle time is far longer than the other, so that a test can tell them apart.
const TIMES: [&str; 2] = ["--head-time=500ms", "--idle-time=3s"];
const HEAD: Duration = Duration::from_millis(500);
const IDLE: Duration = Duration::from_secs(3);

/// A request that keeps the connection.
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: duet\r\n\r\n";

async fn connect(address: SocketAddr) -> TcpStream {
    soon(TcpStream::connect(address)).await.unwrap()
}

/// Reads one answer, which has to be good.
async fn answered(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    while !answer.ends_with(br#"{"status":"ok"}"#) {
        let read = soon(stream.read(&mut bytes)).await.unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&bytes[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&answer));
}

/// Waits until the server ends the connection, and gives how long that took since then.
async fn gone_after(mut stream: TcpStream, since: Instant) -> Duration {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = soon(stream.read_to_end(&mut rest)).await;
    since.elapsed()
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off_however_busily_it_trickles() {
    let folder = Folder::new();
    let server = Server::start(&folder, &TIMES).await;
    // On a new connection, and on one that has been good before.
    for has_asked in [false, true] {
        let mut stream = connect(server.address).await;
        if has_asked {
            stream.write_all(REQUEST).await.unwrap();
            answered(&mut stream).await;
        }
        let began = Instant::now();
        let trickling = async {
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
            loop {
                stream.write_all(b"X-Slow: loris\r\n").await?;
                sleep(HEAD / 10).await;
            }
        };
        let ended: Result<Result<(), std::io::Error>, _> = timeout(SOON, trickling).await;
        let took = began.elapsed();
        assert!(ended.is_ok(), "the server goes on reading");
        assert!((HEAD * 9 / 10..IDLE).contains(&took), "{has_asked}: {took:?}");
    }
}

#[tokio::test]
async fn who_says_nothing_is_closed_sooner_before_the_first_request_than_after_it() {
    let folder = Folder::new();
    let server = Server::start(&folder, &TIMES).await;
    let began = Instant::now();
    let took = gone_after(connect(server.address).await, began).await;
    assert!((HEAD * 9 / 10..IDLE).contains(&took), "{took:?}");

    let mut stream = connect(server.address).await;
    for _ in 0..3 {
        stream.write_all(REQUEST).await.unwrap();
        answered(&mut stream).await;
        // Longer than a head may take.
        sleep(HEAD * 2).await;
    }
    stream.write_all(REQUEST).await.unwrap();
    answered(&mut stream).await;
    let took = gone_after(stream, Instant::now()).await;
    assert!(took >= IDLE * 9 / 10, "{took:?}");
}

#[tokio::test]
async fn a_websocket_may_be_idle_for_longer_than_a_connection_for_requests() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--head-time=1s", "--idle-time=1s"]).await;
    let client = Client::of(server.address);
    let mut alice = client.listen("alice", "room1").await;
    alice.silence().await;
    sleep(Duration::from_millis(2_500)).await;
    client.post("room1", "still there").await;
    assert_eq!(alice.text().await, "still there");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--head-time=500ms", "--idle-time=500ms"]).await;
    let mut stream = connect(server.address).await;
    // Far more than the buffers of the sockets hold, and one after the other.
    let request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: duet\r\n\r\n";
    for _ in 0..20 {
        stream.write_all(request).await.unwrap();
    }
    let began = Instant::now();
    let cut = async {
        // The other end has gone when nothing can be written any more.
        while stream.write_all(request).await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    soon(cut).await;
    assert!(began.elapsed() >= Duration::from_millis(500));
}

/// Sends a request and reads the head of its answer and what comes with it.
async fn ask(stream: &mut TcpStream, request: &str) -> String {
    // The other end may have closed before it has read.
    let _ = soon(stream.write_all(request.as_bytes())).await;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains("\r\n\r\n") {
        match soon(stream.read(&mut bytes)).await {
            Ok(read) if read > 0 => answer.extend_from_slice(&bytes[..read]),
            ended => panic!("{ended:?} after {:?}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8(answer).unwrap()
}

/// Connects to a room by WebSocket, with further lines in the head. Gives the connection, and the answer to the handshake.
async fn websocket(address: SocketAddr, token: &str, lines: &str) -> (TcpStream, String) {
    let mut stream = connect(address).await;
    let request = format!(
        "GET /updates/room1 HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n{lines}\r\n"
    );
    let answer = ask(&mut stream, &request).await;
    (stream, answer)
}

const ASK: &str = "GET /healthz HTTP/1.1\r\nHost: duet\r\n\r\n";

#[tokio::test]
async fn beyond_the_most_connections_one_is_told_so_and_whoever_goes_makes_room() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--max-connections=3"]).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    drop(client);
    let mut open = Vec::new();
    // A WebSocket counts for as long as it is there.
    let (socket, answer) = soon(async {
        loop {
            let (socket, answer) = websocket(server.address, &token, "").await;
            if answer.starts_with("HTTP/1.1 101 ") {
                return (socket, answer);
            }
        }
    })
    .await;
    assert!(answer.contains("websocket"), "{answer}");
    while open.len() < 2 {
        let mut stream = connect(server.address).await;
        if ask(&mut stream, ASK).await.starts_with("HTTP/1.1 200 ") {
            open.push(stream);
        }
    }
    let mut beyond = connect(server.address).await;
    let answer = ask(&mut beyond, ASK).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    for part in ["retry-after: ", "connection: close", "application/problem+json", "\"code\":\"unavailable\""] {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
    for stream in open.iter_mut() {
        assert!(ask(stream, ASK).await.starts_with("HTTP/1.1 200 "), "those that are there go on");
    }
    drop(socket);
    soon(async {
        while !ask(&mut connect(server.address).await, ASK).await.starts_with("HTTP/1.1 200 ") {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Opens WebSockets until one is refused. Gives those that were not.
async fn until_refused(address: SocketAddr, token: &str, lines: impl Fn(usize) -> String) -> Vec<TcpStream> {
    let mut open = Vec::new();
    loop {
        let (stream, answer) = websocket(address, token, &lines(open.len())).await;
        if answer.starts_with("HTTP/1.1 101 ") {
            open.push(stream);
            assert!(open.len() < 20, "nothing is refused");
            continue;
        }
        let answer = answer.to_lowercase();
        assert!(answer.starts_with("http/1.1 429 ") && answer.contains("\r\nretry-after: "), "{answer}");
        return open;
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_it_adds_counts_whatever_the_client_wrote_before_it() {
    let folder = Folder::new();
    let limits = ["--max-connections-per-address=3", "--trusted-proxies=127.0.0.1"];
    let server = Server::start(&folder, &limits).await;
    let token = Client::of(server.address).token("alice", "room1").await;
    let of_mallory = |n: usize| format!("X-Forwarded-For: 203.0.113.{n}, 127.0.0.{n}, 198.51.100.7\r\n");
    let mut mallory = until_refused(server.address, &token, of_mallory).await;
    assert_eq!(mallory.len(), 3);
    // Whoever has a network of IPv6 is one, and does not keep others out.
    let of_one = |n: usize| format!("X-Forwarded-For: 2001:db8::{n}\r\n");
    assert_eq!(until_refused(server.address, &token, of_one).await.len(), 3);
    // What is not connected is not counted.
    for _ in 0..5 {
        let (_, answer) = websocket(server.address, "nonsense", "X-Forwarded-For: 192.0.2.9\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    // Given back.
    mallory.pop();
    soon(async {
        while !websocket(server.address, &token, &of_mallory(0)).await.1.starts_with("HTTP/1.1 101 ") {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_whoever_they_are() {
    let folder = Folder::new();
    let limits = ["--max-connections-per-address=3", "--trusted-proxies=192.0.2.0/24"];
    let server = Server::start(&folder, &limits).await;
    let token = Client::of(server.address).token("alice", "room1").await;
    // This machine is not counted, and its word for another one is not believed.
    let mut open = Vec::new();
    for _ in 0..5 {
        let (stream, answer) = websocket(server.address, &token, "X-Forwarded-For: 198.51.100.7\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        open.push(stream);
    }
}

#[tokio::test]
async fn web_pages_of_other_origins_neither_post_nor_connect_nor_see_an_answer() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--allowed-origins=https://chat.example.com"]).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    let own = format!("http://{}", server.address);
    let post = async |origin: &str| {
        let body = serde_json::json!({ "room_id": "room1", "content": "hi" });
        answer(client.request(Method::POST, "/message").header("origin", origin).json(&body)).await
    };
    for (origin, is_good, is_seen) in [
        (own.as_str(), true, false),
        ("https://chat.example.com", true, true),
        ("https://evil.example", false, false),
        ("null", false, false),
    ] {
        let posted = post(origin).await;
        let seen = posted.headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!((posted.status == 200, seen.is_some()), (is_good, is_seen), "{origin}: {}", posted.body);
        let (_, shaken) = websocket(server.address, &token, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(shaken.starts_with("HTTP/1.1 101 "), is_good, "{origin}: {shaken}");
        if !is_good {
            assert_eq!(posted.problem().code, ErrorCode::OriginRefused);
            assert!(shaken.starts_with("HTTP/1.1 403 "), "{origin}: {shaken}");
        }
        let asked = client.request(Method::OPTIONS, "/message").header("origin", origin);
        let asked = answer(asked.header("access-control-request-method", "POST")).await;
        assert_eq!(asked.status == 204, is_seen, "{origin}: {}", asked.status);
        assert_eq!(asked.headers.contains_key("access-control-allow-headers"), is_seen, "{origin}");
        // Reading is left to browsers, which do not show it to the page.
        let read = answer(client.request(Method::GET, "/healthz").header("origin", origin)).await;
        assert_eq!((read.status.as_u16(), read.headers.contains_key("access-control-allow-origin")), (200, is_seen));
    }
}

#[tokio::test]
async fn nothing_is_guessed_by_a_browser_and_the_page_loads_what_is_its_own_alone() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    for path in ["/docs", "/docs/swagger-ui.css", "/openapi.json", "/healthz", "/nothing"] {
        assert_eq!(client.get(path).await.headers["x-content-type-options"], "nosniff", "{path}");
    }
    let page = client.get("/docs").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // What Swagger UI does in a browser: loads what is its own, asks the routes, draws pictures of its style sheet.
    for allowed in
        ["script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "connect-src 'self'"]
    {
        assert!(policy.split("; ").any(|directive| directive == allowed), "{allowed}: {policy}");
    }
    // What the policy would stop: scripts and styles within the page.
    assert!(!page.body.contains("<style") && !page.body.contains("<script>"), "{}", page.body);
}

#[tokio::test]
async fn when_files_run_out_those_who_are_there_go_on_and_the_next_comes_in_when_one_has_gone() {
    let folder = Folder::new();
    let server = Process::start(&folder, &[]);
    let mut first = connect(server.address).await;
    first.write_all(REQUEST).await.unwrap();
    answered(&mut first).await;

    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let limit = format!("--nofile={}", open + 3);
    let set = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status().unwrap();
    assert!(set.success());
    // The kernel takes more than the server can.
    let mut more = Vec::new();
    for _ in 0..10 {
        let mut stream = connect(server.address).await;
        stream.write_all(REQUEST).await.unwrap();
        more.push(stream);
    }
    let mut last = more.pop().unwrap();
    assert!(timeout(Duration::from_millis(500), last.read(&mut [0; 1])).await.is_err(), "files have not run out");
    first.write_all(REQUEST).await.unwrap();
    answered(&mut first).await;

    drop(more);
    answered(&mut last).await;
    let log = log_of(server).await;
    assert_eq!(log.matches("connections cannot be accepted").count(), 1, "{log}");
}
