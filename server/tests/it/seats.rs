//! Never a third user.

use std::collections::BTreeSet;

use crate::support::brokers::on_each_broker;
use crate::support::client::Client;

/// Says which of these users get in when all of them come at once.
async fn who_gets_in(client: &Client, room: &str, users: usize) -> BTreeSet<String> {
    let mut joins = tokio::task::JoinSet::new();
    for n in 0..users {
        let (client, room) = (client.clone(), room.to_owned());
        joins.spawn(async move {
            let user = format!("user{n}");
            (user.clone(), client.listen(&user, &room).await)
        });
    }
    let mut sockets = joins.join_all().await;
    client.post(room, "who is here?").await;
    let mut inside = BTreeSet::new();
    for (user, socket) in &mut sockets {
        if socket.text_or_close().await.is_ok() {
            inside.insert(user.clone());
        }
    }
    inside
}

#[tokio::test]
async fn of_many_users_who_come_at_once_two_get_in() {
    on_each_broker(async |client: Client| {
        for round in 0..5 {
            let inside = who_gets_in(&client, &format!("room{round}"), 40).await;
            assert_eq!(inside.len(), 2, "{inside:?}");
        }
    })
    .await;
}
