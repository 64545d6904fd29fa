//! A server of a run, and the wires around it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::faults::http::Http;
use crate::faults::people::Way;
use crate::faults::run::Plan;
use crate::faults::world::{Base, Broker};
use crate::support::process::Process;
use crate::support::relay::{Fate, Relay};
use crate::support::server::SECRET;

/// What a node says when it takes messages out of the queue, and when it does not.
const TAKES: &str = "messages pass RabbitMQ";
const TAKES_NOT: [&str; 2] = ["messages do not pass RabbitMQ", "another consumer has the queue"];

/// Over which time people leave a node that stops: long enough to see that they go one by one.
const DRAIN: &str = "1s";

/// One of the servers, or the only one.
#[derive(Debug)]
pub(crate) struct Node {
    name: String,
    pub(crate) way: Way,
    folder: PathBuf,
    arguments: Vec<String>,
    /// Taken for as long as it is being broken.
    life: Mutex<Option<Alive>>,
    /// From clients.
    pub(crate) near: Mutex<Relay>,
    /// To RabbitMQ.
    far: Option<Mutex<Relay>>,
    /// To PostgreSQL.
    base: Option<Mutex<Relay>>,
}

#[derive(Debug)]
struct Alive {
    process: Process,
    said: Vec<String>,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Node {
    /// Not started yet; its wires are.
    pub(crate) fn new(number: usize, plan: &Plan, disk: &Path, broker: Option<&Broker>, base: Option<&Base>) -> Self {
        let node = free_port();
        let near = relay_to(node);
        let mut arguments = vec!["--secret-key".to_owned(), SECRET.to_owned()];
        let far = broker.map(|broker| {
            let relay = relay_to(broker.vhost.port());
            arguments.extend(["--amqp-url".to_owned(), broker.vhost.url_by(relay.port())]);
            Mutex::new(relay)
        });
        let base = base.map(|base| {
            let relay = relay_to(base.database.port());
            arguments.extend(["--database-url".to_owned(), base.database.url_by(relay.port())]);
            arguments.extend(["--drain".to_owned(), DRAIN.to_owned()]);
            Mutex::new(relay)
        });
        let is_alone = plan.nodes == 1;
        let name = if is_alone { "the server".to_owned() } else { format!("node {number}") };
        let folder = if is_alone { disk.to_owned() } else { disk.join(number.to_string()) };
        let way = Way { wire: near.port(), node };
        Self { name, way, folder, arguments, life: Mutex::new(None), near: Mutex::new(near), far, base }
    }

    /// Starts it and waits until it listens. Gives the id of the process, or what it has said instead.
    pub(crate) async fn start(&self, limit: Duration) -> Result<u32, String> {
        let mut life = self.life.lock().await;
        let listen = format!("127.0.0.1:{}", self.way.node);
        let (folder, arguments) = (self.folder.clone(), self.arguments.clone());
        let process = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            Process::spawn(&listen, &folder, &arguments).listening(limit)
        });
        let process = process.await.unwrap()?;
        let id = process.id();
        *life = Some(Alive { process, said: Vec::new() });
        Ok(id)
    }

    /// Its process, to be ended, and what that has said.
    pub(crate) async fn take(&self) -> Option<(Process, Vec<String>)> {
        self.life.lock().await.take().map(|alive| (alive.process, alive.said))
    }

    pub(crate) async fn signal(&self, signal: &str) {
        if let Some(alive) = &*self.life.lock().await {
            alive.process.signal(signal);
        }
    }

    /// Whether it has ended, or is not started.
    pub(crate) async fn has_ended(&self) -> bool {
        self.life.lock().await.as_mut().is_none_or(|alive| alive.process.has_ended())
    }

    /// Whether it says that it takes messages out of the queue.
    pub(crate) async fn has_intake(&self) -> bool {
        let mut life = self.life.lock().await;
        let Some(alive) = life.as_mut() else { return false };
        alive.said.extend(alive.process.log());
        let says = |line: &&String| line.contains(TAKES) || TAKES_NOT.iter().any(|words| line.contains(words));
        alive.said.iter().rev().find(says).is_some_and(|line| line.contains(TAKES))
    }

    /// Whether it says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let ask = async {
            let mut http = Http::connect(self.way.node).await?;
            http.request("GET /readyz HTTP/1.1\r\n", "").await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(200)))
    }

    /// Decides for its connections to RabbitMQ.
    pub(crate) async fn far(&self, fate: Fate) {
        if let Some(far) = &self.far {
            far.lock().await.all(fate);
        }
    }

    /// RabbitMQ refuses its connections for so long.
    pub(crate) async fn refuse_broker(&self, length: Duration) {
        refuse(self.far.as_ref(), length).await;
    }

    /// PostgreSQL refuses its connections for so long.
    pub(crate) async fn refuse_base(&self, length: Duration) {
        refuse(self.base.as_ref(), length).await;
    }

    /// Decides for its connections to PostgreSQL.
    pub(crate) async fn base(&self, fate: Fate) {
        if let Some(base) = &self.base {
            base.lock().await.all(fate);
        }
    }
}

async fn refuse(wire: Option<&Mutex<Relay>>, length: Duration) {
    let Some(wire) = wire else { return };
    let mut wire = wire.lock().await;
    wire.down().await;
    tokio::time::sleep(length).await;
    wire.up();
}

fn relay_to(port: u16) -> Relay {
    let mut relay = Relay::to(port);
    relay.up();
    relay
}

/// A port for a server that comes and goes: below those that the system gives to outgoing connections, so that none of
/// them takes it meanwhile.
fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
