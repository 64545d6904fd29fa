//! What an operator can do about a database that cannot be used: words that follow the error.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use rusqlite::ErrorCode;

use crate::history::schema::SchemaError;
use crate::history::trouble;

/// The file that is written to see what the disk says, and removed again.
const TRIAL: &str = "duet.trial";

/// How much is written: more than SQLite needs to open a history (32 KiB for the index of its log, and a few pages).
const TRIAL_BYTES: usize = 64 * 1024;

/// The error, and what to do about it where that is known. What was tried writes into `folder`.
pub(super) fn explain(error: &SchemaError, folder: &Path) -> String {
    let (is_damage, code) = match error {
        SchemaError::Database(what) => (trouble::is_damage(what), what.sqlite_error_code()),
        _ => (false, None),
    };
    if is_damage {
        return format!(
            "{error}; duet-server check says more and what to do, docs/operations.md how a backup is restored"
        );
    }
    let folder_name = folder.display();
    let full = format!("{error}; the disk of {folder_name} is full: make room there and try again");
    match (error, code) {
        (SchemaError::Foreign, _) => {
            format!("{error}: move it away, or set DUET_DATA_DIR to a folder of the server's own")
        }
        (SchemaError::File(what), _) if is_full(what) => full,
        (_, Some(ErrorCode::DiskFull)) => full,
        // SQLite does not say more; the system does.
        (_, Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly)) => {
            match try_to_write(folder) {
                Ok(()) => error.to_string(),
                Err(what) if is_full(&what) => full,
                Err(what) => format!("{error}; nothing can be written in {folder_name}: {what}"),
            }
        }
        _ => error.to_string(),
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
