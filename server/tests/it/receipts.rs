//! How far each person has come: told at once, remembered for those who come later.

use std::time::Duration;

use shared::frames::{Reached, Receipt, ServerFrame};
use shared::message::Seq;
use shared::names::Username;

use crate::support::Folder;
use crate::support::brokers::on_each_broker;
use crate::support::client::{Client, Socket};
use crate::support::histories::in_each_place;
use crate::support::process::Process;
use crate::support::server::Server;

fn receipt(user: &str, delivered: u64, read: u64) -> Receipt {
    let reached = Reached { delivered: Seq(delivered), read: Seq(read) };
    Receipt { user: Username::new(user).unwrap(), reached }
}

/// The next receipt, passing over everything else.
async fn next_receipt(socket: &mut Socket) -> Receipt {
    loop {
        match socket.frame().await {
            ServerFrame::Receipt(receipt) => return receipt,
            ServerFrame::Message(_) | ServerFrame::Presence(_) => {}
            other => panic!("expected a receipt, got {other:?}"),
        }
    }
}

async fn post(client: &Client, room: &str, count: usize, listener: &mut Socket) {
    for n in 0..count {
        client.post(room, &format!("message {n}")).await;
        listener.message().await;
    }
}

#[tokio::test]
async fn a_receipt_is_told_to_the_others_and_never_goes_back_or_past_the_room() {
    on_each_broker(async |client| {
        let (mut alice, welcome) = client.enter("alice", "room1", "").await;
        assert_eq!(welcome.receipts, []);
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        let mut plain = client.listen("bob", "room1").await;
        post(&client, "room1", 3, &mut bob).await;

        bob.say(r#"{"type":"receipt","delivered":2}"#).await;
        assert_eq!(next_receipt(&mut alice).await, receipt("bob", 2, 0));
        bob.say(r#"{"type":"receipt","delivered":1,"read":1,"from":"a later version"}"#).await;
        assert_eq!(next_receipt(&mut alice).await, receipt("bob", 2, 1));
        for nothing_new in [r#"{"type":"receipt","delivered":2}"#, r#"{"type":"wave"}"#, "receipt", "{", ""] {
            bob.say(nothing_new).await;
        }
        bob.say(r#"{"type":"receipt","read":99}"#).await;
        assert_eq!(next_receipt(&mut alice).await, receipt("bob", 3, 3));

        alice.say(r#"{"type":"receipt","delivered":3}"#).await;
        assert_eq!(next_receipt(&mut bob).await, receipt("alice", 3, 0));
        for n in 0..3 {
            assert_eq!(plain.text().await, format!("message {n}"), "a plain client hears messages alone");
        }
        plain.say(r#"{"type":"receipt","read":3}"#).await;
        plain.silence().await;
        alice.silence().await;
    })
    .await;
}

#[tokio::test]
async fn who_comes_later_is_told_in_the_welcome_however_soon() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    for round in 1..=3 {
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        post(&client, "room1", 1, &mut bob).await;
        bob.say(&format!(r#"{{"type":"receipt","delivered":{round},"read":{round}}}"#)).await;
        // The room is forgotten when he leaves, most likely before history has the receipt.
        bob.close().await;
        let (alice, welcome) = client.enter("alice", "room1", "").await;
        assert_eq!(welcome.receipts, [receipt("bob", round, round)]);
        alice.close().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn receipts_outlast_a_restart() {
    in_each_place(async |place| {
        let mut server = Process::start(&place.folder, &place.arguments());
        let client = Client::of(server.address);
        let (mut bob, _) = client.enter("bob", "room1", "").await;
        let (mut alice, _) = client.enter("alice", "room1", "").await;
        post(&client, "room1", 2, &mut bob).await;
        bob.say(r#"{"type":"receipt","delivered":2,"read":1}"#).await;
        next_receipt(&mut alice).await;
        alice.say(r#"{"type":"receipt","delivered":1}"#).await;
        next_receipt(&mut bob).await;
        drop((alice, bob));
        server.signal("TERM");
        tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();

        let server = Process::start(&place.folder, &place.arguments());
        let (_carol, mut welcome) = Client::of(server.address).enter("carol", "room1", "").await;
        // Those who moved within the same second may stand in any order.
        welcome.receipts.sort_by(|one, other| one.user.cmp(&other.user));
        assert_eq!(welcome.receipts, [receipt("alice", 1, 0), receipt("bob", 2, 1)]);
    })
    .await;
}
