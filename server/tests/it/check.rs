//! `duet-server check`: says what is wrong with a history, and changes nothing.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use server::access::codes::Digest;
use server::access::invites::{self, Added, Admission, Attempt, Member, later};
use server::access::store::Store;
use server::history::Retention;
use shared::frames::{Reached, Receipt, ServerFrame};
use shared::message::Seq;
use shared::names::Username;

use crate::support::client::Client;
use crate::support::command::{Said, run};
use crate::support::kept::{close, fill, now, open, room};
use crate::support::process::Process;
use crate::support::{Folder, soon};

/// A history of two rooms with 10 messages each, `room1` with a receipt.
async fn good(folder: &Folder) {
    let history = open(folder, Retention::default());
    for name in ["room1", "room2"] {
        fill(&history, name, 1, 10, 1_000, now()).await;
    }
    let reached = Reached { delivered: Seq(9), read: Seq(8) };
    let receipt = Receipt { user: Username::new("bob").unwrap(), reached };
    history.keep_receipts(vec![(room("room1"), receipt)]).await.unwrap();
    close(history).await;
}

fn file(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("duet.db")
}

/// The files in a folder: names, sizes, and times of their last change.
fn files(folder: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let entry = |entry: std::fs::DirEntry| {
        let facts = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), facts.len(), facts.modified().unwrap())
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|found| entry(found.unwrap())).collect();
    files.sort();
    files
}

#[track_caller]
fn says_that_all_is_well(said: &Said, what: &str) {
    assert!(said.is_good && said.err.is_empty(), "{said:?}");
    assert!(said.out.contains(&format!("duet.db: All is well. {what}.\n")), "{said:?}");
}

/// Breaks a good history and expects these words of the check.
#[track_caller]
fn check_finds(folder: &Folder, expected: &[&str]) {
    let before = files(folder.path());
    let said = run(folder, &["check"]);
    assert!(!said.is_good && said.err.is_empty(), "{said:?}");
    for words in expected.iter().chain(&["This is wrong:", "What to do: "]) {
        assert!(said.out.contains(words), "{words} is not in {}", said.out);
    }
    assert_eq!(files(folder.path()), before);
}

/// Breaks a good history by these statements and expects these words of the check.
async fn broken_by(statements: &str, expected: &[&str]) {
    let folder = Folder::new();
    good(&folder).await;
    let connection = Connection::open(file(&folder)).unwrap();
    connection.execute_batch(&format!("PRAGMA foreign_keys = off; {statements}")).unwrap();
    connection.close().unwrap();
    check_finds(&folder, expected);
}

