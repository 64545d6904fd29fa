//! A copy of a history, made while a server goes on writing to it.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::history::HistoryError;
use crate::history::check::{Report, Subject};
use crate::history::sqlite::schema::{self, SchemaError};
use crate::history::sqlite::{check, remedy};

/// Copies the history in the file `from` to `to`, which must not be there yet: as it was in one moment, compact,
/// checked, synced, and for its owner alone. The copy has no epoch; a history that is restored from it gets one of its
/// own. There is no copy when the report finds something wrong, which then is wrong with the history.
///
/// # Errors
/// [`HistoryError::Open`] when there is no history to copy, and [`HistoryError::Copy`] when there is no copy for
/// another reason. Each says what to do.
pub fn backup(from: &Path, to: &Path) -> Result<Report, HistoryError> {
    let failed = |e: &dyn Display| {
        let (from, to) = (from.display(), to.display());
        HistoryError::Copy(format!("cannot back up {from} to {to}: {e}; nothing is left of the attempt"))
    };
    let to = std::path::absolute(to).map_err(|e| failed(&e))?;
    // The name is taken first and filled last: whenever this is killed, what stands there is empty or whole.
    let named = Made::new(to.clone()).map_err(|e| failed(&e))?;
    let partial = Made::new(partial(&to)).map_err(|e| failed(&e))?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    check::read(from, |connection| copy(connection, &partial.path))?
        .map_err(|e| failed(&remedy::explain(&e, folder)))?;
    forget_epoch(&partial.path).map_err(|e| failed(&e))?;
    let report = check::check(&partial.path, Subject::History)?;
    if report.is_good() {
        partial.becomes(named).map_err(|e| failed(&e))?;
    }
    Ok(report)
}

/// Writes a compact copy into a file that is there. It reads in one transaction, so that it comes to its end however
/// much is written meanwhile.
fn copy(connection: &mut Connection, to: &Path) -> Result<(), SchemaError> {
    schema::known_version(connection)?;
    // An earlier attempt may have begun it.
    File::create(to)?;
    let name = to.to_str().ok_or_else(|| io::Error::other("its name is not UTF-8: choose another"))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

fn forget_epoch(copy: &Path) -> Result<(), rusqlite::Error> {
    let connection = Connection::open(copy)?;
    // No second file beside the copy: what comes of a crash here is thrown away.
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.execute("DELETE FROM meta WHERE key = 'epoch'", ())?;
    connection.close().map_err(|(_, error)| error)
}

fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// A file that was not there before, for its owner alone. It goes with this, unless it becomes what it was made for.
#[derive(Debug)]
struct Made {
    path: PathBuf,
    is_wanted: bool,
}

impl Made {
    fn new(path: PathBuf) -> io::Result<Self> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => Ok(Self { path, is_wanted: false }),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                Err(io::Error::other(format!("{} is there already, and nothing is overwritten", path.display())))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(Path::new("/")).display();
                Err(io::Error::other(format!("there is no folder {folder}: make it first")))
            }
            Err(e) => Err(e),
        }
    }

    /// Takes the name of another, once it is safe on disk.
    fn becomes(mut self, mut named: Self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        std::fs::rename(&self.path, &named.path)?;
        self.is_wanted = true;
        named.is_wanted = true;
        let folder = named.path.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.is_wanted {
            // What cannot be removed is told by its name.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
