//! Several nodes on one RabbitMQ and one PostgreSQL are one server.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use shared::frames::{PresenceState, Receipt, Resume, ServerFrame, TypingState};

use crate::support::client::{Client, Socket};
use crate::support::postgres::{self, Database};
use crate::support::process::{Process, log_of};
use crate::support::rabbitmq::{self, Vhost, quorum, single_active};
use crate::support::relay::Relay;
use crate::support::server::Server;
use crate::support::{A_WHILE, Folder, soon};

/// How long a lease is.
const LEASE: Duration = Duration::from_secs(15);

/// Nodes that share everything but their folders.
struct Cluster {
    vhost: Vhost,
    database: Database,
    folders: Vec<Folder>,
    nodes: Vec<Option<Server>>,
    clients: Vec<Client>,
}

impl Cluster {
    /// `None`, aloud, where there is no RabbitMQ or no PostgreSQL.
    async fn of(nodes: usize) -> Option<Self> {
        let (vhost, database) = (rabbitmq::vhost().await?, postgres::database().await?);
        let mut cluster = Self { vhost, database, folders: Vec::new(), nodes: Vec::new(), clients: Vec::new() };
        for _ in 0..nodes {
            cluster.add().await;
        }
        Some(cluster)
    }

    async fn add(&mut self) {
        let (amqp, database) = (self.vhost.url().to_owned(), self.database.url().to_owned());
        self.add_by(&amqp, &database).await;
    }

    /// Adds a node that reaches the others by these.
    async fn add_by(&mut self, amqp: &str, database: &str) {
        let folder = Folder::new();
        let server = Server::start(&folder, &["--amqp-url", amqp, "--database-url", database]).await;
        let client = Client::of(server.address);
        client.ready().await;
        self.folders.push(folder);
        self.nodes.push(Some(server));
        self.clients.push(client);
    }

    /// Stops a node the orderly way.
    async fn stop(&mut self, node: usize) {
        self.nodes[node].take().unwrap().stop().await;
    }
}

