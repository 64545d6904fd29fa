//! Whether what is kept of who may come in is whole. It only reads, also beside servers that are at work.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, Row, Transaction};
use tokio_postgres::Row as DatabaseRow;

use crate::access::store::file::{self, OpenError};
use crate::access::store::sqlite::{INVITE, kept, member_at};
use crate::access::store::{StoreError, postgres};
use crate::database::{Address, Database, DatabaseError, Session};
use crate::sqlite;

/// How many findings of one kind are named. Where there are so many, more would not help.
const NAMED: u32 = 20;

/// The schema of the history in PostgreSQL from which on the tables are there.
const IN_POSTGRES_SINCE: i32 = 3;

/// What cannot be seen of a single value, with the same words for both databases.
const WRONG: &[(&str, &str)] = &[
    (
        "invites are half exchanged, or kept by what is no SHA-256",
        "SELECT count(*) FROM invites
         WHERE length(code) <> 32 OR length(refresh) <> 32 OR (used_at IS NULL) <> (refresh IS NULL)",
    ),
    ("refresh tokens are kept by what is no SHA-256", "SELECT count(*) FROM refresh_tokens WHERE length(token) <> 32"),
];

const REFRESH_TOKENS: &str = "SELECT room, username, expires_at FROM refresh_tokens";
const REVOCATIONS: &str = "SELECT room, username, revoked_at FROM revocations";

/// What is kept, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    invites: usize,
    refresh_tokens: usize,
    revocations: usize,
    /// In a sentence each.
    findings: Vec<String>,
    /// What to do about them.
    remedy: &'static str,
}

impl Report {
    fn new(remedy: &'static str) -> Self {
        Self { invites: 0, refresh_tokens: 0, revocations: 0, findings: Vec::new(), remedy }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Notes what is wrong by the count of one of [`WRONG`].
    fn wrong(&mut self, count: i64, what: &str) {
        if count > 0 {
            self.findings.push(format!("{count} {what}"));
        }
    }

    /// Notes the first rows that cannot be read.
    fn unreadable(&mut self, table: &str, error: &dyn fmt::Display) {
        if self.findings.len() < NAMED as usize {
            self.findings.push(format!("a row of {table} cannot be read: {error}"));
        }
    }
}

impl fmt::Display for Report {
    /// What was found, line by line, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invites, refresh_tokens, revocations, findings, remedy } = self;
        if self.is_good() {
            return write!(
                f,
                "All is well. Invites: {invites}, refresh tokens: {refresh_tokens}, revocations: {revocations}."
            );
        }
        writeln!(f, "This is wrong:")?;
        for what in findings {
            writeln!(f, "- {what}")?;
        }
        write!(f, "What to do: {remedy}")
    }
}

