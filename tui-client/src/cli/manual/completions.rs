//! `completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::exit::Failure;
use crate::cli::manual::print;

const NAME: &str = "tui-client";

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        if self.shell == Shell::Bash {
            script = with_one_spelling(&script);
        }
        print(&script)
    }
}

/// The generator writes a hyphen in the program's name in two ways, and so never finds what follows a command
/// (<https://github.com/clap-rs/clap/issues/6421>).
fn with_one_spelling(script: &[u8]) -> Vec<u8> {
    let [wrong, right] = ["__subcmd__", "__"].map(|hyphen| NAME.replace('-', hyphen));
    String::from_utf8_lossy(script).replace(&wrong, &right).into_bytes()
}
