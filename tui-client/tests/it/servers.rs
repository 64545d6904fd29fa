//! Several servers that are one: the client goes from one to the other by itself, and nothing is lost or said twice.
//!
//! The servers follow one script, as those do that share a history.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use shared::frames::Resume;
use shared::message::Seq;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tui_client::network::{NetworkEvent, Request};

use crate::cli::{command, page};
use crate::client::Client;
use crate::programs::{self, end};
use crate::scripted::{SOON, Scripted, ServerSocket};
use crate::stage::Stage;
use crate::together::Server;

fn accepted() -> Value {
    json!({"status": "Message sent to room: room1"})
}

/// The address of a server that is gone.
async fn gone() -> String {
    let server = Scripted::start().await;
    let url = server.url();
    server.stop();
    url
}

/// Two servers, and a client whose socket is at the first.
async fn joined() -> ([Scripted; 2], Client, ServerSocket) {
    let mut servers = [Scripted::start().await, Scripted::start().await];
    let mut client = Client::join_one_of(&servers.each_ref().map(Scripted::url));
    servers[0].give_token("t1").await;
    let mut socket = servers[0].let_in().await;
    socket.welcome("recent", 0).await;
    assert_eq!(client.hear().await, "welcome Recent");
    (servers, client, socket)
}

#[tokio::test]
async fn the_first_that_answers_is_taken_and_nothing_is_said_of_those_before() {
    let (mut busy, mut there) = (Scripted::start().await, Scripted::start().await);
    let begun = Instant::now();
    // Which of the others comes next is left to chance, so the last one stands alone.
    let mut client = Client::join_one_of(&[busy.url(), there.url()]);
    busy.expect("POST /generate-token").await.problem(503, "unavailable", "draining");
    there.give_token("t1").await;
    there.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
    assert!(begun.elapsed() < Duration::from_secs(2), "there is no wait in between");
    client.leave().await;

    let mut client = Client::join_one_of(&[gone().await, there.url()]);
    there.give_token("t2").await;
    there.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn one_that_is_asked_too_often_is_asked_again_when_it_says_and_no_other_one() {
    let (mut first, mut other) = (Scripted::start().await, Scripted::start().await);
    let mut client = Client::join_one_of(&[first.url(), other.url()]);
    first.expect("POST /generate-token").await.too_often(1);
    assert!(!first.is_asked_within(Duration::from_millis(700)).await);
    first.give_token("t1").await;
    let mut socket = first.let_in().await;
    socket.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live", "of a short wait nothing is said");

    client.post("p1", "one").await;
    client.post("p2", "two").await;
    first.expect("POST /message").await.too_often(1);
    assert!(!first.is_asked_within(Duration::from_millis(700)).await);
    first.expect("POST /message").await.too_often(7);
    let event = client.next().await;
    let NetworkEvent::PostedTooOften { retry_at } = event else { panic!("{event:?}") };
    let wait = retry_at.duration_since(Timestamp::now());
    assert!((5..=8).contains(&wait.as_secs()), "7 s and up to one more, of which some may be past: {wait}");
    client.ask(Request::RetryNow).await;
    for key in ["p1", "p2"] {
        let request = first.expect("POST /message").await;
        assert_eq!(request.header("idempotency-key"), Some(key));
        request.ok(accepted());
        assert_eq!(client.hear().await, format!("posted {key}"));
    }

    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    other.expect("GET /updates/room1").await.too_often(30);
    let lost = client.next().await;
    assert!(
        matches!(&lost, NetworkEvent::Lost { reason, is_reached: true, .. } if reason == "asked too often"),
        "{lost:?}"
    );
    assert!(!first.is_asked_within(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn one_that_is_no_duet_server_is_passed_over() {
    let (mut wrong, mut there) = (Scripted::start().await, Scripted::start().await);
    let mut client = Client::join_one_of(&[wrong.url(), there.url()]);
    wrong.expect("POST /generate-token").await.answer(404, "", "<html>".to_owned());
    there.give_token("t1").await;
    there.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn each_is_tried_once_before_there_is_a_wait() {
    let mut servers = [Scripted::start().await, Scripted::start().await, Scripted::start().await];
    let mut client = Client::join_one_of(&servers.each_ref().map(Scripted::url));
    for round in 0..2 {
        let mut asked = Vec::new();
        while asked.len() < servers.len() {
            // Which of the others is next is left to chance.
            let any = servers.iter_mut().map(|server| server.any().boxed());
            let (request, index, _) = timeout(SOON, select_all(any)).await.expect("a request");
            let busy = json!({"type": "", "title": "", "status": 503, "detail": "draining", "code": "unavailable"});
            request.answer(503, "retry-after: 1\r\n", busy.to_string());
            asked.push(index);
        }
        assert_eq!(asked[0], 0, "round {round}");
        asked.sort_unstable();
        assert_eq!(asked, [0, 1, 2], "round {round}");
        assert_eq!(client.hear().await, "lost: server busy");
        for server in &mut servers {
            assert!(!server.is_asked_within(Duration::from_millis(200)).await, "all have asked for a second");
        }
    }
}

#[tokio::test]
async fn when_a_server_drains_the_client_goes_on_at_another_one_at_once() {
    let ([_draining, mut other], mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    socket.send(json!({"type": "bye", "reason": "the server is draining", "retry_after_ms": 30000})).await;
    let begun = Instant::now();
    socket.close(1012).await;
    assert_eq!(client.hear().await, "lost: server restarting");
    let request = other.expect("GET /updates/room1").await;
    // Not after the 30 s, nor after the back-off; up to a second for those who leave it to be spread over.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(request.line, "GET /updates/room1?after=1&epoch=e1&last=50");
    assert_eq!(request.header("authorization"), Some("Bearer t1"), "servers that are one take each other's tokens");
    let mut socket = request.upgrade(Some("duet.v1")).await;
    socket.welcome("complete", 2).await;
    for (seq, content) in [(1, "one"), (2, "two")] {
        socket.message(seq, content).await;
    }
    assert_eq!(client.hear().await, "welcome Complete");
    assert_eq!(client.hear().await, "2 two");
}

#[tokio::test]
async fn a_server_that_dies_or_fails_is_left_for_another_one() {
    for code in [None, Some(1011), Some(1012)] {
        let ([_failed, mut other], mut client, mut socket) = joined().await;
        socket.message(1, "one").await;
        assert_eq!(client.hear().await, "1 one");
        match code {
            Some(code) => socket.close(code).await,
            None => drop(socket),
        }
        assert!(client.hear().await.starts_with("lost: "));
        let mut socket = other.let_in().await;
        // One that has a history of its own is not one with the first; what is shown begins anew.
        socket.welcome_to("e2", "reset", 1).await;
        socket.message(1, "another one").await;
        assert_eq!(client.hear().await, "welcome Reset");
        assert_eq!(client.hear().await, "1 another one");
    }
}

#[tokio::test]
async fn a_post_that_one_server_does_not_take_goes_to_another_with_the_same_key() {
    let ([mut cut_off, mut other], mut client, mut socket) = joined().await;
    client.post("p1", "hello").await;
    let request = cut_off.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("p1"));
    request.problem(503, "unavailable", "no broker");
    let request = other.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("p1"));
    assert_eq!(request.header("authorization"), Some("Bearer t1"));
    request.ok(accepted());
    assert_eq!(client.hear().await, "posted p1", "that another one had to be asked is nobody's matter");
    // The socket stays where it is, and the next one goes where the last one was taken.
    socket.message(1, "hello").await;
    assert_eq!(client.hear().await, "1 hello");
    client.post("p2", "again").await;
    other.expect("POST /message").await.ok(accepted());
    assert_eq!(client.hear().await, "posted p2");
}

#[tokio::test]
async fn a_post_that_is_under_way_when_its_server_dies_is_made_again_at_the_next() {
    let ([mut dead, mut other], mut client, socket) = joined().await;
    client.post("p1", "hello").await;
    // Nobody knows whether it was taken.
    dead.expect("POST /message").await.hang();
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    let mut socket = other.let_in().await;
    socket.welcome("complete", 0).await;
    assert_eq!(client.hear().await, "welcome Complete");
    let begun = Instant::now();
    let request = other.expect("POST /message").await;
    assert!(begun.elapsed() < Duration::from_secs(2), "it does not wait for the one that is dead");
    assert_eq!(request.header("idempotency-key"), Some("p1"));
    request.ok(accepted());
    assert_eq!(client.hear().await, "posted p1");
}

#[tokio::test]
async fn a_page_that_one_server_does_not_give_another_one_does() {
    let ([mut cut_off, mut other], mut client, _socket) = joined().await;
    client.ask(Request::PageBefore(Seq(9))).await;
    cut_off.expect("GET /rooms/room1/messages").await.problem(503, "unavailable", "no database");
    other.expect("GET /rooms/room1/messages").await.ok(page(8, 7..=8));
    assert!(client.hear().await.starts_with("Page("));
}

/// A way to a server that can be shut: to a client the ways to one server are servers that are one.
struct Door {
    address: SocketAddr,
    leads_to: SocketAddr,
    open: Option<JoinHandle<()>>,
}

impl Door {
    async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut door = Self { address: listener.local_addr().unwrap(), leads_to: server.address, open: None };
        door.let_in(listener);
        door
    }

    fn let_in(&mut self, listener: TcpListener) {
        let leads_to = self.leads_to;
        self.open = Some(tokio::spawn(async move {
            let mut inside = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                inside.spawn(async move {
                    let mut behind = TcpStream::connect(leads_to).await?;
                    copy_bidirectional(&mut stream, &mut behind).await
                });
            }
        }));
    }

    /// Shuts it, and breaks off whatever goes through it.
    async fn shut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            // It was ended, and says so.
            let _ = open.await;
        }
    }

    async fn open(&mut self) {
        if self.open.is_none() {
            let listener = TcpListener::bind(self.address).await.unwrap();
            self.let_in(listener);
        }
    }
}

