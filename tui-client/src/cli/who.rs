//! `who`: who is in a room. Takes no seat.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use shared::rest::RoomAnswer;

use crate::app::lookalikes::Acquaintances;
use crate::cli::exit::{self, Failure};
use crate::cli::lines::{Style, written};
use crate::cli::stubborn::until_answered;
use crate::cli::{block_on, duration, say};
use crate::config::Settings;
use crate::network::error::ApiError;
use crate::network::fleet::Fleet;

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Who {
    #[command(flatten)]
    settings: Settings,

    /// One JSON object instead of lines for people
    #[arg(long)]
    json: bool,

    /// How long to keep trying while the server cannot be reached or is busy
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl Who {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let membership = self.settings.membership(0)?;
        let servers = Fleet::new(&membership)?;
        let answer = block_on(until_answered(&servers, self.timeout, async |api| {
            // What fails before the question says nothing of who can answer it.
            api.token().await?;
            of_this_server(api.room().await)
        }))?;
        let mut out = String::new();
        Style::for_stdout(self.json).room(&answer, &mut out);
        let mut acquaintances = Acquaintances::new(&membership.user);
        answer
            .occupants
            .iter()
            .filter_map(|occupant| acquaintances.meet(&occupant.user))
            .for_each(|warning| say(&warning));
        if answer.occupants.is_empty() {
            say(&format!("nobody is in {}", answer.room_id));
        }
        written(std::io::stdout().write_all(out.as_bytes())).map(|_| ())
    }
}

/// Servers of the first system do not know the way, nor do older ones.
fn of_this_server(answer: Result<RoomAnswer, ApiError>) -> Result<RoomAnswer, ApiError> {
    answer.map_err(|error| match error {
        ApiError::Unheard(_) => ApiError::Refused(
            "this server does not tell who is in a room: it is none of Duet, or an old one".to_owned(),
        ),
        ApiError::Refused(words) => {
            ApiError::Refused(format!("the server does not tell who is in a room ({words}): it may be an older one"))
        }
        ApiError::Unreachable(_)
        | ApiError::Busy { .. }
        | ApiError::TooOften { .. }
        | ApiError::Token(_)
        | ApiError::Uninvited(_) => error,
    })
}
