//! Who is there, whether anybody is at their clients, and who writes.

use std::time::Duration;

use serde_json::Value;
use shared::frames::{PresenceState, ServerFrame, TypingState};

use crate::support::Folder;
use crate::support::brokers::on_each_broker;
use crate::support::client::{Client, Socket};
use crate::support::server::Server;

const IDLE: &str = r#"{"type":"presence","state":"idle"}"#;
const HERE: &str = r#"{"type":"presence","state":"here"}"#;
const ACTIVE: &str = r#"{"type":"typing","state":"active"}"#;
const STOPPED: &str = r#"{"type":"typing","state":"stopped"}"#;

/// What the next frame says of whom.
async fn next(socket: &mut Socket) -> (String, String) {
    let (user, what) = match socket.frame().await {
        ServerFrame::Presence(presence) => (presence.user.to_string(), format!("{:?}", presence.state)),
        ServerFrame::Typing(typing) => (typing.user.to_string(), format!("{:?}", typing.activity.state)),
        ServerFrame::Message(message) => ("message".to_owned(), message.content),
        other => panic!("{other:?}"),
    };
    (user, what)
}

#[track_caller]
fn check(got: &(String, String), user: &str, what: impl std::fmt::Debug) {
    assert_eq!((got.0.as_str(), got.1.as_str()), (user, format!("{what:?}").trim_matches('"')));
}

#[tokio::test]
async fn who_writes_is_told_to_the_other_until_it_is_sent_or_they_leave() {
    on_each_broker(async |client| {
        let (mut alice, _) = client.enter("alice", "room1", "").await;
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        check(&next(&mut alice).await, "bob", PresenceState::Here);
        let (mut beside, _) = client.enter("bob", "room1", "").await;
        let mut plain = client.listen("alice", "room1").await;

        bob.say(STOPPED).await;
        bob.say(ACTIVE).await;
        check(&next(&mut alice).await, "bob", TypingState::Active);
        // Few, so that all come within the second in which they are not passed on.
        for _ in 0..3 {
            bob.say(ACTIVE).await;
        }
        bob.say(STOPPED).await;
        check(&next(&mut alice).await, "bob", TypingState::Stopped);

        tokio::time::sleep(Duration::from_secs(1)).await;
        bob.say(ACTIVE).await;
        check(&next(&mut alice).await, "bob", TypingState::Active);
        let token = client.token("bob", "room1").await;
        let body = serde_json::json!({ "room_id": "room1", "content": "hi" });
        let post = client.request(reqwest::Method::POST, "/message").json(&body).bearer_auth(token);
        assert_eq!(post.send().await.unwrap().status(), 200);
        check(&next(&mut alice).await, "message", "hi");
        check(&next(&mut alice).await, "bob", TypingState::Stopped);

        bob.say(ACTIVE).await;
        check(&next(&mut alice).await, "bob", TypingState::Active);
        bob.close().await;
        check(&next(&mut alice).await, "bob", TypingState::Stopped);
        check(&next(&mut beside).await, "message", "hi");
        beside.silence().await;
        assert_eq!(plain.text().await, "hi");
        plain.silence().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_is_idle_when_every_client_of_theirs_says_so() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (mut alice, welcome) = client.enter("alice", "room1", "").await;
    assert_eq!(welcome.idle, []);
    // A plain connection is attended while there is no other, for it cannot say anything.
    let _plain = client.listen("bob", "room1").await;
    check(&next(&mut alice).await, "bob", PresenceState::Here);
    let (mut bob, _) = client.enter("bob", "room1", "").await;
    bob.say(IDLE).await;
    check(&next(&mut alice).await, "bob", PresenceState::Idle);
    check(&next(&mut bob).await, "bob", PresenceState::Idle);

    let (mut phone, welcome) = client.enter("bob", "room1", "").await;
    assert_eq!(welcome.idle, [], "a connection that has said nothing counts as attended");
    check(&next(&mut alice).await, "bob", PresenceState::Here);
    phone.say(IDLE).await;
    check(&next(&mut alice).await, "bob", PresenceState::Idle);
    let (carol, welcome) = client.enter("alice", "room1", "").await;
    assert_eq!(welcome.idle.iter().map(|idle| idle.user.as_str()).collect::<Vec<_>>(), ["bob"]);
    carol.close().await;
    bob.say(HERE).await;
    check(&next(&mut alice).await, "bob", PresenceState::Here);
    bob.close().await;
    check(&next(&mut alice).await, "bob", PresenceState::Idle);
    phone.vanish();
    check(&next(&mut alice).await, "bob", PresenceState::Here);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_nobody_sits_at_is_idle_from_its_beginning() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (mut alice, _) = client.enter("alice", "room1", "").await;
    let (bob, welcome) = client.enter("bob", "room1", "?attention=idle").await;
    assert_eq!(welcome.idle.len(), 1);
    check(&next(&mut alice).await, "bob", PresenceState::Idle);
    let since = welcome.idle;
    for _ in 0..2 {
        let (beside, welcome) = client.enter("bob", "room1", "?last=5&attention=idle").await;
        assert_eq!(welcome.idle, since);
        beside.close().await;
    }
    let (attended, _) = client.enter("bob", "room1", "?attention=here").await;
    check(&next(&mut alice).await, "bob", PresenceState::Here);
    attended.close().await;
    check(&next(&mut alice).await, "bob", PresenceState::Idle);
    bob.close().await;
    check(&next(&mut alice).await, "bob", PresenceState::Gone);
    server.stop().await;
}

#[tokio::test]
async fn who_asks_who_is_there_takes_no_seat() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("carol", "room1").await;
    let ask = async || client.get_with("/rooms/room1", &token).await;
    let empty = ask().await;
    assert_eq!((empty.status.as_u16(), &empty.json()["occupants"]), (200, &Value::Array(vec![])), "{}", empty.body);

    let (mut alice, _) = client.enter("alice", "room1", "").await;
    let (mut bob, _) = client.enter("bob", "room1", "").await;
    client.post("room1", "hi").await;
    bob.message().await;
    bob.say(IDLE).await;
    while next(&mut alice).await != ("bob".to_owned(), "Idle".to_owned()) {}
    let full = ask().await.json();
    let people: Vec<_> =
        full["occupants"].as_array().unwrap().iter().map(|one| (&one["user"], &one["state"])).collect();
    assert_eq!(format!("{people:?}"), r#"[(String("alice"), String("here")), (String("bob"), String("idle"))]"#);
    assert_eq!((&full["room_id"], &full["head"]), (&Value::from("room1"), &Value::from(1)));
    bob.vanish();
    while next(&mut alice).await != ("bob".to_owned(), "Away".to_owned()) {}
    assert_eq!(ask().await.json()["occupants"][1]["state"], "away");

    assert_eq!(client.get("/rooms/room1").await.problem().status, 401);
    assert_eq!(client.get_with("/rooms/room2", &token).await.problem().status, 403);
    server.stop().await;
}