#[tokio::test]
async fn a_good_history_is_called_good_and_left_as_it_is() {
    let folder = Folder::new();
    good(&folder).await;
    let before = files(folder.path());
    says_that_all_is_well(&run(&folder, &["check"]), "Rooms: 2, messages: 20");
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn rooms_whose_messages_have_expired_are_as_good() {
    let folder = Folder::new();
    good(&folder).await;
    let history = open(&folder, Retention { keep_messages: NonZeroU64::new(3), keep_for: None });
    // Until the last room has been seen to.
    while history.page(&room("room2"), server::history::Span::Newest, 10).await.unwrap().messages.len() > 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    close(history).await;
    Connection::open(file(&folder)).unwrap().execute("DELETE FROM messages WHERE room = 2", ()).unwrap();
    says_that_all_is_well(&run(&folder, &["check"]), "Rooms: 2, messages: 3");
}

#[tokio::test]
async fn a_server_at_work_is_not_disturbed_and_what_it_has_just_kept_is_seen() {
    let folder = Folder::new();
    good(&folder).await;
    let server = Process::start(&folder, &[]);
    let client = Client::of(server.address);
    client.post("room3", "just now").await;
    let said = run(&folder, &["check"]);
    says_that_all_is_well(&said, "Rooms: 3, messages: 21");
    assert!(said.out.ends_with("access.db: All is well. Invites: 0, refresh tokens: 0, revocations: 0.\n"), "{said:?}");
    client.post("room3", "and again").await;
    server.kill();

    // What a killed server leaves is good as well, and still all there afterwards.
    let before = files(folder.path());
    says_that_all_is_well(&run(&folder, &["check"]), "Rooms: 3, messages: 22");
    let names =
        |files: &[(String, u64, _)]| files.iter().map(|(name, size, _)| (name.clone(), *size)).collect::<Vec<_>>();
    assert_eq!(names(&files(folder.path())), names(&before));
    let history = open(&folder, Retention::default());
    let page = history.page(&room("room3"), server::history::Span::Newest, 10).await.unwrap();
    assert_eq!(page.head, Seq(2));
    close(history).await;
}

#[tokio::test]
async fn a_head_that_is_not_the_newest_message_is_found() {
    let lost = r#"room "room1" has come to place 10, but its newest message is at 9"#;
    broken_by("DELETE FROM messages WHERE room = 1 AND seq = 10", &[lost, "restore the newest backup"]).await;
    let ahead = r#"room "room2" has come to place 5, but its newest message is at 10"#;
    broken_by("UPDATE rooms SET head = 5 WHERE id = 2", &[ahead]).await;
}

#[tokio::test]
async fn a_hole_among_the_places_is_found() {
    let hole = r#"room "room2" has 8 messages at the places 1 to 10"#;
    broken_by("DELETE FROM messages WHERE room = 2 AND seq IN (4, 7)", &[hole]).await;
}

#[tokio::test]
async fn messages_of_no_room_are_found() {
    broken_by("DELETE FROM rooms WHERE id = 2", &["10 messages belong to none of the rooms"]).await;
}

#[tokio::test]
async fn a_receipt_beyond_its_room_is_found_and_called_passing() {
    let beyond = r#""bob" has come to place 11 of room "room1", which has come to 10 only"#;
    broken_by("UPDATE receipts SET delivered = 11", &[beyond, "What to do: nothing."]).await;
}

#[tokio::test]
async fn an_index_of_words_that_is_damaged_is_found() {
    let folder = Folder::new();
    good(&folder).await;
    let history = open(&folder, Retention::default());
    let connection = Connection::open(file(&folder)).unwrap();
    let indexed = || connection.query_row("SELECT min(indexed) FROM rooms", (), |row| row.get::<_, i64>(0)).unwrap();
    soon(async {
        while indexed() < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    close(history).await;
    // The words of a segment, not what says which segments there are.
    connection.execute_batch("UPDATE search_data SET block = zeroblob(length(block)) WHERE id > 10").unwrap();
    connection.close().unwrap();
    check_finds(&folder, &["the file is damaged: ", "search"]);
}

#[tokio::test]
async fn a_page_that_is_damaged_is_found() {
    let folder = Folder::new();
    good(&folder).await;
    let mut bytes = std::fs::read(file(&folder)).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xAA);
    std::fs::write(file(&folder), bytes).unwrap();
    check_finds(&folder, &["the file is damaged: "]);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_found() {
    let folder = Folder::new();
    good(&folder).await;
    let size = std::fs::metadata(file(&folder)).unwrap().len();
    let cut = std::fs::OpenOptions::new().write(true).open(file(&folder)).unwrap();
    cut.set_len(size / 2).unwrap();
    check_finds(&folder, &["the file "]);
}

#[test]
fn a_file_that_is_no_database_is_found() {
    let folder = Folder::new();
    std::fs::write(file(&folder), "a letter to a friend, by no means a database; it is longer than a header").unwrap();
    check_finds(&folder, &["the file cannot be read to its end: file is not a database"]);
}

#[test]
fn what_cannot_be_looked_at_is_said_and_nothing_is_made() {
    let folder = Folder::new();
    let said = run(&folder, &["check"]);
    assert!(!said.is_good && said.out.is_empty(), "{said:?}");
    assert!(said.err.contains("there is no file") && said.err.contains("DUET_DATA_DIR"), "{said:?}");
    assert_eq!(files(folder.path()), []);

    for (version, expected) in [(0, "it is empty, or another program's"), (99, "a later duet-server (schema 99")] {
        Connection::open(file(&folder)).unwrap().pragma_update(None, "user_version", version).unwrap();
        let said = run(&folder, &["check"]);
        assert!(!said.is_good && said.out.is_empty() && said.err.contains(expected), "{said:?}");
    }
}

#[tokio::test]
async fn of_a_backup_that_is_no_good_it_is_said_to_take_another() {
    let folder = Folder::new();
    good(&folder).await;
    Connection::open(file(&folder)).unwrap().execute("DELETE FROM messages WHERE seq = 4", ()).unwrap();
    // The history itself may be named as well.
    let said = run(&folder, &["check", file(&folder).to_str().unwrap()]);
    assert!(said.out.contains("What to do: stop the server"), "{said:?}");

    let backup = folder.path().join("history.backup");
    std::fs::rename(file(&folder), &backup).unwrap();
    let said = run(&folder, &["check", backup.to_str().unwrap()]);
    assert!(!said.is_good && said.out.contains("this copy is no good. Make a new one"), "{said:?}");
    assert!(!said.out.contains("stop the server"), "{said:?}");
}

#[test]
fn a_file_that_was_named_and_cannot_be_looked_at_is_said_in_words() {
    let folder = Folder::new();
    let missing = folder.path().join("nope.db");
    for (path, expected) in
        [(missing.as_path(), "there is no file "), (folder.path(), "is a folder: name a file in it")]
    {
        let said = run(&folder, &["check", path.to_str().unwrap()]);
        assert!(!said.is_good && said.out.is_empty() && said.err.contains(expected), "{said:?}");
        assert!(said.err.contains(path.to_str().unwrap()) && !said.err.contains("--data-dir"), "{said:?}");
    }
    let to = folder.path().join("no such folder").join("history.backup");
    Connection::open(file(&folder)).unwrap().pragma_update(None, "user_version", 1).unwrap();
    let said = run(&folder, &["backup", to.to_str().unwrap()]);
    let expected = format!("there is no folder {}: make it first", to.parent().unwrap().display());
    assert!(!said.is_good && said.err.contains(&expected), "{said:?}");
}

/// Beside a good history: bob was invited, carol has come in, dave was sent away.
async fn good_access(folder: &Folder) {
    good(folder).await;
    let store = Store::open(folder.path()).unwrap();
    let member = |user: &str| Member { room: room("room1"), user: Username::new(user).unwrap() };
    for user in ["bob", "carol"] {
        let (invite, code) = invites::make(member(user), None, Timestamp::now(), Duration::from_secs(60)).unwrap();
        assert_eq!(store.add(invite, code.digest(), None).await.unwrap(), Added::Kept);
        if user == "carol" {
            let Member { room, user } = member(user);
            let (refresh, member_until) = (Digest::of("carol's"), later(Timestamp::now(), Duration::from_secs(60)));
            let attempt = Attempt { room, user, refresh, now: Timestamp::now(), member_until };
            assert_eq!(store.redeem(code.digest(), attempt).await.unwrap(), Ok(Admission::First));
        }
    }
    store.revoke(&member("dave")).await.unwrap();
    store.close().await;
}

fn access(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("access.db")
}

#[tokio::test]
async fn who_may_come_in_is_looked_at_as_well_and_left_as_it_is() {
    let folder = Folder::new();
    good_access(&folder).await;
    let before = files(folder.path());
    let said = run(&folder, &["check"]);
    says_that_all_is_well(&said, "Rooms: 2, messages: 20");
    assert!(said.out.ends_with("access.db: All is well. Invites: 2, refresh tokens: 1, revocations: 1.\n"), "{said:?}");
    assert_eq!(files(folder.path()), before);
    // A backup is looked at alone.
    let backup = folder.path().join("history.backup");
    std::fs::copy(file(&folder), &backup).unwrap();
    assert!(!run(&folder, &["check", backup.to_str().unwrap()]).out.contains("access.db"));
}

#[tokio::test]
async fn what_is_wrong_with_who_may_come_in_is_found() {
    for (damage, expected) in [
        ("UPDATE refresh_tokens SET token = x'00'", "1 refresh tokens are kept by what is no SHA-256"),
        ("UPDATE invites SET refresh = NULL", "1 invites are half exchanged"),
        ("UPDATE revocations SET username = ''", "a row of revocations cannot be read: "),
        (
            "UPDATE invites SET expires_at = 9223372036854775807 WHERE username = 'bob'",
            "a row of invites cannot be read: ",
        ),
    ] {
        let folder = Folder::new();
        good_access(&folder).await;
        let connection = Connection::open(access(&folder)).unwrap();
        connection.execute_batch(damage).unwrap();
        connection.close().unwrap();
        check_finds(&folder, &["duet.db: All is well.", "access.db: ", expected, "members ask for new invites"]);
    }
    // Cut off.
    for keep in [0, 5_000] {
        let folder = Folder::new();
        good_access(&folder).await;
        std::fs::OpenOptions::new().write(true).open(access(&folder)).unwrap().set_len(keep).unwrap();
        check_finds(&folder, &["duet.db: All is well.", "access.db: ", "the file "]);
    }
}

#[tokio::test]
async fn who_may_come_in_by_another_version_or_program_is_not_looked_into() {
    for (pragma, expected) in
        [("user_version = 99", "a later duet-server (schema 99"), ("application_id = 1", "another program's database")]
    {
        let folder = Folder::new();
        good_access(&folder).await;
        Connection::open(access(&folder)).unwrap().execute_batch(&format!("PRAGMA {pragma}")).unwrap();
        let said = run(&folder, &["check"]);
        assert!(!said.is_good && said.out.contains("duet.db: All is well."), "{said:?}");
        assert!(said.err.contains("access.db") && said.err.contains(expected), "{said:?}");
    }
}

#[tokio::test]
async fn a_server_on_a_damaged_history_is_not_ready_and_says_once_what_to_do() {
    says_once_what_to_do(|_| {}).await;
}

#[tokio::test]
async fn and_when_it_is_the_indexing_that_meets_the_damage_first() {
    says_once_what_to_do(|connection| {
        connection.execute_batch("DELETE FROM search; UPDATE rooms SET indexed = 0").unwrap();
    })
    .await;
}

async fn says_once_what_to_do(before: impl Fn(&Connection)) {
    let folder = Folder::new();
    good(&folder).await;
    before(&Connection::open(file(&folder)).unwrap());
    // Where the oldest messages of room1 are, but not its newest: people are let in.
    let mut bytes = std::fs::read(file(&folder)).unwrap();
    let row = b"room1-1message 1 ";
    let start = bytes.windows(row.len()).position(|found| found == row).unwrap() / 4_096 * 4_096;
    bytes[start..start + 4_096].fill(0xAA);
    std::fs::write(file(&folder), bytes).unwrap();

    let server = Process::start(&folder, &[]);
    let client = Client::of(server.address);
    client.ready().await;
    let (mut alice, _) = client.enter("alice", "room1", "?last=10").await;
    let answer = soon(async {
        loop {
            let answer = client.get("/readyz").await;
            if answer.status != 200 {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(answer.body.contains("the history is damaged") && answer.body.contains("duet-server check"), "{answer:?}");

    // While somebody is in the room it is tried again every second; then she hears of it.
    let bye = loop {
        match alice.frame().await {
            ServerFrame::Bye(bye) => break bye,
            ServerFrame::Receipt(_) => {}
            other => panic!("expected a bye, got {other:?}"),
        }
    };
    assert_eq!(bye.reason, "the server cannot read this room's messages");
    assert!(bye.retry_after_ms.is_some_and(|ms| ms >= 5_000), "{bye:?}");
    assert_eq!(alice.close_code().await, 1011);
    assert_eq!(client.get("/readyz").await.status, 503);
    let log = server.log();
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("run duet-server check"), "{log:#?}");
}
