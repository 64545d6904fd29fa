//! `token`: a token alone, for curl and other programs.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use crate::cli::exit::{self, Failure};
use crate::cli::lines::written;
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration};
use crate::config::Settings;
use crate::network::fleet::Fleet;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Token {
    #[command(flatten)]
    settings: Settings,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Token {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let servers = Fleet::new(&self.settings.membership(0)?)?;
        block_on(async {
            let token = until_answered(&servers, self.timeout, async |api| api.token().await).await?;
            written(writeln!(std::io::stdout(), "{token}")).map(|_| ())
        })
    }
}
