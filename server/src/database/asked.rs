//! What every connection asks of PostgreSQL, and what a PostgreSQL must be for Duet to use it.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

use crate::database::{Address, CONNECT_TIMEOUT, DatabaseError, LIMIT, Session, within};

/// After how long a connection is asked whether it is alive, how often, and how long an answer may be due.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// What each connection asks of PostgreSQL. The limits let go of rows that a node had locked when it vanished. The level
/// and the durability are what the code counts on, whatever the server's defaults are. Every statement has an index to go by,
/// row by row; a plan made while a table was small would read it from end to end for as long as the connection lasts. To compile
/// what is done in a millisecond takes longer than doing it.
const OPTIONS: &str = "-c statement_timeout=4s -c lock_timeout=2s -c idle_in_transaction_session_timeout=4s \
                       -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 \
                       -c default_transaction_isolation=read\\ committed -c synchronous_commit=on \
                       -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// The oldest version whose SQL this is.
const OLDEST: i32 = 130_000;

/// How the connections to a PostgreSQL are made.
pub(super) fn config(address: &Address) -> Config {
    let mut config = address.config.clone();
    let options = config.get_options().map_or(OPTIONS.to_owned(), |theirs| format!("{OPTIONS} {theirs}"));
    config.options(options);
    if config.get_application_name().is_none() {
        config.application_name("duet-server");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(LIMIT);
    }
    config
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    config
}

/// Whether this is a PostgreSQL that Duet can use; if not, why.
pub(super) async fn usable(session: &Session) -> Result<(), String> {
    let select = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')";
    let asked = async {
        let row = session.query_one(select, &[]).await?;
        Ok((row.try_get::<_, i32>(0)?, row.try_get::<_, String>(1)?))
    };
    let (version, encoding) = within(asked).await.map_err(|e| e.to_string())?;
    if version < OLDEST {
        return Err(format!("it is of PostgreSQL {}, and Duet needs {} or later", version / 10_000, OLDEST / 10_000));
    }
    if encoding != "UTF8" {
        return Err(format!(
            "it is encoded as {encoding}, which does not hold what people write: make one with CREATE DATABASE … ENCODING \
             'UTF8' TEMPLATE template0"
        ));
    }
    Ok(())
}

/// Why a start failed, and what to do.
pub(super) fn remedy(error: &DatabaseError) -> String {
    let what = match error {
        DatabaseError::Away(_) | DatabaseError::Silent => {
            "see that it runs and that DATABASE_URL names its host and port"
        }
        DatabaseError::Unusable(_) => "see user, password, sslmode and sslrootcert in DATABASE_URL",
        DatabaseError::Refused { code, .. } => match code {
            code if *code == SqlState::INVALID_CATALOG_NAME => {
                "make it with CREATE DATABASE, or name another in DATABASE_URL"
            }
            code if code.code().starts_with("28") => {
                "see user and password in DATABASE_URL, and pg_hba.conf of PostgreSQL"
            }
            _ => "see DATABASE_URL",
        },
        DatabaseError::Unreadable(_) | DatabaseError::Closed => return error.to_string(),
    };
    format!("{error}; {what}")
}
