//! Readers that are slow, stand still or are not there any more: they cost the other person nothing and the server little.

use std::time::Duration;

use futures_util::StreamExt;
use shared::frames::{Presence, PresenceState, ServerFrame};
use shared::message::Seq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use crate::metrics;
use crate::support::Folder;
use crate::support::client::{Client, Socket};
use crate::support::process::Process;
use crate::support::server::Server;

/// Within this time whoever is not there any more is found out.
const FOUND_WITHIN: Duration = Duration::from_secs(30);

/// What a machine that runs other tests as well may add.
const BUSY: Duration = Duration::from_secs(10);

/// Nearly the longest content. Few of them fill every buffer on the way.
const LARGE: usize = 60_000;

/// Far more than sockets and a session's queue hold: 24 MB.
const FLOOD: u64 = 400;

fn large(n: u64) -> String {
    format!("{n} {}", "x".repeat(LARGE))
}

/// Reads on until the end of the connection, which answers pings on the way.
async fn read_on(mut socket: Socket) {
    while let Some(Ok(_)) = socket.0.next().await {}
}

/// The next presence, however long it takes to come, and whatever comes before it.
async fn presence(socket: &mut Socket) -> Presence {
    loop {
        if let Message::Text(text) = socket.0.next().await.unwrap().unwrap()
            && let ServerFrame::Presence(presence) = serde_json::from_str(&text).unwrap()
        {
            return presence;
        }
    }
}

/// Expects that `user` is found out within [`FOUND_WITHIN`] of `silent_since`.
async fn found_out(listener: &mut Socket, user: &str, state: PresenceState, silent_since: Instant) {
    let found = async {
        loop {
            let presence = presence(listener).await;
            if presence.state != PresenceState::Here {
                return presence;
            }
        }
    };
    let presence = timeout_at(silent_since + FOUND_WITHIN + BUSY, found).await;
    let presence = presence.unwrap_or_else(|_| panic!("{user} was not found out within {FOUND_WITHIN:?}"));
    assert_eq!((presence.user.as_str(), presence.state), (user, state));
}

#[tokio::test]
async fn a_reader_that_falls_behind_catches_up_while_the_other_notices_nothing() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let (mut slow, _) = client.enter("alice", "room1", "").await;
    let (mut beside_slow, _) = client.enter("bob", "room1", "").await;
    let (quick, _) = client.enter("alice", "room2", "").await;
    let (mut beside_quick, _) = client.enter("bob", "room2", "").await;
    tokio::spawn(read_on(quick));
    let (mut with_slow, mut with_quick) = (Vec::new(), Vec::new());
    for n in 1..=FLOOD {
        for (room, socket, times) in
            [("room1", &mut beside_slow, &mut with_slow), ("room2", &mut beside_quick, &mut with_quick)]
        {
            let posted_at = Instant::now();
            client.post(room, &large(n)).await;
            assert_eq!(socket.message().await.seq, Seq(n));
            times.push(posted_at.elapsed());
        }
    }
    for times in [&mut with_slow, &mut with_quick] {
        times.sort_unstable();
    }
    let [with_slow, with_quick] = [with_slow, with_quick].map(|times| times[times.len() / 2]);
    println!("median beside a reader that stands still: {with_slow:?}; beside one that reads: {with_quick:?}");
    assert!(with_slow < with_quick * 2, "{with_slow:?} beside {with_quick:?}");
    for n in 1..=FLOOD {
        assert_eq!(slow.message().await.seq, Seq(n));
    }
}

/// How many readers stand still, two in a room: one of `duet.v1` and a plain one.
const STILL: usize = 8;
/// What may wait for each of them. Much, so that what else the server needs now and then hides nothing.
const OUTBOUND_KIB: u64 = 4_096;
/// What each of them may cost besides: the buffer of its socket, a quarter that the allocator rounds up, and what else the server
/// needs.
const BESIDES_KIB: u64 = 2_048;
/// What is posted to each of their rooms: 9.6 MB, of which the system takes some four.
const TO_EACH: u64 = 160;

#[tokio::test]
async fn readers_that_stand_still_cost_what_may_wait_for_them_and_then_hear_everything_in_order() {
    let folder = Folder::new();
    let outbound = format!("--max-outbound-bytes={}", OUTBOUND_KIB * 1024);
    let server = Process::start(&folder, &["--durability", "relaxed", "--metrics=127.0.0.1:0", &outbound]);
    let operator = Client::of(metrics::address(&server.log()));
    let client = Client::of(server.address);
    // What the server needs for posts themselves is there before.
    flood_each(&client, &rooms("nobody")).await;
    let before = server.resident_kib("VmHWM");
    let rooms = rooms("still");
    let (mut still, mut still_plain) = (Vec::new(), Vec::new());
    for room in &rooms {
        still.push(client.enter("alice", room, "").await.0);
        still_plain.push(client.listen("bob", room).await);
    }
    flood_each(&client, &rooms).await;
    let grown = server.resident_kib("VmHWM").saturating_sub(before);
    let each = grown / STILL as u64;
    println!("{STILL} readers that stand still: {grown} KiB more at the most, {each} KiB each");
    let stalled = metrics::value(&operator.get("/metrics").await.body, "duet_sessions_stalled_total");
    assert_eq!(stalled, STILL as f64);
    assert!(each < OUTBOUND_KIB + BESIDES_KIB, "{each} KiB each");

    let mut readers = JoinSet::new();
    for mut socket in still {
        readers.spawn(async move {
            for n in 1..=TO_EACH {
                assert_eq!(socket.message().await.seq, Seq(n));
            }
        });
    }
    for mut socket in still_plain {
        readers.spawn(async move {
            for n in 1..=TO_EACH {
                assert!(socket.text().await == large(n), "message {n} is another one");
            }
        });
    }
    readers.join_all().await;
}

