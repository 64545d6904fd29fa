//! Being one of the nodes of a history: a lock that a connection of its own holds, by which nodes keep those out that they
//! could not work with. It also is the first to notice when PostgreSQL goes away, and when it is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;
use crate::database::{Database, DatabaseError, Lock, Session, within};
use crate::history::HistoryError;

/// How often PostgreSQL is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often it is tried while it is not.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// How long a start waits for the node before it, which may be about to end.
const PATIENCE: Duration = Duration::from_secs(3);
const TRY_EVERY: Duration = Duration::from_millis(100);

/// With whom a node works on a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// With nobody: its broker is its own, so that no other would hear what it accepts.
    Alone,
    /// With any number of others like it.
    Others,
}

/// Why this is no node of the history, or not at the moment: a sentence.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ClaimError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(
        "another duet-server works on this database: for several on one database set AMQP_URL to the same RabbitMQ for all of \
         them, or give this one a database of its own"
    )]
    Taken,
}

/// What the node knows about its claim.
#[derive(Debug, Default)]
pub(super) struct Claim(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    trouble: Option<ClaimError>,
    /// When PostgreSQL was asked what it has answered last.
    answered_at: Option<Instant>,
}

impl Claim {
    /// Whether the history may be used now: where it is known that PostgreSQL does not answer, nobody waits for it once more.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn holds(&self) -> Result<(), HistoryError> {
        match self.trouble() {
            None => Ok(()),
            Some(ClaimError::Database(error)) => Err(error.into()),
            Some(error @ ClaimError::Taken) => Err(HistoryError::Taken(error.to_string())),
        }
    }

    /// Why the claim does not hold now.
    pub(super) fn trouble(&self) -> Option<ClaimError> {
        self.known().trouble.clone()
    }

    /// Whether this failed because PostgreSQL was away, and it has answered since.
    pub(super) fn has_answered_since(&self, failed_at: Instant, error: &DatabaseError) -> bool {
        error.is_absence() && self.known().answered_at > Some(failed_at)
    }

    /// Takes note of what was met at work: whoever comes next need not wait for a PostgreSQL that does not answer.
    pub(super) fn note(&self, error: &DatabaseError) {
        if matches!(error, DatabaseError::Silent) {
            self.lost(&error.clone().into());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, error: &ClaimError) {
        if self.known().trouble.replace(error.clone()).is_none() {
            warn!(%error, "this server does without its history until PostgreSQL answers");
        }
    }

    fn held(&self, asked_at: Instant) {
        let before = std::mem::replace(&mut *self.known(), Known { trouble: None, answered_at: Some(asked_at) });
        if before.trouble.is_some() {
            info!("PostgreSQL answers again");
        }
    }
}

/// A connection that holds the lock, and who it is at the other end.
pub(super) struct Held {
    session: Session,
    process: i32,
    since: String,
}

impl Held {
    /// The connection.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }
}

/// Becomes a node, and waits a moment for one that is in the way and may be about to end.
pub(super) async fn first(database: &Database, company: Company) -> Result<Held, ClaimError> {
    let end = clock::now().instant + PATIENCE;
    loop {
        match take(database, company, None).await {
            Err(ClaimError::Taken) if clock::now().instant < end => sleep(TRY_EVERY).await,
            done => return done,
        }
    }
}

/// Holds on to what is held, and takes it anew when it is lost, for ever.
pub(super) async fn keep(database: Database, company: Company, mut held: Held, claim: Arc<Claim>) {
    loop {
        sleep(if claim.trouble().is_none() { ASK_EVERY } else { TRY_AGAIN }).await;
        let asked_at = clock::now().instant;
        match within(async { Ok(held.session.check_connection().await?) }).await {
            Ok(()) => {
                claim.held(asked_at);
                continue;
            }
            // To connect would take as long once more.
            Err(error @ DatabaseError::Silent) => claim.lost(&error.into()),
            // It may be this connection alone, and be over at once.
            Err(_) => {}
        }
        match take(&database, company, Some(&held)).await {
            Ok(taken) => {
                held = taken;
                claim.held(asked_at);
            }
            Err(error) => claim.lost(&error),
        }
    }
}

/// Takes the lock, from our own former connection where PostgreSQL does not know yet that it is gone.
async fn take(database: &Database, company: Company, former: Option<&Held>) -> Result<Held, ClaimError> {
    let session = database.apart().await?;
    let (ours, lock) = Lock::Nodes.key();
    let take = match company {
        Company::Alone => "pg_try_advisory_lock",
        Company::Others => "pg_try_advisory_lock_shared",
    };
    let select =
        format!("SELECT {take}($1, $2), pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    let asked = async {
        if let Some(Held { process, since, .. }) = former {
            let end =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
            session.execute(end, &[process, since]).await?;
        }
        let row = session.query_one(&select, &[&ours, &lock]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    let (is_held, process, since) = within(asked).await?;
    if is_held { Ok(Held { session, process, since }) } else { Err(ClaimError::Taken) }
}
