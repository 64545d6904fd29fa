//! Frames that are too large, too many, or not what they should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::metrics;
use crate::support::Folder;
use crate::support::client::{Client, Socket};
use crate::support::process::Process;
use crate::support::server::Server;

/// Reads until the server has ended the connection.
async fn is_ended(mut socket: Socket) -> bool {
    timeout(Duration::from_secs(10), async { while let Some(Ok(_)) = socket.0.next().await {} }).await.is_ok()
}

#[tokio::test]
async fn a_frame_beyond_all_measure_ends_its_connection_and_no_other() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let mut bob = client.listen("bob", "room1").await;
    let mut mallory = client.listen("mallory", "room1").await;
    // It may end while it is being written.
    let _ = mallory.0.send(Message::binary(vec![0; 3 * 1024 * 1024])).await;
    assert!(is_ended(mallory).await);
    client.post("room1", "still here").await;
    assert_eq!(bob.text().await, "still here");
}

#[tokio::test]
async fn what_is_too_large_ends_its_connection_with_1009_and_is_counted() {
    let folder = Folder::new();
    let server = Process::start(&folder, &["--max-frame-bytes=8192", "--metrics=127.0.0.1:0"]);
    let client = Client::of(server.address);
    let mut alice = client.listen("alice", "room1").await;
    alice.0.send(Message::binary(vec![0; 8192])).await.unwrap();
    client.post("room1", "taken").await;
    assert_eq!(alice.text().await, "taken");
    alice.0.send(Message::binary(vec![0; 8193])).await.unwrap();
    assert_eq!(alice.close_code().await, 1009);
    let operator = Client::of(metrics::address(&server.log()));
    let counted = metrics::value(&operator.get("/metrics").await.body, "duet_sessions_cut_off_total{reason=\"large\"}");
    assert_eq!(counted, 1.0);
}

#[tokio::test]
async fn a_message_that_never_ends_is_not_gathered_for_ever() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let mut bob = client.listen("bob", "room1").await;
    let mut mallory = client.listen("mallory", "room1").await;
    let mut opcode = OpCode::Data(Data::Text);
    for _ in 0..64 {
        let part = Frame::message(vec![b'x'; 32 * 1024], opcode, false);
        opcode = OpCode::Data(Data::Continue);
        if mallory.0.send(Message::Frame(part)).await.is_err() {
            break;
        }
    }
    assert!(is_ended(mallory).await);
    client.post("room1", "still here").await;
    assert_eq!(bob.text().await, "still here");
}

#[tokio::test]
async fn compression_that_is_offered_is_not_taken() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    let mut request = client.url("/updates/room1").replace("http", "ws").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.headers_mut().insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    let (_socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(!answer.headers().contains_key("sec-websocket-extensions"), "{answer:?}");
}

#[tokio::test]
async fn a_flood_of_pings_holds_up_neither_the_other_nor_the_room_beside() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let mut bob = client.listen("bob", "room1").await;
    let mut carol = client.listen("carol", "room2").await;
    let mallory = client.listen("mallory", "room1").await;
    let (mut out, mut back) = mallory.0.split();
    let flood = tokio::spawn(async move { while out.feed(Message::Ping(vec![0; 100].into())).await.is_ok() {} });
    let answered = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&answered);
    let reading = tokio::spawn(async move {
        while let Some(Ok(_)) = back.next().await {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let begin = Instant::now();
    for n in 0..20 {
        let content = n.to_string();
        client.post("room1", &content).await;
        client.post("room2", &content).await;
        assert_eq!((bob.text().await, carol.text().await), (content.clone(), content));
    }
    sleep_until(begin + Duration::from_secs(2)).await;
    // 200 are read at once and 200 a second; what is more waits with whoever sends it.
    let answered = u128::from(answered.load(Ordering::Relaxed));
    let most = 300 + begin.elapsed().as_millis() / 5;
    assert!((100..=most).contains(&answered), "{answered} answers, {most} at the most");
    flood.abort();
    reading.abort();
}
