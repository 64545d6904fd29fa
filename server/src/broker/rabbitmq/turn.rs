//! Whose turn it is to take messages, where several nodes could: that of the one which holds a lock of the database. RabbitMQ
//! has an exclusive consumer, too, but not on quorum queues, and it does not tell a node from any other program.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::debug;

use crate::database::{Database, DatabaseError, Lock, Session, within};

/// How often to try, and how often PostgreSQL is asked whether it still is there.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Has PostgreSQL end a connection on which nothing is asked any more, as of a node that stands still. It knows this from
/// version 14 on.
const FREE_SOON: &str = "SET idle_session_timeout = '12s'";

/// Why a node leaves the queue to others.
const NO_LEASE: &str = "this server holds no lease among those that share its history, and takes no messages";

/// Who else may consume from the queue.
#[derive(Debug, Clone)]
pub enum Peers {
    /// Nobody: whoever does takes messages away that this node would have to hear.
    Nobody,
    /// Another node of the same history. This one takes over when that one goes, and hears from it until then.
    Nodes {
        /// Where the lock is.
        database: Database,
        /// Whether this node has a lease. It takes only while it has one, for one that is cut off from the history would keep
        /// messages from those that are not.
        lease: watch::Receiver<bool>,
    },
}

/// The turn of this node, for as long as this lives.
pub(super) enum Turn {
    /// There are no others.
    Alone,
    /// The others wait.
    Held {
        /// Has the lock.
        session: Box<Session>,
        lease: watch::Receiver<bool>,
    },
}

impl Peers {
    /// Waits until it is this node's turn, and says each time that it is another's.
    pub(super) async fn turn(&self, stand_by: impl Fn()) -> Turn {
        let Self::Nodes { database, lease } = self else { return Turn::Alone };
        loop {
            let mut lease = lease.clone();
            // Whoever could give a lease has ended; so does this.
            let _ = lease.wait_for(|is_held| *is_held).await;
            match lock(database, &stand_by).await {
                Ok(session) => return Turn::Held { session: Box::new(session), lease },
                Err(error) => {
                    debug!(%error, "it is not known whose turn it is to take messages");
                    stand_by();
                    sleep(ASK_EVERY).await;
                }
            }
        }
    }
}

impl Turn {
    /// Waits until this node may take no more, and says why.
    pub(super) async fn over(&self) -> String {
        let Self::Held { session, lease } = self else { return std::future::pending().await };
        let mut lease = lease.clone();
        tokio::select! {
            _ = lease.wait_for(|is_held| !*is_held) => NO_LEASE.to_owned(),
            error = lost(session) => format!("this server leaves the queue to others, for the lock is lost ({error})"),
        }
    }
}

async fn lock(database: &Database, stand_by: &impl Fn()) -> Result<Session, DatabaseError> {
    let session = database.apart().await?;
    if let Err(error) = within(async { Ok(session.batch_execute(FREE_SOON).await?) }).await {
        debug!(%error, "a node that stands still keeps its turn for longer");
    }
    let (ours, lock) = Lock::Intake.key();
    loop {
        let asking = async {
            let row = session.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&ours, &lock]).await?;
            Ok(row.try_get::<_, bool>(0)?)
        };
        if within(asking).await? {
            return Ok(session);
        }
        stand_by();
        sleep(ASK_EVERY).await;
    }
}

async fn lost(session: &Session) -> DatabaseError {
    loop {
        tokio::select! {
            () = session.ended() => {}
            () = sleep(ASK_EVERY) => {}
        }
        if let Err(error) = within(async { Ok(session.check_connection().await?) }).await {
            return error;
        }
    }
}
