//! Being one of the nodes of a history: a lock that a connection of its own holds, by which nodes keep those out that they
//! could not work with. It also is the first to notice when PostgreSQL goes away, and when it is back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::database::{Database, DatabaseError, Lock, Session, within};

/// How often PostgreSQL is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_secs(1);

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
pub(super) struct Claim(Mutex<Option<ClaimError>>);

impl Claim {
    /// Why the claim does not hold now.
    pub(super) fn trouble(&self) -> Option<ClaimError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<ClaimError>) -> Option<ClaimError> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), trouble)
    }

    fn lost(&self, error: &ClaimError) {
        if self.set(Some(error.clone())).is_none() {
            warn!(%error, "this server does without its history until PostgreSQL answers");
        }
    }

    fn held(&self) {
        if self.set(None).is_some() {
            info!("PostgreSQL answers again");
        }
    }
}

/// Becomes a node, and waits a moment for one that is in the way and may be about to end.
pub(super) async fn first(database: &Database, company: Company) -> Result<Session, ClaimError> {
    let end = clock::now().instant + PATIENCE;
    loop {
        match take(database, company).await {
            Err(ClaimError::Taken) if clock::now().instant < end => sleep(TRY_EVERY).await,
            done => return done,
        }
    }
}

/// Holds on to what `session` holds, and takes it anew when it is lost, until `stop`.
pub(super) async fn keep(
    database: Database,
    company: Company,
    mut session: Session,
    claim: Arc<Claim>,
    stop: CancellationToken,
) {
    let keeping = async {
        loop {
            claim.held();
            let error = loop {
                sleep(ASK_EVERY).await;
                if let Err(error) = within(async { Ok(session.check_connection().await?) }).await {
                    break error;
                }
            };
            claim.lost(&error.into());
            session = loop {
                match take(&database, company).await {
                    Ok(session) => break session,
                    Err(error) => claim.lost(&error),
                }
                sleep(ASK_EVERY).await;
            };
        }
    };
    stop.run_until_cancelled(keeping).await;
}

async fn take(database: &Database, company: Company) -> Result<Session, ClaimError> {
    let session = database.apart().await?;
    let (ours, lock) = Lock::Nodes.key();
    let select = match company {
        Company::Alone => "SELECT pg_try_advisory_lock($1, $2)",
        Company::Others => "SELECT pg_try_advisory_lock_shared($1, $2)",
    };
    let asked = async { Ok(session.query_one(select, &[&ours, &lock]).await?.try_get(0)?) };
    if within(asked).await? { Ok(session) } else { Err(ClaimError::Taken) }
}
