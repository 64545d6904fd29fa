//! The disk of the history: a small one of its own that can be full, where we may mount one.

use std::path::Path;
use std::process::Command;

use crate::support::Folder;

/// Room for the history of the longest run, in MiB. In memory, and only as much as is used.
const MIB: u32 = 3072;

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
        let folder = Folder::new();
        let size = format!("size={MIB}m,mode=0700");
        let is_mounted = run("mount", &["-t", "tmpfs", "-o", &size, "duet-faults"], folder.path());
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

    /// Makes it so small that not another page fits.
    pub(crate) fn fill(&self) {
        // What is used grows while we look, and a file system does not become smaller than that.
        let is_full = (0..20).any(|_| run("mount", &["-o", &format!("remount,size={}", self.used())], self.path()));
        assert!(is_full, "the disk could not be filled");
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

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    Command::new(program).args(arguments).arg(path).output().is_ok_and(|done| done.status.success())
}
