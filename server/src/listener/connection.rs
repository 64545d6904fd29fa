//! One connection: its requests, its patience, and its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::UPGRADE;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock;
use crate::listener::address::Peer;
use crate::listener::counted::Counted;
use crate::listener::patience::{Noted, Patience, Times, Waited};
use crate::listener::{Manner, count};

/// The longest head of a request, in bytes. hyper answers a longer one with 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How a connection ended that was not ended by either side.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// One of the two has closed it, or it has become a WebSocket.
    Closed,
    /// The other end kept us waiting.
    Waited(Waited),
    /// It did not end in the time that is left to a server that stops.
    CutOff,
}

/// When a connection is to end because the server does.
#[derive(Debug, Clone)]
pub struct Ending {
    /// From then on no further request is taken.
    pub begun: CancellationToken,
    /// How long the one that is under way may take.
    pub limit: Duration,
}

/// A connection that is to be served.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    pub(super) peer: Peer,
    /// Dropped with the stream, which a WebSocket keeps.
    pub(super) counted: Option<Counted>,
    pub(super) times: Times,
}

/// Serves a connection to its end, or until it has become a WebSocket.
pub(super) async fn serve<S, A, F>(connection: Connection<S>, answer: A, manner: &Manner) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response>,
{
    let Connection { stream, peer, counted, times } = connection;
    let patience = Patience::new(times, counted);
    let service = service_fn(|mut request: Request<Incoming>| {
        let is_pipelined = patience.asked();
        let (client, is_proxied) = peer.client(&manner.proxies, request.headers());
        request.extensions_mut().insert(client);
        // By its own address, and for as long as it lives. Other requests are over soon, and their connections are the proxy's.
        let is_counted = is_proxied && request.headers().contains_key(UPGRADE);
        let counted = is_counted.then(|| manner.connections.admit_proxied(client)).transpose();
        let answering = counted.map(|counted| (counted, answer(request)));
        let patience = Arc::clone(&patience);
        async move {
            if is_pipelined {
                // A connection full of requests that need no wait would have its thread for itself: first come all others, and what
                // is there to be read for them.
                yield_now().await;
            }
            let (answer, counted) = match answering {
                Ok((counted, answering)) => (answering.await, counted),
                Err(refusal) => {
                    count(refusal, &manner.metrics);
                    (manner.refuse(refusal), None)
                }
            };
            match answer.status() {
                StatusCode::SWITCHING_PROTOCOLS => patience.upgraded(counted),
                _ => patience.answered(),
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = TokioIo::new(Noted { stream, patience: Arc::clone(&patience) });
    let mut builder = http1::Builder::new();
    // Its own time for heads would count from the last answer on, and so be one for idle connections, too.
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(stream, service).with_upgrades());
    let mut ends = pin!(manner.ending.begun.cancelled());
    let mut timer = pin!(sleep_until(from_now(times.head)));
    let mut cut_off_at = None;
    poll_fn(|context| {
        if cut_off_at.is_none() && ends.as_mut().poll(context).is_ready() {
            connection.as_mut().graceful_shutdown();
            cut_off_at = Some(from_now(manner.ending.limit));
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            if let Err(error) = ended {
                debug!(%error, "a connection broke off");
            }
            return Poll::Ready(End::Closed);
        }
        loop {
            let due = match (cut_off_at, patience.until()) {
                (Some(at), _) => Some((at, End::CutOff)),
                (None, Some((until, waited))) => Some((until.into(), End::Waited(waited))),
                (None, None) => None,
            };
            let (due, end) = due.unzip();
            // While requests come and go it is left as it is, and looks again when it goes off.
            if let Some(sooner) = due.filter(|due| *due < timer.deadline()) {
                timer.as_mut().reset(sooner);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match (due, end) {
                (Some(due), Some(end)) if due <= timer.deadline() => return Poll::Ready(end),
                _ => timer.as_mut().reset(due.unwrap_or_else(|| from_now(times.idle))),
            }
        }
    })
    .await
}

fn from_now(time: Duration) -> Instant {
    (clock::instant() + time).into()
}
