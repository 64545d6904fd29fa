//! The work of one thread: its rooms' listeners and senders, and the book about them.

use std::cell::RefCell;
use std::future::pending;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rustix::io::Errno;
use shared::names::{Email, NameError, RoomId, Username};
use shared::rest::{TokenAnswer, TokenRequest};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::cli::bench::book::{Book, Share};
use crate::cli::bench::http::{Bearer, Http, connect};
use crate::cli::bench::ledger::LISTENERS;
use crate::cli::bench::pace::Dues;
use crate::cli::bench::plan::{Plan, Times};
use crate::cli::bench::progress::Progress;
use crate::cli::bench::sender::{Place, Sender};
use crate::cli::exit::{Exit, Failure};

/// One connection may take this long to open.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// After the last message, its answer may take this long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Frames are waited for until none came for this long, and for a while after the last one, to see repeats.
const QUIET: Duration = Duration::from_secs(3);
const REPEATS: Duration = Duration::from_millis(300);
/// How often to see whether the run was stopped.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// One frame of a bench is small, and there may be thousands of connections.
const READ_BUFFER_BYTES: usize = 2048;

/// A running thread.
#[derive(Debug)]
pub(crate) struct Shard {
    ready: mpsc::Receiver<()>,
    go: oneshot::Sender<(Times, Dues)>,
    thread: JoinHandle<Result<Share, Failure>>,
}

/// A shard whose load has begun.
#[derive(Debug)]
pub(crate) struct Running(JoinHandle<Result<Share, Failure>>);

impl Shard {
    /// Starts to connect.
    pub(crate) fn start(plan: &Arc<Plan>, number: u32, progress: &Arc<Progress>) -> Self {
        // Bound 1: said once.
        let (is_ready, ready) = mpsc::sync_channel(1);
        let (go, going) = oneshot::channel();
        let (plan, progress) = (Arc::clone(plan), Arc::clone(progress));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| Failure::new(Exit::Unexpected, format!("starting the runtime: {e}")))?;
            let work = Work::new(plan, number, progress);
            LocalSet::new().block_on(&runtime, work.run(is_ready, going))
        });
        Self { ready, go, thread }
    }

    /// Waits until everything is connected.
    ///
    /// # Errors
    /// With the reason when it cannot be.
    pub(crate) fn connected(self) -> Result<Self, Failure> {
        match self.ready.recv() {
            Ok(()) => Ok(self),
            Err(_) => Err(join(self.thread).err().unwrap_or_else(panicked)),
        }
    }

    /// Begins the load.
    pub(crate) fn go(self, times: Times, dues: Dues) -> Running {
        // A thread that has ended says why when it is joined.
        _ = self.go.send((times, dues));
        Running(self.thread)
    }
}

impl Running {
    /// Waits for the end.
    ///
    /// # Errors
    /// When the thread could not do its work.
    pub(crate) fn join(self) -> Result<Share, Failure> {
        join(self.0)
    }
}

