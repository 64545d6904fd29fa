//! The processes and wires of a run: a server, perhaps a RabbitMQ, a relay before each, and a disk.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::faults::disk::Disk;
use crate::faults::event::{At, Listener, Role};
use crate::faults::node::Node;
use crate::faults::people::People;
use crate::faults::recorder::Recorder;
use crate::faults::run::Plan;
use crate::support::postgres;
use crate::support::process::Process;
use crate::support::rabbitmq::{self, Vhost};

/// How long a server may take to start, to stop, and everything to be well again.
const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(15);
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Embedded,
    RabbitMq,
}

/// Everything that can be broken.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) people: Arc<People>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) broker: Option<Broker>,
    pub(crate) base: Option<Base>,
    pub(crate) disk: Disk,
    /// How long something is broken, in seconds, at the most.
    longest_fault: f64,
    /// Listeners on connections that are half open, by the port they come from.
    pub(crate) half_open: Mutex<HashMap<u16, Listener>>,
    pub(crate) lives: Mutex<Vec<Life>>,
}

/// A RabbitMQ.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) vhost: Vhost,
    pub(crate) victim: rabbitmq::Victim,
}

/// A PostgreSQL.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) database: postgres::Database,
    pub(crate) victim: postgres::Victim,
}

/// A server from its start to its end.
#[derive(Debug)]
pub(crate) struct Life {
    began: Instant,
    pid: u32,
    is_over: bool,
    /// Its memory (RSS): after how long, in seconds, and how much, in KiB.
    pub(crate) memory: Vec<(f64, u64)>,
}

/// How long it took from the moment when the cause was removed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recovery {
    /// To the first message that was posted since then and delivered.
    pub(crate) first: Duration,
    /// To the last listener that was sent such a message.
    pub(crate) all: Duration,
    /// The longest that any such message took from its first post to a listener.
    pub(crate) slowest: Duration,
}

impl World {
    /// Starts all of it. `None`, aloud, where there is no RabbitMQ or no PostgreSQL and one is needed.
    pub(crate) async fn start(plan: &Plan) -> Option<Self> {
        let broker = match plan.carrier {
            Carrier::Embedded => None,
            Carrier::RabbitMq => Some(Broker::there_is().await?),
        };
        let base = if plan.nodes > 1 { Some(Base::there_is().await?) } else { None };
        let disk = Disk::new();
        let nodes: Vec<_> = (0..plan.nodes)
            .map(|number| Node::new(number, plan, disk.path(), broker.as_ref(), base.as_ref()))
            .collect();
        let recorder = Arc::new(Recorder::new(plan.rooms));
        let ways = nodes.iter().map(|node| node.way).collect();
        let people = Arc::new(People::new(Arc::clone(&recorder), plan.rooms, ways));
        let longest_fault = plan.longest_fault;
        let (half_open, lives) = (Mutex::default(), Mutex::default());
        let world = Self { recorder, people, nodes, broker, base, disk, longest_fault, half_open, lives };
        for node in &world.nodes {
            world.start_server(node).await.expect("the server does not start");
        }
        Some(world)
    }

    /// A node by chance.
    pub(crate) fn some_node(&self, rng: &mut StdRng) -> &Node {
        self.nodes.choose(rng).expect("there is a node")
    }

    /// The node that takes messages out of the queue, or any while there is none.
    pub(crate) async fn intake(&self) -> &Node {
        for node in &self.nodes {
            if node.has_intake().await {
                return node;
            }
        }
        &self.nodes[0]
    }

    /// A length between two, in seconds, and not longer than is wanted here.
    pub(crate) fn seconds(&self, rng: &mut StdRng, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(rng.random_range(from..to).min(self.longest_fault.max(from)))
    }

    /// What was broken last is so no more: from here on recovery is measured.
    pub(crate) fn mark(&self) -> At {
        self.recorder.with(|checker, now| {
            checker.expect_fresh(now);
            now
        })
    }

    /// Starts a server and waits until it listens. The moment is that of its start.
    pub(crate) async fn start_server(&self, node: &Node) -> Result<At, String> {
        self.recorder.fault(format!("{node} is started"));
        let began = self.mark();
        self.start_meanwhile(node).await?;
        Ok(began)
    }

    /// Starts a server, while recovery is measured from an earlier moment.
    pub(crate) async fn start_meanwhile(&self, node: &Node) -> Result<(), String> {
        let pid = node.start(START_LIMIT).await.map_err(|said| format!("{node} does not start: {said}"))?;
        self.lives.lock().unwrap().push(Life { began: Instant::now(), pid, is_over: false, memory: Vec::new() });
        Ok(())
    }

