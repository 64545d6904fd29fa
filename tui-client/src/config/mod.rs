//! Every setting of the client: a flag, else an environment variable, else the configuration file, else a default.
//!
//! Here are the flags; `table` is what the file may hold, `read` reads its text, `words` and `syntax` say what is not
//! understood, `problem` shows where it is, `file` finds the file, `init` writes a first one.

pub mod file;
pub(crate) mod init;
pub(crate) mod problem;
pub(crate) mod read;
mod syntax;
pub mod table;
mod words;

use std::path::PathBuf;

use clap::Args;
use reqwest::{Certificate, Url};
use shared::names::{Email, RoomId, Username};

use crate::app::preferences::Preferences;
use crate::config::file::ConfigFile;
use crate::config::table::Config;
use crate::credentials::Credentials;
use crate::network::servers::Servers;
use crate::network::{Access, Membership};

/// Where a server on this machine listens unless it was told otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:8000";

/// Which room, and the settings every command shares.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The room
    #[arg(value_parser = room_or_invite)]
    pub room: RoomId,

    #[command(flatten)]
    person: Person,
}

/// Who talks, and with which server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Person {
    /// The name to be seen under [default: the configuration file's, else $USER]
    #[arg(short, long, env = "DUET_USER", value_name = "NAME")]
    user: Option<Username>,

    /// The server's address; given again, or with commas between, those of servers that are one [default: the configuration
    /// file's, else http://127.0.0.1:8000]
    #[arg(short, long, env = "DUET_SERVER", value_name = "URL", value_parser = server, value_delimiter = ',')]
    server: Vec<Url>,

    /// An e-mail address that goes into your token
    #[arg(long, env = "DUET_EMAIL", value_name = "ADDRESS")]
    email: Option<Email>,

    /// PEM file of authorities that a server's certificate may be signed by, besides those of the system
    #[arg(long, env = "DUET_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) file: ConfigFile,

    #[command(flatten)]
    pub(crate) state: StateDir,
}

/// Where the client keeps what outlives it.
#[derive(Debug, Clone, Default, Args)]
pub struct StateDir {
    /// Where the client keeps what makes you a member, its outbox (the messages that the server does not have yet), and drafts
    /// [default: $XDG_STATE_HOME/duet or ~/.local/state/duet]
    #[arg(long, env = "DUET_STATE_DIR", value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
}

impl StateDir {
    /// The folder of the outbox. None where no setting names one and there is no home.
    #[must_use]
    pub fn outbox(&self) -> Option<PathBuf> {
        self.folder().map(|folder| folder.join("outbox"))
    }

    /// The folder of the reports of panics, if there is one.
    #[must_use]
    pub fn reports(&self) -> Option<PathBuf> {
        self.folder().map(|folder| folder.join("reports"))
    }

    /// The folder of all that the client keeps. None where no setting names one and there is no home.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        let named = self.state_dir.clone().or_else(|| std::env::var_os("DUET_STATE_DIR").map(PathBuf::from));
        let named = named.filter(|folder| !folder.as_os_str().is_empty());
        let home = || absolute("HOME").map(|home| home.join(".local/state"));
        let default = || absolute("XDG_STATE_HOME").or_else(home).map(|state| state.join("duet"));
        named.or_else(default)
    }
}

/// What is said of an invite in the place of a room.
const INVITE: &str = "this is an invite and no room: use it once with tui-client join, and then name its room";

/// Why the settings do not say who joins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An invite stands where a room is named. Without what it holds, which is a secret.
    #[error("{INVITE}")]
    Invite,
    /// No flag, no variable, and no login name either.
    #[error("USER is not set here: say who you are with --user NAME or DUET_USER")]
    NoUser,
    /// The configuration file is not understood.
    #[error("{headline}; {all}")]
    Broken {
        /// The first thing that is wrong, with its place.
        headline: String,
        /// How to see everything that is wrong.
        all: String,
    },
    /// The authorities cannot be read.
    #[error("the authorities in {} cannot be used: {error}; --ca names a PEM file with at least one certificate", file.display())]
    Authorities {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// The configuration file is there, or was named, and cannot be read.
    #[error("reading {}: {error}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: String,
    },
}

impl Settings {
    /// For a room, as this person.
    pub(crate) fn of(room: RoomId, person: Person) -> Self {
        Self { room, person }
    }

    /// Where the client keeps what outlives it.
    pub(crate) fn state(&self) -> &StateDir {
        &self.person.state
    }

    /// Who joins what, with the `last` newest messages for a first look.
    ///
    /// # Errors
    /// When the configuration file is not understood, or no name was given and the login name is missing or is not a
    /// valid name.
    pub fn membership(self, last: u32) -> Result<Membership, ConfigError> {
        Ok(self.resolve(last)?.0)
    }

