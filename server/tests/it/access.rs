//! Who gets a token and who may post: open, closed, and by which keys.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::brokers::on_each_broker_with;
use crate::support::client::{Answer, Client, answer};
use crate::support::server::{SECRET, Server};
use crate::support::{postgres, rabbitmq, soon};

pub(crate) const ISSUER_KEY: &str = "an-issuer-key-of-at-least-thirty-two-bytes";
const ANOTHER: &str = "another-secret-key-of-at-least-32-bytes";
const CLOSED: [&str; 4] = ["--access", "closed", "--issuer-key", ISSUER_KEY];

fn ask(client: &Client, user: &str, room: &str) -> RequestBuilder {
    let body = json!({ "username": user, "email": "", "room_id": room });
    client.request(Method::POST, "/generate-token").json(&body)
}

/// A token that the issuer key was shown for.
pub(crate) async fn issued(client: &Client, user: &str, room: &str) -> String {
    let answer = answer(ask(client, user, room).bearer_auth(ISSUER_KEY)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn say(client: &Client, room: &str) -> RequestBuilder {
    client.request(Method::POST, "/message").json(&json!({ "room_id": room, "content": "hi" }))
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json()["code"], code);
    if status == 401 {
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
}

#[tokio::test]
async fn a_closed_server_gives_tokens_for_the_issuer_key_alone() {
    on_each_broker_with(&CLOSED, async |client: Client| {
        let nothing = answer(ask(&client, "alice", "room1")).await;
        is_refused(&nothing, 401, "invite_required");
        assert!(nothing.problem().detail.contains("tui-client invite"), "{}", nothing.body);
        let token = issued(&client, "alice", "room1").await;
        let other = format!("{ISSUER_KEY}x");
        for bearer in ["x", &other, &ISSUER_KEY[1..], &ISSUER_KEY.to_uppercase(), SECRET, &token] {
            is_refused(&answer(ask(&client, "mallory", "room1").bearer_auth(bearer)).await, 401, "issuer_key_invalid");
        }
        let mut alice = client.connect("/updates/room1", Some(&token), None).await.unwrap();
        assert_eq!(answer(say(&client, "room1").bearer_auth(&token)).await.status, 200);
        assert_eq!(alice.text().await, "hi");
    })
    .await;
}

#[tokio::test]
async fn on_a_closed_server_only_members_post_and_only_to_their_room() {
    on_each_broker_with(&CLOSED, async |client: Client| {
        let token = issued(&client, "alice", "room1").await;
        let (mut alice, _) = client.enter_with(&token, "room1", "").await;
        is_refused(&answer(say(&client, "room1")).await, 401, "token_missing");
        for bearer in ["nonsense", ISSUER_KEY] {
            is_refused(&answer(say(&client, "room1").bearer_auth(bearer)).await, 401, "token_invalid");
        }
        is_refused(&answer(say(&client, "room2").bearer_auth(&token)).await, 403, "wrong_room");
        assert_eq!(answer(say(&client, "room1").bearer_auth(&token)).await.status, 200);
        assert_eq!(alice.message().await.sender.unwrap().as_str(), "alice");
        alice.silence().await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let folder = Folder::new();
    let server = Server::start(&folder, &CLOSED).await;
    let client = Client::of(server.address);
    for path in ["/generate-token", "/message"] {
        let garbage = client.request(Method::POST, path).body("x".repeat(4 * 1024 * 1024));
        assert_eq!(answer(garbage).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn an_open_server_asks_for_nothing_and_minds_no_header() {
    on_each_broker_with(&["--issuer-key", ISSUER_KEY], async |client: Client| {
        for bearer in ["nonsense", ISSUER_KEY, "eyJ0.eyJ9.c2ln"] {
            assert_eq!(answer(ask(&client, "alice", "room1").bearer_auth(bearer)).await.status, 200);
        }
        assert!(client.get("/readyz").await.json()["detail"].is_null());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_strangers_reach_is_closed_unless_it_is_told_otherwise_which_it_says() {
    let reached = ["--listen", "0.0.0.0:0"];
    for (arguments, status, is_noted) in
        [(&[][..], 401, false), (&["--access", "open"], 200, true), (&["--access", "closed"], 401, false)]
    {
        let folder = Folder::new();
        let server = Server::start(&folder, &[&reached, arguments].concat()).await;
        let client = Client::of(server.address);
        assert_eq!(answer(ask(&client, "alice", "room1")).await.status, status, "{arguments:?}");
        let ready = client.get("/readyz").await;
        assert_eq!(ready.status, 200);
        let detail = ready.json()["detail"].to_string();
        assert_eq!(detail.contains("DUET_ACCESS=closed"), is_noted, "{detail}");
    }
}

#[tokio::test]
async fn a_key_is_replaced_without_anybody_noticing() {
    let folder = Folder::new();
    let before = Server::start(&folder, &["--secret-key", ANOTHER]).await;
    let old = Client::of(before.address).token("alice", "room1").await;
    before.stop().await;

    let between = Server::start(&folder, &["--secret-key-previous", ANOTHER]).await;
    let client = Client::of(between.address);
    assert_eq!(client.get_with("/rooms/room1", &old).await.status, 200);
    let new = client.token("alice", "room1").await;
    between.stop().await;

    let after = Server::start(&folder, &[]).await;
    let client = Client::of(after.address);
    assert_eq!(client.get_with("/rooms/room1", &new).await.status, 200);
    is_refused(&client.get_with("/rooms/room1", &old).await, 401, "token_invalid");
}

#[tokio::test]
async fn the_life_of_a_token_and_the_leeway_are_as_they_are_set() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--token-life", "10m", "--clock-leeway", "30s"]).await;
    let client = Client::of(server.address);
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let now = jiff::Timestamp::now().as_second();
    let token = client.token("alice", "room1").await;
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(&token).unwrap();
    assert!((0..10).contains(&(claims["exp"].as_i64().unwrap() - now - 600)), "{claims}");
    assert!(
        (0.0..10.0).contains(&(claims["iat"].as_f64().unwrap() - f64::from(u32::try_from(now).unwrap()))),
        "{claims}"
    );
    for (late, status) in [(20, 200), (40, 401)] {
        let claims = json!({ "username": "alice", "room_id": "room1", "exp": now - late });
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        assert_eq!(client.get_with("/rooms/room1", &token).await.status, status, "{late} s late");
    }
}

#[tokio::test]
async fn servers_that_do_not_know_each_others_keys_say_so() {
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    let both = ["--amqp-url", vhost.url(), "--database-url", database.url()];
    let folders = [(); 3].map(|()| Folder::new());
    let first = Server::start(&folders[0], &both).await;
    let knowing = Server::start(&folders[1], &[&both[..], &["--secret-key-previous", ANOTHER]].concat()).await;
    let clients = [first.address, knowing.address].map(Client::of);
    for client in &clients {
        client.ready().await;
        assert!(client.get("/readyz").await.json()["detail"].is_null());
    }
    let stranger = Server::start(&folders[2], &[&both[..], &["--secret-key", ANOTHER]].concat()).await;
    soon(async {
        while !clients[0].get("/readyz").await.json()["detail"].to_string().contains("SECRET_KEY_PREVIOUS") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(clients[1].get("/readyz").await.json()["detail"].is_null());
    for server in [stranger, knowing, first] {
        server.stop().await;
    }
}
