//! What may happen between Duet and PostgreSQL: nothing that was accepted is lost, nobody waits in vain, and all comes back by
//! itself.

use std::time::{Duration, Instant};

use serde_json::json;
use server::database::Database;
use server::history::postgres::claim::Company;
use server::history::{Durability, History, Retention};
use shared::message::Seq;
use tokio::sync::watch;

use crate::support::client::{Client, answer};
use crate::support::kept::{close, fill, now};
use crate::support::postgres::{database, victim};
use crate::support::process::Process;
use crate::support::rabbitmq;
use crate::support::relay::{Fate, Relay};
use crate::support::server::Server;
use crate::support::{Folder, soon};

/// How long anything may take while PostgreSQL does not answer.
const LIMIT: Duration = Duration::from_secs(8);

/// Waits until the server says that it is not ready, for this reason.
async fn until_not_ready(client: &Client, reason: &str) {
    soon(async {
        loop {
            let answer = client.get("/readyz").await;
            if answer.status == 503 && answer.problem().detail.contains(reason) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Posts one message after another, each again until it is accepted, until as many are. Each has a key.
async fn post_all(client: Client, count: u64, accepted: watch::Sender<u64>) {
    for n in 1..=count {
        loop {
            let body = json!({ "room_id": "room1", "content": format!("message {n}") });
            let request =
                client.request(reqwest::Method::POST, "/message").header("Idempotency-Key", format!("key-{n}"));
            if answer(request.json(&body)).await.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        accepted.send_replace(n);
    }
}

/// Expects `message 1` to `message count`, each once, in their order.
async fn hear_all(listener: &mut crate::support::client::Socket, count: u64) {
    for n in 1..=count {
        let message = tokio::time::timeout(Duration::from_secs(30), listener.message()).await.unwrap();
        assert_eq!((message.content, message.seq), (format!("message {n}"), Seq(n)));
    }
}

#[tokio::test]
async fn a_postgresql_that_is_killed_and_comes_back_costs_nothing_that_was_accepted() {
    const COUNT: u64 = 300;
    let Some(victim) = victim().await else { return };
    for with_rabbitmq in [false, true] {
        let database = victim.database().await;
        let vhost = if with_rabbitmq { rabbitmq::vhost().await } else { None };
        let mut arguments = vec!["--database-url", database.url(), "--durability", "full"];
        arguments.extend(vhost.iter().flat_map(|vhost| ["--amqp-url", vhost.url()]));
        let folder = Folder::new();
        let server = Process::start(&folder, &arguments);
        let client = Client::of(server.address);
        client.ready().await;
        let (mut listener, _) = client.enter("alice", "room1", "").await;
        let (accepted, mut counted) = watch::channel(0);
        let posts = tokio::spawn(post_all(client.clone(), COUNT, accepted));
        for after in [COUNT / 4, COUNT / 2] {
            soon(counted.wait_for(|accepted| *accepted >= after)).await.unwrap();
            victim.kill().await;
            until_not_ready(&client, "PostgreSQL is not reachable").await;
            victim.start().await;
        }
        hear_all(&mut listener, COUNT).await;
        posts.await.unwrap();
        client.ready().await;
        let log = server.log().join("\n");
        // Said seldom, and which of them depends on who notices first: with RabbitMQ nothing may be written down
        // meanwhile, and all may be accepted before the second time.
        let said = ["history takes messages again", "PostgreSQL answers again"].map(|words| log.matches(words).count());
        assert!(said.iter().all(|times| *times <= 4) && said.iter().sum::<usize>() >= 1, "{said:?} in {log}");
    }
}

#[tokio::test]
async fn a_cut_connection_costs_nothing_and_is_made_anew_at_once() {
    const COUNT: u64 = 200;
    let Some(database) = database().await else { return };
    let mut relay = Relay::to(database.port());
    relay.up();
    let folder = Folder::new();
    let server = Server::start(&folder, &["--database-url", &database.url_by(relay.port())]).await;
    let client = Client::of(server.address);
    let (mut listener, _) = client.enter("alice", "room1", "").await;
    let (accepted, mut counted) = watch::channel(0);
    let posts = tokio::spawn(post_all(client.clone(), COUNT, accepted));
    for after in (20..COUNT).step_by(20) {
        soon(counted.wait_for(|accepted| *accepted >= after)).await.unwrap();
        relay.all(Fate::Cut);
    }
    hear_all(&mut listener, COUNT).await;
    posts.await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_postgresql_that_hangs_is_given_up_and_all_is_refused_at_once_from_then_on() {
    let Some(database) = database().await else { return };
    let mut relay = Relay::to(database.port());
    relay.up();
    let folder = Folder::new();
    let server = Server::start(&folder, &["--database-url", &database.url_by(relay.port())]).await;
    let client = Client::of(server.address);
    client.post("room1", "before").await;
    let token = client.token("alice", "room1").await;
    relay.freeze();
    let began = Instant::now();
    let body = json!({ "room_id": "room1", "content": "meanwhile" });
    assert_eq!(client.post_json("/message", &body).await.status, 503);
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    until_not_ready(&client, "PostgreSQL does not answer").await;
    let began = Instant::now();
    assert_eq!(client.post_json("/message", &body).await.status, 503);
    assert_eq!(client.get_with("/rooms/room1/messages", &token).await.status, 503);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    relay.thaw();
    soon(async { while !client.try_post(&body).await {} }).await;
    client.ready().await;
    assert!(client.get_with("/rooms/room1/messages", &token).await.body.contains("meanwhile"));
    server.stop().await;
}

#[tokio::test]
async fn a_room_that_another_holds_locked_is_given_up_in_time_and_the_others_go_on() {
    let Some(database) = database().await else { return };
    let folder = Folder::new();
    let server = Server::start(&folder, &["--database-url", database.url()]).await;
    let client = Client::of(server.address);
    client.post("room1", "before").await;
    let other = database.client().await;
    other.batch_execute("BEGIN; SELECT * FROM rooms WHERE name = 'room1' FOR UPDATE").await.unwrap();
    let body = json!({ "room_id": "room1", "content": "locked" });
    let began = Instant::now();
    let refused = client.post_json("/message", &body).await;
    assert!(refused.status == 503 && refused.body.contains("lock timeout"), "{}", refused.body);
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    client.post("room2", "elsewhere").await;
    other.batch_execute("COMMIT").await.unwrap();
    client.post("room1", "after").await;
    client.ready().await;
    server.stop().await;
}

#[tokio::test]
async fn a_node_whose_connection_is_ended_takes_its_place_again_and_one_whose_place_is_taken_keeps_off() {
    let Some(database) = database().await else { return };
    let folder = Folder::new();
    let server = Server::start(&folder, &["--database-url", database.url()]).await;
    let client = Client::of(server.address);
    let eyes = database.client().await;
    let holder = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 2 AND granted
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let end = format!("SELECT pg_terminate_backend(({holder}))");
    eyes.execute(&end, &[]).await.unwrap();
    soon(async { while eyes.query(holder, &[]).await.unwrap().is_empty() {} }).await;
    client.ready().await;
    client.post("room1", "before").await;
    // Another one is quicker than it.
    let take = "SELECT pg_advisory_lock(classid::int, 2) FROM (SELECT 1148544372 AS classid) AS ours";
    let rival = database.client().await;
    let waiting = tokio::spawn(async move { rival.execute(take, &[]).await.map(|_| rival) });
    let waits = holder.replace("AND granted", "AND NOT granted");
    soon(async { while eyes.query(&waits, &[]).await.unwrap().is_empty() {} }).await;
    eyes.execute(&end, &[]).await.unwrap();
    let rival = soon(waiting).await.unwrap().unwrap();
    until_not_ready(&client, "another duet-server works on this database").await;
    let body = json!({ "room_id": "room1", "content": "refused" });
    let refused = client.post_json("/message", &body).await;
    assert!(refused.status == 503 && refused.body.contains("set AMQP_URL"), "{}", refused.body);
    drop(rival);
    client.ready().await;
    client.post("room1", "after").await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_waits_for_a_postgresql_that_starts_with_it_and_can_be_stopped_meanwhile() {
    let Some(database) = database().await else { return };
    let mut relay = Relay::to(database.port());
    let url = database.url_by(relay.port());
    let folder = Folder::new();
    let server = Process::spawn("127.0.0.1:0", folder.path(), &["--database-url", &url]);
    let waiting = move || {
        let mut server = server;
        server.until_it_says("waiting for PostgreSQL");
        server
    };
    let server = tokio::task::spawn_blocking(waiting).await.unwrap();
    relay.up();
    let server = tokio::task::spawn_blocking(|| server.listening(Duration::from_secs(10)).unwrap()).await.unwrap();
    Client::of(server.address).post("room1", "hello").await;
    relay.down().await;
    drop(server);
    let mut waiting = Process::spawn("127.0.0.1:0", folder.path(), &["--database-url", &url]);
    waiting.until_it_says("waiting for PostgreSQL");
    waiting.signal("TERM");
    assert!(waiting.wait(Duration::from_secs(5)).success());
}

#[tokio::test]
async fn a_batch_of_six_statements_takes_two_trips_to_postgresql_and_back() {
    const ONE_WAY: Duration = Duration::from_millis(100);
    let Some(database) = database().await else { return };
    let mut relay = Relay::to(database.port());
    relay.up();
    let pool = Database::open(database.url_by(relay.port()).parse().unwrap()).await.unwrap();
    let history = History::share(&pool, Company::Others, Durability::Full, Retention::default()).await.unwrap();
    // The first prepares the statements.
    fill(&history, "room1", 1, 5, 0, now()).await;
    relay.all(Fate::Slow(ONE_WAY));
    // New rooms, and one that there is.
    for names in [["room2", "room3", "room4"], ["room1"; 3]] {
        let mut trips = Vec::new();
        for (name, first) in names.into_iter().zip([6, 26, 46]) {
            let began = Instant::now();
            fill(&history, name, first, 20, 0, now()).await;
            trips.push(began.elapsed().as_secs_f64() / (2.0 * ONE_WAY.as_secs_f64()));
        }
        // What goes out in two writes is delayed twice by the relay, and other tests run beside it.
        let least = trips.iter().copied().fold(f64::MAX, f64::min);
        assert!((2.0..4.0).contains(&least), "{trips:?}");
    }
    relay.all(Fate::Flows);
    close(history).await;
}