/// Looks at the file of who may come in, which may be in use. Makes and changes nothing. `None` when there is none, for the first
/// start makes it.
///
/// # Errors
/// [`StoreError::Open`] when it cannot be opened, or is of a later version, or another program's.
pub fn check(path: &Path) -> Result<Option<Report>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let mut report = Report::new(
        "stop the server and move access.db aside, with access.db-wal and access.db-shm. It begins anew with none: \
         members ask for new invites (duet-server invite), and who was revoked within the last day is to be revoked again.",
    );
    let failed = |e: OpenError| StoreError::Open(format!("cannot read {}: {e}", path.display()));
    let looked = sqlite::read(path, |connection| {
        report.findings.clear();
        look(connection, &mut report)
    });
    match looked.map_err(OpenError::from).and_then(|looked| looked) {
        Ok(()) => {}
        Err(OpenError::Database(error)) if sqlite::is_damage(&error) => {
            report.findings.push(format!("the file cannot be read to its end: {error}"));
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(Some(report))
}

/// Looks at everything, in one moment.
fn look(connection: &mut Connection, report: &mut Report) -> Result<(), OpenError> {
    let transaction = connection.transaction()?;
    if file::known_version(&transaction)? == 0 {
        report.findings.push("the file is empty".to_owned());
        return Ok(());
    }
    report.findings.extend(sqlite::damage(&transaction, NAMED)?);
    for (what, count) in WRONG {
        report.wrong(transaction.query_row(count, (), |row| row.get(0))?, what);
    }
    let invites = format!("SELECT {INVITE}, used_at, refresh FROM invites");
    report.invites = rows(&transaction, ("invites", &invites), report, |row| kept(row).map(drop))?;
    report.refresh_tokens =
        rows(&transaction, ("refresh_tokens", REFRESH_TOKENS), report, |row| member_at(row).map(drop))?;
    report.revocations = rows(&transaction, ("revocations", REVOCATIONS), report, |row| member_at(row).map(drop))?;
    Ok(())
}

/// Reads all rows of a table, and says how many there are.
fn rows(
    transaction: &Transaction<'_>,
    (table, select): (&str, &str),
    report: &mut Report,
    read: impl Fn(&Row<'_>) -> Result<(), rusqlite::Error>,
) -> Result<usize, rusqlite::Error> {
    let mut select = transaction.prepare(select)?;
    let mut rows = select.query(())?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        if let Err(error) = read(row) {
            report.unreadable(table, &error);
        }
    }
    Ok(count)
}

/// Looks at the tables of who may come in beside a history in PostgreSQL. Makes and changes nothing. `None` when the history is of
/// a version before them.
///
/// # Errors
/// When they cannot be reached.
pub async fn check_database(address: Address) -> Result<Option<Report>, StoreError> {
    let database = Database::open(address).await.map_err(|e| StoreError::Open(e.to_string()))?;
    let session = database.apart().await?;
    let report = look_at_database(&session).await?;
    drop(session);
    database.close().await;
    Ok(report)
}

async fn look_at_database(session: &Session) -> Result<Option<Report>, DatabaseError> {
    session.batch_execute("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let schema: String = session.query_one("SELECT value FROM meta WHERE key = 'schema'", &[]).await?.try_get(0)?;
    if schema.parse().is_ok_and(|schema: i32| schema < IN_POSTGRES_SINCE) {
        return Ok(None);
    }
    let mut report = Report::new(
        "stop all servers and keep a copy of the database as it is. Delete what cannot be read: members ask for new invites \
         (duet-server invite). A table that is missing comes with a backup, as docs/operations.md says.",
    );
    let missing = "SELECT name FROM unnest(ARRAY['invites', 'refresh_tokens', 'revocations']) AS name
                   WHERE to_regclass(name) IS NULL";
    for row in session.query(missing, &[]).await? {
        report.findings.push(format!("there is no table {}", row.try_get::<_, String>(0)?));
    }
    if !report.is_good() {
        return Ok(Some(report));
    }
    for (what, count) in WRONG {
        report.wrong(session.query_one(*count, &[]).await?.try_get(0)?, what);
    }
    let invites = format!("SELECT {INVITE}, used_at, refresh FROM invites");
    let invites = session.query(&invites, &[]).await?;
    report.invites = readable(&invites, "invites", &mut report, |row| postgres::kept(row).map(drop));
    let refresh_tokens = session.query(REFRESH_TOKENS, &[]).await?;
    report.refresh_tokens =
        readable(&refresh_tokens, "refresh_tokens", &mut report, |row| postgres::member_at(row).map(drop));
    let revocations = session.query(REVOCATIONS, &[]).await?;
    report.revocations = readable(&revocations, "revocations", &mut report, |row| postgres::member_at(row).map(drop));
    Ok(Some(report))
}

/// Says how many rows there are, and notes those that cannot be read.
fn readable(
    rows: &[DatabaseRow],
    table: &str,
    report: &mut Report,
    read: impl Fn(&DatabaseRow) -> Result<(), DatabaseError>,
) -> usize {
    for error in rows.iter().filter_map(|row| read(row).err()) {
        report.unreadable(table, &error);
    }
    rows.len()
}