/// What a client hears until it has heard so many messages, and which posts were accepted meanwhile.
#[expect(clippy::wildcard_enum_match_arm, reason = "a connection that comes and goes says much else")]
async fn heard(client: &mut Client, messages: usize, posts: usize) -> (Vec<String>, Vec<String>) {
    let (mut contents, mut posted) = (Vec::new(), Vec::new());
    while contents.len() < messages || posted.len() < posts {
        let event = timeout(3 * SOON, client.0.events.recv()).await;
        match event.unwrap_or_else(|_| panic!("{contents:?} {posted:?}")).unwrap() {
            NetworkEvent::Message(message) => contents.push(message.content),
            NetworkEvent::Posted(id) => posted.push(id.to_string()),
            event @ (NetworkEvent::Gap(_) | NetworkEvent::Refused(_) | NetworkEvent::PostRefused { .. }) => {
                panic!("{event:?}")
            }
            NetworkEvent::Welcomed(welcome) => assert_ne!(welcome.resume, Resume::Reset),
            _ => {}
        }
    }
    (contents, posted)
}

/// The real server behind ways that break at random while two people talk.
#[tokio::test]
async fn whichever_server_goes_everything_arrives_once_and_in_order() {
    const MESSAGES: usize = 150;
    let seed: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut chance = SmallRng::seed_from_u64(seed);
    let server = Server::fresh();
    let mut doors = [Door::to(&server).await, Door::to(&server).await, Door::to(&server).await];
    let addresses = doors.each_ref().map(|door| format!("http://{}", door.address));
    let mut alice = Client::join_one_of(&addresses);
    let mut bob = Client::join_one_of_as(&addresses, "bob");
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.hear().await, "welcome Recent");
    }
    let requests = alice.0.requests.clone();
    let posting = async move {
        for number in 1..=MESSAGES {
            let post = Request::Post { id: format!("p{number}").parse().unwrap(), content: format!("m{number}") };
            requests.send(post).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let breaking = async {
        for _ in 0..40 {
            let one = chance.random_range(0..doors.len());
            doors[one].shut().await;
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..60))).await;
            let another = chance.random_range(0..doors.len());
            doors[another].open().await;
        }
        for door in &mut doors {
            door.open().await;
        }
    };
    let talk = async { tokio::join!(heard(&mut alice, MESSAGES, MESSAGES), heard(&mut bob, MESSAGES, 0)) };
    let ((), (), ((by_alice, posted), (by_bob, _))) = tokio::join!(posting, breaking, talk);
    let expected = |name: &str| (1..=MESSAGES).map(|number| format!("{name}{number}")).collect::<Vec<_>>();
    assert_eq!(by_alice, expected("m"));
    assert_eq!(by_bob, expected("m"));
    assert_eq!(posted, expected("p"));
    // Nothing more comes.
    bob.post("end", "end").await;
    for client in [&mut alice, &mut bob] {
        assert_eq!(heard(client, 1, 0).await.0, ["end"]);
    }
}

