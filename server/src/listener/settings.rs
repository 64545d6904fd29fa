//! How connections are taken in, by flag or environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::access::origin::AllowedOrigins;
use crate::config::{Limit, values};
use crate::listener::address::TrustedProxies;
use crate::listener::counted::Most;
use crate::listener::patience::Times;
use crate::listener::tls::{Pair, Tls, TlsError};

/// The longest time that a connection may be waited for.
const MAX_TIME: Duration = Duration::from_secs(60 * 60);

/// The highest that a number of connections may be set to. The kernel's limits come long before.
const MAX_COUNT: usize = 10_000_000;

/// The settings of the listener.
#[derive(Debug, Clone, Args)]
// A group of the same name as that of all settings would be one too many.
#[group(skip)]
pub struct Settings {
    /// How long the head of a request may take
    #[arg(long, env = "DUET_HEAD_TIME", default_value = "10s", value_name = "TIME", value_parser = time)]
    pub head_time: Duration,

    /// How long a connection may be idle between requests; WebSockets may be so for ever
    #[arg(long, env = "DUET_IDLE_TIME", default_value = "60s", value_name = "TIME", value_parser = time)]
    pub idle_time: Duration,

    /// Most connections in all
    #[arg(long, env = "DUET_MAX_CONNECTIONS", default_value = "10000", value_name = "COUNT", value_parser = count)]
    pub max_connections: usize,

    /// Most connections of one address (of IPv6: one network of 64 bits); those of this machine are not counted
    #[arg(long, env = "DUET_MAX_CONNECTIONS_PER_ADDRESS", default_value = "256", value_name = "COUNT", value_parser = count)]
    pub max_connections_per_address: usize,

    /// Proxies whose X-Forwarded-For says whose request it is, such as 10.0.0.0/8,fd00::/8
    #[arg(long, env = "DUET_TRUSTED_PROXIES", value_name = "NETWORKS", value_parser = TrustedProxies::from_str)]
    #[arg(default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,

    /// Origins besides its own, scheme://host:port, whose web pages may use the server
    #[arg(long, env = "DUET_ALLOWED_ORIGINS", value_name = "ORIGINS", value_parser = AllowedOrigins::from_str)]
    #[arg(default_value = "", hide_default_value = true)]
    pub allowed_origins: AllowedOrigins,

    /// PEM file of the certificate to serve TLS with, read anew at SIGHUP; with DUET_TLS_KEY
    #[arg(long, env = "DUET_TLS_CERT", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub tls_cert: Option<PathBuf>,

    /// PEM file of the certificate's key
    #[arg(long, env = "DUET_TLS_KEY", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub tls_key: Option<PathBuf>,

    /// Address and port to serve /metrics on, such as 127.0.0.1:9100
    #[arg(long, env = "DUET_METRICS", value_name = "ADDRESS", value_parser = metrics)]
    #[arg(default_value = "", hide_default_value = true)]
    pub metrics: Limit<SocketAddr>,

    /// How long TLS may take to agree on keys
    #[arg(long, env = "DUET_HANDSHAKE_TIME", default_value = "10s", value_name = "TIME", value_parser = time)]
    pub handshake_time: Duration,
}

impl Settings {
    /// The certificate, if there is one; an empty text is none.
    ///
    /// # Errors
    /// When one of its two files is not named, or cannot be used.
    pub fn tls(&self) -> Result<Option<Tls>, TlsError> {
        let named = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        match (named(&self.tls_cert), named(&self.tls_key)) {
            (Some(certificate), Some(key)) => Tls::open(Pair { certificate, key }).map(Some),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => Err(TlsError::half()),
        }
    }

    /// Whether a certificate is named, be it good or not.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.tls_cert.as_ref().is_some_and(|file| !file.as_os_str().is_empty())
    }

    /// How many connections there may be.
    #[must_use]
    pub fn most(&self) -> Most {
        Most { in_all: self.max_connections, of_address: self.max_connections_per_address }
    }

    /// How long a connection waits.
    #[must_use]
    pub fn times(&self) -> Times {
        Times { head: self.head_time, idle: self.idle_time, handshake: self.handshake_time }
    }
}

/// Reads how long a connection may be waited for.
fn time(text: &str) -> Result<Duration, String> {
    let time = values::time(text).filter(|time| !time.is_zero() && *time <= MAX_TIME);
    time.ok_or_else(|| "write a time up to 1h, such as 10s or 2m".to_owned())
}

/// Reads the address of the metrics; an empty text is none.
fn metrics(text: &str) -> Result<Limit<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "write an IP address and a port, such as 127.0.0.1:9100".to_owned())
}

/// Reads how many connections there may be.
fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX_COUNT).contains(count));
    count.ok_or_else(|| format!("write a number of connections from 1 to {MAX_COUNT}, such as 10000"))
}
