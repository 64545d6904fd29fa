//! The processes and wires of a run: a server, perhaps a RabbitMQ, a relay before each, and a disk.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::faults::disk::Disk;
use crate::faults::event::{At, Listener, Role};
use crate::faults::http::Http;
use crate::faults::people::People;
use crate::faults::recorder::Recorder;
use crate::faults::run::Plan;
use crate::support::process::Process;
use crate::support::rabbitmq::{Vhost, Victim, victim_of_the_fault_suite};
use crate::support::relay::Relay;
use crate::support::server::SECRET;

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
    /// Taken for as long as it is being broken.
    server: tokio::sync::Mutex<Option<Process>>,
    arguments: Vec<String>,
    pub(crate) near: tokio::sync::Mutex<Relay>,
    pub(crate) broker: Option<Broker>,
    pub(crate) disk: Disk,
    /// How long something is broken, in seconds, at the most.
    longest_fault: f64,
    /// Listeners on connections that are half open, by the port they come from.
    pub(crate) half_open: Mutex<HashMap<u16, Listener>>,
    pub(crate) lives: Mutex<Vec<Life>>,
}

/// A RabbitMQ and the wire to it.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) vhost: Vhost,
    pub(crate) victim: Victim,
    pub(crate) far: tokio::sync::Mutex<Relay>,
}

/// A server from its start to its end.
#[derive(Debug)]
pub(crate) struct Life {
    began: Instant,
    pid: u32,
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
}

impl World {
    /// Starts all of it. `None`, aloud, where there is no RabbitMQ and one is needed.
    pub(crate) async fn start(plan: &Plan) -> Option<Self> {
        let rooms = plan.rooms;
        let mut broker = None;
        if plan.carrier == Carrier::RabbitMq {
            let victim = victim_of_the_fault_suite().await?;
            let vhost = victim.vhost().await;
            let mut far = Relay::to(vhost.port());
            far.up();
            broker = Some(Broker { vhost, victim, far: tokio::sync::Mutex::new(far) });
        }
        let server_port = free_port();
        let mut near = Relay::to(server_port);
        near.up();
        let mut arguments = vec!["--secret-key".to_owned(), SECRET.to_owned()];
        if let Some(broker) = &broker {
            let port = broker.far.lock().await.port();
            arguments.extend(["--amqp-url".to_owned(), broker.vhost.url_by(port)]);
        }
        let recorder = Arc::new(Recorder::new(rooms));
        let people = Arc::new(People::new(Arc::clone(&recorder), rooms, near.port(), server_port));
        let world = Self {
            recorder,
            people,
            server: tokio::sync::Mutex::new(None),
            arguments,
            near: tokio::sync::Mutex::new(near),
            broker,
            disk: Disk::new(),
            longest_fault: plan.longest_fault,
            half_open: Mutex::default(),
            lives: Mutex::default(),
        };
        world.start_server().await.expect("the server does not start");
        Some(world)
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

    /// Starts the server and waits until it listens. The moment is that of its start.
    pub(crate) async fn start_server(&self) -> Result<At, String> {
        let mut server = self.server.lock().await;
        self.recorder.fault("the server is started");
        let began = self.mark();
        let listen = format!("127.0.0.1:{}", self.people.server_port);
        let (path, arguments) = (self.disk.path().to_owned(), self.arguments.clone());
        let process = tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            Process::spawn(&listen, &path, &arguments).listening(START_LIMIT)
        });
        let process = process.await.unwrap().map_err(|said| format!("the server does not start: {said}"))?;
        self.lives.lock().unwrap().push(Life { began: Instant::now(), pid: process.id(), memory: Vec::new() });
        *server = Some(process);
        Ok(began)
    }

    /// Ends the server by a signal, and says what is wrong with how it ended.
    pub(crate) async fn end_server(&self, signal: &'static str) -> Result<(), String> {
        self.look_at_memory();
        let Some(mut process) = self.server.lock().await.take() else { return Ok(()) };
        self.recorder.fault(format!("the server is sent SIG{signal}"));
        let (status, log) = tokio::task::spawn_blocking(move || {
            process.signal(signal);
            (process.wait(STOP_LIMIT), process.log())
        })
        .await
        .map_err(|_| format!("the server did not end within {STOP_LIMIT:?} of SIG{signal}"))?;
        self.recorder.fault("the server has ended");
        if let Some(panic) = log.iter().find(|line| line.contains("panicked")) {
            return Err(format!("the server panicked: {panic}"));
        }
        if signal == "TERM" && !status.success() {
            return Err(format!("the server was stopped and ended with {status}: {}", log.join("\n")));
        }
        Ok(())
    }

    pub(crate) async fn signal_server(&self, signal: &str) {
        if let Some(process) = &*self.server.lock().await {
            process.signal(signal);
        }
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
                    return Ok(Recovery { first: took(first), all: took(all) });
                }
            }
            if self.server.lock().await.as_mut().is_none_or(Process::has_ended) {
                return Err("the server has ended by itself".to_owned());
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

    /// Whether the server says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let ask = async {
            let mut http = Http::connect(self.people.server_port).await?;
            http.request("GET /readyz HTTP/1.1\r\n", "").await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(200)))
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

    /// Takes down how much memory the server has now.
    pub(crate) fn look_at_memory(&self) {
        if let Some(life) = self.lives.lock().unwrap().last_mut() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", life.pid)).unwrap_or_default();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
            if let Some(kib) = resident.and_then(|kib| kib.parse().ok()) {
                life.memory.push((life.began.elapsed().as_secs_f64(), kib));
            }
        }
    }
}

impl Broker {
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
