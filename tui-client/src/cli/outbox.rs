//! `outbox`: where a message is that was sent and is not in its room.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use shared::names::{Email, MessageId};
use tokio::time::Instant;

use crate::cli::delivery::deliver;
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::lines::{Style, addresses, minute, written};
use crate::cli::{block_on, duration, say};
use crate::config::{self, StateDir};
use crate::credentials::Credentials;
use crate::network::fleet::Fleet;
use crate::network::servers::Servers;
use crate::network::{Access, Membership};
use crate::outbox::lines::{Held, Kept, Whose};
use crate::outbox::{self, Left, OutboxError};

/// How long to wait for a client that is about to end.
const LETTING_GO: Duration = Duration::from_millis(500);
/// The characters of a short id, where that is enough.
const SHORT: usize = 8;

/// With fewer characters of an id a slip could mean a message.
const MIN_WRITTEN: usize = 6;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Outbox {
    /// PEM file of authorities that a server's certificate may be signed by, besides those of the system
    #[arg(long, env = "DUET_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    #[command(flatten)]
    state: StateDir,

    /// Send what waits instead of listing it; a client that runs sends its own, and what was refused is not sent again
    #[arg(long, conflicts_with = "json")]
    send: bool,

    /// Take this message out without sending it: its id, or 6 or more characters of its beginning or end that no other one has
    #[arg(long, value_name = "ID", conflicts_with_all = ["json", "send"])]
    drop: Option<String>,

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
        let kept = outbox::look(&folder)?;
        if let Some(id) = &self.drop {
            return take_out(&folder, &kept, id);
        }
        let mut waiting = kept.iter().filter(|(_, held)| !held.waiting.is_empty()).map(|(whose, _)| whose).peekable();
        if kept.is_empty() || (self.send && waiting.peek().is_none()) {
            say("nothing waits to be sent");
            return Ok(());
        }
        if self.send {
            return block_on(self.send_all(&folder, waiting));
        }
        let (style, mut out) = (Style::for_stdout(self.json), String::new());
        let ids: Vec<&MessageId> = kept.values().flat_map(Held::all).map(|kept| &kept.id).collect();
        for (whose, held) in &kept {
            style.kept(whose, held, |id| short(id, &ids), &mut out);
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
        let Whose { room, user, .. } = whose.clone();
        let place = format!("{room} as {user} at {}", addresses(whose));
        let addresses = whose.addresses().map(config::server).collect::<Result<Vec<_>, _>>();
        let addresses = addresses.map_err(|e| Failure::new(Exit::Unexpected, format!("{place}: {e}")))?;
        let Some(servers) = Servers::new(addresses) else { return Ok(()) };
        let access = Access {
            credentials: Credentials::new(self.state.folder()),
            authorities: config::authorities(self.ca.clone())?,
        };
        let servers = Fleet::new(&Membership { servers, room, user, email: self.email.clone(), last: 0, access })?;
        let mut outbox = outbox::Outbox::new(Some(folder.to_owned()), whose.clone());
        let deadline = Instant::now() + self.timeout;
        let (mut all, mut sent, mut refused) = (0, 0, 0);
        let (mut stopped_by, mut trouble) = (None, None);
        while stopped_by.is_none() {
            let left = if all == 0 { adopt_soon(&mut outbox, folder, whose) } else { outbox.adopt() };
            trouble = left.trouble.or(trouble);
            let posts = left.held.waiting;
            if posts.is_empty() {
                break;
            }
            all += posts.len();
            say(&format!("{place}: sending {}", posts.len()));
            let delivery = deliver(&servers, &mut outbox, &posts, deadline).await;
            delivery.say_refused(&mut outbox, &posts);
            sent += delivery.sent;
            refused += delivery.refused.len();
            stopped_by = delivery.stopped_by;
        }
        if all == 0 && trouble.is_none() {
            if !still_waits(folder, whose) {
                say(&format!("{place}: a client that was running has sent what waited"));
                return Ok(());
            }
            let words = format!("{place}: a client that is running has what waits, and sends it");
            return Err(Failure::new(Exit::NoConnection, words));
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

/// Takes over what nobody holds. One who has just gone may not have let go yet, and is given a moment.
fn adopt_soon(outbox: &mut outbox::Outbox, folder: &Path, whose: &Whose) -> Left {
    let until = std::time::Instant::now() + LETTING_GO;
    loop {
        let left = outbox.adopt();
        let is_in_vain = left.held.is_empty() && left.trouble.is_none() && still_waits(folder, whose);
        if !is_in_vain || std::time::Instant::now() >= until {
            return left;
        }
        std::thread::sleep(LETTING_GO / 10);
    }
}

fn still_waits(folder: &Path, whose: &Whose) -> bool {
    // What cannot be read is told of where it is taken over.
    outbox::look(folder).is_ok_and(|kept| kept.keys().any(|other| other.is_one_with(whose)))
}

fn take_out(folder: &Path, kept: &BTreeMap<Whose, Held>, wanted: &str) -> Result<(), Failure> {
    let all: Vec<(&Whose, &Kept)> =
        kept.iter().flat_map(|(whose, held)| held.all().map(move |kept| (whose, kept))).collect();
    let is_exact = |(_, kept): &(&Whose, &Kept)| kept.id.as_str() == wanted;
    let is_meant = |(_, kept): &(&Whose, &Kept)| {
        let id = kept.id.as_str();
        wanted.chars().count() >= MIN_WRITTEN && (id.starts_with(wanted) || id.ends_with(wanted))
    };
    let found: Vec<_> = match all.iter().copied().find(is_exact) {
        Some(exact) => vec![exact],
        None => all.into_iter().filter(is_meant).collect(),
    };
    let (whose, message) = match found.as_slice() {
        [one] => *one,
        [] => {
            let words = format!(
                "no message {wanted} is kept: `tui-client outbox` lists those that are, write at least 6 characters of the id"
            );
            return Err(Failure::new(Exit::Usage, words));
        }
        several => {
            let words = format!("{} messages are meant by {wanted}: write more of the id", several.len());
            return Err(Failure::new(Exit::Usage, words));
        }
    };
    let mut outbox = outbox::Outbox::new(Some(folder.to_owned()), whose.clone());
    if !adopt_soon(&mut outbox, folder, whose).held.all().any(|kept| kept.id == message.id) {
        return Err(Failure::new(Exit::Unexpected, "a client that is running has this message: end that one first"));
    }
    outbox.done(&message.id);
    let (time, room) = (minute(message.at, &TimeZone::system()), &whose.room);
    say(&format!("the message of {time} for {room} is out of the outbox and will not be sent"));
    Ok(())
}

/// The end of an id that no other one has. The beginnings of ids are times, and much alike.
fn short<'a>(id: &'a MessageId, all: &[&MessageId]) -> &'a str {
    let text = id.as_str();
    let ends = (0..=text.len().saturating_sub(SHORT)).rev().filter_map(|from| text.get(from..));
    let is_its_own = |end: &&str| {
        let others = all.iter().filter(|other| **other != id);
        !others.map(|other| other.as_str()).any(|other| other.starts_with(end) || other.ends_with(end))
    };
    ends.into_iter().find(is_its_own).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &[&str], expected: &[&str]) {
        let ids: Vec<MessageId> = ids.iter().map(|id| id.parse().unwrap()).collect();
        let all: Vec<&MessageId> = ids.iter().collect();
        assert_eq!(ids.iter().map(|id| short(id, &all)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_short_id_is_the_end_that_no_other_one_has() {
        check(&["019ab-7cc3-1d2f48a9-1", "019ab-7cc3-1d2f48a9-2"], &["2f48a9-1", "2f48a9-2"]);
        check(&["key-1", "key-11"], &["key-1", "key-11"]);
        check(&["a-12345678", "b-12345678"], &["a-12345678", "b-12345678"]);
    }
}
