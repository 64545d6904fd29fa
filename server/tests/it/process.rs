//! The real program: how it starts, stops, and what it keeps when it is killed.

use std::time::{Duration, Instant};

use shared::frames::{Resume, ServerFrame};
use shared::message::Seq;

use crate::faults::disk::Disk;
use crate::support::client::{Client, Socket};
use crate::support::histories::in_each_place;
use crate::support::process::{Process, fails_to_start, log_of};
use crate::support::{Folder, SOON, kept, soon};

#[tokio::test]
async fn what_was_accepted_survives_kill_9() {
    in_each_place(async |place| {
        for durability in ["full", "relaxed"] {
            let server =
                Process::start(&place.folder, &[&place.arguments()[..], &["--durability", durability]].concat());
            let client = Client::of(server.address);
            let (count, mut counted) = tokio::sync::watch::channel(0_u64);
            let posts = tokio::spawn(async move {
                let mut accepted = 0_u64;
                let room = format!("room-{durability}");
                let body = |n| serde_json::json!({ "room_id": room, "content": format!("message {n}") });
                while client.try_post(&body(accepted + 1)).await {
                    accepted += 1;
                    count.send_replace(accepted);
                }
                accepted
            });
            soon(counted.wait_for(|accepted| *accepted >= 50)).await.unwrap();
            server.kill();
            let accepted = posts.await.unwrap();

            let server =
                Process::start(&place.folder, &[&place.arguments()[..], &["--durability", durability]].concat());
            let client = Client::of(server.address);
            let query = format!("?last={accepted}");
            let (_, welcome) = client.enter("alice", &format!("room-{durability}"), &query).await;
            // One more may have been committed whose answer did not come through.
            assert!((accepted..=accepted + 1).contains(&welcome.head.0), "{accepted} accepted, {} kept", welcome.head);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_resumes_on_a_server_that_was_killed_and_started_again() {
    in_each_place(async |place| {
        let server = Process::start(&place.folder, &place.arguments());
        let listen = server.address.to_string();
        let client = Client::of(server.address);
        let (mut alice, welcome) = client.enter("alice", "room1", "").await;
        client.post("room1", "before").await;
        assert_eq!(alice.message().await.content, "before");
        server.kill();

        let server = Process::start_on(&listen, &place.folder, &place.arguments());
        let client = Client::of(server.address);
        client.post("room1", "meanwhile").await;
        let query = format!("?after=1&epoch={}", welcome.epoch);
        let (mut alice, _) = client.enter("alice", "room1", &query).await;
        client.post("room1", "after").await;
        assert_eq!(alice.message().await.seq, Seq(2));
        assert_eq!(alice.message().await.content, "after");
    })
    .await;
}

#[tokio::test]
async fn a_killed_server_with_a_long_history_is_back_within_a_second() {
    in_each_place(async |place| {
        const MESSAGES: u64 = 100_000;
        let epoch = place.make("room1", MESSAGES, kept::now()).await;
        let server = Process::start(&place.folder, &place.arguments());
        let (server_address, listen) = (server.address, server.address.to_string());
        let client = Client::of(server_address);
        let (mut alice, _) = client.enter("alice", "room1", &format!("?after={MESSAGES}&epoch={epoch}")).await;
        client.post("room1", "before").await;
        assert_eq!(alice.message().await.seq, Seq(MESSAGES + 1));
        server.kill();

        let mut times = Vec::new();
        for head in (MESSAGES + 1..).take(3) {
            let client = Client::of(server_address);
            let began = Instant::now();
            let server = Process::start_on(&listen, &place.folder, &place.arguments());
            let query = format!("?after={head}&epoch={epoch}");
            let (mut alice, welcome) = client.enter("alice", "room1", &query).await;
            client.post("room1", "after").await;
            assert_eq!(alice.message().await.content, "after");
            times.push(began.elapsed());
            assert_eq!((welcome.resume, welcome.head), (Resume::Complete, Seq(head)));
            server.kill();
        }
        println!("from the start of a killed server to the first message delivered: {times:?}");
        // Of three, for other tests run beside it.
        assert!(times.iter().min() < Some(&Duration::from_secs(1)), "{times:?}");
    })
    .await;
}

#[tokio::test]
async fn sigterm_says_goodbye_with_a_time_to_come_back_and_ends_well() {
    let folder = Folder::new();
    let mut server = Process::start(&folder, &[]);
    let client = Client::of(server.address);
    let (mut alice, _) = client.enter("alice", "room1", "").await;
    let mut bob = client.listen("bob", "room1").await;
    // Somebody who began a request and does not end it keeps nobody waiting.
    let mut half = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let begun = b"POST /message HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    tokio::io::AsyncWriteExt::write_all(&mut half, begun).await.unwrap();

    server.signal("TERM");
    let asked = Instant::now();
    let bye = loop {
        match alice.frame().await {
            ServerFrame::Bye(bye) => break bye,
            ServerFrame::Presence(_) => {}
            other => panic!("expected a bye, got {other:?}"),
        }
    };
    assert!(bye.retry_after_ms.is_some_and(|ms| (500..2_000).contains(&ms)), "{bye:?}");
    assert_eq!(alice.close_code().await, 1012);
    assert_eq!(bob.close_code().await, 1012);
    let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(10));
}

/// Who is taken leave of: how long after the signal, by which `bye` and with which code.
async fn leave(mut socket: Socket, signalled: Instant) -> (Duration, u64, u16) {
    loop {
        match socket.frame().await {
            ServerFrame::Bye(bye) => {
                let at = signalled.elapsed();
                return (at, bye.retry_after_ms.unwrap(), socket.close_code().await);
            }
            ServerFrame::Presence(_) | ServerFrame::Message(_) => {}
            other => panic!("expected a bye, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_drains_lets_nobody_in_takes_posts_and_sends_people_away_one_by_one() {
    let folder = Folder::new();
    let mut server = Process::start(&folder, &["--drain", "3s"]);
    let client = Client::of(server.address);
    let mut leaving = tokio::task::JoinSet::new();
    let mut sockets = Vec::new();
    for n in 0..24 {
        sockets.push(client.enter(&format!("user{}", n % 2), &format!("room{}", n / 2), "").await.0);
    }
    let token = client.token("carol", "room").await;

    let signalled = Instant::now();
    server.signal("TERM");
    for socket in sockets {
        leaving.spawn(leave(socket, signalled));
    }
    let problem = soon(async {
        loop {
            let answer = client.get("/readyz").await;
            if answer.status != 200 {
                return answer.problem();
            }
        }
    })
    .await;
    assert_eq!((problem.status, &*problem.detail), (503, "draining: this server is about to stop"));
    let refused = client.connect("/updates/room", Some(&token), Some("duet.v1")).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    client.post("room0", "still").await;

    let left = leaving.join_all().await;
    for (at, away, code) in &left {
        let back = at.as_millis() + u128::from(*away);
        assert_eq!(*code, 1012);
        assert!((3_400..6_000).contains(&back), "left after {at:?}, asked to stay away for {away} ms");
    }
    let (first, last) = (left.iter().map(|it| it.0).min().unwrap(), left.iter().map(|it| it.0).max().unwrap());
    assert!(last - first > Duration::from_millis(1_500), "from {first:?} to {last:?}");
    let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();
    assert!(status.success() && signalled.elapsed() < Duration::from_secs(13), "{status}");
}

#[tokio::test]
async fn a_drain_is_over_when_nobody_is_left_or_at_a_second_signal() {
    let folder = Folder::new();
    for signals in [&["TERM"][..], &["TERM", "INT"]] {
        let mut server = Process::start(&folder, &["--drain", "1h"]);
        let client = Client::of(server.address);
        let (alice, _) = client.enter("alice", "room1", "").await;
        server.signal(signals[0]);
        let leaving = soon(async { while client.get("/readyz").await.status == 200 {} });
        leaving.await;
        match signals {
            [_, urging] => server.signal(urging),
            _ => alice.close().await,
        }
        let status = tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();
        assert!(status.success(), "{status} after {signals:?}");
    }
}

#[tokio::test]
async fn a_stopped_server_leaves_one_file_of_history() {
    let folder = Folder::new();
    let mut server = Process::start(&folder, &[]);
    Client::of(server.address).post("room1", "hi").await;
    server.signal("INT");
    tokio::task::spawn_blocking(move || server.wait(Duration::from_secs(10))).await.unwrap();
    let mut files: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["access.db", "duet.db", "duet.lock", "secret.key"]);
}

#[test]
fn what_is_said_is_kept_for_the_owner_of_the_folder_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let data = folder.path().join("made").join("by the server");
    let _server = Process::start(&folder, &["--data-dir", data.to_str().unwrap()]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["duet.db", "duet.db-wal", "duet.lock", "secret.key"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_second_server_on_the_same_history_is_refused_with_the_way_out() {
    let folder = Folder::new();
    let _first = Process::start(&folder, &[]);
    let said = fails_to_start(&folder, &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("another duet-server uses the data folder"), "{said}");
    assert!(said.contains("PostgreSQL"), "{said}");
}

#[test]
fn a_server_that_others_can_reach_does_not_start_without_a_key() {
    let said = fails_to_start(&Folder::new(), &["--listen", "0.0.0.0:0"]);
    assert!(said.contains("SECRET_KEY is not set"), "{said}");
    let said = fails_to_start(&Folder::new(), &["--secret-key", "short"]);
    assert!(said.contains("SECRET_KEY is 5 bytes long") && !said.contains("short"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_set() {
    let folder = Folder::new();
    let first = Process::start(&folder, &[]);
    let said = fails_to_start(&Folder::new(), &["--listen", &first.address.to_string()]);
    assert!(said.contains(&format!("cannot listen on {}", first.address)), "{said}");
    assert!(said.contains("DUET_LISTEN"), "{said}");
}

/// Expects that a server refuses this file as its history, in these words, and leaves it as it is.
#[track_caller]
fn is_refused(folder: &Folder, expected: &[&str]) {
    let path = folder.path().join("duet.db");
    let before = std::fs::read(&path).unwrap();
    let said = fails_to_start(folder, &["--listen", "127.0.0.1:0"]);
    for words in ["cannot open the history", "duet.db"].iter().chain(expected) {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_history_that_is_no_database_is_named_and_left_alone() {
    let folder = Folder::new();
    let letter = "a letter to a friend, by no means a database; it is longer than a header";
    std::fs::write(folder.path().join("duet.db"), letter).unwrap();
    is_refused(&folder, &["file is not a database", "duet-server check", "docs/operations.md"]);
}

#[tokio::test]
async fn a_history_whose_beginning_is_damaged_is_refused_with_the_way_out() {
    let folder = Folder::new();
    kept::make(&folder, "room1", 10, kept::now()).await;
    let path = folder.path().join("duet.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4_096].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    is_refused(&folder, &["database disk image is malformed", "duet-server check", "docs/operations.md"]);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    for version in [0, 1, 70] {
        let folder = Folder::new();
        let connection = rusqlite::Connection::open(folder.path().join("duet.db")).unwrap();
        connection.execute_batch("CREATE TABLE bookmarks (place TEXT)").unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
        connection.close().unwrap();
        is_refused(&folder, &["it is another program's database", "set DUET_DATA_DIR"]);
    }
}

#[tokio::test]
async fn a_history_that_was_emptied_or_parted_from_its_log_is_not_taken_for_a_new_one() {
    let folder = Folder::new();
    kept::make(&folder, "room1", 10, kept::now()).await;
    std::fs::write(folder.path().join("duet.db"), "").unwrap();
    is_refused(&folder, &["the history is lost. Restore a backup"]);

    std::fs::remove_file(folder.path().join("duet.db")).unwrap();
    let server = Process::start(&folder, &[]);
    Client::of(server.address).post("room1", "in the log").await;
    server.kill();
    std::fs::remove_file(folder.path().join("duet.db")).unwrap();
    let said = fails_to_start(&folder, &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("duet.db-wal is there, which holds the newest messages"), "{said}");
}

#[test]
fn a_first_start_that_was_killed_is_made_up_for() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("duet.new"), "the beginning of a history").unwrap();
    drop(Process::start(&folder, &[]));
    assert!(!folder.path().join("duet.new").exists());
}

#[tokio::test]
async fn on_a_full_disk_a_killed_server_starts_and_a_stopped_one_says_what_is_the_matter() {
    let disk = Disk::new();
    if !disk.can_be_full() {
        return;
    }
    let start = || Process::spawn("127.0.0.1:0", disk.path(), &[]).listening(SOON);
    let server = start().unwrap();
    Client::of(server.address).post("room1", "before").await;
    server.kill();
    disk.fill().unwrap();
    let mut server = start().unwrap();
    let (_, welcome) = Client::of(server.address).enter("alice", "room1", "?last=1").await;
    assert_eq!(welcome.head, Seq(1));

    disk.free();
    server.signal("TERM");
    server.wait(SOON);
    disk.fill().unwrap();
    let said = start().unwrap_err();
    let expected = format!("the disk of {} is full: make room there", disk.path().display());
    assert!(said.contains("cannot open the history") && said.contains(&expected), "{said}");
    disk.free();
    let (_, welcome) = Client::of(start().unwrap().address).enter("alice", "room1", "?last=1").await;
    assert_eq!(welcome.head, Seq(1));
}

#[tokio::test]
async fn the_log_tells_start_and_stop_and_no_message_text() {
    let folder = Folder::new();
    let server = Process::start(&folder, &[]);
    let client = Client::of(server.address);
    let (mut alice, _) = client.enter("alice", "room1", "").await;
    client.post("room1", "a private word").await;
    alice.message().await;
    let log = log_of(server).await;
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
    assert!(!log.contains("private"), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}
