//! Whether a history in PostgreSQL is what it should be. It only reads, also beside servers that are at work. Whether the pages
//! on disk are whole is PostgreSQL's own business (`pg_amcheck`, data checksums).

use crate::database::{Address, Database, DatabaseError, Session};
use crate::history::HistoryError;
use crate::history::check::{Finding, NAMED, Report, Subject};
use crate::history::postgres::schema;

/// Looks at the history in a database. Makes and changes nothing.
///
/// # Errors
/// [`HistoryError::Open`] when there is none, or it cannot be reached, or it is of a later version.
pub async fn check(address: Address) -> Result<Report, HistoryError> {
    let at = address.to_string();
    let failed = |what: &dyn std::fmt::Display| HistoryError::Open(format!("cannot read the history in {at}: {what}"));
    let database = Database::open(address).await.map_err(|e| HistoryError::Open(e.to_string()))?;
    let session = database.apart().await.map_err(|e| failed(&e))?;
    // One moment, however long it takes, and all of it.
    let begin =
        "SET statement_timeout = 0; SET enable_seqscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on;
                 BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    session.batch_execute(begin).await.map_err(|e| failed(&DatabaseError::from(e)))?;
    schema::known_version(&session).await.map_err(|e| failed(&e))?;
    let report = look(&session).await.map_err(|e| failed(&e))?;
    drop(session);
    database.close().await;
    Ok(report)
}

async fn look(session: &Session) -> Result<Report, DatabaseError> {
    let mut report = Report::new(Subject::Database);
    let counts = session.query_one("SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM messages)", &[]).await?;
    (report.rooms, report.messages) = (counts.try_get(0)?, counts.try_get(1)?);
    strays(session, &mut report).await?;
    places(session, &mut report).await?;
    contents(session, &mut report).await?;
    receipts(session, &mut report).await?;
    Ok(report)
}

/// Rows that belong to no room.
async fn strays(session: &Session, report: &mut Report) -> Result<(), DatabaseError> {
    for table in ["messages", "receipts", "search", "indexed"] {
        let select = format!("SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT FROM rooms WHERE rooms.id = room)");
        let count: i64 = session.query_one(&select, &[]).await?.try_get(0)?;
        if count > 0 {
            report.findings.push(Finding::Damage(format!("{count} {table} belong to none of the rooms")));
        }
    }
    Ok(())
}

/// The head of each room is its newest message, if it has any left, and what it has is without holes.
async fn places(session: &Session, report: &mut Report) -> Result<(), DatabaseError> {
    let select = "SELECT name, head, min(seq), max(seq), count(*) FROM rooms JOIN messages ON room = rooms.id
                  GROUP BY rooms.id HAVING max(seq) <> head OR count(*) <> max(seq) - min(seq) + 1 LIMIT $1";
    for row in session.query(select, &[&i64::from(NAMED)]).await? {
        let (name, head): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (first, last, count): (i64, i64, i64) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        report.places(&name, head, [first, last], count);
    }
    Ok(())
}

/// What people wrote is text. A cast would end the look at the first that is not.
async fn contents(session: &Session, report: &mut Report) -> Result<(), DatabaseError> {
    let mut after = (0_i64, 0_i64);
    loop {
        let select =
            "SELECT room, seq, content FROM messages WHERE (room, seq) > ($1, $2) ORDER BY room, seq LIMIT 500";
        let rows = session.query(select, &[&after.0, &after.1]).await?;
        for row in &rows {
            after = (row.try_get(0)?, row.try_get(1)?);
            if std::str::from_utf8(row.try_get(2)?).is_err() {
                let name = session.query_opt("SELECT name FROM rooms WHERE id = $1", &[&after.0]).await?;
                let name: String = name.map_or(Ok(String::new()), |row| row.try_get(0))?;
                report.findings.push(Finding::Damage(format!("message {} of room {name:?} is no text", after.1)));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// Nobody has come further than their room.
async fn receipts(session: &Session, report: &mut Report) -> Result<(), DatabaseError> {
    let select = "SELECT name, head, username, greatest(delivered, read) FROM receipts JOIN rooms ON rooms.id = room
                  WHERE greatest(delivered, read) > head LIMIT $1";
    for row in session.query(select, &[&i64::from(NAMED)]).await? {
        let (name, head): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (user, reached): (String, i64) = (row.try_get(2)?, row.try_get(3)?);
        report.beyond(&user, reached, &name, head);
    }
    Ok(())
}
