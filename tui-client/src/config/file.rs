//! Which file the configuration is, and reading it.

use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;

use crate::app::sanitize;
use crate::config::read::{Read, read};
use crate::config::table::Config;
use crate::config::{ConfigError, absolute};

/// Which file the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration file [default: $XDG_CONFIG_HOME/duet/config.toml or ~/.config/duet/config.toml]
    #[arg(long, env = "DUET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that was named.
    fn named(&self) -> Option<PathBuf> {
        self.config.clone().filter(|file| !file.as_os_str().is_empty())
    }

    /// The file that was named, else the default one. None where there is no home.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        let home = || absolute("HOME").map(|home| home.join(".config"));
        let default = || absolute("XDG_CONFIG_HOME").or_else(home).map(|folder| folder.join("duet/config.toml"));
        self.named().or_else(default)
    }

    /// The text of the file. None where there is none and none was asked for.
    pub(crate) fn content(&self) -> Result<Option<String>, ConfigError> {
        let Some(file) = self.path() else { return Ok(None) };
        match std::fs::read(&file).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(Some(text)),
            Ok(Err(e)) => {
                let valid = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
                let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
                let error = format!("line {line} is not UTF-8: save the file as UTF-8");
                Err(ConfigError::Unreadable { file, error })
            }
            // The first run needs no file; one that was named is meant to be there.
            Err(e) if e.kind() == ErrorKind::NotFound && self.named().is_none() => Ok(None),
            Err(e) => Err(ConfigError::Unreadable { file, error: e.to_string() }),
        }
    }

    /// What the file says; without a file what holds then.
    ///
    /// # Errors
    /// When it cannot be read or is not understood.
    pub fn read(&self) -> Result<Config, ConfigError> {
        let Some(text) = self.content()? else { return Ok(Config::default()) };
        match read(&text) {
            Ok(Read { config, .. }) => Ok(config),
            Err(problems) => {
                let headline = problems.first().map(|problem| problem.headline(&self.shown(), &text));
                let named = self.named().map_or_else(String::new, |_| format!(" --config {}", self.shown()));
                let all = match problems.len() {
                    1 => format!("`tui-client config check{named}` shows the line"),
                    many => format!("`tui-client config check{named}` shows this and {} more", many - 1),
                };
                Err(ConfigError::Broken { headline: headline.unwrap_or_default(), all })
            }
        }
    }

    /// The file as a person reads it.
    pub(crate) fn shown(&self) -> String {
        self.path().map_or_else(String::new, |file| sanitize::line(&file.display().to_string()))
    }
}
