//! Every setting, by flag or environment.

pub mod access;
mod keys;
pub mod limits;
pub mod misspelt;
pub mod secret;
pub(crate) mod values;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use shared::names::{RoomId, Username};

use crate::config::access::AccessSettings;
use crate::config::limits::LimitSettings;
use crate::config::secret::Secret;
use crate::history::{self, Durability, Retention};
use crate::listener;

/// The one setting that is no flag.
const LOG_HELP: &str = "Environment:\n  RUST_LOG  what is logged to standard error: error, warn, info (the default), debug, \
    or a level for each module, such as info,server::session=debug";

/// Duet's server: rooms for two over WebSocket, carried by RabbitMQ.
///
/// Without any setting it listens on 127.0.0.1:8000, carries messages itself and keeps them in SQLite. With RabbitMQ and
/// PostgreSQL several of them work as one.
#[derive(Debug, Clone, Parser)]
#[command(name = "duet-server", version, after_help = LOG_HELP, subcommand_help_heading = "Instead of serving")]
#[command(override_usage = "duet-server [OPTIONS]\n       duet-server <COMMAND>")]
pub struct Arguments {
    /// What to do instead of serving, if anything.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the program does instead of serving. A server may be at work meanwhile.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Look for damage in the history and in who may come in, also while the server runs
    ///
    /// Changes nothing. Says what is wrong and what to do, and exits with 1 if anything is. With DATABASE_URL it looks at both in
    /// PostgreSQL.
    Check {
        /// A backup to look at instead
        file: Option<PathBuf>,
    },
    /// Copy the history to a file, also while the server runs
    ///
    /// The copy is as the history was in one moment, compact and checked. It is not encrypted: keep it as safe as the
    /// history. docs/operations.md says how to restore it, and how a history in PostgreSQL is backed up.
    Backup {
        /// The file to make; one that is there is not overwritten
        file: PathBuf,
    },
    /// Invite somebody into a room, also before the first start
    ///
    /// Prints the line that they paste into a shell. It is good for once. With DATABASE_URL the invite is kept in PostgreSQL.
    Invite {
        /// The room
        room: RoomId,
        /// The name under which they come in
        #[arg(long = "for", value_name = "NAME")]
        user: Username,
        /// How long the invite is good for, up to 30d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = values::invite_life)]
        expires: Duration,
        /// The server's address as they reach it, with https:// before it; given again, or with commas between, those of servers that
        /// are one [default: the address it listens on]
        #[arg(long, env = "DUET_PUBLIC_URL", value_name = "URL", value_delimiter = ',')]
        server: Vec<String>,
    },
    /// Take from somebody all that lets them into a room, also while the server runs
    ///
    /// Tokens, refresh tokens and invites they had are no good from now on, and a running server closes their connections within
    /// seconds.
    Revoke {
        /// The room
        room: RoomId,
        /// Their name
        #[arg(long, value_name = "NAME")]
        user: Username,
    },
}

/// How the server is to run.
#[derive(Debug, Clone, Parser)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "DUET_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS", value_parser = values::listen)]
    pub listen: SocketAddr,

    /// RabbitMQ to take messages from, amqp://user:password@host:port/vhost; without it messages are carried within
    /// this process
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub amqp_url: Option<Secret>,

    /// PEM file of authorities that RabbitMQ's certificate may be signed by, besides those of the system; with amqps://
    #[arg(long, env = "AMQP_CA", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub amqp_ca: Option<PathBuf>,

    /// PostgreSQL to keep the history in, postgres://user:password@host:port/database?sslmode=verify-full; without it the
    /// history is a file in the data folder
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<Secret>,

    /// Key that signs tokens, at least 32 bytes; on a loopback address one is made and kept when it is missing
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub secret_key: Option<Secret>,

    /// Who may enter.
    #[command(flatten)]
    pub access: AccessSettings,

    /// Folder of the history and the made key [default: $XDG_STATE_HOME/duet or ~/.local/state/duet]
    #[arg(long, env = "DUET_DATA_DIR", value_name = "FOLDER", global = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub data_dir: Option<PathBuf>,

    /// What an accepted message survives
    #[arg(long, env = "DUET_DURABILITY", default_value = "full", value_name = "LEVEL")]
    pub durability: Durability,

    /// How long messages are kept, such as 90d or 12h [default: for ever]
    #[arg(long, env = "DUET_KEEP_FOR", value_name = "TIME", value_parser = values::keep_for)]
    #[arg(default_value = "", hide_default_value = true)]
    pub keep_for: Limit<Duration>,

    /// How many messages of each room are kept [default: all]
    #[arg(long, env = "DUET_KEEP_MESSAGES", value_name = "COUNT", value_parser = values::keep_messages)]
    #[arg(default_value = "", hide_default_value = true)]
    pub keep_messages: Limit<NonZeroU64>,

    /// How long a member stays one without coming, such as 90d or 12h
    #[arg(long, env = "DUET_MEMBER_FOR", default_value = "90d", value_name = "TIME", value_parser = values::keep_for)]
    pub member_for: Limit<Duration>,

    /// Over which time people leave a server that stops, such as 30s [default: 10s, or 0s where no other has the same
    /// RabbitMQ and PostgreSQL]
    #[arg(long, env = "DUET_DRAIN", value_name = "TIME", value_parser = values::drain)]
    #[arg(default_value = "", hide_default_value = true)]
    pub drain: Limit<Duration>,

    /// Longest content of a message, in bytes of UTF-8
    #[arg(long, env = "DUET_MAX_CONTENT_BYTES", default_value_t = shared::rest::MAX_CONTENT_BYTES, value_name = "BYTES")]
    #[arg(value_parser = values::content_bytes)]
    pub max_content_bytes: usize,

    /// How connections are taken in.
    #[command(flatten)]
    pub listener: listener::settings::Settings,

    /// How often things may be done.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// A limit that may be set. An alias, for in an `Option` clap takes an empty text for a wrong one, and not for none.
