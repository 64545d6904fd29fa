//! Every setting, by flag or environment.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use jiff::{Span, SpanRelativeTo};

use crate::access::tokens::MIN_KEY_BYTES;
use crate::history::{self, Durability, Retention};

/// Where the made key is kept, within the data folder.
const KEY_FILE: &str = "secret.key";

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

/// What the program does with a history instead of serving. A server may be at work on it.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Look for damage in the history, also while the server runs
    ///
    /// Changes nothing. Says what is wrong and what to do, and exits with 1 if anything is. With DATABASE_URL it looks at the
    /// history in PostgreSQL.
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
}

/// How the server is to run.
#[derive(Debug, Clone, Parser)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "DUET_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS", value_parser = listen)]
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

    /// Folder of the history and the made key [default: $XDG_STATE_HOME/duet or ~/.local/state/duet]
    #[arg(long, env = "DUET_DATA_DIR", value_name = "FOLDER", global = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub data_dir: Option<PathBuf>,

    /// What an accepted message survives
    #[arg(long, env = "DUET_DURABILITY", default_value = "full", value_name = "LEVEL")]
    pub durability: Durability,

    /// How long messages are kept, such as 90d or 12h [default: for ever]
    #[arg(long, env = "DUET_KEEP_FOR", value_name = "TIME", value_parser = keep_for)]
    #[arg(default_value = "", hide_default_value = true)]
    pub keep_for: Limit<Duration>,

    /// How many messages of each room are kept [default: all]
    #[arg(long, env = "DUET_KEEP_MESSAGES", value_name = "COUNT", value_parser = keep_messages)]
    #[arg(default_value = "", hide_default_value = true)]
    pub keep_messages: Limit<NonZeroU64>,

    /// Over which time people leave a server that stops, such as 30s [default: 10s, or 0s where no other has the same
    /// RabbitMQ and PostgreSQL]
    #[arg(long, env = "DUET_DRAIN", value_name = "TIME", value_parser = drain)]
    #[arg(default_value = "", hide_default_value = true)]
    pub drain: Limit<Duration>,

    /// Longest content of a message, in bytes of UTF-8
    #[arg(long, env = "DUET_MAX_CONTENT_BYTES", default_value_t = shared::rest::MAX_CONTENT_BYTES, value_name = "BYTES")]
    #[arg(value_parser = content_bytes)]
    pub max_content_bytes: usize,
}

/// A limit that may be set. An alias, for in an `Option` clap takes an empty text for a wrong one, and not for none.
pub type Limit<T> = Option<T>;

/// The highest that the longest content may be set to, in bytes of UTF-8. In JSON a byte may become six, and clients take
/// no frame beyond 16 MiB.
const MAX_MAX_CONTENT_BYTES: usize = 2 * 1024 * 1024;

/// The longest time that people may be given to leave.
const MAX_DRAIN: Duration = Duration::from_secs(60 * 60);

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why the server cannot start with these settings: a sentence that says what to set.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
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

    /// The key that signs tokens: the one that is set, or on a loopback address the one that is kept in `folder`.
    ///
    /// # Errors
    /// When the key is too short, when none is set on an address that others can reach, or when the made one cannot be
    /// kept.
    pub fn key(&self, folder: &Path) -> Result<Secret, ConfigError> {
        let (key, origin) = match &self.secret_key {
            Some(key) if !key.0.is_empty() => (key.clone(), "SECRET_KEY".to_owned()),
            Some(_) | None if self.listen.ip().is_loopback() => kept_key(folder)?,
            Some(_) | None => {
                return Err(ConfigError(format!(
                    "SECRET_KEY is not set, and {} can be reached from other machines: set SECRET_KEY to at least \
                     {MIN_KEY_BYTES} random bytes (openssl rand -hex 32), or listen on 127.0.0.1",
                    self.listen
                )));
            }
        };
        if key.0.len() < MIN_KEY_BYTES {
            return Err(ConfigError(format!(
                "{origin} is {} bytes long, and HS256 needs at least {MIN_KEY_BYTES}: make one with openssl rand -hex 32",
                key.0.len()
            )));
        }
        Ok(key)
    }
}

/// Reads an address to listen on.
fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8000 or [::]:8000".to_owned())
}

/// Reads for how long to keep messages; an empty text is for ever.
fn keep_for(text: &str) -> Result<Limit<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time(text).filter(|time| !time.is_zero());
    time.map(Some).ok_or_else(|| "write a time such as 90d, 12h or 30m".to_owned())
}

/// Reads over which time people leave; an empty text is as usual.
fn drain(text: &str) -> Result<Limit<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time(text).filter(|time| *time <= MAX_DRAIN);
    time.map(Some).ok_or_else(|| "write a time up to 1h, such as 0s, 30s or 5m".to_owned())
}