fn join(thread: JoinHandle<Result<Share, Failure>>) -> Result<Share, Failure> {
    thread.join().unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> Failure {
    Failure::new(Exit::Unexpected, "a thread of the bench has panicked")
}

struct Work {
    plan: Arc<Plan>,
    number: u32,
    book: Rc<RefCell<Book>>,
}

impl Work {
    fn new(plan: Arc<Plan>, number: u32, progress: Arc<Progress>) -> Self {
        let book = Rc::new(RefCell::new(Book::new(Arc::clone(&plan), progress, Instant::now())));
        Self { plan, number, book }
    }

    async fn run(
        self,
        is_ready: mpsc::SyncSender<()>,
        going: oneshot::Receiver<(Times, Dues)>,
    ) -> Result<Share, Failure> {
        let mut listeners = JoinSet::new();
        let senders = self.connect(&mut listeners).await.map_err(|e| e.failure(&self.plan.addresses.join(", ")))?;
        // Both ends are only gone when the whole bench is.
        _ = is_ready.send(());
        let Ok((times, mut dues)) = going.await else { return Ok(Share::default()) };
        self.book.borrow_mut().begin(times);
        let mut sending = JoinSet::new();
        for sender in senders {
            match dues.remove(&sender.room) {
                Some(dues) => _ = sending.spawn_local(sender.open_loop(dues)),
                None => _ = sending.spawn_local(sender.closed_loop(times)),
            }
        }
        tokio::select! {
            () = self.load(sending) => {}
            // Whatever is sent after that, nobody hears.
            () = all(&mut listeners) => {}
        }
        Ok(self.book.borrow_mut().close())
    }

    /// Until everything was sent, answered and heard, or will not be.
    async fn load(&self, mut sending: JoinSet<()>) {
        while !sending.is_empty() && Instant::now() < self.last() + ANSWERS_WITHIN {
            _ = timeout(LOOK_EVERY, sending.join_next()).await;
        }
        for _ in 0..sending.len() {
            self.book.borrow_mut().fail("no answer");
        }
        while Instant::now() < self.last() {
            sleep(LOOK_EVERY.min(self.last() - Instant::now())).await;
        }
        self.drain().await;
    }

    fn last(&self) -> Instant {
        self.book.borrow().last()
    }

    /// Connects the listeners, the idle ones, and the senders.
    async fn connect(&self, listeners: &mut JoinSet<()>) -> Result<Vec<Sender>, SetupError> {
        let mut http = in_time(Http::connect(self.plan.address(0))).await?;
        let mut senders = vec![];
        for room in self.plan.rooms_of(self.number) {
            let room_id = RoomId::new(self.plan.room(room))?;
            for listener in 0..LISTENERS {
                let address = self.plan.address(room + listener);
                let token = in_time(self.token(&mut http, &room_id, listener)).await?;
                let stream = in_time(self.join(&token, address, &room_id)).await?;
                listeners.spawn_local(listen(stream, Rc::clone(&self.book), room, listener));
            }
            for number in 0..self.plan.senders_in(room) {
                let token = in_time(self.token(&mut http, &room_id, number % LISTENERS)).await?;
                let (book, room_id) = (Rc::clone(&self.book), room_id.clone());
                let place = Place { room, room_id, number, token };
                senders.push(in_time(Sender::connect(&self.plan, book, place)).await?);
            }
        }
        for idle in (0..self.plan.idle).filter(|idle| idle % self.plan.threads == self.number) {
            let room_id = RoomId::new(self.plan.idle_room(idle))?;
            let address = self.plan.address(idle);
            let token = in_time(self.token(&mut http, &room_id, idle % LISTENERS)).await?;
            let stream = in_time(self.join(&token, address, &room_id)).await?;
            listeners.spawn_local(stay(stream, Rc::clone(&self.book)));
        }
        Ok(senders)
    }

    /// A token of one of the users of a room.
    async fn token(&self, http: &mut Http, room: &RoomId, seat: u32) -> Result<Bearer, SetupError> {
        let username = Username::new(format!("listener-{seat}"))?;
        let request = TokenRequest { username, email: Email::new("bench@example.com")?, room_id: room.clone() };
        match http.post("/generate-token", self.plan.issuer_key.as_ref(), &request).await? {
            (200, body) => Ok(Bearer(serde_json::from_slice::<TokenAnswer>(body).map_err(std::io::Error::from)?.token)),
            (401, _) => Err(SetupError::Closed),
            (status, _) => Err(SetupError::Status(status)),
        }
    }

    /// One WebSocket without a subprotocol, as a client of the first system opens it.
    async fn join(
        &self,
        token: &Bearer,
        address: &str,
        room: &RoomId,
    ) -> Result<WebSocketStream<TcpStream>, SetupError> {
        let mut request = format!("ws://{address}/updates/{room}").into_client_request()?;
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.0)).map_err(tungstenite::http::Error::from)?;
        request.headers_mut().insert("authorization", bearer);
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, connect(address).await?, Some(config)).await?;
        Ok(stream)
    }

    /// Waits until every accepted message was heard everywhere, or nothing comes any more.
    async fn drain(&self) {
        let (mut heard, mut quiet_since) = (self.book.borrow().heard(), Instant::now());
        while self.book.borrow().is_waiting() && quiet_since.elapsed() < QUIET {
            sleep(Duration::from_millis(20)).await;
            let now_heard = self.book.borrow().heard();
            if std::mem::replace(&mut heard, now_heard) != now_heard {
                quiet_since = Instant::now();
            }
        }
        sleep(REPEATS).await;
    }
}

/// Waits until all have ended; for ever when there never was one.
async fn all(listeners: &mut JoinSet<()>) {
    if listeners.is_empty() {
        pending::<()>().await;
    }
    while listeners.join_next().await.is_some() {}
}

async fn listen(mut stream: WebSocketStream<TcpStream>, book: Rc<RefCell<Book>>, room: u32, listener: u32) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Text(content) = message {
            book.borrow_mut().hear(room, listener, &content, Instant::now());
        }
    }
    book.borrow_mut().end();
}

/// Keeps a connection open, which answers pings on the way.
async fn stay(mut stream: WebSocketStream<TcpStream>, book: Rc<RefCell<Book>>) {
    while let Some(Ok(_)) = stream.next().await {}
    book.borrow_mut().end();
}

/// A server that takes a connection and says nothing keeps nobody waiting.
async fn in_time<T, E>(opening: impl Future<Output = Result<T, E>>) -> Result<T, SetupError>
where
    SetupError: From<E>,
{
    Ok(timeout(OPEN_WITHIN, opening).await.map_err(|_| SetupError::Silent)??)
}

/// Why the bench could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("{}", io_words(.0))]
    Io(#[from] std::io::Error),
    #[error("no answer within {} s", OPEN_WITHIN.as_secs())]
    Silent,
    #[error("opening a WebSocket: {0}")]
    WebSocket(#[from] tungstenite::Error),
    #[error("opening a WebSocket: {0}")]
    Http(#[from] tungstenite::http::Error),
    #[error("asking for a token: the server answers {0}")]
    Status(u16),
    #[error("the server is closed: set DUET_ISSUER_KEY to its issuer key")]
    Closed,
    #[error("{0}")]
    Name(#[from] NameError),
}

impl SetupError {
    fn failure(&self, address: &str) -> Failure {
        let exit = match self {
            Self::Io(_) | Self::Silent => Exit::NoConnection,
            Self::WebSocket(_) | Self::Http(_) | Self::Status(_) | Self::Closed => Exit::Refused,
            Self::Name(_) => Exit::Unexpected,
        };
        Failure::new(exit, format!("connecting to {address}: {self}"))
    }
}

fn io_words(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::ConnectionRefused {
        return "refused: start a server there, or name another one with --server".to_owned();
    }
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => "more connections than this system lets a program have: raise `ulimit -n`".to_owned(),
        Some(_) | None => error.to_string(),
    }
}
