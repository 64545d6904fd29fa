//! SQLite files beside a program that is at work on them: how they are read, and whether they are whole.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};

/// How long a connection waits for a lock that another holds for a moment.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads in a file that a server may be at work on. Makes and changes nothing.
///
/// Beside a server the log is there, and is read as every reader does. Without, SQLite would make one, and is told
/// instead that nobody writes. A server that starts just then makes that untrue, and `work` begins again.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn read<T>(path: &Path, mut work: impl FnMut(&mut Connection) -> T) -> Result<T, rusqlite::Error> {
    let log = log_of(path);
    loop {
        let has_log = log.exists();
        let mut connection = if has_log { open_reader(path) } else { open_unused(path) }?;
        let result = work(&mut connection);
        if has_log || !log.exists() {
            return Ok(result);
        }
    }
}

/// Opens a database for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn open_unused(path: &Path) -> Result<Connection, rusqlite::Error> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte);
    let encode = |byte: &u8| if is_plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
    let path: String = path.as_os_str().as_bytes().iter().map(encode).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)
}

/// The name of SQLite's log beside a database.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Whether an error is about what stands in the file, rather than about how it is reached.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let damage = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase, ErrorCode::Unknown];
    error.sqlite_error_code().is_none_or(|code| damage.contains(&code))
}

/// What SQLite finds wrong with its pages, its indexes, and rows that refer to others: a sentence each, of the first kind
/// `most`.
///
/// # Errors
/// When it cannot be read to its end.
pub(crate) fn damage(transaction: &Transaction<'_>, most: u32) -> Result<Vec<String>, rusqlite::Error> {
    let mut found = Vec::new();
    let mut check = transaction.prepare(&format!("PRAGMA integrity_check({most})"))?;
    let said = check.query_map((), |row| row.get::<_, String>(0))?;
    for what in said.filter(|what| !matches!(what, Ok(what) if what == "ok")) {
        found.push(format!("the file is damaged: {}", what?.replace('\n', "; ")));
    }
    let mut check =
        transaction.prepare("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2")?;
    let strays = check.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for stray in strays {
        let (table, parent, count): (String, String, i64) = stray?;
        found.push(format!("{count} {table} belong to none of the {parent}"));
    }
    Ok(found)
}
