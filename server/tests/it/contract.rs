//! The contract with clients of the first system, on each broker.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::brokers::on_each_broker;
use crate::support::client::{Client, answer};
use crate::support::server::SECRET;
use crate::support::soon;

/// A token made elsewhere, as PyJWT makes it.
fn foreign_token(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn in_an_hour() -> i64 {
    jiff::Timestamp::now().as_second() + 3600
}

#[tokio::test]
async fn a_message_reaches_every_connection_of_its_room_as_its_content_alone() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        let mut alice_again = client.listen("alice", "room1").await;
        let mut bob = client.listen("bob", "room1").await;
        let mut elsewhere = client.listen("alice", "room2").await;
        client.post("room1", "Hello, Room!").await;
        for socket in [&mut alice, &mut alice_again, &mut bob] {
            assert_eq!(socket.text().await, "Hello, Room!");
        }
        elsewhere.silence().await;
    })
    .await;
}

#[tokio::test]
async fn messages_arrive_in_the_order_in_which_they_were_accepted() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        for n in 0..100 {
            client.post("room1", &format!("message {n}")).await;
        }
        for n in 0..100 {
            assert_eq!(alice.text().await, format!("message {n}"));
        }
    })
    .await;
}

#[tokio::test]
async fn any_content_arrives_unchanged() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        let long = "x".repeat(64 * 1024);
        for content in ["", " ", "two\nlines", "\"quoted\" \\ \u{0} \u{1b}[31m", "héllo 👩‍👩‍👧 \u{202e}", &long]
        {
            client.post("room1", content).await;
            assert_eq!(alice.text().await, content);
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_carries_the_claims_and_an_hour() {
    on_each_broker(async |client: Client| {
        let token = client.token("user1", "room1").await;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::HS256)).unwrap().claims;
        assert_eq!(claims["username"], "user1");
        assert_eq!(claims["email"], "user1@example.com");
        assert_eq!(claims["room_id"], "room1");
        let left = in_an_hour() - claims["exp"].as_i64().unwrap();
        assert!((0..10).contains(&left), "exp is {left} s off");
    })
    .await;
}

