//! Reads the command line, and says what is wrong with it in words that act on no terminal.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::builder::{Resettable, Styles};
use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory, Error, FromArgMatches};

use crate::app::sanitize;
use crate::cli::Cli;
use crate::cli::exit::Exit;

impl Cli {
    /// What the command line and the environment say. Help is printed, and so is what is wrong.
    ///
    /// # Errors
    /// With how the program ends where there is nothing more to do.
    pub fn read() -> Result<Self, ExitCode> {
        let read = command().try_get_matches().and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| {
            if !error.use_stderr() {
                // Help that nobody reads.
                _ = error.print();
                return Exit::Done.into();
            }
            // clap repeats what was typed as it is. With styles, what is its own could not be told from that.
            let error = command().styles(Styles::plain()).try_get_matches().err().unwrap_or(error);
            let mut words = sanitize::body(&error.render().ansi().to_string());
            if let Some(variable) = variable(&error) {
                words = format!("{}\n  that is the value of {variable}\n", words.trim_end());
            }
            // With standard error closed there is nobody to tell.
            _ = std::io::stderr().write_all(words.as_bytes());
            Exit::Usage.into()
        })
    }
}

/// The clap tree as it is read here.
fn command() -> Command {
    as_set(Cli::command())
}

/// Variables that are empty count as not set, and help repeats none.
fn as_set(command: Command) -> Command {
    command.mut_subcommands(as_set).mut_args(|argument| {
        let is_empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        let argument = argument.hide_env_values(true);
        if is_empty { argument.env(Resettable::Reset) } else { argument }
    })
}

/// The variable that holds what an error complains of.
fn variable(error: &Error) -> Option<String> {
    let (ContextValue::String(argument), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    let mut command = command();
    command.build();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let found = commands.flat_map(Command::get_arguments).find(|found| found.to_string() == *argument)?;
    let separator = found.get_value_delimiter();
    let is_the_value = |set: OsString| {
        let set = set.to_string_lossy();
        set == *value || separator.is_some_and(|separator| set.split(separator).any(|part| part == value))
    };
    let is_typed = std::env::args_os().skip(1).any(|typed| typed.to_string_lossy().ends_with(value.as_str()));
    let variable = found.get_env().filter(|_| !is_typed)?;
    std::env::var_os(variable).is_some_and(is_the_value).then(|| variable.to_string_lossy().into_owned())
}
