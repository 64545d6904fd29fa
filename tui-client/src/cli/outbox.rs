//! `outbox`: where a message is that was sent and is not in its room.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use shared::names::{Email, MessageId};
use tokio::time::Instant;

use crate::cli::delivery::deliver;
use crate::cli::exit::{EXIT_CODES, Exit, Failure};
use crate::cli::lines::{Style, written};
use crate::cli::{block_on, duration, say};
use crate::config::{self, StateDir};
use crate::network::Membership;
use crate::network::api::Api;
use crate::outbox::lines::{Kept, Whose};
use crate::outbox::{self, OutboxError};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Outbox {
    #[command(flatten)]
    state: StateDir,

    /// Send what waits instead of listing it; a client that runs sends its own
    #[arg(long, conflicts_with = "json")]
    send: bool,

    /// Take this message out without sending it; its id stands in --json
    #[arg(long, value_name = "ID", conflicts_with_all = ["json", "send"])]
    drop: Option<MessageId>,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    /// With --send: how long to keep trying while a server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,

    /// With --send: an e-mail address that goes into your token
    #[arg(long, env = "DUET_EMAIL", value_name = "ADDRESS", default_value = "")]
    email: Email,
}

impl Outbox {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = self.state.outbox().ok_or(OutboxError::NoFolder)?;
        let waiting = outbox::look(&folder)?;
        if waiting.is_empty() {
            say("nothing waits to be sent");
            return Ok(());
        }
        if let Some(id) = &self.drop {
            return take_out(&folder, &waiting, id);
        }
        if self.send {
            return block_on(self.send_all(&folder, waiting.keys()));
        }
        let (style, mut out) = (Style::for_stdout(self.json), String::new());
        for (whose, posts) in &waiting {
            style.waiting(whose, posts, &mut out);
        }
        let mut stdout = std::io::stdout();
        written(stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush())).map(|_| ())
    }

    async fn send_all(&self, folder: &Path, owners: impl Iterator<Item = &Whose>) -> Result<(), Failure> {
        let mut worst = Ok(());
        for whose in owners {
            let Err(failure) = self.send_of(folder, whose).await else { continue };
            say(&failure.words);
            // What is said of the whole is that something is left to do.
            worst = Err(Failure::new(failure.exit, "not everything was sent: what is left waits in the outbox"));
        }
        worst
    }

    /// Sends what waits of one user in one room.
    async fn send_of(&self, folder: &Path, whose: &Whose) -> Result<(), Failure> {
        let Whose { server, room, user } = whose.clone();
        let place = format!("{room} as {user} at {server}");
        let server = config::server(&server).map_err(|e| Failure::new(Exit::Unexpected, format!("{place}: {e}")))?;
        let api = Api::new(&Membership { server, room, user, email: self.email.clone(), last: 0 })?;
        let mut outbox = outbox::Outbox::new(Some(folder.to_owned()), whose.clone());
        let deadline = Instant::now() + self.timeout;
        let (mut all, mut sent, mut refused) = (0, 0, 0);
        let (mut stopped_by, mut trouble) = (None, None);
        while stopped_by.is_none() {
            let left = outbox.adopt();
            trouble = left.trouble.or(trouble);
            if left.posts.is_empty() {
                break;
            }
            all += left.posts.len();
            say(&format!("{place}: sending {}", left.posts.len()));
            let delivery = deliver(&api, &mut outbox, &left.posts, deadline).await;
            delivery.say_refused(&left.posts);
            sent += delivery.sent;
            refused += delivery.refused.len();
            stopped_by = delivery.stopped_by;
        }
        if all == 0 && trouble.is_none() {
            say(&format!("{place}: a client that is running has what waits, and sends it"));
            return Ok(());
        }
        let so_far = format!("{place}: sent {sent} of {all}");
        match (stopped_by, trouble) {
            (Some(reason), _) => Err(Failure::new(Exit::NoConnection, format!("{so_far}, then stopped ({reason})"))),
            (None, Some(trouble)) => Err(Failure::new(Exit::Unexpected, format!("{so_far}; {trouble}"))),
            (None, None) if refused > 0 => Err(Failure::new(Exit::Refused, format!("{so_far}, {refused} refused"))),
            (None, None) => {
                say(&so_far);
                Ok(())
            }
        }
    }
}

fn take_out(folder: &Path, waiting: &BTreeMap<Whose, Vec<Kept>>, id: &MessageId) -> Result<(), Failure> {
    let has_it = |(_, posts): &(&Whose, &Vec<Kept>)| posts.iter().any(|kept| kept.id == *id);
    let Some((whose, _)) = waiting.iter().find(has_it) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("no message {id} waits: `tui-client outbox --json` lists those that do"),
        ));
    };
    let mut outbox = outbox::Outbox::new(Some(folder.to_owned()), whose.clone());
    if !outbox.adopt().posts.iter().any(|kept| kept.id == *id) {
        return Err(Failure::new(Exit::Unexpected, "a client that is running has this message: end that one first"));
    }
    outbox.done(id);
    Ok(())
}
