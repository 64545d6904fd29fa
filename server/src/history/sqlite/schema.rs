//! The database's settings, its schema and the steps from one schema to the next.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use tracing::{info, warn};

use crate::history::Durability;
use crate::history::sqlite::log;
use crate::sqlite::{BUSY_TIMEOUT, log_of};

/// Step N takes schema N to schema N + 1 (`PRAGMA user_version`). Steps are added, never changed.
pub(super) const STEPS: &[&str] = &[
    include_str!("../migrations/sqlite-1.sql"),
    include_str!("../migrations/sqlite-2.sql"),
    include_str!("../migrations/sqlite-3.sql"),
];

/// The size of a page, which is SQLite's own choice.
const PAGE_BYTES: i64 = 4_096;

/// The schema that this version writes, and reads with every earlier one.
pub(super) const KNOWN: u32 = 3;

/// The first schema with receipts.
pub(super) const WITH_RECEIPTS: u32 = 2;

/// What `PRAGMA auto_vacuum` answers for a database that can shrink in steps.
const INCREMENTAL: i64 = 2;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("it was written by a later duet-server (schema {found}, this one knows {KNOWN}): use that version")]
    Later { found: u32 },
    #[error("it is empty, or another program's")]
    None,
    #[error("it is another program's database, not a history, and was left as it is")]
    Foreign,
    #[error(
        "it is empty, and no server leaves it so: the history is lost. Restore a backup, as docs/operations.md says; where \
         there never was a history, or it may begin anew, delete this file"
    )]
    Emptied,
    #[error(
        "it is missing, but {} is there, which holds the newest messages: put both files back, or restore a backup, as \
         docs/operations.md says; where the history may begin anew, move that file away",
        log.display()
    )]
    Missing { log: PathBuf },
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// Opens the database for writing, brings its schema up to date and reads its epoch.
pub(super) fn open(path: &Path, durability: Durability) -> Result<(Connection, String), SchemaError> {
    match std::fs::metadata(path) {
        Ok(facts) if facts.len() == 0 => return Err(SchemaError::Emptied),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(error.into()),
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    refuse_foreign(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    set_durability(&connection, durability)?;
    // Checkpoints are made by a thread of their own, so that no commit waits for one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Where the log had to grow beyond this, it is cut when it is begun anew.
    connection.pragma_update(None, "journal_size_limit", log::RESTART_PAGES * PAGE_BYTES)?;
    connection.pragma_update(None, "cache_size", -16_384)?; // KiB
    migrate(&mut connection)?;
    make_able_to_shrink(&connection)?;
    let epoch = epoch(&connection)?;
    Ok((connection, epoch))
}

/// Makes a new database, for its owner alone; SQLite makes its other files like the first. It gets its name when it is
/// whole, so that an empty file is always one that something has happened to.
fn create(path: &Path) -> Result<(), SchemaError> {
    let log = log_of(path);
    if log.exists() {
        return Err(SchemaError::Missing { log });
    }
    let new = path.with_extension("new");
    // An earlier attempt may have begun it.
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    let mut connection = Connection::open(&new)?;
    // No second file, which a crash would leave behind.
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    std::fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()?;
    Ok(())
}

/// Keeps us from reading, and above all from writing, what others have made.
fn refuse_foreign(connection: &Connection) -> Result<(), SchemaError> {
    let select = "SELECT count(*), count(*) FILTER (WHERE name IN ('meta', 'rooms', 'messages')) FROM sqlite_schema
                  WHERE type = 'table'";
    let (all, ours): (u32, u32) = connection.query_row(select, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_ours = ours == 3 && version(connection)? > 0;
    if all == 0 || is_ours { Ok(()) } else { Err(SchemaError::Foreign) }
}

/// Opens the database to move what was committed from the log into it.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // At a checkpoint both levels sync; `normal` is enough for that (https://sqlite.org/wal.html#performance_considerations).
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

/// Sets what commits survive from now on.
pub(super) fn set_durability(connection: &Connection, durability: Durability) -> Result<(), rusqlite::Error> {
    let synchronous = match durability {
        Durability::Full => "full",
        Durability::Relaxed => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// What the first schema wrote cannot give free pages back until it has been rewritten, once.
fn make_able_to_shrink(connection: &Connection) -> Result<(), rusqlite::Error> {
    let auto_vacuum: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if auto_vacuum == INCREMENTAL {
        return Ok(());
    }
    info!("rewriting the history, once, so that it can shrink when messages expire");
    // Said of one that can shrink it would be written again at every start, for which a full disk has no room.
    match connection.execute_batch("PRAGMA auto_vacuum = incremental; VACUUM") {
        Ok(()) => info!("the history is rewritten"),
        Err(error) => warn!(
            %error,
            "the history could not be rewritten and goes on as it is, but cannot shrink; make as much room on its disk \
             and in the folder for temporary files as it is large, and start again"
        ),
    }
    // Done or not, all of it stands in the log now.
    if let Err(error) = log::checkpoint(connection, "TRUNCATE") {
        warn!(%error, "checkpoint failed");
    }
    Ok(())
}

/// The schema of a database that this version can read.
pub(super) fn known_version(connection: &Connection) -> Result<u32, SchemaError> {
    refuse_foreign(connection)?;
    match version(connection)? {
        0 => Err(SchemaError::None),
        found if found > KNOWN => Err(SchemaError::Later { found }),
        found => Ok(found),
    }
}

/// The schema of a database; 0 for a new one.
fn version(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    let found = version(connection)?;
    if found > KNOWN {
        return Err(SchemaError::Later { found });
    }
    for (version, step) in (1..=KNOWN).zip(STEPS) {
        if version > found {
            let transaction = connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// The epoch, made with the database.
fn epoch(connection: &Connection) -> Result<String, rusqlite::Error> {
    let select = "SELECT value FROM meta WHERE key = 'epoch'";
    if let Some(epoch) = connection.query_row(select, (), |row| row.get(0)).optional()? {
        return Ok(epoch);
    }
    let epoch = uuid::Uuid::new_v4().to_string();
    connection.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?1)", [&epoch])?;
    Ok(epoch)
}
