//! Pure. What weight and colour things have.
//!
//! Only the sixteen colours of the terminal, which its owner has set to be readable, and never as the only sign of
//! anything. `dark` is for terminals with light letters. On a light background most terminals' green, cyan and yellow
//! can hardly be read, so `light` does without them. `high-contrast` does without colours and without dim letters: it has
//! the two colours of the terminal, in bold, underlined and reversed.

use ratatui::style::{Color, Modifier, Style};

use crate::app::Palette;
use crate::app::colours::{Colours, Part};
use crate::app::log::Voice;
use crate::app::markup::{Form, Ink, Kind, Role};
use crate::app::preferences::{Preferences, ThemeName};

/// The styles of one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    name: ThemeName,
    palette: Palette,
    colours: Colours,
}

impl Theme {
    /// `NO_COLOR`, which `palette` tells of, wins over what a person prefers.
    pub(crate) fn of(preferences: &Preferences, palette: Palette) -> Self {
        let palette = if preferences.theme == ThemeName::None { Palette::Monochrome } else { palette };
        Self { name: preferences.theme, palette, colours: preferences.colours }
    }

    /// Times, marks, hints: there for those who look.
    pub(crate) fn quiet(self) -> Style {
        self.style(Part::Quiet)
    }

    /// The room, headings.
    pub(crate) fn strong(self) -> Style {
        self.style(Part::Strong)
    }

    /// What needs the person.
    pub(crate) fn urgent(self) -> Style {
        self.style(Part::Urgent)
    }

    /// A name.
    pub(crate) fn name(self, voice: &Voice) -> Style {
        self.style(match voice {
            Voice::Me => Part::Me,
            Voice::Person(name) if name.bytes().map(usize::from).sum::<usize>() % 2 == 0 => Part::Person,
            Voice::Person(_) => Part::AnotherPerson,
            Voice::Outside => Part::Outside,
        })
    }

    /// A stretch of a message.
    pub(crate) fn ink(self, kind: Kind, ink: Ink) -> Style {
        let mut style = match ink.role {
            Role::Text => self.plain(kind),
            Role::Code => self.style(Part::Code),
            Role::Link => self.style(Part::Link),
            Role::Note => self.quiet(),
            Role::Keyword => self.style(Part::Keyword),
            Role::Literal => self.style(Part::Literal),
            Role::Number => self.style(Part::Number),
            Role::Comment => self.style(Part::Comment),
            Role::Added => self.style(Part::Added),
            Role::Removed => self.style(Part::Removed),
        };
        // Code in a block has its bar; only what it is made of has a colour.
        if kind.form == Form::Code && ink.role == Role::Code {
            style = self.plain(kind);
        }
        for (is_on, modifier) in
            [(ink.bold, Modifier::BOLD), (ink.italic, Modifier::ITALIC), (ink.struck, Modifier::CROSSED_OUT)]
        {
            style = if is_on { style.add_modifier(modifier) } else { style };
        }
        style
    }

    fn plain(self, kind: Kind) -> Style {
        if kind.quotes > 0 { self.quiet() } else { Style::new() }
    }

