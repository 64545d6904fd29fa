//! Who may enter, as it is set.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::access::gate::Access;
use crate::access::tokens::MIN_KEY_BYTES;
use crate::config::secret::Secret;
use crate::config::values::time;
use crate::config::{ConfigError, Limit};

/// The leeway of a closed server, whose clock may differ from that of whoever makes its tokens.
const LEEWAY_WHEN_CLOSED: Duration = Duration::from_secs(5);

/// The longest leeway that can be set: what a token can be late by is no more a clock's fault beyond it.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// The longest life of a token that can be set. Revocations are remembered for as long.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may enter.
#[derive(Debug, Clone, Args)]
pub struct AccessSettings {
    /// Who gets a token and may post: open, anybody, or closed, who was invited [default: open on a loopback address,
    /// else closed]
    #[arg(long, env = "DUET_ACCESS", value_name = "WHO", value_parser = access)]
    #[arg(default_value = "", hide_default_value = true)]
    access: Limit<Access>,

    /// Key by which your own programs get tokens from a closed server, at least 32 bytes of visible ASCII
    #[arg(long, env = "DUET_ISSUER_KEY", hide_env_values = true, value_name = "KEY")]
    issuer_key: Option<Secret>,

    /// Another key under which tokens are good, but not made: the one before SECRET_KEY, or the one after it
    #[arg(long, env = "SECRET_KEY_PREVIOUS", hide_env_values = true, value_name = "KEY")]
    secret_key_previous: Option<Secret>,

    /// How long after its end a token is taken, for clocks that differ, up to 5m [default: 0s when open, 5s when closed]
    #[arg(long, env = "DUET_CLOCK_LEEWAY", value_name = "TIME", value_parser = leeway)]
    #[arg(default_value = "", hide_default_value = true)]
    clock_leeway: Limit<Duration>,

    /// How long a token is good for, from 1s to 24h
    #[arg(long, env = "DUET_TOKEN_LIFE", default_value = "1h", value_name = "TIME", value_parser = life)]
    pub token_life: Duration,
}

impl AccessSettings {
    /// Who gets a token and may post, on a server that listens there.
    #[must_use]
    pub fn access(&self, listen: SocketAddr) -> Access {
        self.access.unwrap_or(if is_loopback(listen) { Access::Open } else { Access::Closed })
    }

    /// How long after its end a token is taken.
    #[must_use]
    pub fn leeway(&self, access: Access) -> Duration {
        self.clock_leeway.unwrap_or(match access {
            Access::Open => Duration::ZERO,
            Access::Closed => LEEWAY_WHEN_CLOSED,
        })
    }

    /// The key that is only checked by, if there is one; an empty text is none.
    ///
    /// # Errors
    /// When it is too short.
    pub fn previous_key(&self) -> Result<Option<&Secret>, ConfigError> {
        set(&self.secret_key_previous, "SECRET_KEY_PREVIOUS")
    }

    /// The key of the operator's own programs, if there is one; an empty text is none.
    ///
    /// # Errors
    /// When it is too short, is the `secret` that signs tokens as well, or cannot stand in a header.
    pub fn issuer_key(&self, secret: &Secret) -> Result<Option<&Secret>, ConfigError> {
        let Some(key) = set(&self.issuer_key, "DUET_ISSUER_KEY")? else { return Ok(None) };
        if key == secret {
            return Err(ConfigError(
                "DUET_ISSUER_KEY is SECRET_KEY: make one of its own with openssl rand -hex 32, for who has it sends it with every \
                 request"
                    .to_owned(),
            ));
        }
        if !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError(
                "DUET_ISSUER_KEY holds what cannot stand in a header: make one with openssl rand -hex 32".to_owned(),
            ));
        }
        Ok(Some(key))
    }
}

/// Whether only this machine can reach the address.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// A key that is not the shortest it may be, or none.
fn set<'a>(key: &'a Option<Secret>, name: &str) -> Result<Option<&'a Secret>, ConfigError> {
    let key = key.as_ref().filter(|key| !key.expose().is_empty());
    key.map(|key| long_enough(key, name)).transpose()
}

/// Refuses a key that is shorter than HS256 may be used with.
pub(super) fn long_enough<'a>(key: &'a Secret, origin: &str) -> Result<&'a Secret, ConfigError> {
    let length = key.expose().len();
    if length < MIN_KEY_BYTES {
        return Err(ConfigError(format!(
            "{origin} is {length} bytes long, and HS256 needs at least {MIN_KEY_BYTES}: make one with openssl rand -hex 32"
        )));
    }
    Ok(key)
}

