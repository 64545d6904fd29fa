//! Limits as clients meet them: an answer that says which, and when to come back.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use shared::error::ErrorCode;
use tokio::time::sleep;

use crate::support::Folder;
use crate::support::client::{Answer, Client, answer};
use crate::support::server::Server;

async fn post(client: &Client, room: &str, token: Option<&str>) -> Answer {
    let request = client.request(Method::POST, "/message").json(&json!({"room_id": room, "content": "hi"}));
    answer(token.into_iter().fold(request, |request, token| request.bearer_auth(token))).await
}

/// Expects that `answer` refuses by a limit, and returns for how many seconds.
#[track_caller]
fn refused(answer: &Answer, which: &str) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.body);
    let problem = answer.problem();
    assert_eq!(problem.code, ErrorCode::TooManyRequests);
    assert!(problem.detail.starts_with(which), "{}", problem.detail);
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_user_who_posts_too_often_is_told_when_to_come_back_and_the_other_notices_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--posts-per-user", "12/min burst 3"]).await;
    let client = Client::of(server.address);
    let alice = client.token("alice", "room1").await;
    let bob = client.token("bob", "room1").await;
    for _ in 0..3 {
        assert_eq!(post(&client, "room1", Some(&alice)).await.status, 200);
    }
    let wait = refused(&post(&client, "room1", Some(&alice)).await, "this user's posts to the room");
    for (room, token) in [("room1", Some(&bob)), ("room1", None)] {
        assert_eq!(post(&client, room, token.map(String::as_str)).await.status, 200);
    }
    assert!((4..=5).contains(&wait), "{wait}");
    sleep(Duration::from_secs(wait)).await;
    assert_eq!(post(&client, "room1", Some(&alice)).await.status, 200);
}

#[tokio::test]
async fn a_room_takes_so_many_posts_whoever_sends_them() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--posts-per-room", "1/min burst 2"]).await;
    let client = Client::of(server.address);
    let alice = client.token("alice", "room1").await;
    assert_eq!(post(&client, "room1", Some(&alice)).await.status, 200);
    assert_eq!(post(&client, "room1", None).await.status, 200);
    let wait = refused(&post(&client, "room1", Some(&alice)).await, "posts to the room");
    assert!((55..=60).contains(&wait), "{wait}");
    assert_eq!(post(&client, "room2", None).await.status, 200);
}

#[tokio::test]
async fn an_open_server_counts_nothing_by_itself() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    // A usual burst is 100.
    for _ in 0..300 {
        client.post("room1", "hi").await;
    }
}

#[tokio::test]
async fn there_are_no_more_rooms_than_may_be_and_those_that_are_there_go_on() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--max-rooms", "2"]).await;
    let client = Client::of(server.address);
    let one = client.listen("alice", "room1").await;
    let mut two = client.listen("alice", "room2").await;
    let token = client.token("alice", "room3").await;
    // Not 429: it is nothing that alice has done too often.
    let refused = client.connect("/updates/room3", Some(&token), None).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    let mut bob = client.listen("bob", "room2").await;
    client.post("room2", "hi").await;
    assert_eq!((two.text().await, bob.text().await), ("hi".to_owned(), "hi".to_owned()));
    one.close().await;
    // The seat is free at once, but by way of the hub.
    while client.try_connect("/updates/room3", &token).await.is_none() {
        sleep(Duration::from_millis(20)).await;
    }
}

/// As a proxy passes it on.
fn forwarded(client: &Client, method: Method, path: &str, address: &str) -> reqwest::RequestBuilder {
    let body = json!({"room_id": "room1", "content": "hi", "username": "alice", "email": ""});
    client.request(method, path).header("x-forwarded-for", address).json(&body)
}

async fn from_address(client: &Client, method: Method, path: &str, address: &str) -> Answer {
    answer(forwarded(client, method, path, address)).await
}

