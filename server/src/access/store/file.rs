//! The file of the store: how it is opened, and its schema.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// Step N takes schema N - 1 to schema N (`PRAGMA user_version`). Steps are added, never changed.
const STEPS: &[&str] = &[include_str!("migrations/sqlite-1.sql")];

/// The schema that this version writes.
const KNOWN: u32 = 1;

/// Sets our file apart from those of other programs (`PRAGMA application_id`): "Duet".
const APPLICATION: i32 = 0x4475_6574;

/// How long another process may hold the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often, and after how long each time, the log is asked for again: SQLite does not wait there.
const OPEN_TRIES: u32 = 50;
const OPEN_AGAIN: Duration = Duration::from_millis(100);

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    File(#[from] io::Error),
    #[error("it was written by a later duet-server (schema {0}, this one knows {KNOWN}): use that version")]
    Later(u32),
    #[error("it is another program's database and was left as it is: move it away")]
    Foreign,
}

/// Opens the file, or makes it for its owner alone, and brings its schema up to date.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mut tries = 1;
    loop {
        // The log is what lets others read while one writes.
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if tries < OPEN_TRIES && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                tries += 1;
                std::thread::sleep(OPEN_AGAIN);
            }
            set => break set?,
        }
    }
    // An invite that was used is not to be good again after a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = known_version(&transaction)?;
    if found == KNOWN {
        // Nothing is written: a server that was killed starts on a full disk, too.
        return Ok(());
    }
    for (version, step) in (1..=KNOWN).zip(STEPS) {
        if version > found {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", KNOWN)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    Ok(transaction.commit()?)
}

/// The schema of a file that this version can use; 0 for a new one.
pub(super) fn known_version(connection: &Connection) -> Result<u32, OpenError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let is_new = found == 0 && tables == 0;
    if !is_new && application != APPLICATION {
        return Err(OpenError::Foreign);
    }
    if found > KNOWN { Err(OpenError::Later(found)) } else { Ok(found) }
}
