//! Where an export goes: standard output, or a file that is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::ends::print;
use crate::cli::exit::{Exit, Failure};

/// How a command line names standard output; a file of that name is `./-`.
const STDOUT: &str = "-";

pub(crate) enum Sink {
    Stdout,
    File(Partial),
}

/// A file that is not finished. It is removed with the value.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    there: Existing,
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Keep,
    Replace,
}

impl Sink {
    /// Makes ready to write; `-` is standard output, as is nothing.
    pub(crate) fn open(target: Option<PathBuf>, there: Existing) -> Result<Self, Failure> {
        let Some(target) = target.filter(|target| target != Path::new(STDOUT)) else { return Ok(Self::Stdout) };
        refuse_what_is_there(&target, there)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".part-{}", std::process::id()));
        let path = target.with_file_name(name);
        // What was said is for its owner alone, as in the server's folder.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|e| trouble(&target, &e))?;
        Ok(Self::File(Partial { file, path, target, there }))
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Writes; false when nobody reads it any more.
    pub(crate) async fn write(&mut self, text: String) -> Result<bool, Failure> {
        match self {
            Self::Stdout => print(text).await,
            Self::File(Partial { file, target, .. }) => {
                file.write_all(text.as_bytes()).map(|()| true).map_err(|e| trouble(target, &e))
            }
        }
    }

    /// Puts the file in its place, and gives its name.
    pub(crate) fn keep(self) -> Result<Option<String>, Failure> {
        let Self::File(partial) = self else { return Ok(None) };
        let target = &partial.target;
        refuse_what_is_there(target, partial.there)?;
        let kept = partial.file.sync_all().and_then(|()| std::fs::rename(&partial.path, target));
        kept.map_err(|e| trouble(target, &e))?;
        Ok(Some(target.display().to_string()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After it was put in its place it is not there any more.
        _ = std::fs::remove_file(&self.path);
    }
}

fn refuse_what_is_there(target: &Path, there: Existing) -> Result<(), Failure> {
    if target.is_dir() || target.file_name().is_none() {
        return Err(Failure::new(Exit::Usage, format!("{} is a folder: name a file in it", target.display())));
    }
    if there == Existing::Keep && target.symlink_metadata().is_ok() {
        let words = format!("{} is there already: name another file, or replace it with --force", target.display());
        return Err(Failure::new(Exit::Usage, words));
    }
    Ok(())
}

fn trouble(target: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Unexpected, format!("writing {}: {error}; nothing of it is kept", target.display()))
}
