//! The `duet-server` program: arguments, log, signals, and what it says in a terminal.

mod log;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use server::access::invites::Member;
use server::access::store;
use server::config::misspelt::{Misspelt, misspelt};
use server::config::{Arguments, Command, Settings};
use server::database::{Address, AddressError};
use server::departure::Stop;
use server::history::check::Subject;
use server::history::postgres;
use server::history::sqlite::{backup, check};
use server::listener;
use server::membership::{self, Invited};
use server::node;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};
use tracing_subscriber::EnvFilter;

use crate::log::{Colour, Harmless};

// glibc's allocator keeps what closed connections had; thousands of them come and go here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Arguments { settings, command } = Arguments::parse();
    let done = match command {
        None => serve_with_log(settings),
        Some(Command::Check { file: None }) if let Some(url) = settings.database_url() => say(check_database(url)),
        Some(Command::Check { file: None }) => {
            let (history, access) = (check_history(&settings, None), check_access(&settings));
            history && access
        }
        Some(Command::Check { file }) => check_history(&settings, file),
        Some(Command::Backup { file }) => back_up_history(&settings, &file),
        Some(Command::Invite { room, user, expires, server }) => {
            let servers = server.into_iter().filter(|server| !server.is_empty()).collect();
            invite(&settings, Member { room, user }, expires, servers)
        }
        Some(Command::Revoke { room, user }) => say_aside(membership::revoke(&settings, &Member { room, user })),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The line goes to standard output, for a pipe; what there is to know of it does not.
fn invite(settings: &Settings, member: Member, life: Duration, servers: Vec<String>) -> bool {
    let invited = membership::invite(settings, member, life, servers);
    let (line, note) = match invited {
        Ok(Invited { line, note }) => (Ok((true, line)), Some(note)),
        Err(error) => (Err(error), None),
    };
    note.is_none_or(|note| say_aside(Ok(note))) & say(line)
}

fn serve_with_log(settings: Settings) -> bool {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.unwrap_or_else(|| "info".to_owned());
    // lapin reports what we report ourselves, and with a message that came back also its content.
    let filter = EnvFilter::new(if wanted.contains("lapin") { wanted } else { format!("{wanted},lapin=off") });
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || harmless(colour)).with_ansi(colour).init();
    for Misspelt { name, meant } in misspelt(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        warn!(name, meant, "there is no such setting");
    }
    serve(settings).inspect_err(|message| error!("{message}")).is_ok()
}

/// Standard error, where nothing is obeyed but colours of our own.
fn harmless(colour: bool) -> Harmless<std::io::Stderr> {
    let colour = if colour { Colour::Yes } else { Colour::No };
    Harmless { out: std::io::stderr(), colour }
}

fn check_history(settings: &Settings, file: Option<PathBuf>) -> bool {
    let history = settings.history_file().map_err(|e| e.to_string());
    let looked = match (file, history) {
        (Some(file), Ok(history)) if is_same(&file, &history) => Ok((history, Subject::History)),
        (Some(file), _) => Ok((file, Subject::Backup)),
        (None, history) => history.map(|file| (file, Subject::History)),
    };
    say(looked.and_then(|(file, subject)| {
        let report = check::check(&file, subject).map_err(|e| e.to_string())?;
        Ok((report.is_good(), format!("{}: {report}", file.display())))
    }))
}

/// Looks at who may come in, if that is in a file already. Where there is no folder, that has been said of the history.
fn check_access(settings: &Settings) -> bool {
    let Ok(history) = settings.history_file() else { return false };
    let file = history.with_file_name(store::FILE);
    match store::check::check(&file) {
        Ok(None) => true,
        Ok(Some(report)) => say(Ok((report.is_good(), format!("{}: {report}", file.display())))),
        Err(error) => say(Err(error.to_string())),
    }
}

/// Whether both names are of one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[tokio::main]
async fn check_database(url: &str) -> Result<(bool, String), String> {
    let address: Address = url.parse().map_err(|e: AddressError| e.to_string())?;
    let at = address.to_string();
    let history = postgres::check::check(address.clone()).await.map_err(|e| e.to_string())?;
    let said = format!("{at}: {history}");
    let (is_good, access) = match store::check::check_database(address).await {
        Ok(None) => return Ok((history.is_good(), said)),
        Ok(Some(access)) => (history.is_good() && access.is_good(), access.to_string()),
        Err(error) => (false, error.to_string()),
    };
    Ok((is_good, format!("{said}\n{at}, who may come in: {access}")))
}

fn back_up_history(settings: &Settings, to: &Path) -> bool {
    if settings.database_url().is_some() {
        return say(Err(
            "the history is in PostgreSQL (DATABASE_URL), whose pg_dump backs it up, as docs/operations.md says; to \
            back up a history in the data folder, unset DATABASE_URL"
                .to_owned(),
        ));
    }
    let copied = settings.history_file().map_err(|e| e.to_string()).and_then(|from| {
        let report = backup::backup(&from, to).map_err(|e| e.to_string())?;
        let what =
            if report.is_good() { "is a whole copy of the history" } else { "was not made: the history is damaged" };
        Ok((report.is_good(), format!("{} {what}. {report}", to.display())))
    });
    say(copied)
}

/// Tells what was found on standard output, or why nothing could be on standard error, and whether all is well.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line's own output")]
fn say(found: Result<(bool, String), String>) -> bool {
    match found {
        Ok((is_good, text)) => {
            println!("{text}");
            is_good
        }
        Err(message) => {
            eprintln!("duet-server: {message}");
            false
        }
    }
}

/// Tells on standard error what was done, or why nothing was, and whether all is well.
#[expect(clippy::print_stderr, reason = "the command line's own output")]
fn say_aside(done: Result<String, String>) -> bool {
    let is_good = done.is_ok();
    match done {
        Ok(text) | Err(text) => eprintln!("duet-server: {text}"),
    }
    is_good
}

#[tokio::main]
async fn serve(settings: Settings) -> Result<(), String> {
    let listen = settings.listen;
    let listener = listener::bind(listen)
        .map_err(|e| format!("cannot listen on {listen}: {e}; set DUET_LISTEN to another address or port"))?;
    let signals = || Ok::<_, std::io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?));
    let (mut terminate, mut interrupt) = signals().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let stop = Stop::default();
    let told = stop.clone();
    // The first asks, the second urges.
    tokio::spawn(async move {
        for told in [told.asked, told.urged] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            told.cancel();
        }
    });
    node::run(settings, listener, stop).await.map_err(|e| e.to_string())
}
