//! Three nodes, any of which is killed, stopped, restarted or stands still, one after the other, while the two people of each
//! room are on different ones and go to others as they must. Nothing accepted is lost, repeated or out of order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use shared::frames::{Resume, ServerFrame};
use shared::message::Seq;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::client::{Client, Socket};
use crate::support::process::Process;
use crate::support::server::SECRET;
use crate::support::{Folder, postgres, rabbitmq, soon};

const NODES: usize = 3;
const ROOMS: usize = 3;

/// How long things are broken, and how long everything may take to be heard after that.
const BROKEN_FOR: Duration = Duration::from_secs(25);
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// How long a person waits for one node before they try another.
const PATIENCE: Duration = Duration::from_secs(3);

/// A room that somebody posts to.
#[derive(Debug)]
struct Talk {
    name: String,
    /// One for each who is there: from then on they count places.
    listeners: Semaphore,
    /// How many messages were accepted, and whether that is all.
    accepted: AtomicU64,
    is_over: AtomicBool,
}

/// What somebody has heard.
#[derive(Debug)]
struct Ear {
    /// Whose epoch, and up to which place.
    at: Option<(String, Seq)>,
    heard: Vec<String>,
    moves: usize,
}

/// Posts one message after the other, each until some node has accepted it.
async fn post_all(clients: Vec<Client>, talk: Arc<Talk>, end: Instant) {
    let _all = soon(talk.listeners.acquire_many(2)).await.unwrap();
    let mut node = 0;
    for n in 0.. {
        if Instant::now() >= end {
            break;
        }
        let body = json!({ "room_id": talk.name, "content": n.to_string() });
        let id = format!("{}-{n}", talk.name);
        loop {
            let post =
                clients[node].request(reqwest::Method::POST, "/message").json(&body).header("Idempotency-Key", &id);
            if timeout(PATIENCE, post.send()).await.is_ok_and(|sent| sent.is_ok_and(|answer| answer.status() == 200)) {
                break;
            }
            node = (node + 1) % NODES;
            sleep(Duration::from_millis(50)).await;
        }
        talk.accepted.store(n + 1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
    }
    talk.is_over.store(true, Ordering::Relaxed);
}

/// Listens until all of a talk is heard, on whichever node will have them.
async fn listen(clients: Vec<Client>, talk: Arc<Talk>, user: String, first: usize) -> Ear {
    let mut ear = Ear { at: None, heard: Vec::new(), moves: 0 };
    for node in (0..NODES).cycle().skip(first) {
        if let Ok(Some(mut socket)) = timeout(PATIENCE, enter(&clients[node], &talk, &user, &mut ear)).await {
            ear.moves += 1;
            if hear(&mut socket, &talk, &mut ear).await {
                return ear;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    unreachable!()
}

async fn enter(client: &Client, talk: &Talk, user: &str, ear: &mut Ear) -> Option<Socket> {
    let room = &talk.name;
    let token = client.try_token(user, room).await?;
    let query = ear.at.as_ref().map(|(epoch, seen)| format!("?after={}&epoch={epoch}", seen.0)).unwrap_or_default();
    let mut socket = client.try_connect(&format!("/updates/{room}{query}"), &token).await?;
    let first = socket.text_or_gone().await?;
    let ServerFrame::Welcome(welcome) = serde_json::from_str(&first).unwrap() else { return None };
    match &ear.at {
        Some((_, seen)) => {
            assert_eq!(welcome.resume, Resume::Complete, "{user} cannot go on after {seen:?}: {welcome:?}")
        }
        None => {
            ear.at = Some((welcome.epoch, welcome.head));
            talk.listeners.add_permits(1);
        }
    }
    Some(socket)
}

/// Hears until the node lets go of the person. Whether all was heard by then.
async fn hear(socket: &mut Socket, talk: &Talk, ear: &mut Ear) -> bool {
    let mut quiet_since = Instant::now();
    loop {
        let all = talk.accepted.load(Ordering::Relaxed);
        if talk.is_over.load(Ordering::Relaxed) && ear.heard.len() as u64 == all {
            return true;
        }
        // A node that stands still says nothing; whoever posts without end is heard within seconds elsewhere.
        if quiet_since.elapsed() > PATIENCE {
            println!("{} hears nothing after {:?}", talk.name, ear.at);
            return false;
        }
        let Ok(next) = timeout(Duration::from_millis(200), socket.text_or_gone()).await else { continue };
        let Some(text) = next else { return false };
        if let ServerFrame::Message(message) = serde_json::from_str(&text).unwrap() {
            let (_, seen) = ear.at.as_mut().unwrap();
            assert_eq!(message.seq, seen.next(), "lost, repeated or out of order");
            *seen = message.seq;
            ear.heard.push(message.content);
            quiet_since = Instant::now();
        }
    }
}

/// Breaks one node after the other, and lets it be well again.
async fn break_nodes(
    nodes: Arc<Mutex<Vec<Option<Process>>>>,
    folders: Vec<Folder>,
    arguments: Vec<String>,
    end: Instant,
) {
    for n in 0.. {
        if Instant::now() >= end {
            return;
        }
        let which = usize::try_from(random(3)).unwrap();
        let mut node = nodes.lock().unwrap()[which].take().unwrap();
        let (listen, how) = (node.address.to_string(), n % 3);
        println!("{} node {which}", ["killing", "stopping", "freezing"][how]);
        node.signal(["KILL", "TERM", "STOP"][how]);
        sleep(Duration::from_millis(500 + random(1_500))).await;
        if how == 2 {
            node.signal("CONT");
        } else {
            let (folder, arguments) = (folders[which].path().to_owned(), arguments.clone());
            let restart = move || {
                node.wait(Duration::from_secs(15));
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                Process::spawn(&listen, &folder, &arguments).listening(Duration::from_secs(15)).unwrap()
            };
            node = tokio::task::spawn_blocking(restart).await.unwrap();
        }
        nodes.lock().unwrap()[which] = Some(node);
        sleep(Duration::from_millis(random(1_000))).await;
    }
}

fn random(below: u64) -> u64 {
    u64::from(uuid::Uuid::new_v4().as_fields().0) % below
}

#[tokio::test]
async fn whichever_node_fails_nothing_accepted_is_lost_repeated_or_out_of_order() {
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    let urls = ["--amqp-url", vhost.url(), "--database-url", database.url(), "--secret-key", SECRET];
    let arguments = urls.map(str::to_owned).to_vec();
    let folders: Vec<Folder> = (0..NODES).map(|_| Folder::new()).collect();
    let nodes: Vec<Process> = folders.iter().map(|folder| Process::start(folder, &urls)).collect();
    let clients: Vec<Client> = nodes.iter().map(|node| Client::of(node.address)).collect();
    for client in &clients {
        client.ready().await;
    }
    let end = Instant::now() + BROKEN_FOR;
    let mut people = tokio::task::JoinSet::new();
    let mut talks = Vec::new();
    for room in 0..ROOMS {
        let (listeners, accepted, is_over) = (Semaphore::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let talk = Arc::new(Talk { name: format!("room{room}"), listeners, accepted, is_over });
        for (user, node) in [("alice", room), ("bob", room + 1)] {
            people.spawn(listen(clients.clone(), Arc::clone(&talk), user.to_owned(), node));
        }
        talks.push(tokio::spawn(post_all(clients.clone(), talk, end)));
    }
    let nodes = Arc::new(Mutex::new(nodes.into_iter().map(Some).collect()));
    break_nodes(Arc::clone(&nodes), folders, arguments, end).await;
    for talk in talks {
        timeout(HEARD_WITHIN, talk).await.unwrap().unwrap();
    }
    let hearing = async {
        while let Some(ear) = people.join_next().await {
            let ear = ear.unwrap();
            let expected: Vec<String> = (0..ear.heard.len()).map(|n| n.to_string()).collect();
            assert_eq!(ear.heard, expected);
            println!("{} heard, on {} nodes one after the other", ear.heard.len(), ear.moves);
            assert!(ear.heard.len() > 100);
        }
    };
    if timeout(HEARD_WITHIN, hearing).await.is_err() {
        for node in nodes.lock().unwrap().iter().flatten() {
            println!("{}", node.log().join("\n"));
        }
        panic!("not all is heard");
    }
}
