//! The truth: a message exists once history has given it the next place in its room.

pub mod check;
mod finds;
mod limits;
pub mod postgres;
pub mod sqlite;
mod trouble;
mod words;

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::frames::Receipt;
use shared::message::{Message, Seq};
use shared::names::RoomId;
use shared::search::Query;

use crate::broker::Incoming;
use crate::database::{Database, DatabaseError};
use crate::history::finds::Wanted;
use crate::history::postgres::Postgres;
use crate::history::postgres::claim::Company;
use crate::history::sqlite::Sqlite;
use crate::nodes::NodeId;

/// The file of the history within the data folder.
pub const FILE: &str = "duet.db";

/// How much a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Durability {
    /// Every commit is synced: it survives a power cut.
    Full,
    /// Commits are synced now and then: they survive a killed process, but not a power cut.
    Relaxed,
}

/// Which messages are kept. What is `None` sets no limit. A room goes on counting where it was when its messages have
/// expired; an id that has expired with its message is known no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Messages that were sent longer ago expire.
    pub keep_for: Option<Duration>,
    /// All but so many of the newest of a room expire.
    pub keep_messages: Option<NonZeroU64>,
}

/// A page ends with the message with which it comes to this much content, in bytes of UTF-8: about as much as waits for
/// a session, so that whoever catches up takes what was read.
pub const MAX_PAGE_BYTES: usize = 512 * 1024;

/// Which messages of a room to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The first ones after this place.
    After(Seq),
    /// The last ones before this place.
    Before(Seq),
    /// The last ones.
    Newest,
}

/// Messages of a room, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The place of the newest message when this was read; [`Seq::START`] for an unknown room.
    pub head: Seq,
    /// The messages.
    pub messages: Vec<Message>,
}

/// What a search has found, in the order of the places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages.
    pub messages: Vec<Message>,
    /// Before which place to search on; `None` when there is nothing older to find.
    pub earlier: Option<Seq>,
}

/// A message with the place it has been given, now or when it first came.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its room.
    pub room: RoomId,
    /// The message.
    pub message: Arc<Message>,
    /// The nodes on which somebody is in the room, as it was in the same moment; none where there is only one node.
    pub hosts: Arc<[NodeId]>,
}

/// Why history did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HistoryError {
    /// It could not be opened: a sentence that says what to do.
    #[error("{0}")]
    Open(String),
    /// It could not be copied: a sentence that says what to do.
    #[error("{0}")]
    Copy(String),
    /// The database answered with an error; trying again later may help.
    #[error("history: {0}")]
    Database(Arc<rusqlite::Error>),
    /// What stands in the database is not what should; trying again does not help.
    #[error("the history is damaged ({0}): run duet-server check, which says what to do")]
    Damaged(Arc<rusqlite::Error>),
    /// PostgreSQL is away, or answered with an error; trying again later may help.
    #[error("history: {0}")]
    Postgres(#[from] DatabaseError),
    /// Another server has taken the history while PostgreSQL was away: a sentence that says what to do.
    #[error("{0}")]
    Taken(String),
    /// It has been closed.
    #[error("history is closed")]
    Closed,
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        let is_damage = crate::sqlite::is_damage(&error);
        let error = Arc::new(error);
        if is_damage { Self::Damaged(error) } else { Self::Database(error) }
    }
}

/// Where messages are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub enum History {
    /// In a file of this node.
    Sqlite(Sqlite),
    /// In a database that several nodes can share.
    Postgres(Postgres),
}

impl History {
    /// Opens the history in `folder`, which is there, and makes it when it is missing. What is not kept by `retention`
    /// is removed little by little.
    ///
    /// # Errors
    /// [`HistoryError::Open`] when another server uses it, when it is of a later version, or when the folder cannot be
    /// used.
    pub fn open(folder: &Path, durability: Durability, retention: Retention) -> Result<Self, HistoryError> {
        Sqlite::open(folder, durability, retention).map(Self::Sqlite)
    }

    /// Opens the history in a database, and makes it when it is missing.
    ///
    /// # Errors
    /// [`HistoryError::Open`] when a node uses it that this one cannot work with, when it is of a later version or another
    /// program's, or when PostgreSQL does not answer.
    pub async fn share(
        database: &Database,
        company: Company,
        durability: Durability,
        retention: Retention,
    ) -> Result<Self, HistoryError> {
        Postgres::open(database, company, durability, retention).await.map(Self::Postgres)
    }

    /// The identity of this history. Places of another epoch mean nothing here.
    #[must_use]
    pub fn epoch(&self) -> &str {
        match self {
            Self::Sqlite(sqlite) => sqlite.epoch(),
            Self::Postgres(postgres) => postgres.epoch(),
        }
    }

    /// Gives messages their places and commits them together. One whose id its room knows keeps the place and the
    /// content that it was first given. The answer is in the order of the messages.
    ///
    /// # Errors
    /// When nothing was committed.
    pub async fn append(&self, messages: Arc<[Incoming]>) -> Result<Vec<Placed>, HistoryError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.append(messages).await,
            Self::Postgres(postgres) => postgres.append(messages).await,
        }
    }

    /// Reads up to `limit` messages of a room and about [`MAX_PAGE_BYTES`] of content, one at the least, with the head as it was in the same moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn page(&self, room: &RoomId, span: Span, limit: u32) -> Result<Page, HistoryError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.page(room, span, limit).await,
            Self::Postgres(postgres) => postgres.page(room, span, limit).await,
        }
    }

    /// The newest messages of a room that answer `query`, only those before a place where one is named: up to `limit`, and
    /// about [`MAX_PAGE_BYTES`] of content. It may give fewer, or none, when there was much to look through.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn search(
        &self,
        room: &RoomId,
        query: Query,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Found, HistoryError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.search(room, Wanted { query, before, limit }).await,
            Self::Postgres(postgres) => postgres.search(room, Wanted { query, before, limit }).await,
        }
    }

    /// How far users of a room have come: those who moved last first, at most [`shared::frames::MAX_RECEIPTS`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn receipts(&self, room: &RoomId) -> Result<Vec<Receipt>, HistoryError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.receipts(room).await,
            Self::Postgres(postgres) => postgres.receipts(room).await,
        }
    }

    /// Keeps how far users have come, all together. Places only ever rise, up to the head of the room; a room that is
    /// not known is passed over.
    ///
    /// # Errors
    /// When nothing was kept. That is no [`History::trouble`]: messages are taken all the same.
    pub async fn keep_receipts(&self, receipts: Vec<(RoomId, Receipt)>) -> Result<(), HistoryError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.keep_receipts(receipts).await,
            Self::Postgres(postgres) => postgres.keep_receipts(receipts).await,
        }
    }

    /// What was wrong with the last commit of messages, or with a read, for the operator, if it failed within the last
    /// seconds. A read that went well does not end it: another part of the file may be damaged all the same.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Sqlite(sqlite) => sqlite.trouble(),
            Self::Postgres(postgres) => postgres.trouble(),
        }
    }

    /// Finishes what is under way and closes the files. Later calls answer [`HistoryError::Closed`].
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}
