//! The history in PostgreSQL: how servers start on it, who may share it, and what is in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use server::broker::Incoming;
use server::database::Database;
use server::history::postgres::claim::Company;
use server::history::{Durability, History, HistoryError, Placed, Retention, Span};
use shared::frames::{MAX_RECEIPTS, Reached, Receipt};
use shared::message::Seq;
use shared::names::Username;

use crate::support::client::Client;
use crate::support::command::{Said, run_with};
use crate::support::histories::in_each_place;
use crate::support::kept::{ago, append, close, fill, incoming, now, places, room};
use crate::support::postgres::{self, database, victim};
use crate::support::process::{Process, fails_to_start, log_of};
use crate::support::server::Server;
use crate::support::service::skipped;
use crate::support::{Folder, rabbitmq, soon};

async fn open(database: &postgres::Database, company: Company) -> Result<History, HistoryError> {
    let database = Database::open(database.url().parse().unwrap()).await.unwrap();
    History::share(&database, company, Durability::Relaxed, Retention::default()).await
}

fn contents(placed: &[Placed]) -> Vec<(u64, &str)> {
    placed.iter().map(|placed| (placed.message.seq.0, placed.message.content.as_str())).collect()
}

#[tokio::test]
async fn an_id_keeps_its_place_and_its_content_within_a_batch_and_after_it() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        let message = |name, n, content: &str| incoming(name, n, content.to_owned(), now());
        let batch = [
            message("room1", 1, "one"),
            message("room2", 1, "elsewhere"),
            message("room1", 1, "one again"),
            message("room1", 2, "two\u{0}"),
            message("room1", 2, "two again"),
        ];
        let placed = history.append(Arc::new(batch)).await.unwrap();
        let expected = [(1, "one"), (1, "elsewhere"), (1, "one"), (2, "two\u{0}"), (2, "two\u{0}")];
        assert_eq!(contents(&placed), expected);
        let batch = [message("room1", 3, "three"), message("room1", 1, "once more"), message("room3", 1, "new")];
        let placed = history.append(Arc::new(batch)).await.unwrap();
        assert_eq!(contents(&placed), [(3, "three"), (1, "one"), (1, "new")]);
        let known = history.append(Arc::new([message("room1", 3, "known alone")])).await.unwrap();
        assert_eq!(contents(&known), [(3, "three")]);
        assert_eq!(places(&history, "room1").await, [1, 2, 3]);
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn receipts_only_rise_and_those_who_moved_last_come_first() {
    in_each_place(async |place| {
        let history = place.open(Retention::default()).await;
        fill(&history, "room1", 1, 10, 0, now()).await;
        let of = |user: &str, delivered, read| {
            let reached = Reached { delivered: Seq(delivered), read: Seq(read) };
            Receipt { user: Username::new(user).unwrap(), reached }
        };
        let keep = async |receipts: &[Receipt]| {
            let kept = receipts.iter().map(|receipt| (room("room1"), receipt.clone()));
            history.keep_receipts(kept.chain([(room("unknown"), of("bob", 1, 1))]).collect()).await.unwrap();
            history.receipts(&room("room1")).await.unwrap()
        };
        assert_eq!(keep(&[of("bob", 5, 3), of("bob", 4, 4)]).await, [of("bob", 5, 4)]);
        assert_eq!(keep(&[of("alice", 1, 0)]).await, [of("alice", 1, 0), of("bob", 5, 4)]);
        assert_eq!(keep(&[of("bob", 2, 1)]).await, [of("alice", 1, 0), of("bob", 5, 4)]);
        assert_eq!(keep(&[of("bob", 99, 4)]).await, [of("bob", 10, 4), of("alice", 1, 0)]);
        assert_eq!(history.receipts(&room("unknown")).await.unwrap(), []);
        for n in 0..=MAX_RECEIPTS {
            keep(&[of(&format!("user{n}"), 1, 1)]).await;
        }
        let receipts = history.receipts(&room("room1")).await.unwrap();
        assert_eq!((receipts.len(), &receipts[0]), (MAX_RECEIPTS, &of(&format!("user{MAX_RECEIPTS}"), 1, 1)));
        close(history).await;
    })
    .await;
}

