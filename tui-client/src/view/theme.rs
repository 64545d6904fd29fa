//! Pure. What weight and colour things have.
//!
//! Only the sixteen colours of the terminal, which its owner has set to be readable on light or dark, and never as
//! the only sign of anything.

use ratatui::style::{Color, Modifier, Style};

use crate::app::Palette;
use crate::app::log::Voice;
use crate::app::markup::{Ink, Kind, Role};
use crate::app::preferences::{Preferences, ThemeName};

/// The styles of one palette.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    palette: Palette,
}

/// The colours of the others; one who comes after another most often has another one.
const PEOPLE: [Color; 2] = [Color::Green, Color::Magenta];

impl Theme {
    /// `NO_COLOR`, which `palette` tells of, wins over what a person prefers.
    pub(crate) fn of(preferences: &Preferences, palette: Palette) -> Self {
        let palette = if preferences.theme == ThemeName::None { Palette::Monochrome } else { palette };
        Self { palette }
    }

    /// Times, marks, hints: there for those who look.
    pub(crate) fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The room, headings.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What needs the person.
    pub(crate) fn urgent(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A name.
    pub(crate) fn name(self, voice: &Voice) -> Style {
        match voice {
            Voice::Me => self.coloured(Color::Cyan),
            Voice::Person(name) => {
                let sum: usize = name.bytes().map(usize::from).sum();
                self.coloured(PEOPLE.get(sum % PEOPLE.len()).copied().unwrap_or(Color::Reset))
            }
            Voice::Outside => Style::new().add_modifier(Modifier::ITALIC | Modifier::DIM),
        }
    }

    /// A stretch of a message.
    pub(crate) fn ink(self, kind: Kind, ink: Ink) -> Style {
        let mut style = match ink.role {
            Role::Text if kind == Kind::Quote => self.quiet(),
            Role::Text => Style::new(),
            Role::Code => self.coloured(Color::Yellow),
            Role::Link => self.coloured(Color::Blue).add_modifier(Modifier::UNDERLINED),
            Role::Note => self.quiet(),
            Role::Keyword => self.coloured(Color::Magenta).add_modifier(Modifier::BOLD),
            Role::Literal | Role::Added => self.coloured(Color::Green),
            Role::Number => self.coloured(Color::Cyan),
            Role::Comment => self.quiet().add_modifier(Modifier::ITALIC),
            Role::Removed => self.coloured(Color::Red),
        };
        // Code in a block has its bar; only what it is made of has a colour.
        if kind == Kind::Code && ink.role == Role::Code {
            style = Style::new();
        }
        for (is_on, modifier) in
            [(ink.bold, Modifier::BOLD), (ink.italic, Modifier::ITALIC), (ink.struck, Modifier::CROSSED_OUT)]
        {
            style = if is_on { style.add_modifier(modifier) } else { style };
        }
        style
    }

    /// What was looked for.
    pub(crate) fn found(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        match self.palette {
            Palette::Sixteen => Style::new().fg(colour),
            Palette::Monochrome => Style::new(),
        }
    }
}