/// A home with a state and a configuration, gone with the value.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("duet-servers-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("duet")).unwrap();
        Self(path)
    }

    fn command(&self, servers: &str, arguments: &[&str]) -> Command {
        let mut command = command(servers, arguments);
        command.env("XDG_CONFIG_HOME", &self.0).env("DUET_STATE_DIR", &self.0);
        command
    }

    async fn end(&self, servers: &str, arguments: &[&str]) -> (i32, String, String) {
        end(self.start(servers, arguments)).await
    }

    fn start(&self, servers: &str, arguments: &[&str]) -> tokio::task::JoinHandle<std::process::Output> {
        programs::run(self.command(servers, arguments))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // One that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn several_are_named_by_flags_by_the_environment_and_by_the_file() {
    let (mut there, home) = (Scripted::start().await, Home::new("named"));
    let (gone, there_url) = (gone().await, there.url());
    let file = format!("[server]\naddress = [\"{gone}\", \"{there_url}\"]\n");
    std::fs::write(home.0.join("duet/config.toml"), file).unwrap();
    let (both, arguments) = (format!("{gone},{there_url}"), ["send", "room1", "hi", "--id", "key-1"]);
    let flags = [&arguments[..], &["--server", &gone, "--server", &there_url]].concat();
    for (variable, arguments) in [("", &arguments[..]), (&both, &arguments), ("http://127.0.0.1:1", &flags)] {
        let program = home.start(variable, arguments);
        there.give_token("t1").await;
        let request = there.expect("POST /message").await;
        assert_eq!(request.header("idempotency-key"), Some("key-1"));
        request.ok(accepted());
        assert_eq!(end(program).await, (0, String::new(), String::new()), "{variable} {arguments:?}");
    }
    let (code, _, err) = home.end(&format!("{gone},ftp://a"), &arguments).await;
    assert!(code == 2 && err.ends_with("\n  that is the value of DUET_SERVER\n"), "{err}");
}

