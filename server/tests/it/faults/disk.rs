//! The disk of the history: a small one of its own that can be full, where we may mount one.

use std::path::Path;
use std::process::Command;

use crate::support::Folder;

/// Room for the history of the longest run, in MiB. In memory, and only as much as is used.
const MIB: u32 = 3072;

/// What a file system of ours is called, before the id of its process.
const NAME: &str = "duet-faults-";

/// A folder, on a file system of its own if that can be had.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: Folder,
    is_mounted: bool,
}

impl Disk {
    #[expect(clippy::explicit_write, reason = "the harness shows nothing that a passing test has printed")]
    pub(crate) fn new() -> Self {
        use std::io::Write;
        sweep();
        let folder = Folder::new();
        let (size, name) = (format!("size={MIB}m,mode=0700"), format!("{NAME}{}", std::process::id()));
        let is_mounted = run("mount", &["-t", "tmpfs", "-o", &size, &name], folder.path());
        if !is_mounted {
            writeln!(std::io::stderr(), "skipped: a full disk, for it takes root to mount a small one").unwrap();
        }
        Self { folder, is_mounted }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn can_be_full(&self) -> bool {
        self.is_mounted
    }

    /// Makes it so small that hardly another page fits.
    pub(crate) fn fill(&self) -> Result<(), String> {
        // A file system does not become smaller than what is used, which grows while we look: the more, the longer.
        let fits = |more: &u64| run("mount", &["-o", &format!("remount,size={}", self.used() + more)], self.path());
        let step = 16 * 1024;
        (0..64).map(|n| n * step).find(fits).map(drop).ok_or_else(|| "the disk could not be filled".to_owned())
    }

    pub(crate) fn free(&self) {
        assert!(run("mount", &["-o", &format!("remount,size={MIB}m")], self.path()));
    }

    /// In bytes. Everything in use, not the sizes of files.
    fn used(&self) -> u64 {
        let df = Command::new("df").args(["--block-size=1", "--output=used"]).arg(self.path()).output().unwrap();
        String::from_utf8(df.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// How long the history's log is, in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.path().join("duet.db-wal")).map_or(0, |log| log.len())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            run("umount", &["-l"], self.path());
        }
    }
}

/// Takes away those of processes that were killed.
fn sweep() {
    for line in std::fs::read_to_string("/proc/mounts").unwrap_or_default().lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(path)) = (words.next(), words.next()) else { continue };
        let Some(owner) = name.strip_prefix(NAME) else { continue };
        if !Path::new("/proc").join(owner).exists() && run("umount", &["-l"], Path::new(path)) {
            // Another process may have swept it at the same time.
            let _ = std::fs::remove_dir(path);
        }
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    Command::new(program).args(arguments).arg(path).output().is_ok_and(|done| done.status.success())
}