    /// The same, and how the person wants it.
    ///
    /// # Errors
    /// See [`Settings::membership`].
    pub fn resolve(self, last: u32) -> Result<(Membership, Preferences), ConfigError> {
        let config = self.person.file.read()?;
        self.person.resolve(config, self.room, last)
    }
}

impl Person {
    /// The same person, at the servers and under the name of an invite.
    pub(crate) fn invited(mut self, servers: Vec<Url>, user: Username) -> Self {
        (self.server, self.user) = (servers, Some(user));
        self
    }

    /// The same for a room and what a configuration says.
    pub(crate) fn resolve(
        self,
        config: Config,
        room: RoomId,
        last: u32,
    ) -> Result<(Membership, Preferences), ConfigError> {
        if holds_invite(room.as_str()) {
            return Err(ConfigError::Invite);
        }
        let user = self.user.or(config.user).or_else(login_name).ok_or(ConfigError::NoUser)?;
        let servers = Servers::new(self.server).unwrap_or(config.servers);
        let email = self.email.unwrap_or(config.email);
        let ca = self.ca.filter(|file| !file.as_os_str().is_empty());
        let authorities = authorities(ca.or(config.ca))?;
        let credentials = Credentials::new(self.state.folder());
        let access = Access { credentials, authorities };
        Ok((Membership { servers, room, user, email, last, access }, config.preferences))
    }
}

/// Reads the certificates of authorities.
pub(crate) fn authorities(file: Option<PathBuf>) -> Result<Vec<Certificate>, ConfigError> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else { return Ok(Vec::new()) };
    let read = std::fs::read(&file).map_err(|e| e.to_string());
    let read = read.and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|e| e.to_string()));
    match read {
        Ok(authorities) if authorities.is_empty() => {
            Err(ConfigError::Authorities { file, error: "there is no certificate in it".to_owned() })
        }
        Ok(authorities) => Ok(authorities),
        Err(error) => Err(ConfigError::Authorities { file, error }),
    }
}

/// A folder that the environment names. Relative ones are invalid, says the XDG Base Directory Specification.
fn absolute(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn login_name() -> Option<Username> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}

/// Reads the name of a room.
///
/// # Errors
/// When `text` is no name, or one that no address can hold.
pub fn room(text: &str) -> Result<RoomId, String> {
    if holds_invite(text) { Err(INVITE.to_owned()) } else { room_or_invite(text) }
}

/// The same for an argument. An invite is refused in [`Person::resolve`]: clap shows what it refuses, and that is a secret.
pub(crate) fn room_or_invite(text: &str) -> Result<RoomId, String> {
    // RFC 3986 §5.2.4 takes these two for steps in the path, however they are encoded.
    if matches!(text, "." | "..") {
        return Err("a room cannot be named by dots alone: no address can hold it".to_owned());
    }
    text.parse::<RoomId>().map_err(|e| e.to_string())
}

/// Whether a link, or part of one, stands where a room is named.
fn holds_invite(text: &str) -> bool {
    text.contains("duet://") || text.contains("duet+http")
}

/// Reads a server's address: `ws` and `wss` are taken for the `http` and `https` they begin as, and an address without
/// a scheme for `http`.
///
/// # Errors
/// When `text` is no address of an HTTP server.
pub fn server(text: &str) -> Result<Url, String> {
    let text = match text.split_once("://") {
        None => format!("http://{text}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(_) => text.to_owned(),
    };
    let mut url = Url::parse(&text).map_err(|e| format!("{e}: write it like {DEFAULT_SERVER}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("not an address of a server: write it like {DEFAULT_SERVER}"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_written_in_the_ways_people_write_it() {
        for (written, meant) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("localhost:8000", "http://localhost:8000/"),
            ("chat.example.org", "http://chat.example.org/"),
            ("ws://localhost:8000", "http://localhost:8000/"),
            ("wss://chat.example.org/duet", "https://chat.example.org/duet"),
            ("[::1]:8000", "http://[::1]:8000/"),
        ] {
            assert_eq!(server(written).expect(written).as_str(), meant);
        }
    }

    #[test]
    fn an_invite_is_not_taken_for_a_room() {
        for written in ["duet://bob@a.b/room1#duet_inv_x", "tui-client join 'duet+http://bob@a.b/room1#duet_inv_x'"] {
            assert!(room(written).expect_err(written).starts_with("this is an invite and no room"), "{written}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_an_example() {
        for written in ["ftp://example.org", "http://", "", "http://a b"] {
            let error = server(written).expect_err(written);
            assert!(error.contains(DEFAULT_SERVER), "{written}: {error}");
        }
    }

    #[test]
    fn a_room_that_no_address_can_hold_is_refused() {
        assert!(room(".").is_err());
        assert!(room("..").is_err());
        assert!(room("a/b c").is_ok());
    }
}