/// Reads who may enter; an empty text is as usual.
fn access(text: &str) -> Result<Limit<Access>, String> {
    match text {
        "" => Ok(None),
        "open" => Ok(Some(Access::Open)),
        "closed" => Ok(Some(Access::Closed)),
        _ => Err("write open or closed".to_owned()),
    }
}

/// Reads a leeway; an empty text is as usual.
fn leeway(text: &str) -> Result<Limit<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = time(text).filter(|time| *time <= MAX_LEEWAY);
    time.map(Some).ok_or_else(|| "write a time up to 5m, such as 0s or 5s".to_owned())
}

/// Reads how long tokens are good for.
fn life(text: &str) -> Result<Duration, String> {
    let time = time(text).filter(|time| (Duration::from_secs(1)..=MAX_LIFE).contains(time) && time.subsec_nanos() == 0);
    time.ok_or_else(|| "write a time of whole seconds from 1s to 24h, such as 15m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Settings;

    const KEY: &str = "a-secret-key-of-at-least-thirty-two-bytes";

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["duet-server"], arguments].concat())
    }

    #[test]
    fn who_is_reached_by_this_machine_alone_is_open_and_everybody_else_closed() {
        let cases = [
            ("127.0.0.1:8000", Access::Open),
            ("[::1]:8000", Access::Open),
            ("[::ffff:127.0.0.1]:8000", Access::Open),
            ("0.0.0.0:8000", Access::Closed),
            ("[::]:8000", Access::Closed),
            ("192.0.2.1:8000", Access::Closed),
        ];
        for (listen, expected) in cases {
            let of = |arguments: &[&str]| {
                let settings = settings(&[&["--listen", listen], arguments].concat());
                settings.access.access(settings.listen)
            };
            assert_eq!(of(&[]), expected, "{listen}");
            assert_eq!(of(&["--access", ""]), expected, "{listen}");
            assert_eq!(of(&["--access", "open"]), Access::Open);
            assert_eq!(of(&["--access", "closed"]), Access::Closed);
        }
    }

    #[test]
    fn clocks_may_differ_where_there_are_several_machines() {
        let leeway = |arguments: &[&str], access| settings(arguments).access.leeway(access).as_secs();
        assert_eq!(leeway(&[], Access::Open), 0);
        assert_eq!(leeway(&[], Access::Closed), 5);
        assert_eq!(leeway(&["--clock-leeway", "0s"], Access::Closed), 0);
        assert_eq!(leeway(&["--clock-leeway", "5m"], Access::Open), 300);
    }

    #[test]
    fn what_is_no_access_leeway_or_life_is_refused() {
        for arguments in [
            ["--access", "ajar"],
            ["--access", "OPEN"],
            ["--clock-leeway", "6m"],
            ["--clock-leeway", "-1s"],
            ["--token-life", ""],
            ["--token-life", "0s"],
            ["--token-life", "1500ms"],
            ["--token-life", "25h"],
        ] {
            let parsed = Settings::try_parse_from([&["duet-server"][..], &arguments].concat());
            assert!(parsed.is_err(), "{arguments:?}");
        }
        assert_eq!(settings(&["--token-life", "15m"]).access.token_life.as_secs(), 900);
    }

    #[test]
    fn every_key_has_thirty_two_bytes_at_least() {
        let secret: Secret = KEY.parse().unwrap();
        let short = settings(&["--secret-key-previous", "short", "--issuer-key", "too-short"]).access;
        let previous = short.previous_key().unwrap_err().to_string();
        assert!(previous.starts_with("SECRET_KEY_PREVIOUS is 5 bytes long"), "{previous}");
        let issuer = short.issuer_key(&secret).unwrap_err().to_string();
        assert!(issuer.starts_with("DUET_ISSUER_KEY is 9 bytes long"), "{issuer}");
        let none = settings(&["--secret-key-previous", "", "--issuer-key", ""]).access;
        assert!(none.previous_key().unwrap().is_none() && none.issuer_key(&secret).unwrap().is_none());
    }

    #[test]
    fn the_issuer_key_is_one_of_its_own_and_fits_a_header() {
        let secret: Secret = KEY.parse().unwrap();
        let error = |key| settings(&["--issuer-key", key]).access.issuer_key(&secret).unwrap_err().to_string();
        assert!(error(KEY).starts_with("DUET_ISSUER_KEY is SECRET_KEY"));
        assert!(error("a key with white space in it, of 32 bytes").contains("header"));
        assert!(!format!("{:?}", settings(&["--issuer-key", KEY])).contains(KEY));
    }
}
