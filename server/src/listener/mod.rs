//! Takes connections in: every TCP connection to the server begins here.

pub mod address;
pub mod connection;
pub mod counted;
pub mod patience;
pub mod settings;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::clock;
use crate::listener::address::TrustedProxies;
use crate::listener::connection::{Connection, End, Ending};
use crate::listener::counted::{Connections, Refusal};
use crate::listener::patience::{Times, Waited};
use crate::listener::tls::Tls;
use crate::metrics::Metrics;

/// How long to wait when no connection can be accepted, as with too many open files. Those that end make room.
const RETRY: Duration = Duration::from_millis(100);

/// How long it has to go well until the trouble counts as over.
const CALM: Duration = Duration::from_secs(10);

/// How many connections beyond the limit are told so at a time, and how long each is given. More than that are closed without a
/// word, so that refusing costs little.
const TOLD_AT_ONCE: usize = 64;
const TOLD_WITHIN: Times =
    Times { head: Duration::from_secs(1), idle: Duration::from_millis(100), handshake: Duration::ZERO };

/// How many connections may wait to be accepted, if the system allows as many (`net.core.somaxconn`). All who were on another server
/// may come at once, and with the usual 128 those beyond are reset.
const BACKLOG: u32 = 4096;

/// How connections are served.
#[derive(Debug)]
pub struct Manner {
    /// How long each may keep us waiting.
    pub times: Times,
    /// When they are to end with the server.
    pub ending: Ending,
    /// Those that there are.
    pub connections: Connections,
    /// Who is believed when it says whose request it passes on.
    pub proxies: TrustedProxies,
    /// What they are encrypted with, if they are.
    pub tls: Option<Tls>,
    /// Counts what becomes of them.
    pub metrics: Arc<Metrics>,
    /// What is answered to those that are refused.
    pub refusal: fn(Refusal) -> Response,
}

impl Manner {
    fn refuse(&self, refusal: Refusal) -> Response {
        (self.refusal)(refusal)
    }
}

/// Listens on an address.
///
/// # Errors
/// When the system does not let us.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that starts again does not wait for what is left of connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until the end of the server begins, and waits for those that are there to end. `answer` answers requests.
pub async fn serve<A, F>(listener: TcpListener, answer: A, manner: Manner)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let (manner, told) = (Arc::new(manner), Arc::new(Semaphore::new(TOLD_AT_ONCE)));
    let connections = TaskTracker::new();
    let mut trouble = Trouble::default();
    while let Some(accepted) = manner.ending.begun.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The other end has gone before it was its turn.
            Err(error) if is_of_one(&error) => continue,
            Err(error) => {
                trouble.begins(&error);
                manner.ending.begun.run_until_cancelled(sleep(RETRY)).await;
                continue;
            }
        };
        trouble.may_be_over();
        let peer = manner.proxies.peer(peer.ip());
        let manner = Arc::clone(&manner);
        match manner.connections.admit(peer) {
            Ok(counted) => {
                send_at_once(&stream);
                let connection = Connection { stream, peer, counted: Some(counted), times: manner.times };
                let answer = answer.clone();
                connections.spawn(async move {
                    let end = match &manner.tls {
                        Some(tls) => serve_encrypted(connection, tls, answer, &manner).await,
                        None => connection::serve(connection, answer, &manner).await,
                    };
                    note(&end, &manner.metrics);
                });
            }
            Err(refusal) => {
                count(refusal, &manner.metrics);
                // To agree on keys with them is not cheap.
                if manner.tls.is_some() {
                    continue;
                }
                let Ok(telling) = Arc::clone(&told).try_acquire_owned() else { continue };
                let connection = Connection { stream, peer, counted: None, times: TOLD_WITHIN };
                connections.spawn(async move {
                    let answer = |_| std::future::ready(manner.refuse(refusal));
                    connection::serve(connection, answer, &manner).await;
                    drop(telling);
                });
            }
        }
    }
    // Nobody waits in vain for a server that takes nobody in any more.
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn count(refusal: Refusal, metrics: &Metrics) {
    match refusal {
        Refusal::Full => metrics.connections.full.inc(),
        Refusal::ManyOfAddress => metrics.connections.many_of_address.inc(),
        Refusal::NotEncrypted => metrics.connections.handshake.inc(),
    };
}

fn note(end: &End, metrics: &Metrics) {
    match end {
        End::Closed => {}
        End::Waited(Waited::Head) => {
            metrics.connections.slow_head.inc();
        }
        End::Waited(Waited::Next) => {
            metrics.connections.idle.inc();
        }
        End::Waited(Waited::Keys) => {
            metrics.connections.handshake.inc();
        }
        End::CutOff => warn!("a request did not end in time and is cut off"),
    }
}

/// Agrees on keys and serves a connection. One that does not speak TLS is told so, and one that says nothing yet holds up no stop.
async fn serve_encrypted<A, F>(connection: Connection<TcpStream>, tls: &Tls, answer: A, manner: &Manner) -> End
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response>,
{
    let Connection { stream, peer, counted, times } = connection;
    let shaking = timeout(times.handshake, async {
        if !tls::is_spoken(&stream).await? {
            return Ok(Err(stream));
        }
        tls.accept(stream).await.map(Ok)
    });
    match manner.ending.begun.run_until_cancelled(shaking).await {
        Some(Ok(Ok(Ok(stream)))) => {
            connection::serve(Connection { stream, peer, counted, times }, answer, manner).await
        }
        Some(Ok(Ok(Err(stream)))) => {
            count(Refusal::NotEncrypted, &manner.metrics);
            let answer = |_| std::future::ready(manner.refuse(Refusal::NotEncrypted));
            connection::serve(Connection { stream, peer, counted, times: TOLD_WITHIN }, answer, manner).await
        }
        Some(Ok(Err(error))) => {
            debug!(%error, "no keys could be agreed on");
            End::Waited(Waited::Keys)
        }
        Some(Err(_)) => End::Waited(Waited::Keys),
        None => End::Closed,
    }
}

/// Whether an error is of the one connection that was to be accepted (accept(2)).
fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Nagle's algorithm would hold small frames back for an acknowledgement (RFC 896).
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        warn!(%error, "TCP_NODELAY could not be set");
    }
}

/// Whether connections cannot be accepted, so that the log says it once, and not again for each that finds room.
#[derive(Debug, Default)]
struct Trouble {
    last_at: Option<Instant>,
}

impl Trouble {
    fn begins(&mut self, error: &io::Error) {
        if self.last_at.replace(clock::instant()).is_none() {
            warn!(%error, "connections cannot be accepted; it is tried again ten times a second");
        }
    }

    fn may_be_over(&mut self) {
        if self.last_at.is_some_and(|last| last.elapsed() >= CALM) {
            self.last_at = None;
            info!("connections are accepted again");
        }
    }
}
