//! The bench against a server that loses, repeats, reorders, refuses and stalls on purpose: each must be counted.

use std::collections::HashMap;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use rustix::process::{Pid, Signal, kill_process};

use crate::programs;
use crate::scripted::{Exchange, SOON, Scripted, ServerSocket};
use crate::together::Server;

/// What the server does with a message.
#[derive(Clone, Copy)]
enum Deed {
    Deliver,
    /// Only the second listener gets it.
    LoseOne,
    LoseAll,
    Repeat,
    /// Delivered after the next one.
    Hold,
    Refuse,
    /// Besides it, a frame that nobody sent.
    Invent,
    /// After it, the first listener's connection is closed.
    CloseOne,
    /// Answered late, and everything behind it as well.
    Stall(Duration),
}

/// A server of the contract that does to the message of each number, counted from 0, what the script says.
struct Naughty {
    script: fn(usize) -> Deed,
    number: usize,
    rooms: HashMap<String, Vec<ServerSocket>>,
    held: Option<String>,
}

impl Naughty {
    async fn serve(mut self, mut server: Scripted) {
        loop {
            let request = server.any().await;
            if let Some(room) = request.line.strip_prefix("GET /updates/").map(str::to_owned) {
                assert_eq!(request.header("authorization"), Some("Bearer t"));
                let socket = request.upgrade(None).await;
                self.rooms.entry(room).or_default().push(socket);
            } else if request.line == "POST /generate-token" {
                request.ok(json!({"token": "t"}));
            } else {
                self.take(request).await;
            }
        }
    }

    async fn take(&mut self, request: Exchange) {
        assert_eq!(request.header("authorization"), Some("Bearer t"));
        let deed = (self.script)(self.number);
        self.number += 1;
        let content = request.body["content"].as_str().unwrap().to_owned();
        let listeners = self.rooms.get_mut(request.body["room_id"].as_str().unwrap()).unwrap();
        let mut frames = vec![content.clone()];
        let mut from = 0;
        match deed {
            Deed::Deliver | Deed::CloseOne => {}
            Deed::LoseOne => from = 1,
            Deed::LoseAll => frames.clear(),
            Deed::Repeat => frames.push(content),
            Deed::Hold => self.held = frames.pop(),
            Deed::Refuse => return request.problem(503, "unavailable", "try again"),
            Deed::Invent => frames.push("not from here".to_owned()),
            Deed::Stall(time) => tokio::time::sleep(time).await,
        }
        if !matches!(deed, Deed::Hold) {
            frames.extend(self.held.take());
        }
        for listener in &mut listeners[from..] {
            for frame in &frames {
                listener.send_text(frame).await;
            }
        }
        if matches!(deed, Deed::CloseOne) {
            listeners.remove(0).close(1011).await;
        }
        request.ok(json!({"status": "sent"}));
    }
}

async fn bench(script: fn(usize) -> Deed, arguments: &[&str]) -> (i32, Value) {
    let server = Scripted::start().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tui-client"));
    command.args(["bench", "--json", "--server", &server.url()]).args(arguments);
    let naughty = Naughty { script, number: 0, rooms: HashMap::new(), held: None };
    let serving = tokio::spawn(naughty.serve(server));
    let output = programs::run(command).await.unwrap();
    serving.abort();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test]
async fn a_server_that_does_its_work_is_clean() {
    let arguments = ["--rooms", "4", "--threads", "2", "--rate", "100", "--warmup", "200ms", "--duration", "800ms"];
    let (code, report) = bench(|_| Deed::Deliver, &arguments).await;
    assert_eq!(code, 0, "{report}");
    let run = &report["whole_run"];
    assert_eq!((&run["accepted"], &run["frames"]), (&json!(100), &json!(200)));
    // The messages of the warm-up are not measured.
    assert_eq!(report["delivery_ms"]["count"], 80);
    assert_eq!(report["http_ms"]["count"], 80);
    assert_eq!((&report["connections"], &report["connections_ended"]), (&json!(8), &json!(0)));
}

#[tokio::test]
async fn everything_that_goes_wrong_is_counted() {
    let script = |number| match number {
        10 => Deed::LoseOne,
        11 => Deed::LoseAll,
        20 => Deed::Repeat,
        30 => Deed::Hold,
        40 => Deed::Refuse,
        50 => Deed::Invent,
        95 => Deed::CloseOne,
        _ => Deed::Deliver,
    };
    let arguments = ["--rooms", "1", "--rate", "100", "--warmup", "0", "--duration", "1s"];
    let (code, report) = bench(script, &arguments).await;
    assert_eq!(code, 1);
    // Lost: one frame of message 10, two of 11, and four after the first listener was cut off.
    let expected = json!({"accepted": 99, "failed": {"status 503": 1}, "unsent": 0, "frames": 191, "lost": 7,
        "repeated": 2, "disordered": 2, "foreign": 2});
    assert_eq!(report["whole_run"], expected);
    assert_eq!(report["connections_ended"], 1);
}

