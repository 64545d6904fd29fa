//! Whether servers that share a history know each other's keys: each leaves a mark of the one that it signs by.
//!
//! One mark is kept, of the server that started last. Whoever does not know it says so, until a server is started by a key
//! that it knows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::access::gate::Gate;
use crate::access::tokens::Tokens;
use crate::database::{Database, DatabaseError};

/// How often the others' mark is looked at, and how soon it is tried again to leave one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

const LEAVE: &str = "INSERT INTO meta (key, value) VALUES ('secret', $1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

const LOOK: &str = "SELECT value FROM meta WHERE key = 'secret'";

/// Leaves our mark, and looks for those of others, for ever.
pub async fn watch(database: Database, tokens: Arc<Tokens>, gate: Arc<Gate>) {
    // It is a MAC of a constant, and fails as little as every other.
    let Ok(mark) = tokens.mark() else { return };
    while let Err(error) = leave(&database, &mark).await {
        debug!(%error, "the mark of our key is not there yet");
        sleep(LOOK_EVERY).await;
    }
    loop {
        match look(&database).await {
            Ok(mark) => note(&gate, mark.is_none_or(|mark| tokens.knows(&mark))),
            Err(error) => debug!(%error, "the mark of the others' key cannot be read"),
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn leave(database: &Database, mark: &str) -> Result<(), DatabaseError> {
    database.run(async |session| Ok(session.execute(LEAVE, &[&mark]).await.map(|_| ())?)).await
}

async fn look(database: &Database) -> Result<Option<String>, DatabaseError> {
    let found = database.run(async |session| {
        let row = session.query_opt(LOOK, &[]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    });
    found.await
}

fn note(gate: &Gate, is_known: bool) {
    match (gate.note_others_key(is_known), is_known) {
        (true, false) => warn!("another server signs by a key that this one does not know"),
        (false, true) => info!("every server signs by a key that this one knows"),
        (true, true) | (false, false) => {}
    }
}
