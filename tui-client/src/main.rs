//! The `tui-client` program.

use std::process::ExitCode;

use clap::Parser;
use tui_client::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
