//! `duet-server backup`: a whole copy of a history, made beside a server at work, and restored as the documents say.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use server::history::Retention;
use shared::frames::{Reached, Receipt, Resume};
use shared::message::Seq;
use shared::names::Username;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::client::Client;
use crate::support::command::{Said, run, run_shell};
use crate::support::kept::{append, close, fill, incoming, make, now, open, places, room};
use crate::support::process::Process;
use crate::support::{A_WHILE, Folder, soon};

/// The lines of docs/operations.md that restore a backup.
fn restore_lines() -> &'static str {
    let text = include_str!("../../../docs/operations.md");
    let section = text.split("\n## Restore\n").nth(1).unwrap();
    section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap()
}

fn restore(folder: &Folder, backup: &Path) -> Said {
    run_shell(folder, restore_lines(), &[("BACKUP", backup)])
}

/// Makes a backup within `folder` and expects that it is good.
#[track_caller]
fn back_up(data: &Folder, to: &Path) {
    let said = run(data, &["backup", to.to_str().unwrap()]);
    assert!(said.is_good && said.err.is_empty(), "{said:?}");
    assert!(said.out.contains("is a whole copy of the history. All is well. Rooms: "), "{said:?}");
}

fn names(folder: &Folder) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder.path()).unwrap().map(name).collect();
    names.sort();
    names
}

/// Posts one message after the other, as fast as they are accepted.
struct Poster {
    stop: CancellationToken,
    /// How many were accepted, and how long the longest took.
    task: JoinHandle<(u64, Duration)>,
}

