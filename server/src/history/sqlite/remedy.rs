//! What an operator can do about a database that cannot be used: words that follow the error.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use rusqlite::ErrorCode;

use crate::history::sqlite::schema::SchemaError;
use crate::sqlite;

/// The file that is written to see what the disk says, and removed again.
const TRIAL: &str = "duet.trial";

/// How much is written: more than SQLite needs to open a history (32 KiB for the index of its log, and a few pages).
const TRIAL_BYTES: usize = 64 * 1024;

/// The error, and what to do about it where that is known. What was tried writes into `folder`.
pub(super) fn explain(error: &SchemaError, folder: &Path) -> String {
    let folder_name = folder.display();
    let full = format!("{error}; the disk of {folder_name} is full: make room there and try again");
    let what = match error {
        SchemaError::Database(what) => what,
        SchemaError::File(what) if is_full(what) => return full,
        SchemaError::Foreign => {
            return format!("{error}: move it away, or set DUET_DATA_DIR to a folder of the server's own");
        }
        // They say it themselves.
        SchemaError::File(_)
        | SchemaError::Later { .. }
        | SchemaError::None
        | SchemaError::Emptied
        | SchemaError::Missing { .. } => return error.to_string(),
    };
    if sqlite::is_damage(what) {
        return format!(
            "{error}; duet-server check says more and what to do, docs/operations.md how a backup is restored"
        );
    }
    match what.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => full,
        // SQLite does not say more; the system does.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => match try_to_write(folder) {
            Ok(()) => error.to_string(),
            Err(what) if is_full(&what) => full,
            Err(what) => format!("{error}; nothing can be written in {folder_name}: {what}"),
        },
        Some(_) | None => error.to_string(),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(TRIAL);
    let written = File::create(&path).and_then(|mut file| file.write_all(&[0; TRIAL_BYTES]));
    // What cannot be removed is empty or small, and written over the next time.
    let _ = std::fs::remove_file(path);
    written
}