    /// What was looked for.
    pub(crate) fn found(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn style(self, part: Part) -> Style {
        let (colour, modifier) = match self.name {
            ThemeName::Dark | ThemeName::None => dark(part),
            ThemeName::Light => light(part),
            ThemeName::HighContrast => high_contrast(part),
        };
        if self.palette == Palette::Monochrome {
            return Style::new().add_modifier(modifier);
        }
        match self.colours.of(part) {
            // A colour that was chosen is meant to be seen as it is.
            Some(chosen) => Style::new().fg(chosen).add_modifier(modifier - Modifier::DIM),
            None => Style { fg: colour, ..Style::new() }.add_modifier(modifier),
        }
    }
}

fn dark(part: Part) -> (Option<Color>, Modifier) {
    match part {
        Part::Me | Part::Number => (Some(Color::Cyan), Modifier::empty()),
        Part::Person | Part::Literal | Part::Added => (Some(Color::Green), Modifier::empty()),
        Part::AnotherPerson => (Some(Color::Magenta), Modifier::empty()),
        Part::Outside | Part::Comment => (None, Modifier::ITALIC | Modifier::DIM),
        Part::Quiet => (None, Modifier::DIM),
        Part::Strong => (None, Modifier::BOLD),
        Part::Urgent => (Some(Color::Red), Modifier::BOLD),
        Part::Code => (Some(Color::Yellow), Modifier::empty()),
        Part::Link => (Some(Color::Blue), Modifier::UNDERLINED),
        Part::Keyword => (Some(Color::Magenta), Modifier::BOLD),
        Part::Removed => (Some(Color::Red), Modifier::empty()),
    }
}

fn light(part: Part) -> (Option<Color>, Modifier) {
    match part {
        Part::Me | Part::Added => (Some(Color::Blue), Modifier::empty()),
        Part::Person | Part::Code | Part::Number => (Some(Color::Magenta), Modifier::empty()),
        Part::AnotherPerson | Part::Literal | Part::Removed => (Some(Color::Red), Modifier::empty()),
        Part::Keyword => (Some(Color::Blue), Modifier::BOLD),
        Part::Link => (Some(Color::Blue), Modifier::UNDERLINED),
        Part::Outside | Part::Quiet | Part::Strong | Part::Urgent | Part::Comment => dark(part),
    }
}

fn high_contrast(part: Part) -> (Option<Color>, Modifier) {
    let modifier = match part {
        Part::Me | Part::Strong | Part::Code | Part::Keyword | Part::Added => Modifier::BOLD,
        Part::Person => Modifier::BOLD | Modifier::UNDERLINED,
        Part::AnotherPerson => Modifier::BOLD | Modifier::ITALIC,
        Part::Outside | Part::Comment => Modifier::ITALIC,
        Part::Quiet | Part::Literal | Part::Number | Part::Removed => Modifier::empty(),
        Part::Urgent => Modifier::BOLD | Modifier::REVERSED,
        Part::Link => Modifier::UNDERLINED,
    };
    (None, modifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::colours::PARTS;

    fn styles(theme: ThemeName, palette: Palette, colours: Colours) -> impl Iterator<Item = (&'static str, Style)> {
        let theme = Theme::of(&Preferences { theme, colours, ..Preferences::default() }, palette);
        PARTS.iter().map(move |(part, name, _)| (*name, theme.style(*part)))
    }

    #[test]
    fn without_colours_there_are_none_whatever_was_chosen() {
        let mut colours = Colours::default();
        colours.choose(Part::Me, Color::Red);
        for (theme, palette) in [
            (ThemeName::None, Palette::Sixteen),
            (ThemeName::Dark, Palette::Monochrome),
            (ThemeName::Light, Palette::Monochrome),
        ] {
            for (name, style) in styles(theme, palette, colours) {
                assert_eq!((style.fg, style.bg), (None, None), "{name}");
            }
        }
    }

    #[test]
    fn nothing_is_faint_in_high_contrast() {
        for (name, style) in styles(ThemeName::HighContrast, Palette::Sixteen, Colours::default()) {
            assert!(style.fg.is_none() && !style.add_modifier.contains(Modifier::DIM), "{name}");
        }
    }

    #[test]
    fn what_a_light_background_swallows_is_not_in_the_light_theme() {
        let faint = [Color::Green, Color::Cyan, Color::Yellow, Color::White, Color::Gray];
        for (name, style) in styles(ThemeName::Light, Palette::Sixteen, Colours::default()) {
            assert!(style.fg.is_none_or(|colour| !faint.contains(&colour)), "{name}");
        }
    }

    #[test]
    fn a_colour_that_was_chosen_takes_the_place_of_the_themes() {
        for (part, name, _) in PARTS {
            let mut colours = Colours::default();
            colours.choose(*part, Color::Indexed(200));
            for (other, style) in styles(ThemeName::Dark, Palette::Sixteen, colours) {
                assert_eq!(style.fg == Some(Color::Indexed(200)), other == *name, "{other}");
            }
        }
    }
}
