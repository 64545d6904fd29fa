//! How the program ends, for scripts to branch on.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::network::error::ApiError;
use crate::outbox::OutboxError;
use crate::run::RunError;

/// The exit codes. They are documented in `--help` and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// The command line does not say what to do; clap ends with the same code.
    Usage = 2,
    /// The room holds two other users.
    RoomFull = 3,
    /// The server refused: who asks, or what was asked.
    Refused = 4,
    /// No connection, or no answer in time.
    NoConnection = 5,
}

/// What each code means: `--help`, the man page and docs/cli.md have it from here.
pub const EXITS: &[(&str, &str)] = &[
    ("0", "done; for send --queue also: kept in the outbox, to go out later"),
    ("1", "something unexpected; for doctor: something is wrong"),
    ("2", "the command line or the configuration file is not understood"),
    ("3", "the room holds two other users"),
    ("4", "the server refused"),
    ("5", "no connection, or no answer or match in time; outbox --send: a running client has it"),
    ("128+N", "ended by the signal N: 130 after Ctrl+C; tail ends with 0 then, for it has no other end"),
];

/// What `--help` says of them.
#[must_use]
pub fn help() -> String {
    let lines = EXITS.iter().map(|(code, meaning)| format!("\n  {code:5}  {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed: the code for the script and the words for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What happened and what to do, for standard error.
    pub words: String,
}

impl Failure {
    /// A failure that ends with `exit` and says `words`.
    pub fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = match error {
            ApiError::Unreachable(_) | ApiError::Busy { .. } | ApiError::TooOften { .. } => Exit::NoConnection,
            ApiError::Token(_) | ApiError::Uninvited(_) | ApiError::Unheard(_) | ApiError::Refused(_) => Exit::Refused,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Self {
        Self::new(Exit::Unexpected, error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let words = error.to_string();
        match error {
            RunError::Network(error) => error.into(),
            RunError::Terminal(_) | RunError::NetworkEnded => Self::new(Exit::Unexpected, words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_code() {
        for exit in [Exit::Done, Exit::Unexpected, Exit::Usage, Exit::RoomFull, Exit::Refused, Exit::NoConnection] {
            assert!(help().contains(&format!("\n  {}      ", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn the_documents_have_the_same_table() {
        let document = include_str!("../../../docs/cli.md");
        for (code, meaning) in EXITS {
            assert!(document.contains(&format!("| {code} | {meaning} |")), "{code} | {meaning}");
        }
    }
}
