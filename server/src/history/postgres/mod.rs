//! History in PostgreSQL, for one node or for several that share it.

pub mod check;
pub mod claim;
mod index;
mod placing;
mod reading;
mod receipts;
mod schema;
mod search;
mod upkeep;

use std::sync::Arc;

use shared::frames::Receipt;
use shared::names::RoomId;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::broker::Incoming;
use crate::database::{Database, DatabaseError, Session};
use crate::history::finds::Wanted;
use crate::history::postgres::claim::{Claim, Company};
use crate::history::trouble::{Failure, Trouble};
use crate::history::{Durability, Found, HistoryError, Page, Placed, Retention, Span};

/// How many searches of a node run at once: fewer than it has connections, for they take longer than pages, and those who come in
/// do not wait for them.
const SEARCHES: usize = 3;

/// Brings the tables of a database up to date, or makes them, for whoever needs them before the first server.
///
/// # Errors
/// [`HistoryError::Open`] with what to do about it.
pub async fn prepare(database: &Database) -> Result<(), HistoryError> {
    let failed = |what: &dyn std::fmt::Display| {
        HistoryError::Open(format!("cannot open the tables in {}: {what}", database.address()))
    };
    let session = database.apart().await.map_err(|e| failed(&e))?;
    schema::migrate(&session).await.map(|_| ()).map_err(|e| failed(&e))
}

/// A handle to the history in a database.
#[derive(Debug, Clone)]
pub struct Postgres {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    epoch: String,
    durability: Durability,
    claim: Arc<Claim>,
    searches: Semaphore,
    /// With the last commit of messages.
    commits: Trouble<DatabaseError>,
    /// With reads.
    reads: Trouble<DatabaseError>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Postgres {
    /// Opens or makes the history in a database.
    ///
    /// # Errors
    /// [`HistoryError::Open`] with what to do about it.
    pub(super) async fn open(
        database: &Database,
        company: Company,
        durability: Durability,
        retention: Retention,
    ) -> Result<Self, HistoryError> {
        let failed = |what: &dyn std::fmt::Display| {
            HistoryError::Open(format!("cannot open the history in {}: {what}", database.address()))
        };
        let held = claim::first(database, company).await.map_err(|e| failed(&e))?;
        let epoch = schema::migrate(held.session()).await.map_err(|e| failed(&e))?;
        let shared = Arc::new(Shared {
            database: database.clone(),
            epoch,
            durability,
            claim: Arc::default(),
            searches: Semaphore::new(SEARCHES),
            commits: Trouble::default(),
            reads: Trouble::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let Shared { claim, tasks, stop, .. } = &*shared;
        let keeping_up = upkeep::keep_up(database.clone(), retention);
        let keeping = claim::keep(database.clone(), company, held, Arc::clone(claim));
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(async move {
            tokio::select! {
                ((), ()) = async { tokio::join!(keeping, keeping_up) } => {}
                () = stopped => {}
            }
        });
        Ok(Self { shared })
    }

    pub(super) fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    pub(super) async fn append(&self, messages: Arc<[Incoming]>) -> Result<Vec<Placed>, HistoryError> {
        let Shared { database, durability, claim, commits, .. } = &*self.shared;
        claim.holds()?;
        let result = database.run(async |session| placing::append(session, *durability, &messages).await).await;
        match &result {
            Ok(_) => commits.forget(),
            Err(error) => {
                claim.note(error);
                // The intake says so.
                commits.note(error);
            }
        }
        Ok(result?)
    }

    pub(super) async fn page(&self, room: &RoomId, span: Span, limit: u32) -> Result<Page, HistoryError> {
        self.read(async |session| reading::page(session, room, span, limit).await).await
    }

    pub(super) async fn search(&self, room: &RoomId, wanted: Wanted) -> Result<Found, HistoryError> {
        let _permit = self.shared.searches.acquire().await.map_err(|_| HistoryError::Closed)?;
        self.read(async |session| search::search(session, room, &wanted).await).await
    }

    pub(super) async fn receipts(&self, room: &RoomId) -> Result<Vec<Receipt>, HistoryError> {
        self.read(async |session| receipts::read(session, room).await).await
    }

    /// Reads, and says when that begins to fail and when it has gone well for a while.
    async fn read<T>(&self, read: impl AsyncFnOnce(&Session) -> Result<T, DatabaseError>) -> Result<T, HistoryError> {
        let Shared { database, claim, reads, .. } = &*self.shared;
        claim.holds()?;
        let result = database.run(read).await;
        if let Err(error) = &result {
            claim.note(error);
        }
        match &result {
            Ok(_) if reads.forget_old() => info!("the history is read without errors again"),
            Err(error) if reads.note(error) => warn!(%error, "history could not be read"),
            Ok(_) | Err(_) => {}
        }
        Ok(result?)
    }

    pub(super) async fn keep_receipts(&self, receipts: Vec<(RoomId, Receipt)>) -> Result<(), HistoryError> {
        self.shared.claim.holds()?;
        Ok(self.shared.database.run(async |session| receipts::keep(session, &receipts).await).await?)
    }

    pub(super) fn trouble(&self) -> Option<String> {
        let Shared { claim, commits, reads, .. } = &*self.shared;
        let failure = || {
            let mut failures = [commits.recent(), reads.recent()].into_iter().flatten();
            failures.find(|Failure { at, error }| !claim.has_answered_since(*at, error))
        };
        let trouble = claim.trouble().map(|trouble| trouble.to_string());
        trouble.or_else(|| failure().map(|failure| failure.error.to_string()))
    }

    pub(super) async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
