//! One file of the outbox, ours alone as long as it is open.
//!
//! The lock is the process's own (flock(2)): it ends with the process however that ends, so what nobody holds is what
//! somebody left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use shared::names::MessageId;
use uuid::Uuid;

use crate::files::sync_folder;
use crate::outbox::lines::{self, Contents, Held, Kept, Reading, Whose};

/// What the names of these files end with.
pub(crate) const SUFFIX: &str = "jsonl";
/// Nobody loses the same race this often.
const TRIES: usize = 10;

/// A file of the outbox that is open and locked.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Locked,
    /// Where the last whole line ends.
    len: u64,
    /// Whether there may be something behind it.
    is_torn: bool,
    /// Whether the folder is known to keep the file's name through a power cut.
    is_listed: bool,
    entries: Vec<Entry>,
}

/// A file that is ours until it is dropped, also where a child that is just being forked has it open as well.
#[derive(Debug)]
struct Locked(File);

#[derive(Debug)]
struct Entry {
    id: MessageId,
    bytes: usize,
    fate: Fate,
}

/// What becomes of a message that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is to be sent.
    Waiting,
    /// The server will never take it.
    Refused,
}

impl Journal {
    /// Makes a new one, whose name sorts behind those made before.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let path = folder.join(Uuid::now_v7().to_string()).with_extension(SUFFIX);
            let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
            // Somebody may have come upon it before it was locked, and removed it for it was empty.
            if let Some(file) = Locked::new(file)? {
                return Ok(Self { path, file, len: 0, is_torn: false, is_listed: false, entries: Vec::new() });
            }
        }
        Err(io::Error::other("others remove every file that is made there"))
    }

    /// Takes over one that nobody holds, if it is of `whose` and something is in it. One in which nothing is left is
    /// removed, whoever's it was.
    pub(crate) fn take_over(path: &Path, whose: &Whose) -> io::Result<Option<(Self, Held)>> {
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let Some(mut file) = Locked::new(file)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.0.read_to_end(&mut bytes)?;
        let contents = match lines::read(&bytes) {
            Reading::Foreign => return Ok(None),
            Reading::Blank => Contents { whose: whose.clone(), held: Held::default(), whole: 0 },
            Reading::Outbox(contents) => contents,
        };
        if contents.held.is_empty() {
            std::fs::remove_file(path)?;
            return Ok(None);
        }
        if !contents.whose.is_one_with(whose) {
            return Ok(None);
        }
        let held = contents.held;
        let waiting = held.waiting.iter().map(|kept| Entry::of(kept, Fate::Waiting));
        let refused = held.refused.iter().map(|refused| Entry::of(&refused.kept, Fate::Refused));
        let entries = waiting.chain(refused).collect();
        let (len, is_torn) = (contents.whole as u64, contents.whole < bytes.len());
        let journal = Self { path: path.to_owned(), file, len, is_torn, is_listed: true, entries };
        Ok(Some((journal, held)))
    }

    /// Writes a message down. It outlives a power cut when this returns, and is not there when this fails.
    pub(crate) fn put(&mut self, whose: &Whose, kept: &Kept) -> io::Result<()> {
        let mut bytes = if self.len == 0 { lines::head(whose) } else { Vec::new() };
        bytes.extend(lines::post(kept));
        self.append(&bytes, Sync::Yes)?;
        self.entries.push(Entry::of(kept, Fate::Waiting));
        Ok(())
    }

    /// Notes that a message is done with. Where that is lost it is sent again, with the same id, which changes nothing;
    /// so it is neither synced nor a matter when it fails.
    pub(crate) fn done(&mut self, id: &MessageId) {
        let Some(at) = self.entries.iter().position(|entry| entry.id == *id) else { return };
        self.entries.remove(at);
        let noted = if self.entries.is_empty() {
            self.len = 0;
            self.file.0.set_len(0)
        } else {
            self.append(&lines::done(id), Sync::No)
        };
        self.is_torn |= noted.is_err();
    }

    /// Notes that the server will never take a message. Where that is lost it is sent and refused again.
    pub(crate) fn refuse(&mut self, id: &MessageId, reason: &str) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == *id) else { return };
        if entry.fate == Fate::Waiting {
            entry.fate = Fate::Refused;
            let noted = self.append(&lines::refused(id, reason), Sync::No);
            self.is_torn |= noted.is_err();
        }
    }

    pub(crate) fn fate(&self, id: &MessageId) -> Option<Fate> {
        self.entries.iter().find(|entry| entry.id == *id).map(|entry| entry.fate)
    }

    /// How many messages have this fate.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.entries.iter().filter(|entry| entry.fate == fate).count()
    }

    /// How many messages there are, and how many bytes they have.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.iter().map(|entry| entry.bytes).sum())
    }

    /// Whether somebody has removed the file.
    pub(crate) fn is_removed(&self) -> bool {
        self.file.0.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn append(&mut self, bytes: &[u8], sync: Sync) -> io::Result<()> {
        if self.is_torn {
            self.file.0.set_len(self.len)?;
            self.is_torn = false;
        }
        let written = self.file.0.write_all(bytes).and_then(|()| match sync {
            Sync::No => Ok(()),
            Sync::Yes => self.sync(),
        });
        if written.is_err() {
            // What is there now is half a line, or a message whose writer was told that it is not kept.
            self.is_torn = self.file.0.set_len(self.len).is_err();
            return written;
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.0.sync_data()?;
        if !self.is_listed {
            sync_folder(self.path.parent().unwrap_or(Path::new("")))?;
            self.is_listed = true;
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.entries.is_empty() {
            // One that stays behind is removed by the next client that comes.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Locked {
    /// Locks a file, unless somebody else holds it or it has been removed since it was opened.
    fn new(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {
                let locked = Self(file);
                Ok((locked.0.metadata()?.nlink() > 0).then_some(locked))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it does the same, unless it is open elsewhere.
        let _ = self.0.unlock();
    }
}

impl Entry {
    fn of(kept: &Kept, fate: Fate) -> Self {
        Self { id: kept.id.clone(), bytes: kept.content.len(), fate }
    }
}

#[derive(Clone, Copy)]
enum Sync {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_being_started_keeps_no_lock() {
        let folder = std::env::temp_dir().join(format!("duet-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let whose = Whose {
            server: "http://127.0.0.1:8000/".to_owned(),
            room: "room1".parse().unwrap(),
            user: "alice".parse().unwrap(),
        };
        let kept = Kept { id: "a".parse().unwrap(), content: "hi".to_owned(), at: jiff::Timestamp::UNIX_EPOCH };
        let mut journal = Journal::create(&folder).unwrap();
        journal.put(&whose, &kept).unwrap();
        let path = journal.path().to_owned();
        // Between fork and exec a child has all that is open.
        let _of_a_child = journal.file.0.try_clone().unwrap();
        drop(journal);
        assert!(Journal::take_over(&path, &whose).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
