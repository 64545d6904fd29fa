//! Histories of earlier versions, and of later ones.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use server::history::{Durability, History, HistoryError, Retention, Span};
use shared::frames::{Reached, Receipt};
use shared::message::Seq;
use shared::names::Username;
use shared::search::Query;

use crate::support::client::Client;
use crate::support::kept::{append, close, incoming, now, open, places, room};
use crate::support::{Folder, soon};

/// How many messages the old history has in `room1`, and how many bytes each.
const MESSAGES: u32 = 2_000;
const BYTES: usize = 2_000;

fn file(folder: &Folder) -> PathBuf {
    folder.path().join("duet.db")
}

/// A history as the first version left it.
fn of_the_first_schema(folder: &Folder) {
    let mut connection = Connection::open(file(folder)).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch(include_str!("../../src/history/migrations/sqlite-1.sql")).unwrap();
    transaction.pragma_update(None, "user_version", 1).unwrap();
    transaction.execute("INSERT INTO meta VALUES ('epoch', 'of the first schema')", ()).unwrap();
    transaction.execute("INSERT INTO rooms VALUES (1, 'room1', ?1), (2, 'room2', 1)", [MESSAGES]).unwrap();
    for n in 1..=MESSAGES {
        let row = (n, format!("room1-{n}"), format!("message {n} {}", "x".repeat(BYTES)));
        transaction.execute("INSERT INTO messages VALUES (1, ?1, ?2, 'alice', ?3, 1795356130125)", row).unwrap();
    }
    transaction.execute("INSERT INTO messages VALUES (2, 1, 'outside', NULL, 'hi', 0)", ()).unwrap();
    transaction.commit().unwrap();
}

fn pragma(folder: &Folder, name: &str) -> i64 {
    Connection::open(file(folder)).unwrap().pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

/// How many messages hold a word, of the newest 100.
async fn found(history: &History, word: &str) -> usize {
    history.search(&room("room1"), Query::new(word).unwrap(), None, 100).await.unwrap().messages.len()
}

/// How many messages are not indexed yet.
fn unindexed(folder: &Folder) -> i64 {
    let select = "SELECT sum(head - indexed) FROM rooms";
    Connection::open(file(folder)).unwrap().query_row(select, (), |row| row.get(0)).unwrap()
}

async fn has_everything(history: &History) {
    assert_eq!(history.epoch(), "of the first schema");
    assert_eq!(places(history, "room1").await, (1..=MESSAGES.into()).collect::<Vec<_>>());
    let page = history.page(&room("room1"), Span::After(Seq::START), 1).await.unwrap();
    let (head, first) = (page.head, &page.messages[0]);
    assert_eq!(head, Seq(MESSAGES.into()));
    assert_eq!((first.id.as_str(), first.sender.as_ref().unwrap().as_str()), ("room1-1", "alice"));
    assert!(first.content.starts_with("message 1 x"));
    assert_eq!(first.sent_at.to_string(), "2026-11-22T14:02:10.125Z");
    let outside = history.page(&room("room2"), Span::After(Seq::START), 1).await.unwrap().messages.remove(0);
    assert_eq!((outside.content.as_str(), outside.sender), ("hi", None));
}

#[tokio::test]
async fn a_history_of_the_first_schema_has_everything_and_learns_what_is_new() {
    let folder = Folder::new();
    of_the_first_schema(&folder);
    assert_eq!(pragma(&folder, "auto_vacuum"), 0);
    let history = open(&folder, Retention::default());
    has_everything(&history).await;
    // While the history is being indexed, too.
    assert_eq!((found(&history, "mess 1").await, found(&history, "1999 x").await), (100, 1));

    let again = append(&history, incoming("room1", 7, "again".to_owned(), now())).await;
    assert_eq!(again.message.seq, Seq(7));
    let next = append(&history, incoming("room1", u64::from(MESSAGES) + 1, "next".to_owned(), now())).await;
    assert_eq!(next.message.seq, Seq(u64::from(MESSAGES) + 1));
    let reached = Reached { delivered: Seq(5), read: Seq(3) };
    let receipt = Receipt { user: Username::new("bob").unwrap(), reached };
    history.keep_receipts(vec![(room("room1"), receipt.clone())]).await.unwrap();
    close(history).await;

    let history = open(&folder, Retention::default());
    assert_eq!(history.receipts(&room("room1")).await.unwrap(), [receipt]);
    assert_eq!(history.receipts(&room("room2")).await.unwrap(), []);
    soon(async {
        while unindexed(&folder) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!((found(&history, "mess 1999").await, found(&history, "next").await), (1, 1));
    close(history).await;
    assert_eq!((pragma(&folder, "user_version"), pragma(&folder, "auto_vacuum")), (3, 2));
}

#[tokio::test]
async fn a_new_history_can_shrink_from_the_start() {
    let folder = Folder::new();
    close(open(&folder, Retention::default())).await;
    assert_eq!((pragma(&folder, "user_version"), pragma(&folder, "auto_vacuum")), (3, 2));
}

#[tokio::test]
async fn a_history_that_there_is_no_room_to_rewrite_goes_on_without_and_says_so() {
    let folder = Folder::new();
    of_the_first_schema(&folder);
    // No file may grow beyond half of it: so is a disk without room.
    let blocks = std::fs::metadata(file(&folder)).unwrap().len() / 2 / 512;
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut server = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_duet-server"), "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("DUET_DATA_DIR", folder.path())
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut address) = (String::new(), None);
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
    while address.is_none() {
        let line = lines.next().unwrap_or_else(|| panic!("the server did not start: {said}"));
        address = line.split_once("address=").map(|(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
        said += &line;
    }
    Client::of(address.unwrap()).post("room2", "accepted all the same").await;
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(said.contains("WARN") && said.contains("could not be rewritten and goes on as it is"), "{said}");
    assert_eq!((pragma(&folder, "user_version"), pragma(&folder, "auto_vacuum")), (3, 0));

    // The next start, with room, makes up for it.
    let history = open(&folder, Retention::default());
    has_everything(&history).await;
    assert_eq!(history.page(&room("room2"), Span::Newest, 1).await.unwrap().head, Seq(2));
    close(history).await;
    assert_eq!(pragma(&folder, "auto_vacuum"), 2);
}

#[test]
fn a_history_of_a_later_version_is_refused_and_left_alone() {
    let folder = Folder::new();
    of_the_first_schema(&folder);
    Connection::open(file(&folder)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = History::open(folder.path(), Durability::Relaxed, Retention::default()).unwrap_err();
    let HistoryError::Open(said) = refused else { panic!("{refused:?}") };
    assert!(said.contains("a later duet-server (schema 99, this one knows 3): use that version"), "{said}");
    assert_eq!((pragma(&folder, "user_version"), pragma(&folder, "auto_vacuum")), (99, 0));
}
