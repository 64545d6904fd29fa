//! The command line: the clap tree and the subcommands for scripts.
//!
//! What programs read goes to standard output, words for people to standard error, and how it ended is the exit code.

mod arguments;
mod bench;
mod config;
mod delivery;
mod doctor;
mod ends;
mod entering;
pub mod exit;
mod export;
mod history;
mod invite;
mod lines;
mod listener;
mod manual;
mod outbox;
mod pages;
mod plain;
mod schema;
mod send;
mod stubborn;
mod tail;
mod ticker;
mod token;
mod wait;
mod who;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use tokio::runtime::LocalOptions;
use tokio::task::spawn_local;

use crate::app::preferences::{Glyphs, ThemeName};
use crate::app::sanitize;
use crate::cli::entering::Destination;
use crate::cli::exit::{Exit, Failure};
use crate::cli::listener::WhenFull;
use crate::config::table::{Config as FileConfig, THEMES};
use crate::config::{Person, Settings, server};
use crate::memory::Memory;
use crate::outbox::lines::Whose;
use crate::outbox::{Outbox, Remains};
use crate::report;
use crate::rooms::Rooms;
use crate::run::{self, Ended};

/// Chat for two in the terminal
#[derive(Debug, Parser)]
#[command(name = "tui-client", version, after_help = exit::help())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Talk in a room
    Join(Join),
    /// Send one message, and end when the server keeps it
    Send(send::Send),
    /// Print the messages of a room as they come; takes a seat in it
    Tail(tail::Tail),
    /// Print what was said in a room; takes no seat
    History(history::History),
    /// Write down the whole history of a room, as Markdown or JSON; takes no seat
    Export(export::Export),
    /// Wait until a message comes that matches, and print it; takes a seat in the room
    Wait(wait::Wait),
    /// Tell who is in a room; takes no seat
    Who(who::Who),
    /// Invite somebody into a room: print the line that they paste
    Invite(invite::Invite),
    /// End your membership of a room you were invited into
    Logout(invite::Logout),
    /// Tell what does not work between you and the server, and what to do; ends with 1 when something is wrong
    Doctor(doctor::Doctor),
    /// List what was sent and is not in its room yet, or send it
    Outbox(outbox::Outbox),
    /// Print a token for a room, for other programs to use
    Token(token::Token),
    /// Write a configuration file, or check the one there is
    Config(config::Config),
    /// Print the man page: `tui-client man | man -l -`
    Man,
    /// Print what a shell needs to complete the command line
    Completions(manual::completions::Completions),
    /// Put load on a server and measure it; ends with 1 when anything was lost, repeated or out of order
    Bench(bench::Bench),
}

#[derive(Debug, Args)]
#[command(after_help = exit::help())]
struct Join {
    /// The room; or the link of an invite, which begins with duet://
    #[arg(value_name = "ROOM")]
    room: Destination,
    #[command(flatten)]
    person: Person,
    /// More rooms, to be open as well
    #[arg(value_name = "MORE")]
    more: Vec<String>,
    /// Lines that are only ever added, for screen readers; so is it where TERM is dumb or input or output no terminal
    #[arg(long)]
    plain: bool,
    /// With --plain: in a full room wait for a seat instead of ending with 3
    #[arg(long)]
    wait: bool,
    /// How many of the newest messages to begin with [default: 100, with --plain 10]
    #[arg(long, value_name = "N")]
    last: Option<u32>,
    /// Weight and colours [default: the configuration file's, else dark]
    #[arg(long, value_parser = theme())]
    theme: Option<ThemeName>,
    /// Draw with the 95 characters of ASCII alone
    #[arg(long)]
    ascii: bool,
}

impl Cli {
    /// Does what the command line says. One of [`Exit`], or 128 and the number of the signal that ended it.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Join(join) => match join.run() {
                // It has said so.
                Ok(Ended::RoomFull) => return Exit::RoomFull.into(),
                Ok(Ended::Signal(number)) => Ok(Some(number)),
                Ok(Ended::Quit) => Ok(None),
                Err(failure) => Err(failure),
            },
            Command::Send(send) => send.run().map(|()| None),
            Command::Tail(tail) => tail.run().map(|()| None),
            Command::History(history) => history.run().map(|()| None),
            Command::Export(export) => export.run(),
            Command::Wait(wait) => wait.run(),
            Command::Who(who) => who.run().map(|()| None),
            Command::Invite(invite) => invite.run().map(|()| None),
            Command::Logout(logout) => logout.run().map(|()| None),
            Command::Doctor(doctor) => doctor.run(),
            Command::Outbox(outbox) => outbox.run().map(|()| None),
            Command::Token(token) => token.run().map(|()| None),
            Command::Config(config) => config.run().map(|()| None),
            Command::Man => manual::man().map(|()| None),
            Command::Completions(completions) => completions.run().map(|()| None),
            Command::Bench(bench) => bench.run(),
        };
        match result {
            Ok(None) => Exit::Done.into(),
            Ok(Some(number)) => ended_by(number),
            Err(failure) => {
                say(&failure.words);
                failure.exit.into()
            }
        }
    }
}