#[tokio::test]
async fn an_address_is_limited_behind_a_trusted_proxy_and_this_machine_is_not() {
    let folder = Folder::new();
    let rates = ["posts", "joins", "tokens", "invites"].map(|what| format!("--{what}-per-address=1/min burst 2"));
    let [posts, joins, tokens, invites] = rates.each_ref().map(String::as_str);
    let server = Server::start(&folder, &["--trusted-proxies", "127.0.0.1", posts, joins, tokens, invites]).await;
    let client = Client::of(server.address);
    for (method, path, within, which) in [
        (Method::POST, "/message", 200, "posts from this address"),
        (Method::POST, "/generate-token", 200, "requests for tokens from this address"),
        (Method::GET, "/updates/room1", 401, "attempts to enter rooms from this address"),
        (Method::POST, "/rooms/room1/invites", 401, "requests about invites from this address"),
    ] {
        for _ in 0..2 {
            let answer = from_address(&client, method.clone(), path, "198.51.100.7").await;
            assert_eq!(answer.status, within, "{path}: {}", answer.body);
        }
        // What a client claims of itself does not help.
        let claimed = "203.0.113.1, 198.51.100.7";
        let wait = refused(&from_address(&client, method.clone(), path, claimed).await, which);
        assert!((1..=60).contains(&wait), "{wait}");
        for address in ["198.51.100.8", "127.0.0.1", "127.0.0.1", "127.0.0.1"] {
            let answer = from_address(&client, method.clone(), path, address).await;
            assert_eq!(answer.status, within, "{path} from {address}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn whoever_asks_about_invites_too_often_is_refused_by_whichever_way() {
    let folder = Folder::new();
    let limits = ["--trusted-proxies", "127.0.0.1", "--invites-per-address=1/min burst 5"];
    let server = Server::start(&folder, &limits).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    let ways = [
        (Method::POST, "/rooms/room1/invites", 201),
        (Method::GET, "/rooms/room1/invites", 200),
        (Method::DELETE, "/rooms/room1/invites/5b3c1f0a9d2e", 404),
        (Method::DELETE, "/rooms/room1/members/alice", 204),
    ];
    for (method, path, within) in ways.clone() {
        let asked = answer(forwarded(&client, method, path, "198.51.100.7").bearer_auth(&token)).await;
        assert_eq!(asked.status, within, "{path}: {}", asked.body);
    }
    assert_eq!(from_address(&client, Method::GET, "/rooms/room2/invites", "198.51.100.7").await.status, 401);
    for (method, path, _) in ways {
        let asked = answer(forwarded(&client, method, path, "198.51.100.7").bearer_auth(&token)).await;
        refused(&asked, "requests about invites from this address");
    }
    // Reading what is said is another thing.
    let read = forwarded(&client, Method::GET, "/rooms/room1/messages", "198.51.100.7").bearer_auth(&token);
    assert_ne!(answer(read).await.status, 429);
}

#[tokio::test]
async fn a_program_of_the_operator_asks_for_many_people_from_one_address() {
    const ISSUER: &str = "an-issuer-key-of-at-least-thirty-two-bytes";
    const BACKEND: &str = "198.51.100.7";
    let folder = Folder::new();
    let closed = ["--access", "closed", "--issuer-key", ISSUER, "--trusted-proxies", "127.0.0.1"];
    let rates = ["--tokens-per-address=1/min burst 2", "--invites-per-address=1/min burst 2"];
    let server = Server::start(&folder, &[&closed[..], &rates].concat()).await;
    let client = Client::of(server.address);
    let ask =
        async |path: &str, key: &str| answer(forwarded(&client, Method::POST, path, BACKEND).bearer_auth(key)).await;
    for (path, within, which) in [
        ("/generate-token", 200, "requests for tokens from this address"),
        ("/rooms/room1/invites", 201, "requests about invites from this address"),
    ] {
        for _ in 0..9 {
            let asked = ask(path, ISSUER).await;
            assert_eq!(asked.status, within, "{path}: {}", asked.body);
        }
        // It has taken nothing from whoever else is there, and who only says to be it is counted.
        for _ in 0..2 {
            assert_eq!(ask(path, "an-issuer-key-that-somebody-has-made-up-himself").await.status, 401, "{path}");
        }
        refused(&ask(path, "an-issuer-key-that-somebody-has-made-up-himself").await, which);
        assert_eq!(ask(path, ISSUER).await.status, within, "{path}");
    }
}