#[tokio::test]
async fn a_stall_shows_in_the_latency_of_all_that_were_due_meanwhile() {
    let script = |number| if number == 50 { Deed::Stall(Duration::from_millis(400)) } else { Deed::Deliver };
    let arguments = ["--rooms", "1", "--rate", "100", "--warmup", "0", "--duration", "1s"];
    let (code, report) = bench(script, &arguments).await;
    assert_eq!(code, 0);
    // 400 ms hold up some 40 of the 100 messages. Counted from its sending, only one of them would be late.
    let p90 = report["delivery_ms"]["p90"].as_f64().unwrap();
    assert!(p90 >= 200.0, "{report}");
    assert!(report["http_ms"]["p90"].as_f64().unwrap() < 100.0, "{report}");
}

#[tokio::test]
async fn a_closed_loop_waits_for_each_answer() {
    let script = |_| Deed::Stall(Duration::from_millis(5));
    let arguments = ["--rooms", "2", "--closed", "3", "--warmup", "0", "--duration", "500ms", "--idle", "2"];
    let (code, report) = bench(script, &arguments).await;
    assert_eq!(code, 0);
    let accepted = report["whole_run"]["accepted"].as_u64().unwrap();
    // One at a time, 5 ms each; the three in flight at the end count as well.
    assert!((10..=103).contains(&accepted), "{accepted}");
    assert_eq!(report["connections"], 6);
}

/// Starts a bench on a real server and waits until its messages are being kept.
fn bench_on(server: &Server, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tui-client"));
    command.args(["bench", "--server", &format!("http://{}", server.address), "--rooms", "2", "--warmup", "0"]);
    command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    let log = server.folder.join("duet.db-wal");
    let kept = || std::fs::metadata(&log).map_or(0, |file| file.len());
    let before = kept();
    let bench = command.spawn().unwrap();
    let deadline = Instant::now() + SOON;
    while kept() < before + 100_000 {
        assert!(Instant::now() < deadline, "nothing is written");
        sleep(Duration::from_millis(10));
    }
    bench
}

fn ends(bench: Child, within: Duration) -> Output {
    let begin = Instant::now();
    let output = bench.wait_with_output().unwrap();
    assert!(begin.elapsed() < within, "it took {:?}", begin.elapsed());
    output
}

#[test]
fn a_server_that_stood_still_for_a_second_shows_it_in_the_99th_percentile() {
    let server = Server::fresh();
    let bench = bench_on(&server, &["--rate", "200", "--duration", "4s", "--json"]);
    server.signal(Signal::STOP);
    sleep(Duration::from_secs(1));
    server.signal(Signal::CONT);
    let output = ends(bench, SOON);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    let p99 = report["delivery_ms"]["p99"].as_f64().unwrap();
    // A quarter of the messages was due meanwhile, the first of them a whole second before it was heard.
    assert!(p99 >= 900.0, "{report}");
    assert_eq!(report["whole_run"]["accepted"], 800);
}

#[test]
fn a_server_that_dies_ends_the_bench_with_a_sentence() {
    let mut server = Server::fresh();
    let bench = bench_on(&server, &["--rate", "200", "--duration", "1h"]);
    server.kill();
    let output = ends(bench, Duration::from_secs(5));
    let (said, printed) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.starts_with("tui-client: all 4 connections ended"), "{said}");
    assert!(printed.contains("4 connections opened") && printed.ends_with("NOT CLEAN\n"), "{printed}");
}

#[test]
fn people_see_how_the_times_are_spread() {
    let server = Server::fresh();
    let bench = bench_on(&server, &["--closed", "2", "--duration", "3s"]);
    let printed = String::from_utf8(ends(bench, SOON).stdout).unwrap();
    assert!(printed.lines().any(|line| line.contains(" - ") && line.contains('#')), "{printed}");
    assert!(printed.contains("accepted per second") && printed.is_ascii(), "{printed}");
}

/// A command line that is not understood; gives what is said of it.
fn refused(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tui-client")).arg("bench").args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[test]
fn what_cannot_be_measured_is_refused_with_what_can() {
    for rate in ["-1", "0", "99999999999", "nan"] {
        assert!(refused(&["--rate", rate]).contains("from 0.001 to 1000000"), "{rate}");
    }
    assert!(refused(&["--rate", "1", "--size", "1048577"]).contains("at most 1048576"));
    assert!(refused(&["--idle", "0"]).contains("--idle 0 alone measures nothing"));
    assert!(refused(&["--idle", "1", "--pid", "4294967295"]).contains("no process 4294967295"));
}

#[tokio::test]
async fn a_message_may_be_larger_than_a_format_width() {
    let arguments = ["--rooms", "1", "--rate", "20", "--warmup", "0", "--duration", "500ms", "--size", "65537"];
    let (code, report) = bench(|_| Deed::Deliver, &arguments).await;
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["whole_run"]["frames"], 20);
}

#[test]
fn help_tells_the_exit_codes_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_tui-client")).args(["bench", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap().to_lowercase();
    assert_eq!(help.matches("exit code").count(), 1, "{help}");
}

#[test]
fn a_run_that_is_ended_by_hand_reports_what_was_measured() {
    let server = Server::fresh();
    for load in [["--rate", "200"], ["--closed", "2"]] {
        let bench = bench_on(&server, &[load[0], load[1], "--duration", "1h"]);
        kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
        let output = ends(bench, Duration::from_secs(8));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(130), "{printed}");
        assert!(printed.contains("ended by hand") && printed.contains("due to heard"), "{printed}");
        assert!(printed.contains(" 0 lost") && printed.ends_with("\nclean\n"), "{printed}");
    }
}
