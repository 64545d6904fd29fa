//! `doctor`: what does not work between a person and the server, from the terminal on, and what to do about it.
//!
//! Read in this order: this file, `terminal` and `probe` (what it says of itself, what it answers), `files`, `server`.

mod files;
mod probe;
mod server;
mod terminal;

use std::io::Write;

use clap::Args;
use shared::names::RoomId;
use uuid::Uuid;

use crate::app::sanitize;
use crate::cli::block_on;
use crate::cli::ends::until_a_signal;
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::lines::written;
use crate::cli::schema::{Line, VERSION, Verdict, json};
use crate::config::{self, Person};

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
pub(crate) struct Doctor {
    /// The room to connect to; it takes a seat there for a moment [default: one of its own, where it disturbs nobody]
    #[arg(value_parser = config::room_or_invite)]
    room: Option<RoomId>,

    /// Post a message as well, and wait until it is back
    #[arg(long)]
    post: bool,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    person: Person,
}

impl Doctor {
    /// Gives the number of a signal that ended it before its end.
    pub(crate) fn run(self) -> Result<Option<i32>, Failure> {
        let mut report = Report { is_json: self.json, warnings: 0, failures: 0, is_read: true };
        terminal::look(&mut report)?;
        let config = files::configuration(&self.person.file, &mut report)?;
        files::outbox(&self.person.state, &mut report)?;
        let asked = Asked { is_room_named: self.room.is_some(), post: self.post };
        let room = self.room.map_or_else(a_room_of_its_own, Ok)?;
        match self.person.resolve(config, room, 0) {
            Err(error) => report.say("user", Verdict::Fail, &error.to_string())?,
            Ok((membership, _)) => {
                let looking = server::look(&membership, asked, &mut report);
                if let Err(signal) = block_on(async { until_a_signal(looking).await })? {
                    return Ok(Some(signal));
                }
            }
        }
        report.end()
    }
}

fn a_room_of_its_own() -> Result<RoomId, Failure> {
    RoomId::new(format!("doctor-{}", Uuid::now_v7())).map_err(|e| Failure::new(Exit::Unexpected, e.to_string()))
}

/// How far to look.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Not into a room of its own.
    is_room_named: bool,
    /// Post a message.
    post: bool,
}

/// What was found, said as soon as it is.
pub(super) struct Report {
    is_json: bool,
    warnings: usize,
    failures: usize,
    /// Whether anybody reads it.
    is_read: bool,
}

impl Report {
    /// Says of one thing how it is and, where that is wrong, what to do.
    pub(super) fn say(&mut self, name: &str, verdict: Verdict, words: &str) -> Result<(), Failure> {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        self.warnings += usize::from(verdict == Verdict::Warn);
        self.failures += usize::from(verdict == Verdict::Fail);
        let words = sanitize::line(words);
        let mut out = String::new();
        if self.is_json {
            json(&Line::Check { v: VERSION, name, state: verdict, words: &words }, &mut out);
        } else {
            out = format!("{word:4}  {name:10}  {words}\n");
        }
        if self.is_read {
            self.is_read = written(std::io::stdout().write_all(out.as_bytes()))?;
        }
        Ok(())
    }

    fn end(self) -> Result<Option<i32>, Failure> {
        match self.failures {
            0 => Ok(None),
            1 => Err(Failure::new(Exit::Unexpected, "1 thing is wrong")),
            many => Err(Failure::new(Exit::Unexpected, format!("{many} things are wrong"))),
        }
    }
}