#[tokio::test]
async fn however_many_nodes_write_each_message_gets_one_place_and_none_is_left_out() {
    const NODES: u64 = 4;
    const BATCHES: u64 = 30;
    let Some(database) = database().await else { return };
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(open(&database, Company::Others).await.unwrap());
    }
    let write = |history: History, node: u64| async move {
        let mut seen = Vec::new();
        for batch in 0..BATCHES {
            // Rooms in another order for each node, half of the messages the same for all of them.
            let message = |n: u64| {
                let name = format!("room{}", (n * (node + 1) + batch) % 5);
                let id = if n.is_multiple_of(2) { batch * 100 + n } else { (node + 1) * 1_000_000 + batch * 100 + n };
                incoming(&name, id, format!("{id}"), now())
            };
            seen.extend(history.append((0..10).map(message).collect::<Vec<Incoming>>().into()).await.unwrap());
        }
        seen
    };
    let mut tasks = tokio::task::JoinSet::new();
    for (node, history) in (0..).zip(&nodes) {
        tasks.spawn(write(history.clone(), node));
    }
    let placed: Vec<Placed> = tasks.join_all().await.concat();
    for name in ["room0", "room1", "room2", "room3", "room4"] {
        let kept = crate::support::kept::messages(&nodes[0], name).await;
        let ids: std::collections::HashSet<_> = kept.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len(), kept.len());
        let seqs: Vec<u64> = kept.iter().map(|message| message.seq.0).collect();
        assert_eq!(seqs, (1..=u64::try_from(kept.len()).unwrap()).collect::<Vec<_>>());
        for said in placed.iter().filter(|placed| placed.room == room(name)) {
            let index = usize::try_from(said.message.seq.0 - 1).unwrap();
            assert_eq!(kept[index].id, said.message.id, "what a node was told is what is there");
        }
    }
    for history in nodes {
        close(history).await;
    }
}

#[tokio::test]
async fn what_a_batch_reads_does_not_grow_with_the_history() {
    const COUNT: u64 = 10_000;
    let Some(database) = database().await else { return };
    let history = open(&database, Company::Alone).await.unwrap();
    let eyes = database.client().await;
    // Plans are made while there is next to nothing, and nothing tells PostgreSQL that there is more now.
    let blind = "ALTER TABLE messages SET (autovacuum_enabled = off); ALTER TABLE rooms SET (autovacuum_enabled = off)";
    eyes.batch_execute(blind).await.unwrap();
    for first in (1..=COUNT).step_by(50) {
        fill(&history, "room1", first, 50, 0, now()).await;
    }
    // A connection that ends tells what it has done; one that goes on tells it later.
    close(history).await;
    let select = "SELECT sum(n_tup_ins)::bigint, sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
                  FROM pg_stat_user_tables WHERE relname IN ('messages', 'rooms')";
    let read = soon(async {
        loop {
            let row = eyes.query_one(select, &[]).await.unwrap();
            if row.get::<_, i64>(0).unsigned_abs() > COUNT {
                return row.get::<_, i64>(1).unsigned_abs();
            }
        }
    })
    .await;
    assert!(read < 5 * COUNT, "{read} rows were read for {COUNT} messages");
}

