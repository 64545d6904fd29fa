//! Thousands who come at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use server::access::tokens::Tokens;
use shared::rest::TokenRequest;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::Folder;
use crate::support::client::{Client, Socket};
use crate::support::process::Process;
use crate::support::server::SECRET;

/// So many waves come one after the other, each for rooms of its own: 4,800 joins.
const WAVES: usize = 12;
/// In each, three users for each of so many rooms, and as many users as there are rooms for one more.
const ROOMS: usize = 100;
/// After so many the server has all the memory that one takes. What the rest, 2,400 joins, may cost together is less than they would
/// if only the buffers of each connection (4 KiB) stayed.
const WARM: usize = 6;
const MOST_KIB_MORE: u64 = 8 * 1024;

fn token(user: &str, room: &str) -> String {
    let request =
        TokenRequest { username: user.parse().unwrap(), email: "".parse().unwrap(), room_id: room.parse().unwrap() };
    Tokens::new(SECRET.as_bytes()).issue(request, Timestamp::now()).unwrap()
}

async fn join(client: Arc<Client>, room: String, user: String) -> (String, String, Socket) {
    let token = token(&user, &room);
    let socket = client.connect(&format!("/updates/{room}"), Some(&token), None).await.unwrap();
    (room, user, socket)
}

/// All of a wave come at once and go again. In each room, whose names it gives, are two exactly, whoever was the quickest.
async fn wave(client: &Arc<Client>, wave: usize) -> Vec<String> {
    let mut joins = JoinSet::new();
    for n in 0..ROOMS {
        let room = format!("room{wave}-{n}");
        for user in ["alice", "bob", "mallory"] {
            joins.spawn(join(Arc::clone(client), room.clone(), user.to_owned()));
        }
        joins.spawn(join(Arc::clone(client), format!("wanted{wave}"), format!("user{n}")));
    }
    let mut sockets = joins.join_all().await;
    let mut rooms: Vec<String> = (0..ROOMS).map(|n| format!("room{wave}-{n}")).collect();
    rooms.push(format!("wanted{wave}"));
    for room in &rooms {
        client.post(room, "who is here?").await;
        let mut inside = Vec::new();
        for (_, user, socket) in sockets.iter_mut().filter(|(of, ..)| of == room) {
            if let Ok(text) = socket.text_or_close().await {
                assert_eq!(text, "who is here?");
                inside.push(user.clone());
            }
        }
        assert_eq!(inside.len(), 2, "{room}: {inside:?}");
    }
    rooms
}

/// Waits until those who were there are seen to have gone.
async fn until_empty(client: &Client, room: &str) {
    let token = token("eve", room);
    let is_empty =
        async || client.get_with(&format!("/rooms/{room}"), &token).await.json()["occupants"] == serde_json::json!([]);
    crate::support::soon(async {
        while !is_empty().await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Two who talk all the while, and hear each other at once.
async fn talk(client: Arc<Client>) {
    let mut alice = client.listen("alice", "quiet").await;
    let mut bob = client.listen("bob", "quiet").await;
    for n in 0_u64.. {
        let content = n.to_string();
        client.post("quiet", &content).await;
        assert_eq!((alice.text().await, bob.text().await), (content.clone(), content));
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_who_come_at_once_bring_no_third_user_in_and_leave_nothing_behind() {
    let folder = Folder::new();
    // Rooms that were not given back would be one too many in the second wave.
    let most = format!("--max-rooms={}", ROOMS + 2);
    let server = Process::start(&folder, &["--secret-key", SECRET, "--durability", "relaxed", &most]);
    let client = Arc::new(Client::of(server.address));
    let talking = tokio::spawn(talk(Arc::clone(&client)));
    let mut most = Vec::new();
    for n in 0..WAVES {
        for room in wave(&client, n).await {
            until_empty(&client, &room).await;
        }
        most.push(server.resident_kib("VmHWM"));
    }
    println!("{} joins a wave, KiB at the most: {most:?}", 4 * ROOMS);
    let more = most[WAVES - 1].saturating_sub(most[WARM - 1]);
    assert!(more < MOST_KIB_MORE, "{more} KiB more");
    assert!(!talking.is_finished(), "whoever talks is held up: {:?}", talking.await);
    talking.abort();
}
