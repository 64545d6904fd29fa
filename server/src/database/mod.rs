//! The connections to PostgreSQL, for whatever of a node keeps something there. How many there are, how long anything may
//! take and what happens to a connection that failed is decided here; what is asked stands where it is needed.

mod address;
mod asked;
mod error;
mod tls;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use address::{Address, AddressError};
pub use error::DatabaseError;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::clock;

/// How many connections a node has at most, beside those that are [`Database::apart`]. Each is a process of PostgreSQL,
/// which takes a hundred by default.
const CONNECTIONS: usize = 10;

/// How long connecting may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long what is asked may take as a whole, the wait for a connection included. Longer than PostgreSQL gives it, so that
/// this is only about a PostgreSQL that does not answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How long closing may take. PostgreSQL notices a connection that just ends, too.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a start waits for a PostgreSQL that is not there yet, as where both start together, and how often it tries.
const PATIENCE: Duration = Duration::from_secs(15);
const TRY_EVERY: Duration = Duration::from_millis(250);

/// What is locked by name rather than by row (`pg_advisory_lock`), each once in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Lock {
    /// Bringing the schema up to date.
    Schema = 1,
    /// Being one of the nodes.
    Nodes = 2,
    /// What one of them does for all.
    Upkeep = 3,
    /// Taking messages from RabbitMQ.
    Intake = 4,
}

/// Sets our locks apart from those of other programs: "Duet".
const LOCKS: i32 = 0x4475_6574;

impl Lock {
    /// The two numbers that PostgreSQL knows it by.
    #[must_use]
    pub fn key(self) -> (i32, i32) {
        (LOCKS, self as i32)
    }
}

/// Why there is no database to work with: a sentence that says what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    address: Address,
    config: Config,
    connector: MakeRustlsConnect,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    tasks: TaskTracker,
}

/// A connection. It ends when it is dropped.
pub struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    ended: CancellationToken,
    _ends: DropGuard,
}

impl Database {
    /// Connects, and waits some seconds for a PostgreSQL that is not there yet.
    ///
    /// # Errors
    /// When it does not come, does not let us in, or is not one that Duet can use.
    pub async fn open(address: Address) -> Result<Self, OpenError> {
        let failed = |what: &str| OpenError(format!("cannot use the database {address}: {what}"));
        let connector = tls::connector(&address.trust).map_err(|e| failed(&e))?;
        let shared = Shared {
            config: asked::config(&address),
            address: address.clone(),
            connector,
            permits: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        let database = Self { shared: Arc::new(shared) };
        let session = database.wait_for_it().await.map_err(|e| failed(&asked::remedy(&e)))?;
        if let Err(what) = asked::usable(&session).await {
            return Err(failed(&what));
        }
        database.put_back(session);
        Ok(database)
    }

    async fn wait_for_it(&self) -> Result<Session, DatabaseError> {
        let end = clock::now().instant + PATIENCE;
        let mut is_said = false;
        loop {
            let error = match self.connect().await {
                Ok(session) => return Ok(session),
                Err(error @ (DatabaseError::Away(_) | DatabaseError::Silent)) => error,
                Err(error) => return Err(error),
            };
            if clock::now().instant >= end {
                return Err(error);
            }
            if !std::mem::replace(&mut is_said, true) {
                warn!(%error, database = %self.address(), "waiting for PostgreSQL");
            }
            sleep(TRY_EVERY).await;
        }
    }

    /// Where it is. Shows itself without the password.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Works on one of the connections, which has no transaction open and is to have none after. What fails, or is given
    /// up, ends its connection, and with it whatever it had begun.
    ///
    /// # Errors
    /// What `work` answers, and where there is no connection or no answer in time.
    pub async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let working = async {
            let _permit = self.shared.permits.acquire().await.map_err(|_| DatabaseError::Closed)?;
            let session = match self.take_idle() {
                Some(session) => session,
                None => self.connect().await?,
            };
            let result = work(&session).await?;
            self.put_back(session);
            Ok(result)
        };
        within(working).await
    }

    /// A connection of one's own, beside the pool, for what belongs to a connection, as locks do.
    ///
    /// # Errors
    /// When none can be made.
    pub async fn apart(&self) -> Result<Session, DatabaseError> {
        if self.shared.permits.is_closed() {
            return Err(DatabaseError::Closed);
        }
        self.connect().await
    }

    /// Ends all connections of the pool. Whatever is asked later answers [`DatabaseError::Closed`].
    pub async fn close(&self) {
        self.shared.permits.close();
        self.idle().clear();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn connect(&self) -> Result<Session, DatabaseError> {
        let Shared { config, connector, tasks, .. } = &*self.shared;
        let connecting = timeout(CONNECT_TIMEOUT, config.connect(connector.clone()));
        let (client, mut connection) = connecting.await.map_err(|_| DatabaseError::Silent)??;
        let dropped = CancellationToken::new();
        let ends = dropped.clone().drop_guard();
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        tasks.spawn(async move {
            let _end = end;
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = dropped.cancelled() => timeout(CLOSE_TIMEOUT, &mut connection).await.unwrap_or(Ok(())),
            };
            if let Err(error) = ended {
                // Whoever works on it is told, too.
                debug!(error = %DatabaseError::from(error), "a connection to PostgreSQL has ended");
            }
        });
        Ok(Session { client, statements: Mutex::default(), ended, _ends: ends })
    }

    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop()).find(|session| !session.client.is_closed())
    }

    fn put_back(&self, session: Session) {
        // Under the lock, so that none is put back behind a `close`.
        let mut idle = self.idle();
        if !self.shared.permits.is_closed() {
            idle.push(session);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Session {
    /// Waits until the connection has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// A statement that this connection has prepared, now or before. What goes out together is prepared beforehand: its order
    /// would not hold otherwise.
    ///
    /// # Errors
    /// When it cannot be prepared.
    pub async fn prepared(&self, sql: &'static str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements().insert(sql, statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Waits no longer than PostgreSQL may take.
///
/// # Errors
/// [`DatabaseError::Silent`] when it takes longer.
pub async fn within<T>(work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    timeout(LIMIT, work).await.unwrap_or(Err(DatabaseError::Silent))
}
