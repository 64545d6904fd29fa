//! Whoever comes third, whichever way they come.

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;

/// Expects that nobody called `user` gets into `room`, plainly, with `duet.v1`, or as one who was there before.
async fn is_kept_out(client: &Client, user: &str, room: &str, epoch: &str) {
    let token = client.token(user, room).await;
    let resumed = format!("?after=0&epoch={epoch}");
    for (query, protocol) in [("", None), ("?last=5", None), ("", Some("duet.v1")), (resumed.as_str(), Some("duet.v1"))]
    {
        let path = format!("/updates/{room}{query}");
        let mut socket = client.connect(&path, Some(&token), protocol).await.unwrap();
        assert_eq!(socket.close_code().await, 4001, "{user} by {path} with {protocol:?}");
    }
}

#[tokio::test]
async fn a_third_user_gets_in_by_no_way_and_under_no_name_like_theirs() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (_alice, welcome) = client.enter("alice", "room1", "").await;
    let _rene = client.listen("ren\u{e9}", "room1").await;
    for user in ["mallory", "Alice", "ALICE", "alic\u{435}", "rene", "al1ce", "alice2", "\u{ff41}lice"] {
        is_kept_out(&client, user, "room1", &welcome.epoch).await;
    }
    // The same name in other letters is the same person.
    let mut same = client.listen("rene\u{301}", "room1").await;
    client.post("room1", "welcome back").await;
    assert_eq!(same.text().await, "welcome back");
}

#[tokio::test]
async fn a_seat_that_is_kept_for_somebody_is_nobody_elses() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (_alice, welcome) = client.enter("alice", "room1", "").await;
    let (bob, _) = client.enter("bob", "room1", "").await;
    bob.vanish();
    is_kept_out(&client, "mallory", "room1", &welcome.epoch).await;
    let (_bob, welcome) = client.enter("bob", "room1", "").await;
    assert_eq!(welcome.occupants.len(), 2);
}
