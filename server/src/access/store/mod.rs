//! What is kept of invites, refresh tokens and revocations: beside the history, for what is said and who may come in have lives
//! of their own. Only digests of secrets are kept.

pub mod check;
mod file;
mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared::names::RoomId;
use tracing::warn;

use crate::access::codes::Digest;
use crate::access::invites::{self, Added, Admission, Attempt, Invite, Member, Refusal, Revocation};
use crate::access::store::postgres::Postgres;
use crate::access::store::sqlite::Sqlite;
use crate::clock;
use crate::database::{Database, DatabaseError};

/// The file within the data folder.
pub const FILE: &str = "access.db";

/// How often what is over is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// How much later than before a refresh token has to end for that to be written down: so much, or a part of its life where that
/// is less. Using one is mostly a read.
const USES_WRITTEN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
const USES_WRITTEN_IN_A_LIFE: u32 = 10;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It could not be opened: a sentence that says what to do.
    #[error("{0}")]
    Open(String),
    /// SQLite answered with an error; trying again later may help.
    #[error("who may come in cannot be read or written: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// PostgreSQL is away, or answered with an error; trying again later may help.
    #[error("who may come in cannot be read or written: {0}")]
    Postgres(#[from] DatabaseError),
    /// It has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// A version of the revocations that one store has read; another version when they have changed, and now and then when they
/// have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

/// Where it is kept. Cheap to clone. Several processes may use it at once.
#[derive(Debug, Clone)]
pub enum Store {
    /// In a file of its own in the data folder.
    Sqlite(Sqlite),
    /// In the database of the history.
    Postgres(Postgres),
}

impl Store {
    /// Opens the file in `folder`, which is there, and makes it when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it cannot be used, or is of a later version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Sqlite::open(&folder.join(FILE)).map(Self::Sqlite)
    }

    /// Works in a database whose history has been opened, which makes the tables.
    #[must_use]
    pub fn share(database: &Database) -> Self {
        Self::Postgres(Postgres::new(database.clone()))
    }

    /// The time by the clock that dates revocations, which everything that they may cover is to be dated by: PostgreSQL's, where
    /// several servers could have clocks that differ.
    ///
    /// # Errors
    /// When that clock cannot be read.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(clock::timestamp()),
            Self::Postgres(postgres) => postgres.now().await,
        }
    }

    /// Keeps a new invite, if there is room for it and its creator may still invite: by a token that was made at `issued_at`, if
    /// it says so. It either comes before a revocation of the creator, which takes it away, or is refused.
    ///
    /// # Errors
    /// When it is not known whether it is kept.
    pub async fn add(&self, invite: Invite, code: Digest, issued_at: Option<Timestamp>) -> Result<Added, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.add(invite, code, issued_at).await,
            Self::Postgres(postgres) => postgres.add(&invite, code, issued_at).await,
        }
    }

    /// The invites of a room that can still be used, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn pending(&self, room: &RoomId, now: Timestamp) -> Result<Vec<Invite>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.pending(room.clone(), now).await,
            Self::Postgres(postgres) => postgres.pending(room, now).await,
        }
    }

    /// Takes back an invite of a room that nobody has used. Says whether there was one.
    ///
    /// # Errors
    /// When it was not taken back.
    pub async fn withdraw(&self, room: &RoomId, id: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.withdraw(room.clone(), id.to_owned()).await,
            Self::Postgres(postgres) => postgres.withdraw(room, id).await,
        }
    }

    /// Exchanges an invite for a refresh token, by the rules of [`crate::access::invites::admit`]: of several who try at once
    /// one is the first.
    ///
    /// # Errors
    /// When the store cannot be used, and nothing was exchanged; within, why the invite is not taken.
    pub async fn redeem(&self, code: Digest, attempt: Attempt) -> Result<Result<Admission, Refusal>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.redeem(code, attempt).await,
            Self::Postgres(postgres) => postgres.redeem(code, &attempt).await,
        }
    }

    /// Whose refresh token this is, which is good until `until` now. `None` for one that is over, revoked, or never was.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn refresh(&self, token: Digest, now: Timestamp, until: Timestamp) -> Result<Option<Member>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.refresh(token, now, until).await,
            Self::Postgres(postgres) => postgres.refresh(token, now, until).await,
        }
    }

    /// Takes everything from a user of a room: refresh tokens and invites go, also those that they made for others and nobody has
    /// used, and it is kept that what was made until now is no good any more.
    ///
    /// # Errors
    /// When nothing was revoked.
    pub async fn revoke(&self, member: &Member) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.revoke(member.clone()).await,
            Self::Postgres(postgres) => postgres.revoke(member).await,
        }
    }

    /// Who is no longer welcome: all that is remembered, and its version. `None` when that is the `known` one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn revocations(&self, known: Option<&Version>) -> Result<Option<(Version, Vec<Revocation>)>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.revocations(known.cloned()).await,
            Self::Postgres(postgres) => postgres.revocations(known).await,
        }
    }

    /// Forgets what is over at this time.
    ///
    /// # Errors
    /// When nothing was forgotten.
    pub async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget(now).await,
            Self::Postgres(postgres) => postgres.forget(now).await,
        }
    }

    /// Forgets what is over, now and then, for ever.
    pub async fn keep_up(&self) {
        loop {
            if let Err(error) = self.forget(clock::timestamp()).await {
                warn!(%error, "what is over of invites could not be forgotten");
            }
            tokio::time::sleep(FORGET_EVERY).await;
        }
    }

    /// Closes the file. Later calls answer [`StoreError::Closed`]. What is in PostgreSQL closes with its database.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(_) => {}
        }
    }
}

/// Whether a refresh token that was to end at `expires_at`, and is good from `now` until `until`, has to have that written down.
fn is_worth_writing(expires_at: i64, now: Timestamp, until: Timestamp) -> bool {
    let life = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    let step = USES_WRITTEN_EVERY.min(life / USES_WRITTEN_IN_A_LIFE);
    milliseconds(invites::earlier(until, step)) > expires_at
}

/// A time as it is kept.
fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A time from what was kept.
fn time(milliseconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(milliseconds).map_err(|e| e.to_string())
}
