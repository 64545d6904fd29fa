//! The schema in PostgreSQL and the steps from one to the next.

use tokio_postgres::error::SqlState;

use crate::database::{DatabaseError, Lock, Session};

/// Step N takes schema N to schema N + 1 (`meta`, `schema`). Steps are added, never changed.
const STEPS: &[&str] = &[
    include_str!("../migrations/postgres-1.sql"),
    include_str!("../migrations/postgres-2.sql"),
    include_str!("../migrations/postgres-3.sql"),
];

/// The schema that this version writes.
const KNOWN: i32 = 3;

/// What is ours by its name since the first schema, and since later ones.
const TABLES: &[&str] = &["meta", "rooms", "messages", "receipts", "search", "indexed"];
const LATER_TABLES: &[&str] = &["nodes", "seats", "invites", "refresh_tokens", "revocations"];

/// Why a database cannot be used: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("{0}")]
    Database(DatabaseError),
    #[error("{0}: make this role the owner of the database, or GRANT CREATE ON SCHEMA to it")]
    Forbidden(DatabaseError),
    #[error("it was written by a later duet-server (schema {found}, this one knows {KNOWN}): use that version")]
    Later { found: i32 },
    #[error("it holds another program's tables ({0}), which are left as they are: give Duet a database of its own")]
    Foreign(String),
    #[error("there is no history in it; a server makes one when it starts")]
    None,
    #[error("none of the schemas in search_path is there: make one with CREATE SCHEMA, or set another search_path")]
    Nowhere,
}

impl From<DatabaseError> for SchemaError {
    fn from(error: DatabaseError) -> Self {
        let is_forbidden = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
        if is_forbidden { Self::Forbidden(error) } else { Self::Database(error) }
    }
}

impl From<tokio_postgres::Error> for SchemaError {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

/// Brings the schema up to date, one server after the other where several start together, and reads the epoch.
pub(super) async fn migrate(session: &Session) -> Result<String, SchemaError> {
    // Others may be waited for, and a step may take as long as it takes.
    session.batch_execute("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    let (ours, lock) = Lock::Schema.key();
    session.execute("SELECT pg_advisory_xact_lock($1, $2)", &[&ours, &lock]).await?;
    let found = version(session).await?;
    for (version, step) in (1..=KNOWN).zip(STEPS) {
        if version > found {
            session.batch_execute(step).await?;
        }
    }
    if found == 0 {
        let make = "CREATE TABLE meta (key text COLLATE \"C\" PRIMARY KEY, value text NOT NULL)";
        session.batch_execute(make).await?;
    }
    let set =
        "INSERT INTO meta (key, value) VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    session.execute(set, &[&KNOWN.to_string()]).await?;
    let made = uuid::Uuid::new_v4().to_string();
    let insert = "INSERT INTO meta (key, value) VALUES ('epoch', $1) ON CONFLICT (key) DO NOTHING";
    session.execute(insert, &[&made]).await?;
    let epoch = session.query_one("SELECT value FROM meta WHERE key = 'epoch'", &[]).await?.try_get(0)?;
    session.batch_execute("COMMIT").await?;
    Ok(epoch)
}

/// The schema of a history that is there.
pub(super) async fn known_version(session: &Session) -> Result<i32, SchemaError> {
    match version(session).await? {
        0 => Err(SchemaError::None),
        found => Ok(found),
    }
}

/// The schema of the database; 0 where there is none.
async fn version(session: &Session) -> Result<i32, SchemaError> {
    let row = session.query_one("SELECT current_schema()", &[]).await?;
    let Some(schema) = row.try_get::<_, Option<String>>(0)? else { return Err(SchemaError::Nowhere) };
    let select = "SELECT relname::text FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relname = ANY ($2)
                  ORDER BY 1";
    let tables = session.query(select, &[&schema, &[TABLES, LATER_TABLES].concat()]).await?;
    let tables = tables.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    if tables.is_empty() {
        return Ok(0);
    }
    let foreign = || SchemaError::Foreign(tables.join(", "));
    if !TABLES.iter().all(|ours| tables.iter().any(|table| table == ours)) {
        return Err(foreign());
    }
    let columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'meta'::regclass AND attname IN ('key', 'value')";
    if session.query_one(columns, &[]).await?.try_get::<_, i64>(0)? != 2 {
        return Err(foreign());
    }
    let found = session.query_opt("SELECT value::text FROM meta WHERE key::text = 'schema'", &[]).await?;
    let found: Option<String> = found.map(|row| row.try_get(0)).transpose()?;
    match found.and_then(|found| found.parse().ok()) {
        None => Err(foreign()),
        Some(found) if found > KNOWN => Err(SchemaError::Later { found }),
        Some(found) => Ok(found),
    }
}
