//! Pure. How and where the picture is shown.

use jiff::tz::TimeZone;
use ratatui::layout::Size;

use crate::app::preferences::Preferences;

/// How and where the picture is shown.
#[derive(Debug, Clone)]
pub struct Look {
    /// The size of the terminal.
    pub size: Size,
    /// How many colours to use.
    pub palette: Palette,
    /// How the person wants it.
    pub preferences: Preferences,
    /// Where times are told in.
    pub zone: TimeZone,
}

/// How many colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// The sixteen that every terminal has and every theme sets to be readable.
    Sixteen,
    /// None; words, weight and place tell everything anyway (<https://no-color.org>).
    Monochrome,
}
