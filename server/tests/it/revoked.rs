//! Somebody who may not be in a room any more: out at once, on every node, and not back by what they had.

use std::time::{Duration, Instant};

use serde_json::json;
use server::access::invites::{self, Member};
use server::access::store::Store;
use server::clock;

use crate::access::{ISSUER_KEY, issued};
use crate::expiry::until_all_are_gone;
use crate::invites::exchange;
use crate::metrics;
use crate::slow::flood;
use crate::support::Folder;
use crate::support::client::Client;
use crate::support::process::Process;
use crate::support::server::{SECRET, Server};
use crate::support::{postgres, rabbitmq, soon};

fn bob() -> Member {
    Member { room: "room1".parse().unwrap(), user: "bob".parse().unwrap() }
}

/// Of those who were sent away nobody is left after that.
const GONE_WITHIN: Duration = Duration::from_secs(4);

#[tokio::test]
async fn who_is_sent_away_by_another_process_is_closed_with_4003_and_only_new_tokens_let_them_in() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let old = client.token("bob", "room1").await;
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let ageless = json!({ "username": "bob", "room_id": "room1", "exp": jiff::Timestamp::now().as_second() + 600 });
    let ageless = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &ageless, &key).unwrap();
    let (mut alice, _) = client.enter("alice", "room1", "").await;
    let (mut of_v1, _) = client.enter_with(&old, "room1", "").await;
    let mut plain = client.connect("/updates/room1", Some(&ageless), None).await.unwrap();
    let (mut elsewhere, _) = client.enter("bob", "room2", "").await;

    let store = Store::open(folder.path()).unwrap();
    store.revoke(&bob()).await.unwrap();
    let begin = Instant::now();
    assert_eq!(of_v1.close_code().await, 4003);
    assert_eq!(plain.close_code().await, 4003);
    assert!(begin.elapsed() < GONE_WITHIN);

    for token in [&old, &ageless] {
        let refused = client.get_with("/rooms/room1", token).await;
        assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (401, Some("token_revoked")));
        assert_eq!(client.connect("/updates/room1", Some(token), None).await.unwrap_err().status(), 401);
    }
    // The seat is free, and the others noticed nothing else.
    let (_carol, _) = client.enter("carol", "room1", "").await;
    client.post("room1", "hi").await;
    client.post("room2", "hi").await;
    loop {
        if let shared::frames::ServerFrame::Message(message) = alice.frame().await {
            assert_eq!(message.content, "hi");
            break;
        }
    }
    assert_eq!(elsewhere.message().await.content, "hi");
    // A token made after it is as good as any.
    drop(_carol);
    let new = client.token("bob", "room1").await;
    assert_eq!(client.get_with("/rooms/room1", &new).await.status, 200);
    store.close().await;
}

#[tokio::test]
async fn who_reads_nothing_is_sent_away_as_soon() {
    let folder = Folder::new();
    let server = Process::start(&folder, &["--durability", "relaxed", "--metrics=127.0.0.1:0"]);
    let operator = Client::of(metrics::address(&server.log()));
    let client = Client::of(server.address);
    let (_still, _) = client.enter("bob", "room1", "").await;
    flood(client.clone(), "room1").await;
    let store = Store::open(folder.path()).unwrap();
    store.revoke(&bob()).await.unwrap();
    let begin = Instant::now();
    until_all_are_gone(&operator).await;
    assert!(begin.elapsed() < 2 * GONE_WITHIN, "{:?}", begin.elapsed());
    store.close().await;
}

#[tokio::test]
async fn who_was_sent_away_before_a_start_is_gone_from_the_first_request_on() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let token = Client::of(server.address).token("bob", "room1").await;
    server.stop().await;
    let store = Store::open(folder.path()).unwrap();
    store.revoke(&bob()).await.unwrap();
    store.close().await;
    for _ in 0..10 {
        let server = Server::embedded(&folder).await;
        assert_eq!(Client::of(server.address).get_with("/rooms/room1", &token).await.status, 401);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_was_renewed_since_is_not_closed() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (mut old, _) = client.enter("bob", "room1", "").await;
    let store = Store::open(folder.path()).unwrap();
    store.revoke(&bob()).await.unwrap();
    // Made after it, and here before the server knows of it.
    let (mut new, _) = client.enter("bob", "room1", "").await;
    assert_eq!(old.close_code().await, 4003);
    client.post("room1", "hi").await;
    assert_eq!(new.message().await.content, "hi");
    store.close().await;
}

#[tokio::test]
async fn whether_a_token_is_older_than_a_revocation_the_clock_of_the_database_says() {
    for offset in ["-7 min", "7 min"] {
        let Some(database) = postgres::database().await else { return };
        database.has_a_clock_that_differs_by(offset).await;
        let folder = Folder::new();
        let arguments = ["--access", "closed", "--issuer-key", ISSUER_KEY, "--database-url", database.url()];
        let server = Server::start(&folder, &arguments).await;
        let client = Client::of(server.address);
        client.ready().await;
        let is_good = async |token: &str| client.get_with("/rooms/room1", token).await.status == 200;
        let database = server::database::Database::open(database.url().parse().unwrap()).await.unwrap();
        let store = Store::share(&database);
        for _ in 0..2 {
            // The first time nobody was sent away yet, the second time just now.
            let (invite, code) = invites::make(bob(), None, clock::timestamp(), Duration::from_secs(3_600)).unwrap();
            store.add(invite, code.digest(), None).await.unwrap();
            let exchanged = exchange(&client, code.expose(), None, "room1", "bob").await;
            let exchanged = exchanged.json()["token"].as_str().unwrap().to_owned();
            let tokens = [exchanged, issued(&client, "bob", "room1").await];
            for token in &tokens {
                assert!(is_good(token).await, "{offset}");
            }
            store.revoke(&bob()).await.unwrap();
            for token in &tokens {
                soon(async {
                    while is_good(token).await {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                })
                .await;
            }
        }
        database.close().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn who_is_sent_away_on_one_node_is_gone_on_all() {
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    let arguments = ["--amqp-url", vhost.url(), "--database-url", database.url()];
    let (folder, another) = (Folder::new(), Folder::new());
    let nodes = [Server::start(&folder, &arguments).await, Server::start(&another, &arguments).await];
    let mut sockets = vec![];
    for node in &nodes {
        let client = Client::of(node.address);
        client.ready().await;
        sockets.push(client.enter("bob", "room1", "").await.0);
    }
    let begin = Instant::now();
    let database = server::database::Database::open(database.url().parse().unwrap()).await.unwrap();
    Store::share(&database).revoke(&bob()).await.unwrap();
    for socket in &mut sockets {
        assert_eq!(socket.close_code().await, 4003);
    }
    assert!(begin.elapsed() < GONE_WITHIN);
    database.close().await;
    for node in nodes {
        node.stop().await;
    }
}
