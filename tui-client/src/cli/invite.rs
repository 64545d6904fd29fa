//! `invite` and `logout`: who comes into a room, and who has left it for good.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use shared::link::Link;
use shared::names::Username;
use shared::rest::{InviteRequest, MAX_INVITE_SECONDS};

use crate::app::sanitize;
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::lines::written;
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::Membership;
use crate::network::error::ApiError;
use crate::network::fleet::Fleet;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Invite {
    #[command(flatten)]
    settings: Settings,

    /// Whom: the name under which they come in
    #[arg(long = "for", value_name = "NAME", required_unless_present_any = ["list", "revoke"])]
    guest: Option<Username>,

    /// How long the invite is good for, up to 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = life)]
    expires: Duration,

    /// List who is invited and has not come
    #[arg(long, conflicts_with_all = ["guest", "revoke"])]
    list: bool,

    /// Take back the invite with this id
    #[arg(long, value_name = "ID", conflicts_with = "guest")]
    revoke: Option<String>,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Logout {
    #[command(flatten)]
    settings: Settings,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Invite {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let membership = self.settings.membership(0)?;
        let servers = Fleet::new(&membership)?;
        let within = self.timeout;
        if self.list {
            return list(&servers, within);
        }
        if let Some(id) = &self.revoke {
            return block_on(until_answered(&servers, within, async |api| api.withdraw(id).await));
        }
        // clap asks for one of the three.
        let Some(username) = self.guest else { return Ok(()) };
        let request = InviteRequest { username, expires_in: Some(self.expires.as_secs()) };
        let answer = block_on(until_answered(&servers, within, async |api| {
            api.token().await?;
            of_this_server(api.invite(&request).await)
        }))?;
        let mut addresses = membership.servers.iter().map(|server| server.as_str().trim_end_matches('/').to_owned());
        let link = Link {
            server: addresses.next().unwrap_or_default(),
            others: addresses.collect(),
            room: answer.room_id,
            user: answer.username,
            invite: answer.invite,
        };
        let link = link.checked().map_err(|e| Failure::new(Exit::Unexpected, e.to_string()))?;
        say(&format!("for {} alone, good for once; --revoke {} takes it back:", link.user, answer.id));
        written(writeln!(std::io::stdout(), "{}", link.command())).map(|_| ())
    }
}

/// Lines for people and simple programs: id, name, who invites, until when.
fn list(servers: &Fleet, within: Duration) -> Result<(), Failure> {
    let answer = block_on(until_answered(servers, within, async |api| {
        api.token().await?;
        of_this_server(api.invites().await)
    }))?;
    if answer.invites.is_empty() {
        say(&format!("nobody is invited into {} who has not come", answer.room_id));
    }
    let line = |it: &shared::rest::PendingInvite| {
        let by = it.creator.as_ref().map_or("the operator", Username::as_str);
        sanitize::line(&format!("{}  for {}, by {by}, until {}", it.id, it.username, it.expires_at)) + "\n"
    };
    let out: String = answer.invites.iter().map(line).collect();
    written(std::io::stdout().write_all(out.as_bytes())).map(|_| ())
}

impl Logout {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let membership = self.settings.membership(0)?;
        let servers = Fleet::new(&membership)?;
        let was_member = membership.is_invited();
        let taken = block_on(until_answered(&servers, self.timeout, async |api| match api.leave().await {
            // Somebody has taken it from us already.
            Err(ApiError::Uninvited(sentence) | ApiError::Refused(sentence)) if was_member => Ok(Some(sentence)),
            left => left.map(|()| None),
        }))?;
        if let Some(sentence) = taken {
            say(&sentence);
        }
        forget(&membership)?;
        say(&format!("{} is no member of {} any more", membership.user, membership.room));
        Ok(())
    }
}

fn forget(membership: &Membership) -> Result<(), Failure> {
    block_on(async {
        for server in membership.servers.iter() {
            membership.access.credentials.forget(&membership.member(server)).await;
        }
        Ok(())
    })
}

/// Servers of the first system do not know the way, nor do older ones.
fn of_this_server<T>(answer: Result<T, ApiError>) -> Result<T, ApiError> {
    answer.map_err(|error| match error {
        ApiError::Unheard(_) => {
            ApiError::Refused("this server knows no invites: it is none of Duet, or an old one".to_owned())
        }
        ApiError::Unreachable(_)
        | ApiError::Busy { .. }
        | ApiError::TooOften { .. }
        | ApiError::Token(_)
        | ApiError::Uninvited(_)
        | ApiError::Refused(_) => error,
    })
}

/// Reads how long an invite is good for; a day is 24 hours.
fn life(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::Span>().ok();
    let time = span.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
    let time = time.and_then(|time| Duration::try_from(time).ok());
    let time = time.filter(|time| (Duration::from_secs(1)..=Duration::from_secs(MAX_INVITE_SECONDS)).contains(time));
    time.ok_or_else(|| "write a time from 1s to 30d, such as 24h or 7d".to_owned())
}
