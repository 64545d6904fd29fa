//! Pure. The one table of what can be set in the configuration file; the file that `config init` writes, the check, the
//! man page and the documents are made from it.
//!
//! The sections `[keys]` and `[colours]` have a line for each command and each part of the picture, from `app::commands` and `app::colours`.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use shared::names::{Email, Username};

use crate::app::preferences::{Glyphs, Notifications, Preferences, Switch, ThemeName, Times};
use crate::config::problem::nearest;
use crate::config::{DEFAULT_SERVER, server};
use crate::network::servers::Servers;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The servers, unless a flag or the environment names some.
    pub servers: Servers,
    /// The name to be seen under, unless a flag or the environment names one.
    pub user: Option<Username>,
    /// The e-mail address, unless a flag or the environment names one.
    pub email: Email,
    /// The file of authorities, unless a flag or the environment names one.
    pub ca: Option<PathBuf>,
    /// How the person wants it.
    pub preferences: Preferences,
}

impl Default for Config {
    #[expect(clippy::expect_used, reason = "constants, which every test of the settings reads")]
    fn default() -> Self {
        Self {
            servers: server(DEFAULT_SERVER).expect("an address").into(),
            user: None,
            email: "".parse().expect("an empty address is allowed"),
            ca: None,
            preferences: Preferences::default(),
        }
    }
}

/// Settings that belong together.
#[derive(Debug)]
pub struct Section {
    /// Its name, which stands in brackets.
    pub name: &'static str,
    /// What the settings are about.
    pub help: &'static str,
    /// The settings.
    pub settings: &'static [Setting],
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What may stand there, and what it changes.
    pub kind: Kind,
    /// What holds without it, as it is written.
    pub default: &'static str,
    /// What it is.
    pub help: &'static str,
}

/// What may stand in the place of a setting's value.
#[derive(Debug)]
pub enum Kind {
    /// A text; empty counts as not set. An error says what is wrong with it.
    Text(fn(&mut Config, &str) -> Result<(), String>),
    /// A text or several, each read by itself; what is written first comes first. Empty ones count as not set.
    Texts(fn(&mut Config, &str, Position) -> Result<(), String>),
    /// One word of these.
    Choice(&'static [Choice]),
    /// `true` or `false`.
    Switch(fn(&mut Config, bool)),
}

/// Where a text stands among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// It takes the place of what held before.
    First,
    /// It comes behind those before it.
    Behind,
}

/// A word that may be chosen, and what it changes.
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    set: fn(&mut Config),
}

impl Choice {
    /// Chooses it.
    pub fn set(&self, config: &mut Config) {
        (self.set)(config);
    }
}

const fn choice(word: &'static str, set: fn(&mut Config)) -> Choice {
    Choice { word, set }
}

/// The section of the keys.
pub const KEYS: &str = "keys";
/// The section of the colours.
pub const COLOURS_SECTION: &str = "colours";

/// The words for [`ThemeName`].
pub const THEMES: &[Choice] = &[
    choice("dark", |config| config.preferences.theme = ThemeName::Dark),
    choice("light", |config| config.preferences.theme = ThemeName::Light),
    choice("high-contrast", |config| config.preferences.theme = ThemeName::HighContrast),
    choice("none", |config| config.preferences.theme = ThemeName::None),
];