#[tokio::test]
async fn no_append_waits_for_what_expires_and_is_indexed() {
    // Far longer than a step, far less than what is done takes as a whole.
    const LONGEST: Duration = Duration::from_millis(500);
    const MANY: u64 = 40_000;
    let Some(database) = database().await else { return };
    let history = open(&database, Company::Alone).await.unwrap();
    fill(&history, "room1", 1, MANY, 1_000, ago(Duration::from_secs(2 * 24 * 3_600))).await;
    close(history).await;

    let pool = Database::open(database.url().parse().unwrap()).await.unwrap();
    let retention = Retention { keep_for: Some(Duration::from_secs(24 * 3_600)), keep_messages: None };
    let history = History::share(&pool, Company::Alone, Durability::Relaxed, retention).await.unwrap();
    let (began, eyes) = (Instant::now(), database.client().await);
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !history.page(&room("room1"), Span::After(Seq::START), 1).await.unwrap().messages.is_empty() {
        let began = Instant::now();
        append(&history, incoming("busy", count, "x".repeat(200), now())).await;
        longest = longest.max(began.elapsed());
        count += 1;
    }
    let took = began.elapsed();
    println!("{MANY} messages expired in {took:?} beside {count} appends, of which the longest took {longest:?}");
    assert!(longest < LONGEST.max(took / 2), "{longest:?} of {took:?}");
    assert!(count > 100, "{count}");
    let left = "SELECT count(*) FROM search JOIN rooms ON rooms.id = room WHERE name = 'room1'";
    assert_eq!(eyes.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    close(history).await;
}

#[tokio::test]
async fn a_node_that_is_alone_keeps_others_out_and_those_with_rabbitmq_share() {
    let Some(database) = database().await else { return };
    let alone = open(&database, Company::Alone).await.unwrap();
    for company in [Company::Alone, Company::Others] {
        let refused = open(&database, company).await.unwrap_err().to_string();
        assert!(refused.contains("another duet-server works on this database") && refused.contains("AMQP_URL"));
    }
    close(alone).await;
    let one = open(&database, Company::Others).await.unwrap();
    let two = open(&database, Company::Others).await.unwrap();
    assert_eq!(one.epoch(), two.epoch());
    open(&database, Company::Alone).await.unwrap_err();
    close(one).await;
    close(two).await;
    close(open(&database, Company::Alone).await.unwrap()).await;
}

#[tokio::test]
async fn several_servers_may_start_at_once_on_an_empty_database() {
    let Some(database) = database().await else { return };
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = database.url().to_owned();
        starts.spawn(async move {
            let database = Database::open(url.parse().unwrap()).await.unwrap();
            History::share(&database, Company::Others, Durability::Full, Retention::default()).await.unwrap()
        });
    }
    let nodes = starts.join_all().await;
    assert!(nodes.iter().all(|node| node.epoch() == nodes[0].epoch()));
}

