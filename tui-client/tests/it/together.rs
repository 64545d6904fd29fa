//! The built client with the built server: two people, two terminals, and a server that dies between them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::tmux::Tmux;

const CLIENT: &str = env!("CARGO_BIN_EXE_tui-client");

/// A `duet-server` on its embedded broker, killed with the value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) folder: PathBuf,
}

impl Server {
    /// Starts one with its history in `folder`. Port 0 takes a free port.
    pub(crate) fn start(listen: &str, folder: &Path) -> Self {
        Self::start_with(listen, folder, &[])
    }

    fn start_with(listen: &str, folder: &Path, arguments: &[&str]) -> Self {
        let program = Path::new(CLIENT).with_file_name("duet-server");
        let mut child = Command::new(&program)
            .env_clear()
            .args(["--listen", listen, "--data-dir"])
            .arg(folder)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; build it with cargo build --workspace", program.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("address=")).expect("the server says where it listens");
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        // It logs on, and must not wait for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, folder: folder.to_owned() }
    }

    pub(crate) fn fresh() -> Self {
        Self::start("127.0.0.1:0", &fresh_folder())
    }

    /// One that lets nobody in who was not invited.
    pub(crate) fn closed() -> Self {
        Self::start_with("127.0.0.1:0", &fresh_folder(), &["--access", "closed"])
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) async fn joined_by(&self, user: &str) -> Tmux {
        let tmux = Tmux::start().await;
        tmux.shell(&format!("{CLIENT} join room1 --user {user} --server http://{}", self.address));
        tmux.expect("live").await;
        tmux
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // A folder that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn fresh_folder() -> PathBuf {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::env::temp_dir().join(format!("duet-together-{}-{number}", std::process::id()))
}

pub(crate) fn say(tmux: &Tmux, text: &str) {
    tmux.text(text);
    tmux.keys(&["Enter"]);
}

/// The words of the first line that has `word`.
fn line_with<'a>(screen: &'a str, word: &str) -> Vec<&'a str> {
    screen.lines().find(|line| line.contains(word)).unwrap().split_whitespace().collect()
}

#[tokio::test]
async fn two_people_talk() {
    let server = Server::fresh();
    let alice = server.joined_by("alice").await;
    alice.expect("nobody else is here").await;
    let bob = server.joined_by("bob").await;
    alice.expect("bob is here").await;
    say(&alice, "did the deploy go through?");
    let screen = bob.expect("did the deploy go through?").await;
    assert_eq!(line_with(&screen, "deploy")[1..], ["alice", "did", "the", "deploy", "go", "through?"]);
    say(&bob, "yes, twice");
    let screen = alice.expect("yes, twice").await;
    assert_eq!(line_with(&screen, "twice")[1..], ["bob", "yes,", "twice"]);
    // A third user is told in a sentence, and the two go on.
    let carol = Tmux::start().await;
    carol.shell(&format!("{CLIENT} join room1 --user carol --server http://{}; echo ended with $?", server.address));
    carol.expect("waiting for a seat").await;
    carol.keys(&["C-c"]);
    carol.expect("ended with 3").await;
    say(&bob, "/quit");
    alice.expect("bob was here").await;
}

#[tokio::test]
async fn a_server_that_was_killed_comes_back_without_a_hole_or_a_repeat() {
    let mut server = Server::fresh();
    let alice = server.joined_by("alice").await;
    let bob = server.joined_by("bob").await;
    say(&alice, "message one");
    bob.expect("message one").await;
    server.kill();
    alice.expect("no connection").await;
    say(&alice, "message two");
    alice.expect("waiting").await;
    say(&alice, "message three");

    let (listen, folder) = (server.address.to_string(), server.folder.clone());
    let server = Server::start(&listen, &folder);
    bob.expect("message three").await;
    alice.expect("live").await;
    say(&bob, "message four");
    alice.expect("message four").await;
    for person in [&alice, &bob] {
        let settled = || Some(person.screen()).filter(|screen| !screen.contains("waiting"));
        let screen = person.until("nothing waits".to_owned(), settled).await;
        let said: Vec<&str> = screen.lines().filter_map(|line| line.split("message ").nth(1)).collect();
        let said: Vec<&str> = said.iter().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(said, ["one", "two", "three", "four"], "{screen}");
    }
    drop(server);
}

