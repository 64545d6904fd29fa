//! Messages that are not accepted yet, kept on disk: what a person has sent is there before the screen says so, and
//! leaves only when the server has it. What the server refuses stays too, until the person takes it out.
//!
//! Each client that runs has files of its own, held by a lock that ends with the process. A file that nobody holds was
//! left by a client that is gone, and the next one of the same user in the same room takes it over: so a killed client,
//! a reboot and a `send --queue` without a network are one case, and two clients that live never fight.
//!
//! Read in this order: this file, `journal` (one file), `lines` (what stands in it).

mod journal;
pub mod lines;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use shared::names::MessageId;

use crate::files::make_folder;
use crate::outbox::journal::{Fate, Journal, SUFFIX};
use crate::outbox::lines::{Held, Kept, Reading, Whose};

/// The most messages of one client that wait. More than a person writes while a server is away.
pub const MAX_WAITING: usize = 1000;
/// The most bytes of them.
pub const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;
/// The most files that are taken over at once: each is open as long as it is held.
const MAX_FILES: usize = 64;

/// The outbox of one user in one room, as one client holds it.
#[derive(Debug)]
pub struct Outbox {
    folder: Option<PathBuf>,
    whose: Whose,
    /// In the order of their names, which is that of their making. What is put goes into the last.
    journals: Vec<Journal>,
}

/// What clients that are gone left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// The messages, those that were first first.
    pub held: Held,
    /// Why there may be more that cannot be had, if so.
    pub trouble: Option<OutboxError>,
}

/// How many messages are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remains {
    /// To be sent.
    pub waiting: usize,
    /// Refused.
    pub refused: usize,
}

/// Why a message is not kept, or cannot be had. A sentence without its end.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Neither a setting nor the environment names a folder.
    #[error("there is no home folder to keep messages in: name another folder with --state-dir")]
    NoFolder,
    /// Too much waits already.
    #[error("{MAX_WAITING} messages or 16 MiB are waiting already: wait until the server takes them")]
    Full,
    /// The disk will not.
    #[error("the outbox {path} does not work ({source}): put that right, or name another folder with --state-dir")]
    Disk {
        /// The folder or the file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Outbox {
    /// The outbox of `whose` in `folder`. Touches nothing yet.
    #[must_use]
    pub fn new(folder: Option<PathBuf>, whose: Whose) -> Self {
        Self { folder, whose, journals: Vec::new() }
    }

    /// Writes a message down; it outlives a power cut from here on. One that waits already is not kept twice.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn put(&mut self, kept: &Kept) -> Result<(), OutboxError> {
        match self.journals.iter().find_map(|journal| journal.fate(&kept.id)) {
            Some(Fate::Waiting) => return Ok(()),
            // Whoever sends it once more wants it to be tried once more.
            Some(Fate::Refused) => self.done(&kept.id),
            None => {}
        }
        if self.is_full(kept.content.len()) {
            return Err(OutboxError::Full);
        }
        let folder = self.folder.as_deref().ok_or(OutboxError::NoFolder)?;
        if self.journals.last().is_none_or(Journal::is_removed) {
            let made = make_folder(folder).and_then(|()| Journal::create(folder));
            self.journals.push(made.map_err(|e| disk(folder, e))?);
        }
        let Some(journal) = self.journals.last_mut() else { return Err(OutboxError::NoFolder) };
        let put = journal.put(&self.whose, kept);
        put.map_err(|e| disk(journal.path(), e))
    }

    /// Notes that the server will never take a message. It stays, and is not sent again by itself.
    pub fn refuse(&mut self, id: &MessageId, reason: &str) {
        for journal in &mut self.journals {
            journal.refuse(id, reason);
        }
    }

    /// What of ours waits and was refused, in numbers.
    #[must_use]
    pub fn remains(&self) -> Remains {
        let count = |fate| self.journals.iter().map(|journal| journal.count(fate)).sum();
        Remains { waiting: count(Fate::Waiting), refused: count(Fate::Refused) }
    }

    /// Notes that the server has a message, or that whoever wrote it has taken it back.
    pub fn done(&mut self, id: &MessageId) {
        for journal in &mut self.journals {
            journal.done(id);
        }
        // The last one stays for what comes.
        let last = self.journals.len().saturating_sub(1);
        let mut at = 0;
        self.journals.retain(|journal| {
            at += 1;
            at > last || journal.load().0 > 0
        });
    }

    /// Takes over what clients that are gone left behind, those that were first first. What is too much for once is left
    /// for the next time.
    pub fn adopt(&mut self) -> Left {
        let mut left = Left::default();
        let Some(folder) = &self.folder else { return left };
        let paths = match files(folder) {
            Ok(paths) => paths,
            Err(e) => return Left { trouble: Some(disk(folder, e)), ..left },
        };
        for path in paths {
            if self.is_full(0) || self.journals.len() >= MAX_FILES {
                break;
            }
            match Journal::take_over(&path, &self.whose) {
                Ok(Some((journal, held))) => {
                    self.journals.push(journal);
                    left.held.extend(held);
                }
                // Another client has it, or it is of another room.
                Ok(None) => {}
                Err(e) => left.trouble = Some(disk(&path, e)),
            }
        }
        self.journals.sort_by(|one, other| one.path().cmp(other.path()));
        left
    }

    fn is_full(&self, more_bytes: usize) -> bool {
        let (count, bytes) = self.journals.iter().map(Journal::load).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        count >= MAX_WAITING || bytes + more_bytes > MAX_WAITING_BYTES
    }
}

/// What is kept in a folder, whoever's it is. It is only looked at: a client that runs goes on having what it has.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn look(folder: &Path) -> Result<BTreeMap<Whose, Held>, OutboxError> {
    let mut found = BTreeMap::<Whose, Held>::new();
    for path in files(folder).map_err(|e| disk(folder, e))? {
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes.map_err(|e| disk(&path, e))?,
        };
        if let Reading::Outbox(contents) = lines::read(&bytes)
            && !contents.held.is_empty()
        {
            add(&mut found, contents.whose, contents.held);
        }
    }
    Ok(found)
}

/// Puts with what is one with it what was kept while other servers were named.
fn add(found: &mut BTreeMap<Whose, Held>, whose: Whose, held: Held) {
    let are_one: Vec<Whose> = found.keys().filter(|other| other.is_one_with(&whose)).cloned().collect();
    let earlier: Vec<Held> = are_one.iter().filter_map(|one| found.remove(one)).collect();
    let all = found.entry(are_one.iter().fold(whose, Whose::with)).or_default();
    earlier.into_iter().chain([held]).for_each(|held| all.extend(held));
}

/// The files of a folder, by name; none where there is no folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == SUFFIX));
    paths.sort();
    Ok(paths)
}

fn disk(path: &Path, source: io::Error) -> OutboxError {
    OutboxError::Disk { path: path.display().to_string(), source }
}
