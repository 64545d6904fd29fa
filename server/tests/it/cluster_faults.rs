//! Several nodes as processes, one of which is killed and one of which stands still, while people come and go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared::frames::ServerFrame;

use crate::support::client::{Client, Socket};
use crate::support::process::Process;
use crate::support::server::SECRET;
use crate::support::{Folder, postgres, rabbitmq, soon};

const ROOMS: u64 = 6;
const USERS: u64 = 5;

/// Longer than a lease, so that the seats of those who went are taken by others.
const GONE_FOR: Duration = Duration::from_secs(18);

/// So long, at the least, are the seats of a node kept that no longer renews its lease.
const SAFE_FOR: Duration = Duration::from_secs(9);

/// Which node dies, and which stands still.
const DIES: usize = 0;
const STANDS_STILL: usize = 1;

/// Somebody was in a room, on a node, from then to then.
#[derive(Debug)]
struct Stay {
    room: u64,
    user: u64,
    node: usize,
    from: Instant,
    to: Instant,
}

/// Comes and goes until `end`, on those of the nodes that are well.
async fn wander(clients: Vec<Client>, room: u64, user: u64, end: Instant, well: Arc<Mutex<Vec<usize>>>) -> Vec<Stay> {
    let (mut stays, name, of_user) = (Vec::new(), format!("room{room}"), format!("user{user}"));
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(rand(200))).await;
        let node = {
            let well = well.lock().unwrap();
            well[usize::try_from(rand(1_000)).unwrap() % well.len()]
        };
        let came = tokio::time::timeout(Duration::from_secs(3), come(&clients[node], &name, &of_user));
        let Ok(Some(mut socket)) = came.await else { continue };
        let from = Instant::now();
        // Some stay on the node that is to stand still, whatever happens.
        let is_for_long = node == STANDS_STILL && rand(3) == 0;
        let stay = if is_for_long { 2 * GONE_FOR } else { Duration::from_millis(50 + rand(700)) };
        // Until they want to go, or the node does.
        let _ = tokio::time::timeout(stay, async { while socket.text_or_end().await {} }).await;
        stays.push(Stay { room, user, node, from, to: Instant::now() });
        if rand(2) == 0 {
            let _ = tokio::time::timeout(Duration::from_secs(1), socket.0.close(None)).await;
        }
    }
    stays
}

async fn come(client: &Client, room: &str, user: &str) -> Option<Socket> {
    let token = client.try_token(user, room).await?;
    let mut socket = client.try_connect(&format!("/updates/{room}"), &token).await?;
    let first = tokio::time::timeout(Duration::from_secs(2), socket.text_or_gone()).await.ok()??;
    matches!(serde_json::from_str(&first).unwrap(), ServerFrame::Welcome(_)).then_some(socket)
}

fn rand(below: u64) -> u64 {
    u64::from(uuid::Uuid::new_v4().as_fields().0) % below
}

/// In no room are three at once.
#[track_caller]
fn check(stays: &[Stay]) {
    for room in 0..ROOMS {
        let of_room: Vec<&Stay> = stays.iter().filter(|stay| stay.room == room && stay.from < stay.to).collect();
        for stay in &of_room {
            // Whoever was there at that moment.
            let there = of_room.iter().filter(|other| other.from <= stay.from && stay.from < other.to);
            let there: BTreeMap<u64, &&Stay> = there.map(|other| (other.user, other)).collect();
            assert!(there.len() <= 2, "three are in room{room}: {there:#?}");
        }
    }
}

#[tokio::test]
async fn while_one_node_dies_and_one_stands_still_never_are_there_three() {
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    let arguments = ["--amqp-url", vhost.url(), "--database-url", database.url(), "--secret-key", SECRET];
    let folders: Vec<Folder> = (0..3).map(|_| Folder::new()).collect();
    let nodes: Vec<Process> = folders.iter().map(|folder| Process::start(folder, &arguments)).collect();
    let clients: Vec<Client> = nodes.iter().map(|node| Client::of(node.address)).collect();
    for client in &clients {
        client.ready().await;
    }
    let (began, well) = (Instant::now(), Arc::new(Mutex::new(vec![0, 1, 2])));
    let end = began + Duration::from_secs(2) + GONE_FOR + Duration::from_secs(2);
    let mut people = tokio::task::JoinSet::new();
    for (room, user) in (0..ROOMS).flat_map(|room| (0..USERS).map(move |user| (room, user))) {
        people.spawn(wander(clients.clone(), room, user, end, Arc::clone(&well)));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let went = Instant::now();
    nodes[STANDS_STILL].signal("STOP");
    *well.lock().unwrap() = vec![2];
    nodes[DIES].signal("KILL");
    tokio::time::sleep(GONE_FOR).await;
    nodes[STANDS_STILL].signal("CONT");

    let mut stays = Vec::new();
    while let Some(stay) = people.join_next().await {
        stays.extend(stay.unwrap());
    }
    for stay in stays.iter_mut().filter(|stay| stay.node == STANDS_STILL) {
        let is_sent_away = stay.to < went + GONE_FOR + Duration::from_secs(3);
        assert!(is_sent_away, "the node keeps whom it had when it stood still: {stay:?}");
        // Who seems to be there meanwhile is there as long as its lease lasts.
        stay.to = stay.to.min(went + SAFE_FOR);
    }
    check(&stays);
    let late = stays.iter().filter(|stay| stay.from > went + Duration::from_secs(16)).count();
    println!("{} stays, {late} after the leases had run out", stays.len());
    assert!(stays.len() > 100 && late > 10, "{} stays, {late} late ones", stays.len());
    // It has seen that it lost its lease, has another, and is one of them again.
    clients[STANDS_STILL].ready().await;
    assert!(soon(come(&clients[STANDS_STILL], "another", "user0")).await.is_some());
}

#[tokio::test]
async fn when_the_intake_is_killed_another_takes_over_and_nothing_is_lost_or_out_of_order() {
    const MESSAGES: u64 = 400;
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    let arguments = ["--amqp-url", vhost.url(), "--database-url", database.url(), "--secret-key", SECRET];
    let folders = [Folder::new(), Folder::new()];
    // The first to be ready is the intake.
    let first = Process::start(&folders[0], &arguments);
    Client::of(first.address).ready().await;
    let second = Process::start(&folders[1], &arguments);
    let client = Client::of(second.address);
    client.ready().await;
    let (mut bob, _) = client.enter("bob", "room1", "").await;
    let posting = tokio::spawn(async move {
        for n in 0..MESSAGES {
            client.post("room1", &n.to_string()).await;
            if n == MESSAGES / 2 {
                first.signal("KILL");
            }
        }
        first
    });
    for n in 0..MESSAGES {
        assert_eq!(bob.message().await.content, n.to_string());
    }
    let mut first = posting.await.unwrap();
    assert!(first.has_ended());
}
