//! The program `duet-server` in a terminal: what it says, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::Folder;

/// What it said, and whether it ended well.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) is_good: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { is_good: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs it on the history in `folder` to its end.
pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Said {
    run_with(folder, &[], arguments)
}

/// The same with these variables.
pub(crate) fn run_with(folder: &Folder, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet-server"));
    command.env_clear().env("DUET_DATA_DIR", folder.path()).envs(variables.iter().copied());
    command.args(arguments).output().unwrap().into()
}

/// Runs lines of a shell that know the program, the data folder, and these variables.
pub(crate) fn run_shell(folder: &Folder, lines: &str, variables: &[(&str, &Path)]) -> Said {
    let program = Path::new(env!("CARGO_BIN_EXE_duet-server")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", program.display());
    let mut command = Command::new("sh");
    command.env_clear().env("PATH", path).env("DUET_DATA_DIR", folder.path()).envs(variables.iter().copied());
    command.args(["-euc", lines]).output().unwrap().into()
}