impl Join {
    fn run(self) -> Result<Ended, Failure> {
        let state = self.person.state.clone();
        report::on_panic(state.reports());
        let is_plain = self.plain || plain::is_called_for();
        let last = self.last.unwrap_or(if is_plain { 10 } else { 100 });
        let (destination, more) = self.room.with(&self.more)?;
        let (settings, link) = match destination {
            Destination::Link(link) => {
                let servers = link.servers().map(server).collect::<Result<_, _>>();
                let servers = servers.map_err(|e| Failure::new(Exit::Usage, e))?;
                let person = self.person.invited(servers, link.user.clone());
                (Settings::of(link.room.clone(), person), Some(link))
            }
            Destination::Room(room) => (Settings::of(room, self.person), None),
            Destination::Torn(_) => return Err(Failure::new(Exit::Usage, "the link is not whole")),
        };
        let (membership, mut preferences) = settings.resolve(last)?;
        if let Some(link) = link {
            entering::enter(&membership, &link)?;
        }
        preferences.theme = self.theme.unwrap_or(preferences.theme);
        if self.ascii {
            preferences.glyphs = Glyphs::Ascii;
        }
        if is_plain {
            if !more.is_empty() {
                return Err(Failure::new(Exit::Usage, "without a screen there is one room at a time: name only one"));
            }
            let whose = membership.whose();
            let mut outbox = Outbox::new(state.outbox(), whose.clone());
            let ended =
                block_on(plain::talk(&membership, &mut outbox, WhenFull::of(self.wait), preferences.idle_after));
            say_what_remains(outbox.remains(), &whose);
            return ended;
        }
        let mut rooms = Rooms::new(state.outbox(), Memory::new(state.folder()));
        let (ended, rooms) = block_on_local(async move {
            let ended = run::join(membership, &more, preferences, &mut rooms).await;
            (ended.map_err(Failure::from), rooms)
        })?;
        for (whose, remains) in rooms.remains() {
            say_what_remains(remains, &whose);
        }
        ended
    }
}

/// The words for themes, which are those of the configuration file.
fn theme() -> impl TypedValueParser<Value = ThemeName> {
    PossibleValuesParser::new(THEMES.iter().map(|choice| choice.word)).map(|word| {
        let mut config = FileConfig::default();
        THEMES.iter().filter(|choice| choice.word == word).for_each(|choice| choice.set(&mut config));
        config.preferences.theme
    })
}

/// The screen is gone, and with it what it said of messages that are not sent.
fn say_what_remains(Remains { waiting, refused }: Remains, Whose { room, user, .. }: &Whose) {
    let goes_out = |them| {
        format!("when you join {room} as {user} again, or with `tui-client outbox --send`; the outbox keeps {them}")
    };
    match waiting {
        0 => {}
        1 => say(&format!("1 message waits to be sent: it goes out {}", goes_out("it"))),
        _ => say(&format!("{waiting} messages wait to be sent: they go out {}", goes_out("them"))),
    }
    match refused {
        0 => {}
        1 => say("1 message was refused and stays in the outbox: `tui-client outbox` shows it"),
        _ => say(&format!("{refused} messages were refused and stay in the outbox: `tui-client outbox` shows them")),
    }
}

/// As shells say it of a program that a signal has ended.
fn ended_by(number: i32) -> ExitCode {
    ExitCode::from(128u8.saturating_add(u8::try_from(number).unwrap_or(0)))
}

/// Tells the person at the terminal.
fn say(words: &str) {
    // With standard error closed there is nobody to tell.
    _ = writeln!(std::io::stderr(), "tui-client: {}", sanitize::line(words));
}

/// Runs a subcommand that talks to the server and needs no more than one thread.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(Exit::Unexpected, format!("starting the runtime: {e}")))?;
    let result = runtime.block_on(work);
    // A write to a pipe that nobody reads may still be under way; it must not keep us.
    runtime.shutdown_background();
    result
}

/// Runs the screen, as one task beside those of the network. Were it what the runtime waits for, each message that the network
/// hands it would ask the system first for what else has come.
fn block_on_local<T: 'static>(work: impl Future<Output = T> + 'static) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(|e| Failure::new(Exit::Unexpected, format!("starting the runtime: {e}")))?;
    let result = runtime.block_on(async { spawn_local(work).await });
    runtime.shutdown_background();
    // A task that nobody aborts ends early by a panic alone.
    result.map_err(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Reads a duration such as `10s`, `500ms` or `2m`; a number alone means seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let explain = || "write it like 10s, 500ms or 2m".to_owned();
    let seconds = text.parse::<u32>().map(|n| SignedDuration::from_secs(n.into()));
    let duration = seconds.or_else(|_| text.parse::<SignedDuration>()).map_err(|_| explain())?;
    Duration::try_from(duration).map_err(|_| explain())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_clap_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_duration_is_written_as_people_write_it() {
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "soon", "-3s", "-3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