#[tokio::test]
async fn where_none_answers_all_are_named() {
    let (home, both) = (Home::new("none"), [gone().await, gone().await]);
    let (code, _, err) = home.end(&both.join(","), &["token", "room1", "--timeout", "300ms"]).await;
    let hosts = both.map(|url| url.trim_start_matches("http://").to_owned()).join(", ");
    assert!(code == 5 && err.contains(&format!("connecting to {hosts} for 300ms: refused: ")), "{err}");
}

#[tokio::test]
async fn what_waits_for_one_server_goes_out_to_those_it_is_one_with() {
    let (mut there, home) = (Scripted::start().await, Home::new("outbox"));
    let (gone, there_url) = (gone().await, there.url());
    let queue = |id, servers: &[&str], within| {
        let arguments = ["send", "room1", id, "--queue", "--timeout", within, "--id", id];
        home.start(&servers.join(","), &arguments)
    };
    assert_eq!(end(queue("one", &[&gone], "200ms")).await.0, 0);
    assert_eq!(end(queue("two", &[&gone, "http://127.0.0.1:1"], "200ms")).await.0, 0);
    let (_, out, _) = home.end("", &["outbox"]).await;
    assert_eq!(out.lines().filter(|line| line.contains(" as alice at ")).count(), 1, "{out}");

    // In whichever order they are named, and whichever of them is meant by it.
    let program = queue("three", &[&there_url, &gone], "30s");
    there.give_token("t1").await;
    for id in ["one", "two", "three"] {
        let request = there.expect("POST /message").await;
        assert_eq!(request.header("idempotency-key"), Some(id));
        request.ok(accepted());
    }
    assert_eq!(end(program).await.0, 0);
    let (_, out, err) = home.end("", &["outbox"]).await;
    assert_eq!((out.as_str(), err.as_str()), ("", "tui-client: nothing waits to be sent\n"));
}

#[tokio::test]
async fn what_waits_for_several_is_sent_to_the_one_that_answers() {
    let (mut there, home) = (Scripted::start().await, Home::new("send"));
    let both = format!("{},{}", gone().await, there.url());
    let program = home.start(&both, &["send", "room1", "hi", "--queue", "--timeout", "2s", "--id", "one"]);
    there.expect("POST /generate-token").await.hang();
    assert_eq!(end(program).await.0, 0);
    let program = home.start("", &["outbox", "--send"]);
    there.give_token("t1").await;
    let request = there.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("one"));
    request.ok(accepted());
    let (code, _, err) = end(program).await;
    assert!(code == 0 && err.contains(" or http://") && err.ends_with(": sent 1 of 1\n"), "{err}");
}

#[test]
fn the_top_line_says_at_which_one_it_is() {
    let at = |columns, host: &str| {
        let round_trip = NetworkEvent::RoundTrip(Duration::from_millis(12));
        Stage::joined(columns, 12, 1).hears(NetworkEvent::Server(host.to_owned())).hears(round_trip)
    };
    at(80, "b.example:8000")
        .expect_row(0, " room1   alice · bob is here                     live at b.example:8000 · 12 ms");
    // Where there is little room it goes first.
    at(48, "a-long-name.example.org:8000").expect_no_text("example");
}