#[tokio::test]
async fn a_database_that_is_not_ours_or_of_a_later_version_is_left_as_it_is() {
    let Some(database) = database().await else { return };
    let client = database.client().await;
    let refusal = async || open(&database, Company::Others).await.unwrap_err().to_string();
    client.batch_execute("CREATE TABLE rooms (beds int)").await.unwrap();
    let refused = refusal().await;
    assert!(refused.contains("it holds another program's tables (rooms)"), "{refused}");
    client.batch_execute("DROP TABLE rooms; CREATE TABLE seats (price int)").await.unwrap();
    assert!(refusal().await.contains("it holds another program's tables (seats)"));
    client.batch_execute("DROP TABLE seats; CREATE TABLE other (id int)").await.unwrap();
    close(open(&database, Company::Others).await.unwrap()).await;
    client.batch_execute("UPDATE meta SET value = '99' WHERE key = 'schema'").await.unwrap();
    let refused = refusal().await;
    assert!(refused.contains("it was written by a later duet-server (schema 99"), "{refused}");
    client.batch_execute("DELETE FROM meta WHERE key = 'schema'").await.unwrap();
    assert!(refusal().await.contains("another program's tables (indexed, invites, messages, meta"));
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_is_told_what_it_lacks() {
    let Some(database) = database().await else { return };
    let client = database.client().await;
    let name = format!("duet_test_{}", uuid::Uuid::new_v4().simple());
    client.batch_execute(&format!("CREATE ROLE {name} LOGIN PASSWORD 'hunter2'")).await.unwrap();
    let url = database.url().replacen("duet:duet@", &format!("{name}:hunter2@"), 1);
    let said = fails_to_start(&Folder::new(), &["--database-url", &url]);
    client.batch_execute(&format!("DROP ROLE {name}")).await.unwrap();
    assert!(said.contains("permission denied for schema public") && said.contains("GRANT CREATE"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_start_is_said_with_what_to_do_and_without_the_password() {
    let Some(database) = database().await else { return };
    let folder = Folder::new();
    let starting = |url: &str| fails_to_start(&folder, &["--database-url", url]);
    let url = database.url();
    for (url, expected) in [
        (url.replacen("duet:duet@", "duet:hunter2@", 1), "see user and password in DATABASE_URL"),
        (format!("{url}_hunter"), "make it with CREATE DATABASE, or name another in DATABASE_URL"),
        (format!("{url}?sslmode=hunter2"), "has an sslmode that is none of"),
        (format!("{url}?sslmode=verify-full&sslrootcert=/nowhere"), "the authorities in /nowhere cannot be used"),
        ("mysql://duet:hunter2@localhost".to_owned(), "DATABASE_URL does not begin with postgres://"),
    ] {
        let said = starting(&url);
        assert!(said.contains(expected), "{expected} is not in {said}");
        assert!(!said.contains("hunter2") && !said.contains("duet:duet"), "{said}");
    }
}

#[tokio::test]
async fn a_second_server_without_rabbitmq_and_one_with_it_are_refused_and_say_the_way_out() {
    let (Some(database), Some(vhost)) = (database().await, rabbitmq::vhost().await) else { return };
    let (folder, other) = (Folder::new(), Folder::new());
    let first = Process::start(&folder, &["--database-url", database.url()]);
    for arguments in
        [&["--database-url", database.url()][..], &["--database-url", database.url(), "--amqp-url", vhost.url()]]
    {
        let said = fails_to_start(&other, arguments);
        assert!(said.contains("another duet-server works on this database"), "{said}");
        assert!(said.contains("set AMQP_URL to the same RabbitMQ for all of them"), "{said}");
    }
    // On SQLite the way out is PostgreSQL.
    let (folder, _second) = (Folder::new(), first);
    let _first = Process::start(&folder, &[]);
    let said = fails_to_start(&folder, &[]);
    assert!(said.contains("set DATABASE_URL and AMQP_URL, as docs/operations.md says"), "{said}");
}

#[tokio::test]
async fn connections_are_as_encrypted_and_as_trusted_as_they_are_asked_to_be() {
    let Some(victim) = victim().await else { return };
    let database = victim.database().await;
    let Some(authority) = victim.authority() else {
        return skipped("this PostgreSQL offers no TLS");
    };
    let by_name = database.url().replacen("127.0.0.1", "localhost", 1);
    let encrypted = async |url: &str| {
        let opened = Database::open(url.parse().unwrap()).await.map_err(|e| e.to_string())?;
        let select = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let asked = opened.run(async |session| Ok(session.query_one(select, &[]).await?.try_get::<_, bool>(0)?)).await;
        opened.close().await;
        asked.map_err(|e| e.to_string())
    };
    let root = format!("sslrootcert={authority}");
    assert_eq!(encrypted(&format!("{by_name}?sslmode=disable")).await, Ok(false));
    for url in [
        by_name.clone(),
        format!("{by_name}?sslmode=require"),
        format!("{by_name}?sslmode=require&{root}"),
        format!("{by_name}?sslmode=verify-ca&{root}"),
        format!("{by_name}?sslmode=verify-full&{root}"),
        format!("{}?sslmode=verify-full&{root}", database.url()),
        format!("{by_name}?sslmode=verify-full&{root}&channel_binding=require"),
    ] {
        assert_eq!(encrypted(&url).await, Ok(true), "{url}");
    }
    // Nobody vouches for it in the system, nor does anybody for another name.
    let unknown = encrypted(&format!("{by_name}?sslmode=verify-full")).await.unwrap_err();
    assert!(unknown.contains("no connection to PostgreSQL can be made: invalid peer certificate"), "{unknown}");
    assert!(unknown.contains("see user, password, sslmode and sslrootcert"), "{unknown}");
}

#[tokio::test]
async fn the_password_is_in_no_line_of_the_log() {
    let Some(database) = database().await else { return };
    let url = database.url().replacen("duet:duet@", "duet:du%65t@", 1);
    let folder = Folder::new();
    let server = Process::start(&folder, &["--database-url", &url]);
    Client::of(server.address).post("room1", "hello").await;
    let log = log_of(server).await;
    assert!(log.contains("listening") && !log.contains("du%65t") && !log.contains("duet:duet"), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

/// Runs the program on the history in a database.
fn run(database: &postgres::Database, arguments: &[&str]) -> Said {
    run_with(&Folder::new(), &[("DATABASE_URL", database.url())], arguments)
}

#[tokio::test]
async fn check_looks_at_the_database_beside_a_server_and_finds_what_is_wrong() {
    let Some(database) = database().await else { return };
    let said = run(&database, &["check"]);
    assert!(!said.is_good && said.err.contains("there is no history in it"), "{said:?}");
    let server = Server::start(&Folder::new(), &["--database-url", database.url()]).await;
    let client = Client::of(server.address);
    for n in 1..=5 {
        client.post("room1", &format!("message {n}")).await;
        client.post("room2", "hello").await;
    }
    let said = run(&database, &["check"]);
    assert!(said.is_good && said.out.contains("All is well. Rooms: 2, messages: 10."), "{said:?}");
    assert!(
        said.out.contains("who may come in: All is well. Invites: 0, refresh tokens: 0, revocations: 0."),
        "{said:?}"
    );
    assert!(!said.out.contains("duet:duet"), "{said:?}");

    let eyes = database.client().await;
    for (damage, expected) in [
        (
            "UPDATE rooms SET head = 7 WHERE name = 'room1'",
            "room \"room1\" has come to place 7, but its newest message is at 5",
        ),
        ("DELETE FROM messages WHERE room = 1 AND seq = 3", "room \"room1\" has 4 messages at the places 1 to 5"),
        ("UPDATE messages SET content = '\\xff' WHERE room = 2 AND seq = 1", "message 1 of room \"room2\" is no text"),
        ("UPDATE messages SET room = 99 WHERE room = 1 AND seq = 1", "1 messages belong to none of the rooms"),
        (
            "INSERT INTO receipts VALUES (2, 'bob', 9, 1, 1)",
            "\"bob\" has come to place 9 of room \"room2\", which has come to 5",
        ),
        (
            "INSERT INTO invites VALUES ('1', '\\x00', 'room1', 'bob', NULL, 0, 1, NULL, NULL)",
            "1 invites are half exchanged, or kept by what is no SHA-256",
        ),
        ("INSERT INTO revocations VALUES ('room1', '', 1)", "a row of revocations cannot be read: "),
        ("DROP TABLE refresh_tokens", "who may come in: This is wrong:\n- there is no table refresh_tokens"),
    ] {
        eyes.batch_execute(damage).await.unwrap();
        let said = run(&database, &["check"]);
        assert!(!said.is_good && said.out.contains(expected) && said.out.contains("What to do: "), "{said:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn backup_names_pg_dump_and_a_restored_dump_has_an_epoch_of_its_own() {
    let (Some(original), Some(copy)) = (database().await, database().await) else { return };
    let said = run(&original, &["backup", "/tmp/never"]);
    assert!(!said.is_good && said.err.contains("pg_dump"), "{said:?}");

    let history = open(&original, Company::Alone).await.unwrap();
    fill(&history, "room1", 1, 20, 100, now()).await;
    let epoch = history.epoch().to_owned();
    // The lines of docs/operations.md, while the history is in use.
    let text = include_str!("../../../docs/operations.md");
    let lines = |heading: &str| {
        let section = text.split(&format!("\n### {heading}\n")).nth(1).unwrap();
        section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
    };
    let folder = Folder::new();
    let file = folder.path().join("duet.dump");
    let shell = |lines: &str, url: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-euc", lines]).env("DATABASE_URL", url).env("BACKUP", &file).output().unwrap()
    };
    let dumped = shell(&lines("A backup of PostgreSQL"), original.url());
    assert!(dumped.status.success(), "{dumped:?}");
    let restored = shell(&lines("A restore into PostgreSQL"), copy.url());
    assert!(restored.status.success(), "{restored:?}");
    close(history).await;

    let history = open(&copy, Company::Alone).await.unwrap();
    assert_eq!(places(&history, "room1").await, (1..=20).collect::<Vec<_>>());
    assert_ne!(history.epoch(), epoch);
    soon(close(history)).await;
}
