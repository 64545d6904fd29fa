//! `doctor`: every step to the server, and what is wrong with it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cli::command;
use crate::corpus::corpus;
use crate::deeds::{Deeds, Place};
use crate::programs;
use crate::scripted::Scripted;
use crate::tmux::Tmux;
use crate::together::Server;

/// A home of its own, gone with the value.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("duet-doctor-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn doctor(&self, server: &str, arguments: &[&str]) -> Command {
        let mut command = command(server, &[&["doctor"], arguments].concat());
        for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "DUET_STATE_DIR", "DUET_CONFIG", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.env("HOME", &self.0).env("LANG", "C.UTF-8");
        command
    }

    fn start(&self, server: &Scripted, arguments: &[&str]) -> JoinHandle<Output> {
        programs::run(self.doctor(&server.url(), arguments))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // One that stays behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The verdict and the words on one thing.
#[track_caller]
fn on(output: &Output, name: &str) -> (String, String) {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let line = out.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
    let line = line.unwrap_or_else(|| panic!("{name} in {out}"));
    (line[..4].trim_end().to_owned(), line[6..].trim_start_matches(name).trim().to_owned())
}

#[test]
fn of_a_closed_server_it_says_that_a_room_is_wanted_and_blames_nobody() {
    let (server, home) = (Server::closed(), Home::new("closed"));
    let address = format!("http://{}", server.address);
    let output = home.doctor(&address, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let words = "the server is closed, and lets only members into a room: name one that you are in to look further";
    assert_eq!(on(&output, "token"), ("warn".to_owned(), words.to_owned()));
    let output = home.doctor(&address, &["room1"]).output().unwrap();
    assert_eq!((output.status.code(), &*on(&output, "token").0), (Some(1), "fail"));
}

#[test]
fn where_all_is_well_it_says_so_and_ends_with_0() {
    let (server, home) = (Server::fresh(), Home::new("well"));
    let output = home.doctor(&format!("http://{}", server.address), &["--post"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    for name in
        ["locale", "config", "state", "outbox", "network", "server", "clock", "token", "websocket", "ping", "post"]
    {
        assert_eq!(on(&output, name).0, "ok", "{name}");
    }
    assert_eq!(on(&output, "terminal").0, "warn", "it goes into a pipe");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do_and_ends_with_1() {
    let home = Home::new("wrong");
    std::fs::create_dir_all(home.0.join(".config/duet")).unwrap();
    std::fs::write(home.0.join(".config/duet/config.toml"), "sever = \"x\"\n").unwrap();
    let outbox = home.0.join(".local/state/duet/outbox");
    std::fs::create_dir_all(&outbox).unwrap();
    std::fs::set_permissions(&outbox, std::fs::Permissions::from_mode(0o755)).unwrap();
    // A free port where nobody listens.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let mut command = home.doctor(&url, &[]);
    command.env("LANG", "de_DE.ISO-8859-1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr.clone()).unwrap(), "tui-client: 2 things are wrong\n");
    let check = |name: &str, verdict: &str, words: &str| {
        let (is, said) = on(&output, name);
        assert!(is == verdict && said.contains(words), "{name}: {is} {said}");
    };
    check("locale", "warn", "set LANG=C.UTF-8");
    check("config", "fail", "config.toml");
    check("state", "warn", "chmod 700");
    check("network", "fail", "start a server there");

    let mut command = Command::new(env!("CARGO_BIN_EXE_tui-client"));
    command.args(["send", "room1", "hi", "--queue", "--timeout", "0s", "--user", "alice", "--server", &url]);
    command.env("HOME", &home.0).env("DUET_CONFIG", "/dev/null");
    assert!(command.output().unwrap().status.success());
    let output = home.doctor(&url, &[]).output().unwrap();
    let (verdict, words) = on(&output, "outbox");
    assert!(verdict == "warn" && words.starts_with("1 waiting"), "{words}");
}

#[test]
fn each_of_several_servers_is_looked_at_and_whether_they_are_one() {
    let (one, other, home) = (Server::fresh(), Server::fresh(), Home::new("several"));
    let url = |server: &Server| format!("http://{}", server.address);
    let output = home.doctor(&format!("{},{}", url(&one), url(&other)), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    for address in [&one.address, &other.address] {
        assert!(out.contains(&format!("  {address} is reached in ")), "{out}");
    }
    let (verdict, words) = on(&output, "servers");
    let told =
        format!("{} and {} have different histories: name only servers that share one", one.address, other.address);
    assert_eq!((verdict.as_str(), words), ("fail", told));

    // Two names of one server.
    let twice = format!("{},http://localhost:{}", url(&one), one.address.port());
    let output = home.doctor(&twice, &[]).output().unwrap();
    assert_eq!(on(&output, "servers").0, "ok");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_folder_that_cannot_be_made_is_wrong_and_one_that_can_is_not_made() {
    let home = Home::new("folder");
    std::fs::write(home.0.join("file"), "").unwrap();
    std::os::unix::fs::symlink("/nonexistent/nowhere", home.0.join("link")).unwrap();
    for (state, verdict, words) in [
        ("file/duet", "fail", "Not a directory"),
        ("link/duet", "fail", "No such file"),
        ("new/duet", "ok", "is made with the first message"),
    ] {
        let mut command = home.doctor("http://127.0.0.1:1", &["--state-dir", state]);
        let (is, said) = on(&command.current_dir(&home.0).output().unwrap(), "state");
        assert!(is == verdict && said.contains(words), "{state}: {is} {said}");
    }
    assert_eq!(std::fs::read_dir(&home.0).unwrap().count(), 2);
}

#[tokio::test]
async fn a_clock_that_is_off_and_a_server_that_is_not_ready_are_told_and_no_token_is() {
    let (mut server, home) = (Scripted::start().await, Home::new("clock"));
    let doctor = home.start(&server, &["room1", "--json"]);
    let request = server.expect("GET /readyz").await;
    let problem = json!({"type": "", "title": "", "status": 503, "detail": "RabbitMQ is away", "code": "unavailable"});
    request.answer(503, "date: Sun, 22 Nov 2015 14:02:11 GMT\r\n", problem.to_string());
    server.give_token("head.secret.signature").await;
    server.give_token("head.secret.signature").await;
    server.let_in().await.close(4001).await;
    let output = doctor.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let out = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!out.contains("secret"), "{out}");
    let lines = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let verdicts: Vec<(String, String)> = lines
        .filter(|line| ["server", "clock", "token", "websocket"].map(Value::from).contains(&line["name"]))
        .map(|line| (line["state"].as_str().unwrap().to_owned(), line["words"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("fail", "RabbitMQ is away"),
        ("warn", "ahead of the server"),
        ("ok", "given to alice"),
        ("warn", "two other users"),
    ];
    for ((verdict, words), (is, part)) in verdicts.iter().zip(expected) {
        assert!(verdict == is && words.contains(part), "{verdicts:?}");
    }
    assert_eq!(verdicts.len(), expected.len());
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_now_says_nothing_of_websockets() {
    let home = Home::new("limited");
    for (code, status, retry_after, verdict, exit) in [
        ("too_many_requests", 429, 1, "warn", 0),
        ("too_many_requests", 429, 30, "warn", 0),
        ("too_many_connections", 429, 30, "fail", 1),
        ("unavailable", 503, 30, "fail", 1),
    ] {
        let mut server = Scripted::start().await;
        let doctor = home.start(&server, &["room1"]);
        server.expect("GET /readyz").await.ok(json!({}));
        server.give_token("t1").await;
        server.give_token("t2").await;
        let problem = json!({"type": "", "title": "", "status": status, "detail": "a sentence", "code": code});
        let request = server.expect("GET /updates/room1").await;
        request.answer(status, &format!("retry-after: {retry_after}\r\n"), problem.to_string());
        let output = doctor.await.unwrap();
        let words = "the server does not let us in now: a sentence".to_owned();
        assert_eq!(on(&output, "websocket"), (verdict.to_owned(), words), "{code} {retry_after}");
        assert_eq!(output.status.code(), Some(exit), "{code}");
    }
}

#[tokio::test]
async fn no_words_of_a_server_are_an_order_to_a_terminal() {
    let (mut server, home) = (Scripted::start().await, Home::new("hostile"));
    let text: String = corpus().into_iter().filter(|text| text.len() < 100).collect();
    for json in [&[][..], &["--json"]] {
        let doctor = home.start(&server, json);
        server.expect("GET /readyz").await.problem(503, "unavailable", &text);
        server.expect("POST /generate-token").await.problem(422, "invalid_body", &text);
        let output = doctor.await.unwrap();
        let out = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(out.len() > 2 * text.len(), "{out}");
        Deeds::of(out.replace('\n', " ").as_bytes()).expect_only_ours(Place::Lines);
    }
}

#[tokio::test]
async fn a_terminal_is_asked_and_left_as_it_was() {
    let server = Server::fresh();
    let tmux = Tmux::start().await;
    let client = env!("CARGO_BIN_EXE_tui-client");
    tmux.shell("clear; stty -a > \"$DUET_STATE_DIR.before\"");
    tmux.shell(&format!("{client} doctor --user alice --server http://{}; echo ended with $?", server.address));
    let screen = tmux.expect("ended with 0").await;
    for line in ["ok    terminal    screen-256color, 80 columns and 24 rows", "warn  tmux", "widths"] {
        assert!(screen.contains(line), "{line} in {screen}");
    }
    assert!(!screen.contains("62;") && !screen.contains(";2R"), "no answer is left for the shell:\n{screen}");
    tmux.shell("stty -a | cmp - \"$DUET_STATE_DIR.before\" && echo as it was; rm \"$DUET_STATE_DIR.before\"");
    tmux.expect("\nas it was").await;
}
