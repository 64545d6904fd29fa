//! `send`: one message, from the command line or standard input; with `--queue` by way of the outbox.

use std::io::Read;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use shared::names::MessageId;
use tokio::time::Instant;

use crate::app::markup::fence;
use crate::cli::delivery::deliver;
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::fleet::Fleet;
use crate::network::new_message_id;
use crate::outbox::lines::Kept;
use crate::outbox::{Left, Outbox};

/// What is read from standard input at most: far more than a server takes, far less than all memory.
pub(crate) const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Send {
    #[command(flatten)]
    settings: Settings,

    /// What to say; `-` reads it from standard input, whole
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,

    /// Send the text as a block of code in this language, such as rust; an empty one names none
    #[arg(long, value_name = "LANG", value_parser = language)]
    code: Option<String>,

    /// The message's Idempotency-Key: sent again with the same one, it is the same message [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<MessageId>,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,

    /// Keep the message in the outbox before anything else; where the server does not take it in time it waits there,
    /// and goes out with the next message that is sent so, with `outbox --send`, or when you join the room
    #[arg(long)]
    queue: bool,
}

impl Send {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let content = match self.text.as_slice() {
            [dash] if dash == "-" => standard_input()?,
            words => words.join(" "),
        };
        if content.trim().is_empty() {
            return Err(Failure::new(Exit::Usage, "there is nothing to send: the text is blank"));
        }
        let content = match &self.code {
            Some(language) => fence::around(language, &content),
            None => content,
        };
        let id = self.id.unwrap_or_else(new_message_id);
        let outbox = self.settings.state().outbox();
        let membership = self.settings.membership(0)?;
        let servers = Fleet::new(&membership)?;
        if self.queue {
            let outbox = Outbox::new(outbox, membership.whose());
            let kept = Kept { id, content, at: Timestamp::now() };
            return queue(&servers, outbox, &kept, self.timeout);
        }
        block_on(until_answered(&servers, self.timeout, async |api| api.post(&id, &content).await))
    }
}

/// Keeps a message, then sends what waits, this one last.
fn queue(servers: &Fleet, mut outbox: Outbox, kept: &Kept, within: Duration) -> Result<(), Failure> {
    let Left { held, trouble } = outbox.adopt();
    let mut posts = held.waiting;
    if let Some(trouble) = trouble {
        say(&trouble.to_string());
    }
    outbox.put(kept)?;
    // One that was queued before under the same id goes out in its own place.
    if !posts.iter().any(|earlier| earlier.id == kept.id) {
        posts.push(kept.clone());
    }
    let delivery = block_on(async { Ok(deliver(servers, &mut outbox, &posts, Instant::now() + within).await) })?;
    let is_this = |(id, _): &(MessageId, String)| *id == kept.id;
    if let Some((id, reason)) = delivery.refused.iter().find(|refused| is_this(refused)) {
        // Whoever sent it is told, and has it.
        outbox.done(id);
        return Err(Failure::new(Exit::Refused, reason));
    }
    delivery.say_refused(&mut outbox, &posts);
    if let Some(reason) = delivery.stopped_by {
        let room = &servers.who.room_id;
        say(&format!(
            "kept in the outbox ({reason}): it goes out when you join {room}, or with `tui-client outbox --send`"
        ));
    }
    Ok(())
}

fn language(text: &str) -> Result<String, String> {
    let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || "+-#._".contains(c));
    is_name.then(|| text.to_owned()).ok_or_else(|| "a language is one word, such as rust or c++".to_owned())
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