    /// Ends a server by a signal, and says what is wrong with how it ended.
    pub(crate) async fn end_server(&self, node: &Node, signal: &'static str) -> Result<(), String> {
        self.look_at_memory();
        let Some((process, said)) = node.take().await else { return Ok(()) };
        let pid = process.id();
        self.recorder.fault(format!("{node} is sent SIG{signal}"));
        let (status, log) = tokio::task::spawn_blocking(move || end(process, signal, said))
            .await
            .map_err(|_| format!("{node} did not end within {STOP_LIMIT:?} of SIG{signal}"))?;
        self.lives.lock().unwrap().iter_mut().filter(|life| life.pid == pid).for_each(|life| life.is_over = true);
        self.recorder.fault(format!("{node} has ended"));
        if let Some(panic) = log.iter().find(|line| line.contains("panicked")) {
            return Err(format!("{node} panicked: {panic}"));
        }
        if signal == "TERM" && !status.success() {
            return Err(format!("{node} was stopped and ended with {status}: {}", log.join("\n")));
        }
        Ok(())
    }

    pub(crate) async fn end_all(&self) -> Result<(), String> {
        for node in &self.nodes {
            self.end_server(node, "TERM").await?;
        }
        Ok(())
    }

    /// Waits until messages posted since the last [`World::mark`] get to everybody.
    pub(crate) async fn recover(&self, since: At) -> Result<Recovery, String> {
        let deadline = Instant::now() + RECOVERY_LIMIT;
        loop {
            let (first, waiting) = self.recorder.with(|checker, _| checker.fresh());
            let waiting: Vec<_> = waiting.into_iter().filter(|listener| !self.is_half_open(*listener)).collect();
            if let Some(first) = first.filter(|_| waiting.is_empty()) {
                let all = self.recorder.now();
                if self.is_ready().await {
                    let took = |at: At| Duration::from_micros(at.0.saturating_sub(since.0));
                    let slowest = self.recorder.with(|checker, _| checker.slowest());
                    return Ok(Recovery { first: took(first), all: took(all), slowest });
                }
            }
            for node in &self.nodes {
                if node.has_ended().await {
                    return Err(format!("{node} has ended by itself"));
                }
            }
            if Instant::now() > deadline {
                let waiting: Vec<_> = waiting.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "not everybody was sent a new message within {RECOVERY_LIMIT:?}; waiting: {}; ready: {}",
                    waiting.join(", "),
                    self.is_ready().await
                ));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until somebody was sent a message that was posted since the last [`World::mark`].
    pub(crate) async fn until_somebody_hears(&self) -> Result<(), String> {
        let heard = async {
            while self.recorder.with(|checker, _| checker.fresh().0).is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let heard = tokio::time::timeout(RECOVERY_LIMIT, heard).await;
        heard.map_err(|_| format!("nobody was sent a new message within {RECOVERY_LIMIT:?}"))
    }

    /// Whether every server says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        for node in &self.nodes {
            if !node.is_ready().await {
                return false;
            }
        }
        true
    }

    fn is_half_open(&self, listener: Listener) -> bool {
        self.half_open.lock().unwrap().values().any(|held| *held == listener)
    }

    /// A `duet.v1` listener that is connected.
    pub(crate) fn connected(&self, choose: impl Fn(usize) -> usize) -> Option<Listener> {
        let may = |listener: &Listener| {
            listener.role() == Role::Duet(crate::faults::event::User::Alice)
                && self.people.port_of(*listener) != 0
                && !self.is_half_open(*listener)
        };
        let those: Vec<_> = self.people.listeners().filter(may).collect();
        (!those.is_empty()).then(|| those[choose(those.len())])
    }

    /// Takes down how much memory the servers have now.
    pub(crate) fn look_at_memory(&self) {
        for life in self.lives.lock().unwrap().iter_mut().filter(|life| !life.is_over) {
            let status = std::fs::read_to_string(format!("/proc/{}/status", life.pid)).unwrap_or_default();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
            if let Some(kib) = resident.and_then(|kib| kib.parse().ok()) {
                life.memory.push((life.began.elapsed().as_secs_f64(), kib));
            }
        }
    }
}

/// Ends it, and gives how it ended and all it has logged.
fn end(mut process: Process, signal: &str, mut said: Vec<String>) -> (std::process::ExitStatus, Vec<String>) {
    process.signal(signal);
    let status = process.wait(STOP_LIMIT);
    said.extend(process.rest_of_log());
    (status, said)
}

impl Base {
    async fn there_is() -> Option<Self> {
        let victim = postgres::victim_of_the_fault_suite().await?;
        Some(Self { database: victim.database().await, victim })
    }
}

impl Broker {
    async fn there_is() -> Option<Self> {
        let victim = rabbitmq::victim_of_the_fault_suite().await?;
        Some(Self { vhost: victim.vhost().await, victim })
    }

    /// Starts the broker again. The moment is that in which it answers the first AMQP client.
    pub(crate) async fn start(&self, world: &World) -> At {
        let answers = async {
            while !answers_amqp(self.vhost.port()).await {
                sleep(Duration::from_millis(10)).await;
            }
            world.recorder.fault("RabbitMQ answers");
            world.mark()
        };
        tokio::join!(answers, self.victim.start()).0
    }
}

/// Whether it answers the protocol header with its first method (AMQP 0-9-1 §2.2.4).
async fn answers_amqp(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        let mut first = [0; 8];
        stream.read_exact(&mut first).await
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(_)))
}
