//! `wait`: until a message comes that matches, for scripts that go on then.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use regex::{Regex, RegexBuilder};
use rustix::process::Signal;
use shared::message::Message;
use shared::names::Username;
use tokio::time::timeout;

use crate::cli::ends::{End, until_the_end};
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::lines::{Style, written};
use crate::cli::listener::{Heard, Listener, WhenFull};
use crate::cli::{block_on, duration};
use crate::config::Settings;

/// What a compiled expression may take: far more than a line on a command line comes to.
const MAX_EXPRESSION_BYTES: usize = 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Wait {
    #[command(flatten)]
    settings: Settings,

    /// A regular expression that the message has to match somewhere; (?i) before it takes capitals and small letters for
    /// the same [default: any message]
    #[arg(long = "match", value_name = "RE", value_parser = expression, default_value = "", hide_default_value = true)]
    expression: Regex,

    /// Only messages of this user
    #[arg(long, value_name = "NAME")]
    from: Option<Username>,

    /// Take the newest N messages that are there into account as well
    #[arg(long, value_name = "N", default_value_t = 0)]
    last: u32,

    /// How long to wait [default: as long as it takes]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    /// Wait for a seat in a full room instead of ending with 3
    #[arg(long)]
    wait: bool,

    /// One JSON object instead of a line for people
    #[arg(long)]
    json: bool,
}

impl Wait {
    /// Prints the first message that matches. Gives the number of a signal that came before.
    pub(crate) fn run(self) -> Result<Option<i32>, Failure> {
        let membership = self.settings.clone().membership(self.last)?;
        block_on(async {
            let mut listener = Listener::start(&membership, WhenFull::of(self.wait))?;
            let longest = self.timeout.unwrap_or(Duration::MAX);
            let end = until_the_end(timeout(longest, self.first(&mut listener))).await?;
            listener.leave().await;
            let message = match end {
                End::Done(Ok(message)) => message?,
                End::Done(Err(_)) => {
                    let words = format!("no message that matches came in {longest:?}");
                    return Err(Failure::new(Exit::NoConnection, words));
                }
                End::NobodyReads => return Ok(Some(Signal::PIPE.as_raw())),
                End::Signal(signal) => return Ok(Some(signal)),
            };
            let mut out = String::new();
            Style::for_stdout(self.json).message(&membership.room, &message, &mut out);
            written(std::io::stdout().write_all(out.as_bytes())).map(|_| None)
        })
    }

    async fn first(&self, listener: &mut Listener) -> Result<Message, Failure> {
        loop {
            for heard in listener.hear().await? {
                if let Heard::Message(message) = heard
                    && self.is_meant(&message)
                {
                    return Ok(message);
                }
            }
        }
    }

    fn is_meant(&self, message: &Message) -> bool {
        let is_from = self.from.is_none() || self.from == message.sender;
        is_from && self.expression.is_match(&message.content)
    }
}

fn expression(text: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(text).size_limit(MAX_EXPRESSION_BYTES).build();
    compiled.map_err(|e| format!("it is no regular expression: {e}"))
}