impl Poster {
    fn start(client: Client) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let (mut count, mut longest) = (0, Duration::ZERO);
            while !stopped.is_cancelled() {
                let began = Instant::now();
                client.post("busy", &"x".repeat(200)).await;
                longest = longest.max(began.elapsed());
                count += 1;
            }
            (count, longest)
        });
        Self { stop, task }
    }

    async fn stop(self) -> (u64, Duration) {
        self.stop.cancel();
        soon(self.task).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_comes_to_its_end_while_the_server_goes_on_taking_messages() {
    // Far less than the backup takes as a whole where a post has to wait for it.
    const LONGEST: Duration = Duration::from_secs(1);
    let (data, safe) = (Folder::new(), Folder::new());
    let history = open(&data, Retention::default());
    fill(&history, "room1", 1, 40_000, 1_000, now()).await;
    close(history).await;
    // Not synced, so that no post waits for the disk that the backup writes to.
    let server = Process::start(&data, &["--durability", "relaxed"]);
    let client = Client::of(server.address);

    let poster = Poster::start(client.clone());
    tokio::time::sleep(A_WHILE).await;
    let (before, undisturbed) = poster.stop().await;
    let poster = Poster::start(client);
    let to = safe.path().join("history.backup");
    let began = Instant::now();
    let copied = tokio::task::spawn_blocking({
        let to = to.clone();
        move || {
            back_up(&data, &to);
            data
        }
    });
    let data = copied.await.unwrap();
    let took = began.elapsed();
    let (during, longest) = poster.stop().await;
    println!("a backup beside {during} posts took {took:?}; the longest post {longest:?}, without {undisturbed:?}");
    assert!(longest < LONGEST.max(took / 2), "{longest:?} of {took:?}");
    assert!(during > 10, "{during}");

    // It holds what was accepted before it began, and nothing of what came after its moment.
    assert_eq!(names(&safe), ["history.backup"]);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    server.kill();
    assert!(restore(&data, &to).is_good);
    let restored = open(&data, Retention::default());
    let copied = places(&restored, "busy").await;
    assert!((before..=before + during).contains(&(copied.len() as u64)), "{before} {} {during}", copied.len());
    assert_eq!(copied, (1..=copied.len() as u64).collect::<Vec<_>>());
    assert_eq!(places(&restored, "room1").await.len(), 40_000);
}

#[tokio::test]
async fn a_history_is_restored_by_the_lines_in_the_documents() {
    let (data, safe) = (Folder::new(), Folder::new());
    let backup = safe.path().join("history.backup");
    let server = Process::start(&data, &[]);
    let client = Client::of(server.address);
    for n in 1..=3 {
        client.post("room1", &format!("message {n}")).await;
    }
    back_up(&data, &backup);
    let (mut alice, welcome) = client.enter("alice", "room1", "").await;
    client.post("room1", "after the backup").await;
    let lost = alice.message().await;
    assert_eq!(lost.seq, Seq(4));
    server.kill();

    let said = restore(&data, &backup);
    assert!(said.is_good && said.out.contains("All is well. Rooms: 1, messages: 3."), "{said:?}");
    let server = Process::start(&data, &[]);
    let client = Client::of(server.address);
    client.post("room1", "another at the same place").await;
    // Place 4 is not the message that alice has seen there: she is told to forget all places.
    let query = format!("?after=4&epoch={}&last=1", welcome.epoch);
    let (mut alice, anew) = client.enter("alice", "room1", &query).await;
    assert_eq!((anew.resume, anew.head), (Resume::Reset, Seq(4)));
    assert_eq!(alice.message().await.content, "another at the same place");
    assert_ne!(anew.epoch, welcome.epoch);
    drop(server);
}

#[tokio::test]
async fn each_history_that_is_restored_has_an_epoch_of_its_own_that_it_keeps() {
    let (data, safe) = (Folder::new(), Folder::new());
    let first = make(&data, "room1", 10, now()).await;
    let history = open(&data, Retention::default());
    let reached = Reached { delivered: Seq(9), read: Seq(8) };
    let receipt = Receipt { user: Username::new("bob").unwrap(), reached };
    history.keep_receipts(vec![(room("room1"), receipt.clone())]).await.unwrap();
    close(history).await;
    let backup = safe.path().join("history.backup");
    back_up(&data, &backup);

    let mut epochs = vec![first];
    for _ in 0..2 {
        let data = Folder::new();
        std::fs::copy(&backup, data.path().join("duet.db")).unwrap();
        let history = open(&data, Retention::default());
        let epoch = history.epoch().to_owned();
        assert!(!epochs.contains(&epoch));
        assert_eq!(places(&history, "room1").await, (1..=10).collect::<Vec<_>>());
        assert_eq!(history.receipts(&room("room1")).await.unwrap(), std::slice::from_ref(&receipt));
        assert_eq!(append(&history, incoming("room1", 3, "again".to_owned(), now())).await.message.seq, Seq(3));
        close(history).await;
        let history = open(&data, Retention::default());
        assert_eq!(history.epoch(), epoch);
        close(history).await;
        epochs.push(epoch);
    }
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (data, safe) = (Folder::new(), Folder::new());
    make(&data, "room1", 10, now()).await;
    let to = safe.path().join("a letter");
    std::fs::write(&to, "to a friend").unwrap();
    let said = run(&data, &["backup", to.to_str().unwrap()]);
    assert!(!said.is_good && said.err.contains("is there already, and nothing is overwritten"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "to a friend");
    assert_eq!(names(&safe), ["a letter"]);
}

#[tokio::test]
async fn of_a_backup_that_fails_nothing_is_left() {
    let (data, safe) = (Folder::new(), Folder::new());
    let to = safe.path().join("history.backup");
    let refused = |expected: &str| {
        let said = run(&data, &["backup", to.to_str().unwrap()]);
        assert!(!said.is_good && (said.err.clone() + &said.out).contains(expected), "{said:?}");
        assert_eq!(names(&safe), Vec::<String>::new());
    };
    refused("there is no file");

    make(&data, "room1", 2_000, now()).await;
    // No file may grow beyond 16 KiB: so is a disk without room.
    let lines = "trap '' XFSZ; ulimit -f 32; duet-server backup \"$TO\"";
    let said = run_shell(&data, lines, &[("TO", &to)]);
    assert!(!said.is_good && said.err.contains("cannot back up"), "{said:?}");
    assert_eq!(names(&safe), Vec::<String>::new());

    let file = data.path().join("duet.db");
    rusqlite::Connection::open(&file).unwrap().execute("DELETE FROM messages WHERE seq = 5", ()).unwrap();
    refused("was not made: the history is damaged");
    std::fs::write(file, "a letter to a friend, by no means a database; it is longer than a header").unwrap();
    refused("file is not a database");
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_that_could_be_taken_for_one() {
    let (data, safe) = (Folder::new(), Folder::new());
    let history = open(&data, Retention::default());
    fill(&history, "room1", 1, 40_000, 1_000, now()).await;
    close(history).await;
    let to: PathBuf = safe.path().join("history.backup");
    let mut child = Command::new(env!("CARGO_BIN_EXE_duet-server"))
        .env_clear()
        .env("DUET_DATA_DIR", data.path())
        .args(["backup", to.to_str().unwrap()])
        .spawn()
        .unwrap();
    let partial = safe.path().join("history.backup.partial");
    soon(async {
        while std::fs::metadata(&partial).map_or(0, |facts| facts.len()) < 1_000_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::metadata(&to).unwrap().len(), 0);
    assert!(!run(&data, &["check", to.to_str().unwrap()]).is_good);
}
