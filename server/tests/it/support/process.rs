//! The real program, `duet-server`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{Folder, SOON};

/// A running program. It is killed with the test.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// What it said before it listened.
    said: RefCell<Vec<String>>,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts it in `folder` on a free port and waits until it listens.
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", folder, arguments)
    }

    pub(crate) fn start_on(listen: &str, folder: &Folder, arguments: &[&str]) -> Self {
        Self::spawn(listen, folder.path(), arguments).listening(SOON).expect("the server did not say that it listens")
    }

    /// Starts it and does not wait. It has no address until it is [`Process::listening`].
    pub(crate) fn spawn(listen: &str, folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(folder).args(["--listen", listen]).args(arguments).spawn().unwrap();
        let lines = read_lines(&mut child);
        Self { child, lines, said: RefCell::default(), address: SocketAddr::from(([0, 0, 0, 0], 0)) }
    }

    /// Waits until it listens. `Err` is what it has said instead.
    pub(crate) fn listening(mut self, limit: Duration) -> Result<Self, String> {
        let deadline = Instant::now() + limit;
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Some((_, rest)) = line.split_once("address=") {
                self.address = rest.split(' ').next().unwrap().parse().unwrap();
                said.push(line);
                self.said = RefCell::new(said);
                return Ok(self);
            }
            said.push(line);
        }
        Err(said.join("\n"))
    }

    /// Waits until it says this before it listens.
    pub(crate) fn until_it_says(&mut self, words: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).expect(words);
            if line.contains(words) {
                return;
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its memory, in KiB: `VmRSS` now, `VmHWM` at the most. Neither is exact, and the second may be less than it was (proc(5)).
    pub(crate) fn resident_kib(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not end within {limit:?}");
    }

    /// What it has logged since the last time.
    pub(crate) fn log(&self) -> Vec<String> {
        self.said.take().into_iter().chain(self.lines.try_iter()).collect()
    }

    /// What it has logged since the last time, to its last line. It must have ended.
    pub(crate) fn rest_of_log(self) -> Vec<String> {
        self.said.take().into_iter().chain(self.lines.iter()).collect()
    }
}

/// Ends it in good order and gives what it has logged.
pub(crate) async fn log_of(mut server: Process) -> String {
    server.signal("TERM");
    let end = move || {
        server.wait(SOON);
        server.rest_of_log().join("\n")
    };
    tokio::task::spawn_blocking(end).await.unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end, which must come by itself, and gives what it said on standard error.
pub(crate) fn fails_to_start(folder: &Folder, arguments: &[&str]) -> String {
    // No fixed port: somebody may listen there.
    let mut child = command(folder.path()).env("DUET_LISTEN", "127.0.0.1:0").args(arguments).spawn().unwrap();
    let lines = read_lines(&mut child);
    let status = child.wait().unwrap();
    assert!(!status.success(), "the server started and ended well");
    lines.iter().collect::<Vec<_>>().join("\n")
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet-server"));
    command
        .env_clear()
        .env("DUET_DATA_DIR", folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Reads standard error on a thread, so that the program never waits for us.
fn read_lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
