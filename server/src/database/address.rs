//! Where PostgreSQL is, who we are there, and how far its certificate is trusted: the URL of libpq.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// The port of PostgreSQL where none is named.
const PORT: u16 = 5432;

/// A parsed `DATABASE_URL`. Shows itself without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

/// Which certificates are good enough; the names are libpq's (`sslmode`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// `disable`, `allow`, `prefer` and `require` without `sslrootcert`: any, as far as there is TLS at all.
    Any,
    /// `verify-ca`, and `require` with `sslrootcert`: one of these authorities, whatever name it bears.
    Signed(Roots),
    /// `verify-full`: one of these authorities, for the host we connect to.
    Named(Roots),
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the system.
    System,
    /// Those in a file, in PEM.
    File(PathBuf),
}

/// Why a text is not an [`Address`]. Does not repeat the text, for it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("DATABASE_URL {0}: write it like postgres://user:password@localhost:5432/database?sslmode=verify-full")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(AddressError("does not begin with postgres://".to_owned()));
        }
        // What a parser says about a mistake may quote what stands around it, as where a password holds a `?`.
        let unreadable = || {
            AddressError(
                "cannot be read (in a password, write %40 for @, %2F for /, %3A for :, %3F for ?; of libpq's further settings \
                 not all are known)"
                    .to_owned(),
            )
        };
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        if !place.contains('@') && query.contains('@') {
            return Err(unreadable());
        }
        let (mut mode, mut root, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root = Some(decode(value)?),
                Some(_) | None => rest.push(pair),
            }
        }
        let mut config: Config = format!("{place}?{}", rest.join("&")).parse().map_err(|_| unreadable())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(AddressError("names no host".to_owned()));
        }
        if config.get_user().is_none() {
            return Err(AddressError("names no user".to_owned()));
        }
        let (encryption, trust) = trust(mode, root.as_deref())?;
        config.ssl_mode(encryption);
        // Of several hosts, as of one that fails over, the one that takes messages.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, trust })
    }
}

/// What libpq's `sslmode` and `sslrootcert` ask for.
fn trust(mode: Option<&str>, root: Option<&str>) -> Result<(SslMode, Trust), AddressError> {
    let roots = match root {
        None | Some("" | "system") => Roots::System,
        Some(file) => Roots::File(file.into()),
    };
    Ok(match mode {
        None | Some("allow" | "prefer") => (SslMode::Prefer, Trust::Any),
        Some("disable") => (SslMode::Disable, Trust::Any),
        Some("require") if roots == Roots::System => (SslMode::Require, Trust::Any),
        Some("require" | "verify-ca") => (SslMode::Require, Trust::Signed(roots)),
        Some("verify-full") => (SslMode::Require, Trust::Named(roots)),
        Some(_) => {
            return Err(AddressError(
                "has an sslmode that is none of disable, prefer, require, verify-ca and verify-full".to_owned(),
            ));
        }
    })
}

/// Undoes `%XX`.
fn decode(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let wrong = || AddressError("has a % that no two hexadecimal digits follow".to_owned());
        bytes.push(byte.ok_or_else(wrong)?);
        bytes.extend(part.bytes().skip(2));
    }
    String::from_utf8(bytes).map_err(|_| AddressError("has a path that is not UTF-8".to_owned()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        write!(f, "postgres://{}@", config.get_user().unwrap_or_default())?;
        for (n, host) in config.get_hosts().iter().enumerate() {
            let ports = config.get_ports();
            let port = ports.get(n).or(ports.first()).copied().unwrap_or(PORT);
            let comma = if n == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}", config.get_dbname().or(config.get_user()).unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_itself_without_the_password() {
        let address: Address = "postgres://duet:hunter2@db1,db2:6432/chat?sslmode=require".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://duet@db1:5432,db2:6432/chat");
        assert_eq!(format!("{address:?}"), "Address(postgres://duet@db1:5432,db2:6432/chat)");
    }

    #[test]
    fn what_is_trusted_follows_the_mode_as_it_does_for_libpq() {
        let file = || Roots::File("/etc/ca 1.crt".into());
        for (query, encryption, trust) in [
            ("", SslMode::Prefer, Trust::Any),
            ("?sslmode=disable", SslMode::Disable, Trust::Any),
            ("?sslmode=require", SslMode::Require, Trust::Any),
            ("?sslmode=require&sslrootcert=/etc/ca%201.crt", SslMode::Require, Trust::Signed(file())),
            ("?sslrootcert=system&sslmode=verify-ca", SslMode::Require, Trust::Signed(Roots::System)),
            ("?sslmode=verify-full&sslrootcert=%2Fetc%2Fca 1.crt", SslMode::Require, Trust::Named(file())),
            ("?connect_timeout=3&sslmode=verify-full", SslMode::Require, Trust::Named(Roots::System)),
        ] {
            let address: Address = format!("postgresql://me@localhost/duet{query}").parse().unwrap();
            assert_eq!((address.config.get_ssl_mode(), address.trust), (encryption, trust), "{query}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_write_and_without_the_password() {
        for (text, reason) in [
            ("", "does not begin with postgres://"),
            ("mysql://me:hunter2@localhost", "does not begin with postgres://"),
            ("postgres://me:hunter2@localhost:port", "cannot be read"),
            ("postgres://me:hun?ter2@localhost?sslmode=require", "cannot be read"),
            ("postgres://me:hunter2@localhost/duet?tershunter2=1", "cannot be read"),
            ("postgres://localhost", "names no user"),
            ("postgres:///duet", "names no host"),
            ("postgres://me@localhost?sslmode=hunter2", "has an sslmode that is none of"),
            ("postgres://me@localhost?sslrootcert=%hunter2", "has a % that"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.starts_with(&format!("DATABASE_URL {reason}")), "{text}: {error}");
            assert!(error.contains("write it like postgres://") && !error.contains("hun"), "{error}");
        }
    }
}