pub type Limit<T> = Option<T>;

/// Why the server cannot start with these settings: a sentence that says what to set.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// Says that.
    #[must_use]
    pub fn new(sentence: String) -> Self {
        Self(sentence)
    }
}

impl Settings {
    /// RabbitMQ's address, if there is one; an empty text is none.
    #[must_use]
    pub fn amqp_url(&self) -> Option<&str> {
        self.amqp_url.as_ref().map(Secret::expose).filter(|url| !url.is_empty())
    }

    /// The file of RabbitMQ's authorities, if there is one; an empty text is none.
    #[must_use]
    pub fn amqp_ca(&self) -> Option<&Path> {
        self.amqp_ca.as_deref().filter(|file| !file.as_os_str().is_empty())
    }

    /// PostgreSQL's address, if there is one; an empty text is none.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database_url.as_ref().map(Secret::expose).filter(|url| !url.is_empty())
    }

    /// Which messages are kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { keep_for: self.keep_for, keep_messages: self.keep_messages }
    }

    /// The folder to keep things in. Made when it is missing, for its owner alone: what people say is nobody else's
    /// business on a machine with several users.
    ///
    /// # Errors
    /// When none is set and there is no home to put one in, or when it cannot be made.
    pub fn data_folder(&self) -> Result<PathBuf, ConfigError> {
        let folder = self.named_data_folder()?;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| {
            ConfigError(format!(
                "cannot make the data folder {}: {e}; set DUET_DATA_DIR to another one",
                folder.display()
            ))
        })?;
        Ok(folder)
    }

    /// The file that the history is in, or will be. Nothing is made.
    ///
    /// # Errors
    /// When no folder is set and there is no home to put one in.
    pub fn history_file(&self) -> Result<PathBuf, ConfigError> {
        self.named_data_folder().map(|folder| folder.join(history::FILE))
    }

    fn named_data_folder(&self) -> Result<PathBuf, ConfigError> {
        if let Some(folder) = self.data_dir.as_ref().filter(|folder| !folder.as_os_str().is_empty()) {
            return Ok(folder.clone());
        }
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("duet"))
            .ok_or_else(|| ConfigError("there is no home folder to keep the history in: set DUET_DATA_DIR".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a-secret-key-of-at-least-thirty-two-bytes";

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["duet-server"], arguments].concat())
    }

    #[test]
    fn a_setting_that_is_empty_is_not_set() {
        let empty = settings(&[
            "--keep-for=",
            "--keep-messages=",
            "--drain=",
            "--data-dir=",
            "--amqp-url=",
            "--amqp-ca=",
            "--database-url=",
            "--secret-key=",
        ]);
        assert_eq!(empty.retention(), Retention::default());
        assert_eq!(empty.history_file().ok(), settings(&[]).history_file().ok());
        assert_eq!((empty.amqp_url(), empty.amqp_ca(), empty.database_url()), (None, None, None));
    }

    #[test]
    fn secrets_never_show_in_debug_output() {
        let urls = ["--amqp-url", "amqp://guest:pass@host/", "--database-url", "postgres://duet:pass@host/"];
        let shown = format!("{:?}", settings(&[&["--secret-key", KEY], &urls[..]].concat()));
        assert!(!shown.contains(KEY) && !shown.contains("pass@"), "{shown}");
    }
}
