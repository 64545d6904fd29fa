//! RabbitMQ and PostgreSQL for tests: the ones the environment names, or ones of our own, which scripts start and which end
//! with this process.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tokio::sync::{Mutex, MutexGuard};

/// Of which kind.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The name of its script, and of its folders.
    pub(crate) script: &'static str,
    /// What the script exports, and so the environment may.
    pub(crate) exports: &'static [&'static str],
    /// The file that is there as long as it runs.
    pub(crate) process: &'static str,
    /// What its script is told besides.
    pub(crate) options: &'static [&'static str],
}

/// A service that runs, as its script describes it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    kind: &'static Kind,
    exports: HashMap<String, String>,
    pub(crate) folder: String,
}

impl Service {
    /// The one that all tests share, in this variable. `None`, aloud, where there is none.
    pub(crate) fn shared(
        kind: &'static Kind,
        shared: &'static OnceLock<Result<Self, String>>,
    ) -> Option<&'static Self> {
        there_is(shared.get_or_init(|| Self::of_environment(kind).map_or_else(|| Self::started(kind, "shared"), Ok)))
    }

    fn of_environment(kind: &'static Kind) -> Option<Self> {
        let get = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
        let exports = kind.exports.iter().map(get).collect::<Option<_>>()?;
        Some(Self { kind, exports, folder: String::new() })
    }

    /// Starts one that ends with this process.
    fn started(kind: &'static Kind, name: &str) -> Result<Self, String> {
        sweep(kind);
        let me = std::process::id().to_string();
        let folder = format!("{}/{}-{name}-{me}", env!("CARGO_TARGET_TMPDIR"), kind.script);
        let start = script(kind)
            .args(["start", "--quiet", "--dir", &folder, "--owner", &me])
            .args(kind.options)
            .output()
            .unwrap();
        if !start.status.success() {
            return Err(String::from_utf8_lossy(&start.stderr).trim().to_owned());
        }
        let exports = String::from_utf8(start.stdout).unwrap();
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Ok(Self { kind, exports: exports.lines().filter_map(pair).collect(), folder })
    }

    /// What the script exports under this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.exports.get(name).map(String::as_str)
    }

    /// Has the script do something with it: `start`, `stop`, `kill`, `restart`.
    pub(crate) async fn script(&self, what: &str) {
        let mut command = script(self.kind);
        command.args([what, "--quiet", "--dir", &self.folder]).args(self.kind.options);
        run(command).await;
    }

    /// Stops its process from running (SIGSTOP), or lets it run again. What it has forked goes on.
    pub(crate) async fn freeze(&self, is_frozen: bool) {
        let mut command;
        if let Some(container) = self.container() {
            command = Command::new("docker");
            command.args([if is_frozen { "pause" } else { "unpause" }, &container]);
        } else {
            let process = std::fs::read_to_string(format!("{}/{}", self.folder, self.kind.process)).unwrap();
            command = Command::new("kill");
            command.args([if is_frozen { "-STOP" } else { "-CONT" }, process.split_whitespace().next().unwrap()]);
        }
        run(command).await;
    }

    /// The container that it runs in, if it does.
    pub(crate) fn container(&self) -> Option<String> {
        Some(std::fs::read_to_string(format!("{}/container", self.folder)).ok()?.trim().to_owned())
    }
}

/// A service that may be hurt, one test at a time. It is started when it is first needed, and ends with this process.
pub(crate) struct Kept {
    kind: &'static Kind,
    name: &'static str,
    turn: Mutex<()>,
    service: OnceLock<Result<Service, String>>,
}

impl Kept {
    pub(crate) const fn named(kind: &'static Kind, name: &'static str) -> Self {
        Self { kind, name, turn: Mutex::const_new(()), service: OnceLock::new() }
    }

    /// It, running, and the turn. `None`, aloud, where there is none.
    pub(crate) async fn turn(&'static self) -> Option<(Service, MutexGuard<'static, ()>)> {
        let turn = self.turn.lock().await;
        let service = there_is(self.service.get_or_init(|| Service::started(self.kind, self.name)))?;
        // The test before may have failed half-way.
        service.script("start").await;
        Some((service.clone(), turn))
    }
}

/// The service, or `None` and why.
fn there_is(service: &Result<Service, String>) -> Option<&Service> {
    service.as_ref().map_err(|why| skipped(why)).ok()
}

/// Says aloud that a test is skipped, and why.
#[expect(clippy::explicit_write, reason = "the harness shows nothing that a passing test has printed")]
pub(crate) fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

fn script(kind: &Kind) -> Command {
    Command::new(format!("{}/../scripts/{}", env!("CARGO_MANIFEST_DIR"), kind.script))
}

/// Removes the folders of services that have ended with an earlier process.
fn sweep(kind: &Kind) {
    for entry in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let rest = name.strip_prefix(kind.script).and_then(|rest| rest.strip_prefix('-')?.split_once('-'));
        let Some((_, owner)) = rest else { continue };
        let in_use = Path::new("/proc").join(owner).exists() || entry.path().join(kind.process).exists();
        if !in_use {
            // Another process may have swept it at the same time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs to the end, on a thread of its own: the test's connections go on meanwhile.
pub(crate) async fn run(mut command: Command) {
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{done:?}");
}
