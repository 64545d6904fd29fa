//! What goes wrong between us and PostgreSQL, by what can be done about it.

use std::error::Error;

use tokio_postgres::error::SqlState;

/// Why PostgreSQL did not do what it was asked. Shows neither the password nor what people wrote.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached, or the connection broke; trying again helps once it is back.
    #[error("PostgreSQL is not reachable: {0}")]
    Away(String),
    /// No connection can be made with these settings: TLS, or what it asks of us to log in.
    #[error("no connection to PostgreSQL can be made: {0}")]
    Unusable(String),
    /// It did not answer in time.
    #[error("PostgreSQL does not answer")]
    Silent,
    /// It answered with an error.
    #[error("PostgreSQL refuses: {message} (SQLSTATE {})", code.code())]
    Refused {
        /// Of which kind.
        code: SqlState,
        /// In its words.
        message: String,
    },
    /// A row is not what Duet writes.
    #[error("the database holds what duet-server does not write: {0}")]
    Unreadable(String),
    /// The pool has been closed.
    #[error("the connections to PostgreSQL are closed")]
    Closed,
}

impl DatabaseError {
    /// For a column that holds what it cannot.
    pub(crate) fn unreadable(error: &impl ToString) -> Self {
        Self::Unreadable(error.to_string())
    }

    /// Whether PostgreSQL was not reached or said nothing, which is over when it answers.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Silent)
    }

    /// The code with which it was refused.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        if let Self::Refused { code, .. } = self { Some(code) } else { None }
    }
}

/// How tokio-postgres begins what it says of rows, and of settings.
const ABOUT_A_ROW: &[&str] = &["error deserializing", "invalid column", "query returned"];
const ABOUT_SETTINGS: &[&str] = &["error performing TLS", "authentication error", "invalid configuration"];

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            let cause = cause(&error);
            // The kind is not public; only the text tells.
            let text = error.to_string();
            let is = |kinds: &[&str]| kinds.iter().any(|kind| text.starts_with(kind));
            return match () {
                () if is(ABOUT_A_ROW) => Self::Unreadable(cause),
                () if is(ABOUT_SETTINGS) => Self::Unusable(cause),
                () => Self::Away(cause),
            };
        };
        // Details and hints are left out: they quote rows.
        let (code, message) = (answer.code().clone(), answer.message().to_owned());
        if is_leaving(&code) { Self::Away(message) } else { Self::Refused { code, message } }
    }
}

/// Whether PostgreSQL, or somebody in front of it, says that it is going, coming, or has no room for one more.
fn is_leaving(code: &SqlState) -> bool {
    let going = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    going.contains(code) || code.code().starts_with("08")
}

/// What lies at the bottom of an error.
fn cause(error: &tokio_postgres::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    let (what, _) = text.split_once(" (os error").unwrap_or((&text, ""));
    let mut letters = what.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