/// Reads a time; a day is 24 hours.
fn time(text: &str) -> Option<Duration> {
    let span = text.parse::<Span>().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok()
}

/// Reads how many messages to keep; an empty text is all.
fn keep_messages(text: &str) -> Result<Limit<NonZeroU64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "write a number of messages from 1, such as 10000".to_owned())
}

/// Reads how long a content may be.
fn content_bytes(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| (1..=MAX_MAX_CONTENT_BYTES).contains(bytes));
    bytes.ok_or_else(|| format!("write a number of bytes from 1 to {MAX_MAX_CONTENT_BYTES}, such as 65536"))
}

/// Reads the key kept in `folder`, or makes it. Nobody else may read the file.
fn kept_key(folder: &Path) -> Result<(Secret, String), ConfigError> {
    let path = folder.join(KEY_FILE);
    let failed = |e: std::io::Error| {
        ConfigError(format!("cannot keep the key in {}: {e}; set SECRET_KEY or DUET_DATA_DIR", path.display()))
    };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let key: [u8; 32] = rand::random();
            let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(failed(e)),
    }
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    Ok((Secret(text.trim().to_owned()), path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a-secret-key-of-at-least-thirty-two-bytes";

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["duet-server"], arguments].concat())
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("duet-config-{name}-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_key_that_is_set_is_the_key() {
        let key = settings(&["--secret-key", KEY]).key(Path::new("/nonexistent")).unwrap();
        assert_eq!(key.expose(), KEY);
    }

    #[test]
    fn a_short_key_is_refused_with_what_to_do() {
        let error = settings(&["--secret-key", "short"]).key(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SECRET_KEY is 5 bytes long, and HS256 needs at least 32: make one with openssl rand -hex 32"
        );
    }

    #[test]
    fn on_a_loopback_address_a_key_is_made_and_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("made");
        let made = settings(&[]).key(&folder).unwrap();
        let mode = std::fs::metadata(folder.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(settings(&["--listen", "[::1]:9"]).key(&folder).unwrap(), made);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn on_any_other_address_a_missing_key_is_an_error_that_says_what_to_set() {
        for listen in ["0.0.0.0:8000", "192.0.2.1:8000", "[::]:8000"] {
            let error = settings(&["--listen", listen]).key(Path::new("/nonexistent")).unwrap_err().to_string();
            assert!(error.starts_with("SECRET_KEY is not set"), "{error}");
        }
    }

    #[test]
    fn messages_are_kept_for_ever_or_for_a_time_that_reads_well() {
        const HOUR: u64 = 3_600;
        let kept = |time| settings(&["--keep-for", time]).keep_for.unwrap().as_secs();
        assert_eq!(settings(&[]).retention(), Retention::default());
        for (time, seconds) in [("90d", 90 * 24 * HOUR), ("12h", 12 * HOUR), ("2w", 14 * 24 * HOUR), ("90s", 90)] {
            assert_eq!(kept(time), seconds, "{time}");
        }
        for time in ["90", "0d", "-1d", "1 month", "1y", "soon"] {
            let refused = Settings::try_parse_from(["duet-server", &format!("--keep-for={time}")]).unwrap_err();
            assert!(refused.to_string().contains("such as 90d"), "{refused}");
        }
    }

    #[test]
    fn people_are_given_a_time_to_leave() {
        let drain = |time: &str| settings(&[&format!("--drain={time}")]).drain;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            [drain(""), drain("0s"), drain("30s"), drain("1h")],
            [None, seconds(0), seconds(30), seconds(3_600)]
        );
        for time in ["30", "-1s", "2h", "soon"] {
            let refused = Settings::try_parse_from(["duet-server", &format!("--drain={time}")]).unwrap_err();
            assert!(refused.to_string().contains("such as 0s, 30s or 5m"), "{refused}");
        }
    }

    #[test]
    fn a_number_that_cannot_be_is_refused_with_those_that_can() {
        let wrong =
            [("keep-messages", "-1"), ("keep-messages", "0"), ("keep-messages", "x")].map(|it| (it, "from 1, such as"));
        let sizes = [("max-content-bytes", "0"), ("max-content-bytes", "2097153"), ("max-content-bytes", "64K")];
        for ((setting, value), expected) in wrong.into_iter().chain(sizes.map(|it| (it, "from 1 to 2097152"))) {
            let refused = Settings::try_parse_from(["duet-server", &format!("--{setting}={value}")]).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        assert_eq!(settings(&["--max-content-bytes", "2097152"]).max_content_bytes, MAX_MAX_CONTENT_BYTES);
        assert_eq!(settings(&["--keep-messages", "3"]).keep_messages, NonZeroU64::new(3));
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
