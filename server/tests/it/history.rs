//! Reading a room's history over HTTP.

use std::time::{Duration, Instant};

use serde_json::json;
use server::history::Retention;
use shared::message::Seq;
use shared::rest::HistoryPage;

use crate::support::brokers::on_each_broker;
use crate::support::client::Client;
use crate::support::histories::in_each_place;
use crate::support::server::Server;
use crate::support::{Folder, kept, soon};

async fn page(client: &Client, query: &str) -> HistoryPage {
    let token = client.token("alice", "room1").await;
    let answer = client.get_with(&format!("/rooms/room1/messages{query}"), &token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn places(page: &HistoryPage) -> Vec<u64> {
    page.messages.iter().map(|message| message.seq.0).collect()
}

/// Posts `count` messages and waits until all of them have their places.
async fn fill(client: &Client, count: u64) {
    let (mut listener, _) = client.enter("filler", "room1", "").await;
    for n in 1..=count {
        client.post("room1", &format!("message {n}")).await;
    }
    while listener.message().await.seq < Seq(count) {}
    listener.close().await;
}

#[tokio::test]
async fn a_page_has_the_messages_that_were_asked_for_in_order() {
    on_each_broker(async |client: Client| {
        assert_eq!(page(&client, "").await.head, Seq(0));
        fill(&client, 12).await;
        for (query, expected) in [
            ("", (1..=12).collect::<Vec<_>>()),
            ("?limit=3", vec![10, 11, 12]),
            ("?after=4&limit=3", vec![5, 6, 7]),
            ("?before=4&limit=2", vec![2, 3]),
            ("?after=12", vec![]),
            ("?before=1", vec![]),
            ("?after=18446744073709551615", vec![]),
        ] {
            let page = page(&client, query).await;
            assert_eq!(places(&page), expected, "{query}");
            assert_eq!(page.head, Seq(12), "{query}");
        }
        let first = &page(&client, "?after=0&limit=1").await.messages[0];
        assert_eq!(first.content, "message 1");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_large_messages_ends_early_and_the_next_goes_on() {
    in_each_place(async |place| {
        let server = Server::start(&place.folder, &place.arguments()).await;
        let client = Client::of(server.address);
        for _ in 0..20 {
            client.post("room1", &"x".repeat(60_000)).await;
        }
        assert_eq!(places(&page(&client, "?after=0&limit=500").await), (1..=9).collect::<Vec<_>>());
        assert_eq!(places(&page(&client, "?after=18&limit=500").await), [19, 20]);
        assert_eq!(places(&page(&client, "?limit=500").await), (12..=20).collect::<Vec<_>>());
        // Who catches up goes from page to page.
        let (mut alice, _) = client.enter("alice", "room1", "?last=20").await;
        for seq in 1..=20 {
            assert_eq!(alice.message().await.seq, Seq(seq));
        }
    })
    .await;
}

#[tokio::test]
async fn history_is_read_with_a_token_of_the_room_only() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    assert_eq!(client.get("/rooms/room1/messages").await.problem().status, 401);
    let token = client.token("alice", "room2").await;
    assert_eq!(client.get_with("/rooms/room1/messages", &token).await.problem().status, 403);
}

#[tokio::test]
async fn a_query_that_cannot_be_answered_is_refused() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let token = client.token("alice", "room1").await;
    for query in ["?limit=0", "?limit=501", "?limit=x", "?after=-1", "?after=1&before=3"] {
        let answer = client.get_with(&format!("/rooms/room1/messages{query}"), &token).await;
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["code"], json!("invalid_request"), "{query}");
    }
}

#[tokio::test]
async fn history_and_its_epoch_outlive_the_server() {
    in_each_place(async |place| {
        let server = Server::start(&place.folder, &place.arguments()).await;
        let client = Client::of(server.address);
        fill(&client, 3).await;
        let before = page(&client, "").await;
        server.stop().await;

        let server = Server::start(&place.folder, &place.arguments()).await;
        let client = Client::of(server.address);
        assert_eq!(page(&client, "").await, before);
        client.post("room1", "message 4").await;
        assert_eq!(places(&page(&client, "?after=3").await), [4]);
    })
    .await;
}

#[tokio::test]
async fn a_long_read_holds_no_append_up_and_the_log_shrinks_when_it_is_over() {
    const USUAL_LOG_BYTES: u64 = 64 << 20;
    let folder = Folder::new();
    let history = kept::open(&folder, Retention::default());
    kept::fill(&history, "room1", 1, 10, 0, kept::now()).await;
    let log = || std::fs::metadata(folder.path().join("duet.db-wal")).unwrap().len();

    // As a backup does.
    let mut reader = rusqlite::Connection::open(folder.path().join("duet.db")).unwrap();
    let read = reader.transaction().unwrap();
    let count = |read: &rusqlite::Connection| read.query_row("SELECT count(*) FROM messages", (), |row| row.get(0));
    assert_eq!(count(&read), Ok(10));
    let (begin, mut longest) = (Instant::now(), Duration::ZERO);
    for n in 11.. {
        let began = Instant::now();
        kept::append(&history, kept::incoming("room1", n, "x".repeat(60_000), kept::now())).await;
        longest = longest.max(began.elapsed());
        if log() > USUAL_LOG_BYTES + (16 << 20) {
            break;
        }
    }
    let took = begin.elapsed();
    assert!(longest < Duration::from_secs(1).max(took / 4), "{longest:?} of {took:?}");
    assert_eq!(count(&read), Ok(10));
    drop(read);
    soon(async {
        for n in 1_000_000.. {
            kept::append(&history, kept::incoming("room1", n, "x".repeat(60_000), kept::now())).await;
            if log() <= USUAL_LOG_BYTES {
                break;
            }
        }
    })
    .await;
    kept::close(history).await;
}