#[tokio::test]
async fn a_token_made_elsewhere_under_the_same_key_is_accepted() {
    on_each_broker(async |client: Client| {
        let claims = json!({ "username": "user1", "email": "", "room_id": "room1", "exp": in_an_hour(), "aud": "x" });
        let mut bare = json!({ "username": "user1", "room_id": "room1" });
        // PyJWT writes the sum of time.time() and 3600 as it is.
        bare["exp"] = json!(f64::from(u32::try_from(in_an_hour()).unwrap()) + 0.25);
        for claims in [claims, bare] {
            let token = foreign_token(&claims, SECRET);
            let mut socket = client.connect("/updates/room1", Some(&token), None).await.unwrap();
            client.post("room1", "hi").await;
            assert_eq!(socket.text().await, "hi");
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_malformed_forged_or_expired_token_is_refused_with_401() {
    on_each_broker(async |client: Client| {
        let claims = json!({ "username": "user1", "email": "", "room_id": "room1", "exp": in_an_hour() });
        let mut old = claims.clone();
        old["exp"] = json!(jiff::Timestamp::now().as_second() - 1);
        let mut nameless = claims.clone();
        nameless.as_object_mut().unwrap().remove("username");
        let tokens = [
            (None, "token_missing"),
            (Some("nonsense".to_owned()), "token_invalid"),
            (Some(foreign_token(&claims, "another-key-of-at-least-thirty-two-bytes")), "token_invalid"),
            (Some(foreign_token(&nameless, SECRET)), "token_invalid"),
            (Some(foreign_token(&old, SECRET)), "token_expired"),
        ];
        for (token, code) in tokens {
            let refused = client.connect("/updates/room1", token.as_deref(), None).await.unwrap_err();
            assert_eq!(refused.status(), 401, "{code}");
            let problem: Value = serde_json::from_slice(refused.body().as_ref().unwrap()).unwrap();
            assert_eq!(problem["code"], code);
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_for_another_room_is_refused_with_403() {
    on_each_broker(async |client: Client| {
        let token = client.token("user1", "room1").await;
        let refused = client.connect("/updates/room2", Some(&token), None).await.unwrap_err();
        assert_eq!(refused.status(), 403);
    })
    .await;
}

#[tokio::test]
async fn a_third_user_is_closed_with_4001_and_the_two_notice_nothing() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        let mut bob = client.listen("bob", "room1").await;
        assert_eq!(client.listen("carol", "room1").await.close_code().await, 4001);
        let mut bob_again = client.listen("bob", "room1").await;
        client.post("room1", "hi").await;
        for socket in [&mut alice, &mut bob, &mut bob_again] {
            assert_eq!(socket.text().await, "hi");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_connection_of_a_user_frees_the_seat_in_whichever_way_it_ends() {
    on_each_broker(async |client: Client| {
        let _alice = client.listen("alice", "room1").await;
        let bob = client.listen("bob", "room1").await;
        let bob_again = client.listen("bob", "room1").await;
        bob.close().await;
        assert_eq!(client.listen("carol", "room1").await.close_code().await, 4001);
        bob_again.vanish();
        // The server hears of it a moment later than we do.
        soon(async {
            loop {
                let mut carol = client.listen("carol", "room1").await;
                client.post("room1", "is carol in?").await;
                if carol.text_or_close().await.is_ok() {
                    return;
                }
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_a_client_says_on_the_socket_is_ignored() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        let mut bob = client.listen("bob", "room1").await;
        alice.say("psst").await;
        alice.say(&"x".repeat(100_000)).await;
        client.post("room1", "hi").await;
        assert_eq!(bob.text().await, "hi");
        assert_eq!(alice.text().await, "hi");
    })
    .await;
}

#[tokio::test]
async fn a_room_may_be_called_anything_visible() {
    on_each_broker(async |client: Client| {
        let token = client.token("alice", "a/b c%😀").await;
        let path = "/updates/a%2Fb%20c%25%F0%9F%98%80";
        let mut socket = client.connect(path, Some(&token), None).await.unwrap();
        client.post("a/b c%😀", "hi").await;
        assert_eq!(socket.text().await, "hi");
    })
    .await;
}

#[tokio::test]
async fn bad_input_is_answered_with_what_is_wrong() {
    on_each_broker(async |client: Client| {
        let big = json!({ "room_id": "room1", "content": "x".repeat(64 * 1024 + 1) });
        let huge = json!({ "room_id": "room1", "content": "x".repeat(2 * 1024 * 1024) });
        let cases = [
            ("/message", json!({ "room_id": "room1" }), 422, "invalid_body"),
            ("/message", json!({ "room_id": 7, "content": "x" }), 422, "invalid_body"),
            ("/message", json!({ "room_id": "", "content": "x" }), 422, "invalid_body"),
            ("/message", json!({ "room_id": "a\u{1b}", "content": "x" }), 422, "invalid_body"),
            ("/message", json!(["room1", "x"]), 422, "invalid_body"),
            ("/message", big, 413, "too_large"),
            ("/message", huge, 413, "too_large"),
            ("/generate-token", json!({ "username": "alice", "room_id": "room1" }), 422, "invalid_body"),
            ("/generate-token", json!({ "username": "", "email": "", "room_id": "room1" }), 422, "invalid_body"),
        ];
        for (path, body, status, code) in cases {
            let answer = client.post_json(path, &body).await;
            assert_eq!(answer.status, status, "{}", answer.body);
            let problem = answer.problem();
            assert_eq!(serde_json::to_value(problem.code).unwrap(), code);
            assert_eq!(problem.status, status);
            assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        }
        let plain = client.request(Method::POST, "/message").header("content-type", "text/plain").body("{}");
        assert_eq!(answer(plain).await.status, 415);
        let broken =
            client.request(Method::POST, "/message").header("content-type", "application/json").body("{\"room");
        assert_eq!(answer(broken).await.status, 422);
        let surrogate = r#"{"room_id":"room1","content":"\ud800"}"#;
        let surrogate =
            client.request(Method::POST, "/message").header("content-type", "application/json").body(surrogate);
        assert_eq!(answer(surrogate).await.status, 422);
        assert_eq!(client.get("/nowhere").await.problem().status, 404);
        assert_eq!(client.get("/message").await.problem().status, 405);
    })
    .await;
}

#[tokio::test]
async fn a_post_repeated_with_its_key_is_one_message() {
    on_each_broker(async |client: Client| {
        let mut alice = client.listen("alice", "room1").await;
        for _ in 0..3 {
            let body = json!({ "room_id": "room1", "content": "once" });
            let request = client.request(Method::POST, "/message").header("Idempotency-Key", "\"key-1\"").json(&body);
            assert_eq!(answer(request).await.status, 200);
        }
        client.post("room1", "after").await;
        assert_eq!(alice.text().await, "once");
        assert_eq!(alice.text().await, "after");
    })
    .await;
}

#[tokio::test]
async fn a_message_carries_its_sender_only_with_a_valid_token_of_the_room() {
    on_each_broker(async |client: Client| {
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        let of_room = client.token("alice", "room1").await;
        let of_another = client.token("alice", "room2").await;
        let body = json!({ "room_id": "room1", "content": "hi" });
        let post = |token: Option<&str>| {
            let request = client.request(Method::POST, "/message").json(&body);
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        for (token, sender) in
            [(Some(of_room.as_str()), Some("alice")), (Some(&of_another), None), (Some("nonsense"), None), (None, None)]
        {
            assert_eq!(answer(post(token)).await.status, 200);
            assert_eq!(bob.message().await.sender.as_ref().map(|s| s.as_str()), sender);
        }
        for (token, status) in [(of_another.as_str(), 403), ("nonsense", 401)] {
            assert_eq!(answer(post(Some(token)).header("Prefer", "handling=strict")).await.status, status);
        }
        bob.silence().await;
    })
    .await;
}
