//! The network task and a real server, on a wire that loses everything without a word.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tui_client::network::NetworkEvent;

use crate::client::Client;
use crate::together::Server;

/// Relays to a server. What it loses once it loses for good; connections made later are whole.
struct Wire {
    address: SocketAddr,
    /// How often it broke; a connection from before the last time is dead.
    breaks: watch::Sender<u32>,
    _relaying: JoinSet<()>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (breaks, broken) = watch::channel(0);
        let mut relaying = JoinSet::new();
        relaying.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(server).await.unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                connections.spawn(pass(near_read, far_write, broken.clone()));
                connections.spawn(pass(far_read, near_write, broken.clone()));
            }
        });
        Self { address, breaks, _relaying: relaying }
    }

    fn breaks(&self) {
        self.breaks.send_modify(|breaks| *breaks += 1);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, breaks: watch::Receiver<u32>) {
    let whole = *breaks.borrow();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if *breaks.borrow() == whole && to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_replaced_without_a_loss() {
    let server = Server::fresh();
    let wire = Wire::to(server.address).await;
    let mut alice = Client::join(&format!("http://{}", wire.address));
    assert_eq!(alice.hear().await, "welcome Recent");
    alice.post("p1", "hello").await;
    let mut greeting = [alice.hear().await, alice.hear().await];
    greeting.sort();
    assert_eq!(greeting, ["1 hello", "posted p1"]);

    wire.breaks();
    let outside = reqwest::Client::new();
    for n in 2..=200 {
        let body = json!({"room_id": "room1", "content": format!("message {n}")});
        let answer = outside.post(format!("http://{}/message", server.address)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    alice.post("p2", "into the void").await;

    // What she waits for are clocks alone, so they run as fast as they can.
    tokio::time::pause();
    let silent_since = Instant::now();
    // Her post is tried again on its own, so its answer may come at any time.
    let mut posted = 0;
    let lost = loop {
        let event = alice.next_within(Duration::from_secs(60)).await;
        if !matches!(event, NetworkEvent::Posted(_)) {
            break event;
        }
        posted += 1;
    };
    assert!(matches!(&lost, NetworkEvent::Lost { reason, .. } if reason == "no answer"), "{lost:?}");
    assert!(silent_since.elapsed() <= Duration::from_secs(30), "{:?}", silent_since.elapsed());
    tokio::time::resume();

    let (mut heard, mut welcomed) = (vec![], 0);
    while heard.len() < 200 || posted == 0 {
        match alice.hear().await.as_str() {
            "welcome Complete" => welcomed += 1,
            "posted p2" => posted += 1,
            // Who is here is told again to one whose queue was full on the way.
            event if event.starts_with("Presence") => {}
            message => heard.push(message.to_owned()),
        }
    }
    assert_eq!((welcomed, posted), (1, 1));
    let missed = (2..=200).map(|n| format!("{n} message {n}"));
    assert_eq!(heard, missed.chain(["201 into the void".to_owned()]).collect::<Vec<_>>());
    alice.leave().await;
}