#[tokio::test]
async fn a_message_is_sent_then_delivered_then_read_and_that_outlives_who_read_it() {
    let server = Server::fresh();
    let alice = server.joined_by("alice").await;
    say(&alice, "are you there?");
    alice.expect("sent").await;
    // Handed to a pipe it has arrived, and nobody has seen it.
    let bob = Tmux::start().await;
    bob.shell(&format!("{CLIENT} tail room1 --user bob --server http://{} | cat", server.address));
    bob.expect("are you there?").await;
    assert_eq!(line_with(&alice.expect("delivered").await, "there?").last(), Some(&"delivered"));
    bob.keys(&["C-c"]);

    let bob = server.joined_by("bob").await;
    bob.expect("are you there?").await;
    assert_eq!(line_with(&alice.expect("read").await, "there?").last(), Some(&"read"));
    for person in [&alice, &bob] {
        say(person, "/quit");
    }
    let alice = server.joined_by("alice").await;
    assert_eq!(line_with(&alice.expect("read").await, "there?").last(), Some(&"read"));
}

#[tokio::test]
async fn what_send_sends_history_and_tail_give() {
    let server = Server::fresh();
    let url = format!("http://{}", server.address);
    let run = |arguments: &[&str]| {
        let output =
            Command::new(CLIENT).args(arguments).args(["--server", &url, "--config", "/dev/null"]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for text in ["build 811 is red", "build 812 is green"] {
        run(&["send", "room1", text, "--user", "ci"]);
    }
    let history = run(&["history", "room1", "--user", "ci", "--json"]);
    let contents: Vec<serde_json::Value> = history
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["content"].take())
        .collect();
    assert_eq!(contents, ["build 811 is red", "build 812 is green"]);
    assert_eq!(run(&["token", "room1", "--user", "ci"]).trim().split('.').count(), 3);
}

#[tokio::test]
async fn who_writes_and_who_is_not_there_is_seen_on_the_other_side() {
    let server = Server::fresh();
    let alice = server.joined_by("alice").await;
    let bob = Tmux::start().await;
    let folder = bob.state.join("config/duet");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[writing]\nidle-after = \"1s\"\n").unwrap();
    bob.shell(&format!("{CLIENT} join room1 --user bob --server http://{}", server.address));
    bob.expect("live").await;

    bob.text("on");
    alice.expect("bob is typing").await;
    bob.keys(&["C-c"]);
    let nobody_types = || (!alice.screen().contains("typing")).then_some(());
    alice.until("silence".to_owned(), nobody_types).await;
    bob.text("on it");
    alice.expect("bob is typing").await;
    bob.keys(&["Enter"]);
    alice.expect("bob      on it").await;
    alice.until("silence".to_owned(), nobody_types).await;

    // bob's client has the message on its screen, and nobody before it.
    alice.expect("bob idle").await;
    say(&alice, "are you there?");
    bob.expect("are you there?").await;
    bob.expect("1 new since").await;
    assert_eq!(line_with(&alice.expect("delivered").await, "there?").last(), Some(&"delivered"));
    bob.keys(&["Left"]);
    assert_eq!(line_with(&alice.expect("read").await, "there?").last(), Some(&"read"));
    // So short a while is one that the server may not pass on at once.
    alice.expect("bob idle").await;

    // Whoever comes in later is told so, and what bob has seen by then is above the line.
    say(&alice, "/quit");
    let sent = Command::new(CLIENT)
        .args(["send", "room1", "and now?", "--user", "alice", "--server", &format!("http://{}", server.address)])
        .status();
    assert!(sent.unwrap().success());
    let alice = server.joined_by("alice").await;
    alice.expect("bob idle").await;
    let has_line = || {
        let screen = bob.screen();
        let lines: Vec<&str> = screen.lines().skip_while(|line| !line.contains("1 new since")).take(2).collect();
        lines.last().is_some_and(|line| line.contains("and now?")).then_some(())
    };
    bob.until("line before it".to_owned(), has_line).await;
}
