//! Bodies that do not come, or come so slowly that they never end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;

/// How long a body may take, and what a machine that runs other tests as well may add.
const BODY_TIME: Duration = Duration::from_secs(30);
const BUSY: Duration = Duration::from_secs(5);

/// So many of each kind.
const COUNT: usize = 50;

/// How the body says where it ends, and what comes of it again and again.
const KINDS: [(&str, &str); 3] =
    [("content-length: 4000", ""), ("content-length: 4000", " "), ("transfer-encoding: chunked", "1\r\n \r\n")];

/// What became of a request whose body did not end.
struct Ended {
    /// What it was answered until the connection was closed.
    answer: String,
    /// When that was.
    took: Duration,
    /// Whether more of the body came all the while.
    goes_on: bool,
}

/// Begins a body and goes on with `more`.
async fn trickle(address: SocketAddr, path: &'static str, length: &'static str, more: &'static str) -> Ended {
    let stream = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    let (mut read, mut write) = stream.into_split();
    let head = format!("POST {path} HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
    write.write_all(head.as_bytes()).await.unwrap();
    let writing = tokio::spawn(async move {
        while write.write_all(more.as_bytes()).await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let mut answer = Vec::new();
    // A reset is an end as well, of who went on writing.
    let _ = read.read_to_end(&mut answer).await;
    writing.abort();
    Ended { answer: String::from_utf8(answer).unwrap(), took: began.elapsed(), goes_on: !more.is_empty() }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_408_and_its_connection_closed_while_others_are_served() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let mut alice = client.listen("alice", "room1").await;
    let began = Instant::now();
    let mut slow = JoinSet::new();
    for path in ["/message", "/generate-token"] {
        for (length, more) in KINDS {
            for _ in 0..COUNT {
                slow.spawn(trickle(server.address, path, length, more));
            }
        }
    }
    // All the while.
    while Instant::now() < began + BODY_TIME - BUSY {
        client.post("room1", "still here").await;
        assert_eq!(alice.text().await, "still here");
        assert_eq!(slow.len(), 2 * KINDS.len() * COUNT, "one has ended early");
        sleep(Duration::from_millis(100)).await;
    }
    let mut erased = 0;
    for Ended { answer, took, goes_on } in slow.join_all().await {
        // Who writes on at that moment is sent a reset, which may erase the answer before it is read (RFC 9112 §9.6).
        erased += usize::from(goes_on && answer.is_empty());
        assert!(answer.starts_with("HTTP/1.1 408 ") || goes_on && answer.is_empty(), "{answer}");
        assert!((BODY_TIME..BODY_TIME + BUSY).contains(&took), "{took:?}");
    }
    assert!(erased <= COUNT / 5, "{erased} have no answer");
    client.post("room1", "still here").await;
    assert_eq!(alice.text().await, "still here");
}
