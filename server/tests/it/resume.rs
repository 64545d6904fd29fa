//! The subprotocol `duet.v1`: welcome, presence and resume.

use shared::frames::{PresenceState, Resume, ServerFrame};
use shared::message::Seq;

use crate::support::Folder;
use crate::support::brokers::on_each_broker;
use crate::support::client::{Client, Socket};
use crate::support::server::Server;

#[track_caller]
fn names(users: &[shared::names::Username]) -> Vec<&str> {
    users.iter().map(shared::names::Username::as_str).collect()
}

async fn presence(socket: &mut Socket) -> (String, PresenceState, Vec<String>) {
    match socket.frame().await {
        ServerFrame::Presence(p) => {
            (p.user.to_string(), p.state, names(&p.occupants).into_iter().map(str::to_owned).collect())
        }
        other => panic!("expected a presence, got {other:?}"),
    }
}

#[tokio::test]
async fn the_welcome_says_where_one_stands() {
    on_each_broker(async |client: Client| {
        let _bob = client.listen("bob", "room1").await;
        let (_alice, welcome) = client.enter("alice", "room1", "").await;
        assert_eq!(welcome.room_id.as_str(), "room1");
        assert_eq!(welcome.user.as_str(), "alice");
        assert_eq!(welcome.head, Seq(0));
        assert_eq!(names(&welcome.occupants), ["alice", "bob"]);
        assert_eq!(welcome.resume, Resume::Live);
        assert_eq!(welcome.max_content_bytes, 64 * 1024);
    })
    .await;
}

#[tokio::test]
async fn people_hear_who_comes_breaks_off_and_goes() {
    on_each_broker(async |client: Client| {
        let (mut alice, _) = client.enter("alice", "room1", "").await;
        let (bob, _) = client.enter("bob", "room1", "").await;
        let both = || vec!["alice".to_owned(), "bob".to_owned()];
        assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Here, both()));
        bob.vanish();
        assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Away, both()));
        // The seat is kept for bob, and for nobody else.
        assert_eq!(client.listen("carol", "room1").await.close_code().await, 4001);
        let (bob, _) = client.enter("bob", "room1", "").await;
        assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Here, both()));
        bob.close().await;
        assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Gone, vec!["alice".to_owned()]));
    })
    .await;
}

#[tokio::test]
async fn a_first_look_begins_with_the_newest_messages() {
    on_each_broker(async |client: Client| {
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        for n in 1..=5 {
            client.post("room1", &format!("message {n}")).await;
        }
        while bob.message().await.seq < Seq(5) {}
        let (mut alice, welcome) = client.enter("alice", "room1", "?last=2").await;
        assert_eq!((welcome.head, welcome.resume), (Seq(5), Resume::Recent));
        client.post("room1", "message 6").await;
        for n in 4..=6 {
            assert_eq!(alice.message().await.content, format!("message {n}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_resumed_connection_misses_nothing_and_repeats_nothing() {
    on_each_broker(async |client: Client| {
        let (mut alice, welcome) = client.enter("alice", "room1", "").await;
        client.post("room1", "message 1").await;
        assert_eq!(alice.message().await.seq, Seq(1));
        alice.vanish();
        // More than a page and more than a session's queue.
        for n in 2..=300 {
            client.post("room1", &format!("message {n}")).await;
        }
        let query = format!("?after=1&epoch={}&last=10", welcome.epoch);
        let (mut alice, welcome) = client.enter("alice", "room1", &query).await;
        assert_eq!(welcome.resume, Resume::Complete);
        for n in 2..=300 {
            assert_eq!(alice.message().await.content, format!("message {n}"));
        }
    })
    .await;
}

#[tokio::test]
async fn places_of_another_history_are_not_trusted() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    for n in 1..=3 {
        client.post("room1", &format!("message {n}")).await;
    }
    let (mut alice, welcome) = client.enter("alice", "room1", "?after=2&epoch=another&last=1").await;
    assert_eq!(welcome.resume, Resume::Reset);
    assert_eq!(alice.message().await.seq, Seq(3));
    // A place that is not reached yet is not of this history either.
    let query = format!("?after=9&epoch={}", welcome.epoch);
    let (_, welcome) = client.enter("alice", "room1", &query).await;
    assert_eq!((welcome.resume, welcome.head), (Resume::Reset, Seq(3)));
}

#[tokio::test]
async fn half_a_resume_is_refused() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    for query in ["?after=3", "?epoch=x", "?after=x&epoch=y", "?last=-1"] {
        let refused = client.connect(&format!("/updates/room1{query}"), Some(&token), None).await.unwrap_err();
        assert_eq!(refused.status(), 422, "{query}");
    }
}
