//! What is made from the tables for people to read: the man page and the pages in `docs/`.

pub(crate) mod completions;
mod man;
#[cfg(test)]
mod markdown;

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::exit::{Exit, Failure};

/// Prints the man page.
pub(crate) fn man() -> Result<(), Failure> {
    print(man::page(Cli::command()).as_bytes())
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // Whoever read enough has closed it.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|e| Failure::new(Exit::Unexpected, format!("writing: {e}"))),
    }
}