/// One room for each two of [`STILL`].
fn rooms(name: &str) -> Vec<String> {
    (0..STILL / 2).map(|n| format!("{name}{n}")).collect()
}

/// Posts to all of them at the same time.
async fn flood_each(client: &Client, rooms: &[String]) {
    let mut posts = JoinSet::new();
    for room in rooms {
        let (client, room) = (client.clone(), room.clone());
        posts.spawn(async move {
            for n in 1..=TO_EACH {
                client.post(&room, &large(n)).await;
            }
        });
    }
    posts.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_is_found_out_and_one_that_is_slow_is_left_alone() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    // All at the same time, for each takes half a minute.
    tokio::join!(
        a_connection_that_broke_without_a_word_is_found_out(&client, server.address.port(), Traffic::None),
        a_connection_that_broke_without_a_word_is_found_out(&client, server.address.port(), Traffic::Steady),
        a_reader_that_stands_still_frees_its_seat(&client),
        a_reader_that_stands_still_when_much_comes_is_found_out(&client),
        a_reader_that_goes_on_slowly_is_left_alone(&client),
    );
}

#[derive(Debug, Clone, Copy)]
enum Traffic {
    None,
    Steady,
}

async fn a_connection_that_broke_without_a_word_is_found_out(client: &Client, port: u16, traffic: Traffic) {
    let room = format!("broken-{traffic:?}");
    let relay = Swallower::to(port).await;
    let (mut alice, _) = client.enter("alice", &room, "").await;
    let (bob, _) = relay.client.enter("bob", &room, "").await;
    let posts = tokio::spawn(post_each(Duration::from_millis(50), client.clone(), room));
    if matches!(traffic, Traffic::None) {
        posts.abort();
    }
    relay.swallow();
    let bob = tokio::spawn(read_on(bob));
    found_out(&mut alice, "bob", PresenceState::Away, Instant::now()).await;
    posts.abort();
    bob.abort();
}

async fn post_each(time: Duration, client: Client, room: String) {
    loop {
        client.post(&room, "still there?").await;
        sleep(time).await;
    }
}

/// A plain reader: nothing is kept for it, so a third user can take the seat at once.
async fn a_reader_that_stands_still_frees_its_seat(client: &Client) {
    let (mut alice, _) = client.enter("alice", "still", "").await;
    let mut still = client.listen("bob", "still").await;
    let silent_since = Instant::now();
    let flood = tokio::spawn(flood(client.clone(), "still"));
    assert_eq!(client.listen("carol", "still").await.close_code().await, 4001);
    found_out(&mut alice, "bob", PresenceState::Gone, silent_since).await;
    // If it reads on at once, it even hears why.
    assert_eq!(still.close_code().await, 1013);
    let (_carol, welcome) = client.enter("carol", "still", "").await;
    assert_eq!(welcome.occupants.len(), 2);
    flood.await.unwrap();
}

/// Posts more to a room than a reader that stands still can be sent.
pub(crate) async fn flood(client: Client, room: &str) {
    for n in 1..=FLOOD / 2 {
        client.post(room, &large(n)).await;
    }
}

/// The server writes to it when its silence is nearly found out, and is not patient all over again for that.
async fn a_reader_that_stands_still_when_much_comes_is_found_out(client: &Client) {
    let (mut alice, _) = client.enter("alice", "late", "").await;
    let (still, _) = client.enter("bob", "late", "").await;
    let silent_since = Instant::now();
    let flood = async {
        sleep(Duration::from_secs(12)).await;
        flood(client.clone(), "late").await;
    };
    tokio::join!(flood, found_out(&mut alice, "bob", PresenceState::Away, silent_since));
    drop(still);
}

/// It takes 100 KB a second, so that whatever the server says now it hears half a minute later.
async fn a_reader_that_goes_on_slowly_is_left_alone(client: &Client) {
    let (mut slow, _) = client.enter("bob", "slow", "").await;
    flood(client.clone(), "slow").await;
    let slow_until = Instant::now() + FOUND_WITHIN;
    for n in 1..=FLOOD / 2 {
        assert_eq!(slow.message().await.seq, Seq(n));
        sleep_until(slow_until.min(Instant::now() + Duration::from_millis(600))).await;
    }
}

/// A wire to a server that can lose everything without a word, as one does whose end was carried away.
struct Swallower {
    client: Client,
    swallows: watch::Sender<bool>,
    _wires: JoinSet<()>,
}

impl Swallower {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::of(listener.local_addr().unwrap());
        let (swallows, swallowing) = watch::channel(false);
        let mut wires = JoinSet::new();
        wires.spawn(async move {
            let mut wires = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                wires.spawn(pass(near_read, far_write, swallowing.clone()));
                wires.spawn(pass(far_read, near_write, swallowing.clone()));
            }
        });
        Self { client, swallows, _wires: wires }
    }

    fn swallow(&self) {
        self.swallows.send_replace(true);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallows: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if !*swallows.borrow() && to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
