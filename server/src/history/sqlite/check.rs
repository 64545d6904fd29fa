//! Whether a history is what it should be. It only reads, also beside a server that is at work.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::{Connection, Transaction};

use crate::history::HistoryError;
use crate::history::check::{Finding, NAMED, Report, Subject};
use crate::history::sqlite::schema::{self, SchemaError};
use crate::sqlite;

/// Looks at the history in this file, which may be in use or a backup. Makes and changes nothing.
///
/// # Errors
/// [`HistoryError::Open`] when there is none, or it cannot be opened, or it is of a later version.
pub fn check(path: &Path, subject: Subject) -> Result<Report, HistoryError> {
    can_be_read(path).map_err(|why| HistoryError::Open(missing(&why, path, subject)))?;
    let looked = read(path, |connection| {
        let mut report = Report::new(subject);
        look(connection, &mut report).or_else(|error| take(error, &mut report)).map(|()| report)
    })?;
    looked.map_err(|e| HistoryError::Open(format!("cannot read {}: {e}", path.display())))
}

/// Takes an error for a finding where it is about what stands in the file, rather than about how it is reached.
fn take(error: SchemaError, report: &mut Report) -> Result<(), SchemaError> {
    if !matches!(&error, SchemaError::Database(what) if sqlite::is_damage(what)) {
        return Err(error);
    }
    report.findings.push(Finding::Damage(format!("the file cannot be read to its end: {error}")));
    Ok(())
}

/// Looks at everything, in one moment of the history.
fn look(connection: &mut Connection, report: &mut Report) -> Result<(), SchemaError> {
    let transaction = connection.transaction()?;
    let version = schema::known_version(&transaction)?;
    report.findings.extend(sqlite::damage(&transaction, NAMED)?.into_iter().map(Finding::Damage));
    counts(&transaction, report)?;
    places(&transaction, report)?;
    if version >= schema::WITH_RECEIPTS {
        receipts(&transaction, report)?;
    }
    Ok(())
}

/// Reads in a history that a server may be at work on.
pub(super) fn read<T>(path: &Path, work: impl FnMut(&mut Connection) -> T) -> Result<T, HistoryError> {
    can_be_read(path).map_err(|why| HistoryError::Open(missing(&why, path, Subject::History)))?;
    sqlite::read(path, work).map_err(|e| HistoryError::Open(format!("cannot open {}: {e}", path.display())))
}

/// Asks the system, which says more about a file than SQLite does.
fn can_be_read(path: &Path) -> io::Result<()> {
    let is_folder = File::open(path)?.metadata()?.is_dir();
    if is_folder { Err(ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

/// Why a file cannot be read, and what to do.
fn missing(why: &io::Error, path: &Path, subject: Subject) -> String {
    let path = path.display();
    match (why.kind(), subject) {
        (ErrorKind::NotFound, Subject::History) => {
            format!("there is no file {path}; the data folder of the server is set by --data-dir or DUET_DATA_DIR")
        }
        (ErrorKind::NotFound, Subject::Backup | Subject::Database) => format!("there is no file {path}"),
        (ErrorKind::PermissionDenied, _) => {
            format!("this user may not read {path}: run this as the user that the server runs as")
        }
        (ErrorKind::IsADirectory, _) => format!("{path} is a folder: name a file in it"),
        _ => format!("cannot read {path}: {why}"),
    }
}

fn counts(transaction: &Transaction<'_>, report: &mut Report) -> Result<(), rusqlite::Error> {
    let count = |table| transaction.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0));
    report.rooms = count("rooms")?;
    report.messages = count("messages")?;
    Ok(())
}

/// The head of each room is its newest message, if it has any left, and what it has is without holes.
fn places(transaction: &Transaction<'_>, report: &mut Report) -> Result<(), rusqlite::Error> {
    let mut select = transaction.prepare(
        "SELECT name, head, min(seq), max(seq), count(*) FROM rooms JOIN messages ON room = rooms.id GROUP BY rooms.id
         HAVING max(seq) <> head OR count(*) <> max(seq) - min(seq) + 1 LIMIT ?1",
    )?;
    let rooms =
        select.query_map([NAMED], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    for room in rooms {
        let (name, head, first, last, count): (String, i64, i64, i64, i64) = room?;
        report.places(&name, head, [first, last], count);
    }
    Ok(())
}

/// Nobody has come further than their room.
fn receipts(transaction: &Transaction<'_>, report: &mut Report) -> Result<(), rusqlite::Error> {
    let mut select = transaction.prepare(
        "SELECT name, head, user, max(delivered, read) FROM receipts JOIN rooms ON rooms.id = room
         WHERE max(delivered, read) > head LIMIT ?1",
    )?;
    let beyond = select.query_map([NAMED], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    for receipt in beyond {
        let (name, head, user, reached): (String, i64, String, i64) = receipt?;
        report.beyond(&user, reached, &name, head);
    }
    Ok(())
}
