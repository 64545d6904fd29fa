//! Never a third user.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use server::database::Database;
use server::history::Retention;
use server::nodes::{NodeId, SeatsVersion};
use server::seats::shared::{SharedSeats, Standing};
use shared::message::Seq;

use crate::support::brokers::on_each_broker;
use crate::support::client::Client;
use crate::support::histories::Place;
use crate::support::{Folder, kept, postgres};

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

/// As many as a node may have rooms unless it is told otherwise (`DUET_MAX_ROOMS`).
const ROOMS: u64 = 20_000;

#[tokio::test]
async fn a_node_with_as_many_rooms_as_may_be_compares_them_in_no_time() {
    let Some(database) = postgres::database().await else { return };
    let place = Place { folder: Folder::new(), database: Some(database) };
    kept::close(place.open(Retention::default()).await).await;
    let database = place.database.as_ref().unwrap();
    let (_, name) = database.url().rsplit_once('/').unwrap();
    let node = NodeId::new();
    let full = format!(
        "ALTER TABLE rooms SET (autovacuum_enabled = off);
         ALTER TABLE seats SET (autovacuum_enabled = off);
         INSERT INTO rooms (name, head, seats) SELECT 'room' || n, n, 1 FROM generate_series(1, {ROOMS}) AS n;
         INSERT INTO seats SELECT id, 'alice', '{node}', 'here', 0, 1 FROM rooms"
    );
    let client = database.client().await;
    client.batch_execute(&full).await.unwrap();
    let standing = |n| Standing { room: kept::room(&format!("room{n}")), head: Seq(n), seats: SeatsVersion(1) };
    // All but the last, and one that has changed.
    let mut known: Vec<Standing> = (1..ROOMS).map(standing).collect();
    known[0].seats = SeatsVersion(0);
    // A hash of all names, with what they take in a plan, is more than the second.
    for memory in ["4MB", "256kB"] {
        let set = format!("ALTER DATABASE {name} SET work_mem = '{memory}'");
        client.batch_execute(&set).await.unwrap();
        let seats = SharedSeats::new(Database::open(database.url().parse().unwrap()).await.unwrap());
        let mut took = Vec::new();
        // From the sixth time on PostgreSQL may take a plan that holds for any rooms.
        for _ in 0..10 {
            let begin = Instant::now();
            let mut found = seats.compare(node, &known).await.unwrap();
            took.push(begin.elapsed());
            found.sort_by_key(|standing| standing.head);
            let found: Vec<&str> = found.iter().map(|standing| standing.room.as_str()).collect();
            assert_eq!(found, ["room1", "room20000"]);
        }
        let [first, last] = [&took[..5], &took[5..]].map(|took| *took.iter().min().unwrap());
        assert!(first.max(last) < Duration::from_millis(800), "{memory}: {took:?}");
    }
}
