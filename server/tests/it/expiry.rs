//! A connection whose token ends: it is told, goes on with a new one, or is closed with a code of its own.

use std::time::{Duration, Instant};

use serde_json::json;
use shared::frames::{ClientFrame, NewToken, ServerFrame};

use crate::access::issued;
use crate::metrics;
use crate::slow::flood;
use crate::support::brokers::on_each_broker_with;
use crate::support::client::{Client, Socket, answer};
use crate::support::process::Process;
use crate::support::server::Server;
use crate::support::{Folder, soon};

const CLOSED: [&str; 4] = ["--access", "closed", "--issuer-key", crate::access::ISSUER_KEY];
const SHORT: [&str; 2] = ["--token-life", "6s"];

async fn hand_in(socket: &mut Socket, token: &str) {
    let frame = ClientFrame::Token(NewToken { token: token.to_owned() });
    socket.say(&serde_json::to_string(&frame).unwrap()).await;
}

/// The milliseconds of the next word about the token.
async fn expiring(socket: &mut Socket) -> u64 {
    loop {
        match socket.frame().await {
            ServerFrame::TokenExpiring(remaining) => return remaining.expires_in_ms,
            ServerFrame::Presence(_) | ServerFrame::Message(_) => {}
            other => panic!("expected token_expiring, got {other:?}"),
        }
    }
}

async fn accepted(socket: &mut Socket) -> u64 {
    match socket.frame().await {
        ServerFrame::TokenAccepted(remaining) => remaining.expires_in_ms,
        other => panic!("expected token_accepted, got {other:?}"),
    }
}

/// Expects a goodbye that asks to come back, and the close.
async fn expires(mut socket: Socket) {
    loop {
        match socket.frame().await {
            ServerFrame::Bye(bye) => {
                assert_eq!(bye.reason, "the token has expired");
                assert!(bye.retry_after_ms.is_some_and(|ms| ms < 1_000));
                break;
            }
            ServerFrame::TokenExpiring(_) | ServerFrame::Presence(_) | ServerFrame::Message(_) => {}
            other => panic!("expected a goodbye, got {other:?}"),
        }
    }
    assert_eq!(socket.close_code().await, 4002);
}

#[tokio::test]
async fn who_hands_in_a_new_token_goes_on_and_who_does_not_is_closed_with_4002() {
    on_each_broker_with(&SHORT, async |client: Client| {
        let begin = Instant::now();
        let (mut alice, _) = client.enter("alice", "room1", "").await;
        let left = expiring(&mut alice).await;
        // Six seconds to the next whole one: five and something, and their last third.
        assert!((1..=2_000).contains(&left), "{left} ms");
        hand_in(&mut alice, &client.token("alice", "room1").await).await;
        let left = accepted(&mut alice).await;
        assert!((3_500..=6_000).contains(&left), "{left} ms");
        tokio::time::sleep(Duration::from_millis(6_100).saturating_sub(begin.elapsed())).await;
        client.post("room1", "after the first end").await;
        assert_eq!(client_message(&mut alice).await, "after the first end");
        expires(alice).await;
        // The seat is kept for who comes back.
        let (_alice, welcome) = client.enter("alice", "room1", "").await;
        assert_eq!(welcome.occupants.len(), 1);
    })
    .await;
}

/// The next message, whatever is said of the token before it.
async fn client_message(socket: &mut Socket) -> String {
    loop {
        match socket.frame().await {
            ServerFrame::Message(message) => return message.content,
            ServerFrame::TokenExpiring(_) | ServerFrame::Presence(_) => {}
            other => panic!("expected a message, got {other:?}"),
        }
    }
}

/// Waits until no WebSocket is open any more.
pub(crate) async fn until_all_are_gone(operator: &Client) {
    soon(async {
        while metrics::value(&operator.get("/metrics").await.body, "duet_sessions") > 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_reads_nothing_is_gone_with_their_token_all_the_same() {
    let folder = Folder::new();
    let arguments = ["--durability", "relaxed", "--metrics=127.0.0.1:0", "--token-life=5s"];
    let server = Process::start(&folder, &arguments);
    let operator = Client::of(metrics::address(&server.log()));
    let client = Client::of(server.address);
    let (_still, _) = client.enter("alice", "room1", "").await;
    let begin = Instant::now();
    flood(client.clone(), "room1").await;
    until_all_are_gone(&operator).await;
    // Less than a write may wait, and more than is left of the token and for a goodbye.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(begin.elapsed() > Duration::from_secs(2), "it ended before its token");
}

#[tokio::test]
async fn a_new_token_is_for_the_same_user_and_room() {
    let folder = Folder::new();
    let server = Server::start(&folder, &SHORT).await;
    let client = Client::of(server.address);
    let (mut alice, _) = client.enter("alice", "room1", "").await;
    let forged =
        "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6ImFsaWNlIiwicm9vbV9pZCI6InJvb20xIiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned();
    let others = [client.token("bob", "room1").await, client.token("alice", "room2").await, forged, "x".repeat(5_000)];
    for token in others {
        hand_in(&mut alice, &token).await;
    }
    expiring(&mut alice).await;
    expires(alice).await;
}

#[tokio::test]
async fn a_token_with_the_longest_names_fits_into_a_frame() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]).await;
    let client = Client::of(server.address);
    let (user, room) = ("\"".repeat(64), "\"".repeat(128));
    let body = json!({ "username": user, "email": "\"".repeat(254), "room_id": room });
    let token = client.post_json("/generate-token", &body).await.json()["token"].as_str().unwrap().to_owned();
    let path = format!("/updates/{}", "%22".repeat(128));
    let mut socket = client.connect(&path, Some(&token), Some("duet.v1")).await.unwrap();
    assert!(matches!(socket.frame().await, ServerFrame::Welcome(_)));
    hand_in(&mut socket, &token).await;
    assert!(accepted(&mut socket).await > 3_500_000);
}

#[tokio::test]
async fn a_plain_connection_outlives_its_token_on_an_open_server_and_ends_with_it_on_a_closed_one() {
    on_each_broker_with(&["--token-life", "2s"], async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        client.post("room1", "still here").await;
        assert_eq!(alice.text().await, "still here");
    })
    .await;
    let closed = [&CLOSED[..], &["--token-life", "4s"], &["--clock-leeway", "0s"]].concat();
    on_each_broker_with(&closed, async |client: Client| {
        let token = issued(&client, "alice", "room1").await;
        let mut alice = client.connect("/updates/room1", Some(&token), None).await.unwrap();
        let post =
            client.request(reqwest::Method::POST, "/message").json(&json!({ "room_id": "room1", "content": "hi" }));
        assert_eq!(answer(post.bearer_auth(&token)).await.status, 200);
        assert_eq!(alice.text().await, "hi", "no word but messages on a plain connection");
        assert_eq!(alice.close_code().await, 4002);
    })
    .await;
}
