//! Pure. The things that have a weight and a colour of their own, and the colours a person has chosen for them.

use ratatui::style::Color;

/// What has a weight and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Our own name.
    Me,
    /// The name of another person.
    Person,
    /// The name of one who, most often, comes after another person.
    AnotherPerson,
    /// A voice from outside.
    Outside,
    /// Times, marks and hints.
    Quiet,
    /// The room, headings.
    Strong,
    /// What needs the person.
    Urgent,
    /// Code within a sentence.
    Code,
    /// A link.
    Link,
    /// A word of a programming language.
    Keyword,
    /// A text in a program.
    Literal,
    /// A number in a program.
    Number,
    /// A comment in a program.
    Comment,
    /// A line that a patch adds.
    Added,
    /// A line that a patch removes.
    Removed,
}

/// Every part, by the name it has in the configuration, and what it is.
pub const PARTS: &[(Part, &str, &str)] = &[
    (Part::Me, "me", "your own name"),
    (Part::Person, "person", "the name of another person"),
    (Part::AnotherPerson, "another-person", "the name of one who comes after another person"),
    (Part::Outside, "outside", "a program, or whoever has no token"),
    (Part::Quiet, "quiet", "times, marks and hints"),
    (Part::Strong, "strong", "the room's name, headings, keys in the help"),
    (Part::Urgent, "urgent", "what needs you"),
    (Part::Code, "code", "code within a sentence"),
    (Part::Link, "link", "a link"),
    (Part::Keyword, "keyword", "in code: a word of the language"),
    (Part::Literal, "literal", "in code: a text"),
    (Part::Number, "number", "in code: a number"),
    (Part::Comment, "comment", "in code: a comment"),
    (Part::Added, "added", "in a patch: a line that is added"),
    (Part::Removed, "removed", "in a patch: a line that is removed"),
];

/// The colours that a person has chosen in place of those of the theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Colours([Option<Color>; PARTS.len()]);

impl Colours {
    /// Chooses a colour.
    pub fn choose(&mut self, part: Part, colour: Color) {
        if let Some(chosen) = self.0.get_mut(part as usize) {
            *chosen = Some(colour);
        }
    }

    /// The colour that was chosen, if one was.
    #[must_use]
    pub fn of(&self, part: Part) -> Option<Color> {
        self.0.get(part as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_place_of_its_own() {
        for (place, (part, ..)) in PARTS.iter().enumerate() {
            assert_eq!(*part as usize, place, "{part:?}");
        }
    }
}
