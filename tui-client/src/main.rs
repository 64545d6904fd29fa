//! The `tui-client` program.

use std::process::ExitCode;

use tui_client::cli::Cli;

fn main() -> ExitCode {
    match Cli::read() {
        Ok(cli) => cli.run(),
        Err(end) => end,
    }
}
