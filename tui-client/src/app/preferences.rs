//! Pure. How a person wants it: what the configuration file and the flags change, and what holds without them.

use std::time::Duration;

use crate::app::colours::Colours;
use crate::app::commands::Action;
use crate::app::commands::keymap::Keymap;

/// How a person wants it. The default needs no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// Weight and colours.
    pub theme: ThemeName,
    /// The colours chosen in place of the theme's.
    pub colours: Colours,
    /// Which characters we draw with; of what people write, emoji are told in words then.
    pub glyphs: Glyphs,
    /// How to tell somebody who looks elsewhere of a message.
    pub notifications: Notifications,
    /// How times are told.
    pub times: Times,
    /// Whether the terminal is asked at the start how wide it draws.
    pub probe_widths: Switch,
    /// Whether `:tada:` becomes an emoji while it is written.
    pub emoji: Switch,
    /// Without a key for so long a person counts as idle. None: never.
    pub idle_after: Option<Duration>,
    /// The keys of all commands.
    pub keymap: Keymap,
}

/// Weight and colours. `NO_COLOR` wins over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThemeName {
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Nothing faint: bold, underlined and reversed instead of dim and coloured.
    HighContrast,
    /// No colour at all.
    None,
}

/// Which characters we draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Such as `·`, `…` and `│`.
    Unicode,
    /// The 95 that every terminal, font and screen reader has.
    Ascii,
}

/// How to tell somebody who looks elsewhere of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notifications {
    /// Not at all.
    Off,
    /// The terminal's bell.
    Bell,
    /// Who wrote, and not what.
    Names,
    /// Who wrote what.
    Full,
}

/// How times are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// 14:02
    Exact,
    /// 5 min ago
    Relative,
}

impl Times {
    /// The other way.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Exact => Self::Relative,
            Self::Relative => Self::Exact,
        }
    }
}

/// Something that is done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It is done.
    On,
    /// It is not done.
    Off,
}

impl Preferences {
    /// How to do this, as a sentence for the person names it: a key, else a name.
    #[must_use]
    pub fn way(&self, action: Action) -> String {
        self.keymap.way(action).unwrap_or_else(|| "no key".to_owned())
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: ThemeName::Dark,
            colours: Colours::default(),
            glyphs: Glyphs::Unicode,
            notifications: Notifications::Names,
            times: Times::Exact,
            probe_widths: Switch::On,
            emoji: Switch::On,
            idle_after: Some(Duration::from_secs(5 * 60)),
            keymap: Keymap::default(),
        }
    }
}