/// All settings but the keys and the colours.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "server",
        help: "Where, and as whom. Flags and the variables DUET_SERVER, DUET_USER, DUET_EMAIL and DUET_CA win over these.",
        settings: &[
            Setting {
                name: "address",
                kind: Kind::Texts(address),
                default: "\"http://127.0.0.1:8000\"",
                help: "the server's address, or in brackets those of several servers that are one",
            },
            Setting {
                name: "user",
                kind: Kind::Text(|config, text| parsed(text).map(|user| config.user = Some(user))),
                default: "\"\"",
                help: "the name to be seen under; empty: the login name",
            },
            Setting {
                name: "email",
                kind: Kind::Text(|config, text| parsed(text).map(|email| config.email = email)),
                default: "\"\"",
                help: "an e-mail address that goes into your token",
            },
            Setting {
                name: "ca",
                kind: Kind::Text(|config, text| {
                    config.ca = Some(PathBuf::from(text));
                    Ok(())
                }),
                default: "\"\"",
                help: "PEM file of authorities to trust besides those of the system",
            },
        ],
    },
    Section {
        name: "screen",
        help: "What it looks like.",
        settings: &[
            Setting {
                name: "theme",
                kind: Kind::Choice(THEMES),
                default: "\"dark\"",
                help: "dark, light, high-contrast or none; NO_COLOR in the environment wins",
            },
            Setting {
                name: "ascii",
                kind: Kind::Switch(|config, is_ascii| {
                    config.preferences.glyphs = if is_ascii { Glyphs::Ascii } else { Glyphs::Unicode };
                }),
                default: "false",
                help: "draw with the 95 characters of ASCII alone; what people write stays as it is",
            },
            Setting {
                name: "times",
                kind: Kind::Choice(&[
                    choice("exact", |config| config.preferences.times = Times::Exact),
                    choice("relative", |config| config.preferences.times = Times::Relative),
                ]),
                default: "\"exact\"",
                help: "exact (14:02) or relative (5 min)",
            },
            Setting {
                name: "probe-widths",
                kind: Kind::Switch(|config, is_on| config.preferences.probe_widths = switch(is_on)),
                default: "true",
                help: "ask the terminal at the start how wide it draws emoji",
            },
        ],
    },
    Section {
        name: "writing",
        help: "What happens while you write.",
        settings: &[
            Setting {
                name: "emoji",
                kind: Kind::Switch(|config, is_on| config.preferences.emoji = switch(is_on)),
                default: "true",
                help: "turn :tada: into the emoji",
            },
            Setting {
                name: "idle-after",
                kind: Kind::Text(idle_after),
                default: "\"5m\"",
                help: "without a key for so long the other person sees you as idle; \"never\" for never",
            },
        ],
    },
    Section {
        name: "notifications",
        help: "How you are told of a message while you look elsewhere.",
        settings: &[Setting {
            name: "show",
            kind: Kind::Choice(&[
                choice("off", |config| config.preferences.notifications = Notifications::Off),
                choice("bell", |config| config.preferences.notifications = Notifications::Bell),
                choice("names", |config| config.preferences.notifications = Notifications::Names),
                choice("full", |config| config.preferences.notifications = Notifications::Full),
            ]),
            default: "\"names\"",
            help: "off, bell, names (who wrote) or full (who wrote what)",
        }],
    },
];

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

fn switch(is_on: bool) -> Switch {
    if is_on { Switch::On } else { Switch::Off }
}

fn address(config: &mut Config, text: &str, position: Position) -> Result<(), String> {
    let address = server(text)?;
    config.servers = match position {
        Position::First => address.into(),
        Position::Behind => config.servers.clone().and(address),
    };
    Ok(())
}

fn idle_after(config: &mut Config, text: &str) -> Result<(), String> {
    let is_long_enough = |duration: &Duration| *duration >= Duration::from_secs(1);
    config.preferences.idle_after = match text {
        "never" => None,
        _ => {
            let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
            let words = match nearest(text, std::iter::once("never")) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "write it like \"90s\", \"5m\" or \"1h\", or \"never\"".to_owned(),
            };
            Some(duration.filter(is_long_enough).ok_or(words)?)
        }
    };
    Ok(())
}

/// Words joined as a sentence lists them.
pub(crate) fn words(choices: &[Choice]) -> String {
    let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some(_) | None => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_in_the_table_is_the_default_one() {
        let address = SECTIONS.iter().flat_map(|section| section.settings).find(|setting| setting.name == "address");
        assert_eq!(address.map(|address| address.default), Some(format!("{DEFAULT_SERVER:?}").as_str()));
    }
}