/// Who the next frame says has become what, those about writing left out.
async fn presence(socket: &mut Socket) -> (String, PresenceState) {
    loop {
        match socket.frame().await {
            ServerFrame::Presence(presence) => return (presence.user.to_string(), presence.state),
            ServerFrame::Typing(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn two_people_on_different_nodes_are_in_one_room() {
    let Some(cluster) = Cluster::of(2).await else { return };
    let [one, two] = &cluster.clients[..] else { unreachable!() };
    let (mut alice, _) = one.enter("alice", "room1", "").await;
    let (mut bob, welcome) = two.enter("bob", "room1", "").await;
    assert_eq!(welcome.occupants.iter().map(ToString::to_string).collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Here));

    // Whichever node takes it, and whichever is the intake.
    for (client, content) in [(one, "by the one"), (two, "by the other")] {
        client.post("room1", content).await;
        assert_eq!(
            (alice.message().await.content, bob.message().await.content),
            (content.to_owned(), content.to_owned())
        );
    }

    bob.say(r#"{"type":"typing","state":"active"}"#).await;
    let ServerFrame::Typing(typing) = alice.frame().await else { panic!("bob is not told to write") };
    assert_eq!((typing.user.to_string(), typing.activity.state), ("bob".to_owned(), TypingState::Active));
    bob.say(r#"{"type":"receipt","delivered":2,"read":1}"#).await;
    let ServerFrame::Receipt(Receipt { user, reached }) = alice.frame().await else { panic!("no receipt") };
    assert_eq!((user.to_string(), reached.delivered.0, reached.read.0), ("bob".to_owned(), 2, 1));
    bob.say(r#"{"type":"presence","state":"idle"}"#).await;
    assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Idle));

    // A third is refused on every node, and who is there can be asked of every node.
    for client in [one, two] {
        let mut carol = client.listen("carol", "room1").await;
        assert_eq!(carol.close_code().await, 4001);
        let token = client.token("alice", "room1").await;
        let answer = client.get_with("/rooms/room1", &token).await.json();
        assert_eq!(answer["occupants"].as_array().unwrap().len(), 2, "{answer}");
    }

    bob.close().await;
    assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Gone));
    let (_carol, welcome) = two.enter("carol", "room1", "").await;
    assert_eq!(welcome.occupants.len(), 2);
}

#[tokio::test]
async fn whoever_loses_a_node_goes_on_at_another_where_they_were() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    let (one, two) = (cluster.clients[0].clone(), cluster.clients[1].clone());
    let (mut alice, _) = one.enter("alice", "room1", "").await;
    let (mut bob, welcome) = two.enter("bob", "room1", "").await;
    assert_eq!(presence(&mut alice).await.1, PresenceState::Here);
    one.post("room1", "first").await;
    assert_eq!(bob.message().await.content, "first");
    assert_eq!(alice.message().await.content, "first");

    // The node that is the intake goes, with alice on it.
    cluster.stop(0).await;
    let ServerFrame::Bye(bye) = alice.frame().await else { panic!("no goodbye") };
    assert!(bye.retry_after_ms.is_some_and(|ms| (100..1_000).contains(&ms)), "{bye:?}");
    assert_eq!(presence(&mut bob).await, ("alice".to_owned(), PresenceState::Away));
    two.post("room1", "second").await;
    assert_eq!(bob.message().await.content, "second");
    // Her seat is hers meanwhile.
    assert_eq!(two.listen("carol", "room1").await.close_code().await, 4001);
    let (mut alice, again) = two.enter("alice", "room1", &format!("?after=1&epoch={}", welcome.epoch)).await;
    assert_eq!(again.resume, Resume::Complete);
    assert_eq!(alice.message().await.content, "second");
    assert_eq!(presence(&mut bob).await, ("alice".to_owned(), PresenceState::Here));
    bob.silence().await;
}

#[tokio::test]
async fn however_many_join_on_three_nodes_never_are_there_three() {
    let Some(mut cluster) = Cluster::of(3).await else { return };
    let mut joining = tokio::task::JoinSet::new();
    for n in 0..240 {
        let client = cluster.clients[n % 3].clone();
        joining.spawn(async move {
            let (room, user) = (format!("room{}", n % 8), format!("user{}", n / 8 % 5));
            let token = client.token(&user, &room).await;
            let path = format!("/updates/{room}");
            // On a machine that is slow just now PostgreSQL may not answer in time; whoever is told so comes again.
            let mut tries = 0..20;
            let mut socket = loop {
                match client.connect(&path, Some(&token), Some("duet.v1")).await {
                    Ok(socket) => break socket,
                    Err(refused) => assert!(refused.status() == 503 && tries.next().is_some(), "{refused:?}"),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            };
            // Whoever is full is closed; a node that goes says goodbye.
            match socket.text_or_close().await.ok().map(|text| serde_json::from_str(&text).unwrap())? {
                ServerFrame::Welcome(_) => Some((room, user, socket)),
                _ => None,
            }
        });
    }
    let mut inside = Vec::new();
    while let Some(joined) = joining.join_next().await {
        inside.extend(joined.unwrap());
    }
    for n in 0..8 {
        let room = format!("room{n}");
        let users: BTreeSet<&String> = inside.iter().filter(|(of, ..)| *of == room).map(|(_, user, _)| user).collect();
        assert_eq!(users.len(), 2, "in {room} are {users:?}");
        let token = cluster.clients[0].token("user0", &room).await;
        let answer = cluster.clients[n % 3].get_with(&format!("/rooms/{room}"), &token).await.json();
        assert_eq!(answer["occupants"].as_array().unwrap().len(), 2, "{answer}");
    }
    drop(inside);
    cluster.stop(1).await;
}

#[tokio::test]
async fn another_node_takes_over_the_intake() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    let two = cluster.clients[1].clone();
    let (mut bob, _) = two.enter("bob", "room1", "").await;
    for n in 0..20 {
        two.post("room1", &format!("{n}")).await;
    }
    cluster.stop(0).await;
    for n in 20..40 {
        two.post("room1", &format!("{n}")).await;
    }
    for n in 0..40 {
        assert_eq!(soon(bob.message()).await.content, n.to_string());
    }
    let body = json!({ "room_id": "room1", "content": "still" });
    assert!(two.try_post(&body).await);
}

#[tokio::test]
async fn a_node_that_is_cut_off_from_the_database_sends_everybody_away_before_another_has_their_seats() {
    let Some(mut cluster) = Cluster::of(0).await else { return };
    let mut relay = Relay::to(cluster.database.port());
    relay.up();
    let (amqp, database) = (cluster.vhost.url().to_owned(), cluster.database.url_by(relay.port()));
    // The first is the intake.
    cluster.add_by(&amqp, &database).await;
    cluster.add().await;
    let [two, one] = &cluster.clients[..] else { unreachable!() };
    let (mut alice, _) = one.enter("alice", "room1", "").await;
    let (mut bob, _) = two.enter("bob", "room1", "").await;
    assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Here));

    relay.freeze();
    let cut = Instant::now();
    let watching = tokio::spawn(async move {
        let mut said = Vec::new();
        while let Ok(text) = bob.text_or_close_within(LEASE).await {
            said.push(text);
        }
        (said, Instant::now())
    });
    // Nobody can be let in, and that is said before anybody gives up.
    let token = two.token("dave", "room2").await;
    let refused = two.connect("/updates/room2", Some(&token), None).await.unwrap_err();
    assert_eq!(refused.status(), 503);
    let carols = one.token("carol", "room1").await;
    // On the other node a third is let in when the lease has run out, and not before.
    let (mut carol, let_in) = loop {
        let mut carol = one.connect("/updates/room1", Some(&carols), Some("duet.v1")).await.unwrap();
        if carol.text_or_close().await.is_ok() {
            break (carol, Instant::now());
        }
        assert!(cut.elapsed() < 2 * LEASE, "the seat of bob is never free");
        tokio::time::sleep(A_WHILE).await;
    };
    let (said, closed) = watching.await.unwrap();
    let bye = said.iter().rev().find(|text| text.contains(r#""type":"bye""#));
    assert!(bye.is_some_and(|bye| bye.contains("go to one of them")), "{said:?}");
    println!("sent away after {:?}, let in after {:?}", closed - cut, let_in - cut);
    assert!(closed < let_in, "there were three");
    assert_eq!(two.get("/readyz").await.status, 503);
    // It has left the queue to the other.
    one.post("room1", "by the other intake").await;
    assert_eq!(carol.message().await.content, "by the other intake");

    relay.thaw();
    two.ready().await;
    assert_eq!(two.listen("bob", "room1").await.close_code().await, 4001);
}

#[tokio::test]
async fn a_node_that_is_cut_off_from_the_broker_hears_a_little_later() {
    let Some(mut cluster) = Cluster::of(1).await else { return };
    let mut relay = Relay::to(cluster.vhost.port());
    relay.up();
    let (amqp, database) = (cluster.vhost.url_by(relay.port()), cluster.database.url().to_owned());
    cluster.add_by(&amqp, &database).await;
    let [one, two] = &cluster.clients[..] else { unreachable!() };
    let (mut bob, _) = two.enter("bob", "room1", "").await;
    relay.freeze();
    let (mut alice, _) = one.enter("alice", "room1", "").await;
    assert_eq!(presence(&mut bob).await, ("alice".to_owned(), PresenceState::Here));
    for n in 0..5 {
        one.post("room1", &n.to_string()).await;
        assert_eq!(alice.message().await.content, n.to_string());
        assert_eq!(bob.message().await.content, n.to_string());
    }
    alice.close().await;
    assert_eq!(presence(&mut bob).await, ("alice".to_owned(), PresenceState::Gone));
}

/// Waits until `/readyz` says this, and gives its status.
async fn readyz_says(client: &Client, words: &str) -> u16 {
    soon(async {
        loop {
            let answer = client.get("/readyz").await;
            if answer.body.contains(words) {
                return answer.status.as_u16();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_consumer_that_has_the_queue_before_them_is_noticed() {
    let Some(mut cluster) = Cluster::of(0).await else { return };
    let amqp = cluster.vhost.amqp().await;
    amqp.declare(true, None).await;
    let consumer = amqp.consume_alone().await;
    let folder = Folder::new();
    let arguments = ["--amqp-url", cluster.vhost.url(), "--database-url", cluster.database.url()];
    let server = Server::start(&folder, &arguments).await;
    let client = Client::of(server.address);
    assert_eq!(readyz_says(&client, "no server of this history").await, 503);
    cluster.add().await;
    assert_eq!(readyz_says(&cluster.clients[0], r#""intake":"elsewhere""#).await, 200);
    assert_eq!(client.get("/readyz").await.status, 503, "a server beside it does not make it well");
    drop((consumer, amqp));
    client.ready().await;
}

#[tokio::test]
async fn a_consumer_beside_them_is_noticed_where_rabbitmq_lets_it() {
    let Some(cluster) = Cluster::of(0).await else { return };
    let amqp = cluster.vhost.amqp().await;
    amqp.declare(true, Some("quorum")).await;
    let arguments = ["--amqp-url", cluster.vhost.url(), "--database-url", cluster.database.url(), "--drain", "0s"];
    let folder = Folder::new();
    let server = Process::start(&folder, &arguments);
    let client = Client::of(server.address);
    client.ready().await;
    assert!(!client.get("/readyz").await.body.contains("detail"));

    let consumer = amqp.consume().await;
    assert_eq!(readyz_says(&client, "takes messages away").await, 200);
    drop((consumer, amqp));
    soon(async { while client.get("/readyz").await.body.contains("detail") {} }).await;
    let log = log_of(server).await;
    let said = log.lines().filter(|line| line.contains("another consumer takes messages away")).count();
    assert_eq!(said, 1, "{log}");
}

#[tokio::test]
async fn one_of_them_takes_in_order_from_a_queue_of_any_kind_and_all_say_which() {
    for arguments in [&[][..], &[quorum(), single_active()], &[quorum()]] {
        println!("{arguments:?}");
        let Some(mut cluster) = Cluster::of(0).await else { return };
        cluster.vhost.amqp().await.declare_with(true, arguments).await;
        cluster.add().await;
        readyz_says(&cluster.clients[0], r#""intake":"here""#).await;
        cluster.add().await;
        let two = cluster.clients[1].clone();
        assert_eq!(readyz_says(&two, r#""intake":"elsewhere""#).await, 200);
        let (mut bob, _) = two.enter("bob", "room1", "").await;
        for n in 0..100 {
            if n == 50 {
                cluster.stop(0).await;
            }
            two.post("room1", &n.to_string()).await;
        }
        for n in 0..100 {
            assert_eq!(bob.message().await.content, n.to_string());
        }
        assert_eq!(readyz_says(&two, r#""intake":"here""#).await, 200);
    }
}

/// Who may write to the default exchange reaches the queues of the nodes, if they learn the names.
#[tokio::test]
async fn what_no_node_of_ours_has_sealed_is_shown_to_nobody() {
    let Some(cluster) = Cluster::of(2).await else { return };
    let [one, two] = &cluster.clients[..] else { unreachable!() };
    let (mut alice, _) = one.enter("alice", "room1", "").await;
    let mut bob = two.listen("bob", "room1").await;
    assert_eq!(presence(&mut alice).await, ("bob".to_owned(), PresenceState::Here));
    let forged = json!({"type": "messages", "room": "room1", "messages": [
        {"seq": 1, "id": "forged", "sender": "bob", "content": "forged", "sent_at": "2026-11-22T14:02:11.125Z"}
    ]});
    let producer = cluster.vhost.amqp().await;
    let nodes = soon(async {
        loop {
            let queues = cluster.vhost.queues().await;
            let nodes: Vec<String> = queues.into_iter().filter(|queue| queue.starts_with("duet.node.")).collect();
            if nodes.len() == 2 {
                return nodes;
            }
        }
    })
    .await;
    for node in &nodes {
        for seal in [None, Some("bm8gc2VhbA")] {
            let mut headers = FieldTable::default();
            if let Some(seal) = seal {
                headers.insert("x-duet-seal".into(), AMQPValue::LongString(seal.into()));
            }
            let properties = BasicProperties::default().with_headers(headers);
            producer.publish_to(node, &serde_json::to_vec(&forged).unwrap(), properties).await;
        }
    }
    two.post("room1", "by bob").await;
    assert_eq!((alice.message().await.content, bob.text().await), ("by bob".to_owned(), "by bob".to_owned()));
}
