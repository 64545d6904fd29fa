//! How long a connection waits for its other end: for the head of a request, for the next one, for an answer to be taken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock;
use crate::listener::counted::Counted;

/// How long a connection waits.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For the head of a request.
    pub head: Duration,
    /// For the next request, and for an answer to be taken.
    pub idle: Duration,
    /// For the keys of TLS to be agreed on.
    pub handshake: Duration,
}

/// What a connection is at.
const READING_HEAD: u8 = 0;
const ANSWERING: u8 = 1;
const IDLING: u8 = 2;
const UPGRADED: u8 = 3;

/// What is waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The head of a request.
    Head,
    /// The next request, or an answer to be taken.
    Next,
    /// The keys of TLS, which may also have failed.
    Keys,
}

/// The patience with one connection. What it is at and since when is noted by the connection's own task alone, so that
/// the atomics are there for the compiler.
#[derive(Debug)]
pub(super) struct Patience {
    times: Times,
    began_at: Instant,
    phase: AtomicU8,
    /// In milliseconds since the beginning.
    until: AtomicU64,
    /// What the connection is counted by, and what it is by its client's address. Given back with its stream.
    _counted: Option<Counted>,
    counted_by_client: Mutex<Option<Counted>>,
}

impl Patience {
    /// With a connection from which a request is to come.
    pub(super) fn new(times: Times, counted: Option<Counted>) -> Arc<Self> {
        let (phase, until) = (AtomicU8::new(READING_HEAD), AtomicU64::new(0));
        let counted_by_client = Mutex::new(None);
        let began_at = clock::instant();
        let patience = Self { times, began_at, phase, until, _counted: counted, counted_by_client };
        patience.wait(times.head);
        Arc::new(patience)
    }

    /// A request is there. Its route says how long its body may take. `true` when it had come before the last answer was given
    /// (pipelining, RFC 9112 §9.3.2).
    pub(super) fn asked(&self) -> bool {
        self.phase.swap(ANSWERING, Ordering::Relaxed) == IDLING
    }

    /// Its answer is there.
    pub(super) fn answered(&self) {
        self.phase.store(IDLING, Ordering::Relaxed);
        self.wait(self.times.idle);
    }

    /// It is a WebSocket from now on, and may be counted by its client's address, too.
    pub(super) fn upgraded(&self, counted: Option<Counted>) {
        *self.counted_by_client.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        self.phase.store(UPGRADED, Ordering::Relaxed);
    }

    /// When it is over, and what was waited for.
    pub(super) fn until(&self) -> Option<(Instant, Waited)> {
        let waited = match self.phase.load(Ordering::Relaxed) {
            READING_HEAD => Waited::Head,
            IDLING => Waited::Next,
            _ => return None,
        };
        Some((self.began_at + Duration::from_millis(self.until.load(Ordering::Relaxed)), waited))
    }

    fn wait(&self, time: Duration) {
        let until = self.began_at.elapsed() + time;
        self.until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn has_read(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLING {
            self.phase.store(READING_HEAD, Ordering::Relaxed);
            self.wait(self.times.head);
        }
    }

    fn has_written(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLING {
            self.wait(self.times.idle);
        }
    }
}

/// A stream that notes what comes and goes.
#[derive(Debug)]
pub(super) struct Noted<S> {
    pub(super) stream: S,
    pub(super) patience: Arc<Patience>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.patience.has_read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.patience.has_written();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        if written.is_ready() {
            self.patience.has_written();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
