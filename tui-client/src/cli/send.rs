//! `send`: one message, from the command line or standard input.

use std::io::Read;
use std::time::Duration;

use clap::Args;
use shared::names::MessageId;

use crate::cli::exit::{EXIT_CODES, Exit, Failure};
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration};
use crate::config::Settings;
use crate::network::api::Api;
use crate::network::new_message_id;

/// What is read from standard input at most: far more than a server takes, far less than all memory.
const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Send {
    #[command(flatten)]
    settings: Settings,

    /// What to say; `-` reads it from standard input, whole
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,

    /// The message's Idempotency-Key: sent again with the same one, it is the same message [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<MessageId>,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Send {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let content = match self.text.as_slice() {
            [dash] if dash == "-" => standard_input()?,
            words => words.join(" "),
        };
        if content.is_empty() {
            return Err(Failure::new(Exit::Usage, "there is nothing to send: the text is empty"));
        }
        let id = self.id.unwrap_or_else(new_message_id);
        let api = Api::new(&self.settings.membership(0)?)?;
        block_on(until_answered(self.timeout, async || api.post(&id, &content).await))
    }
}

/// The whole of standard input without its last line's end.
fn standard_input() -> Result<String, Failure> {
    let mut bytes = vec![];
    let input = std::io::stdin().lock();
    let read = input.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::new(Exit::Unexpected, format!("reading standard input: {e}")))?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(Failure::new(Exit::Refused, "standard input is longer than any message can be: send it in parts"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Exit::Usage, "standard input is not UTF-8 text: convert it, for example with iconv or base64")
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
