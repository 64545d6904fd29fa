//! Pure. The things that have a weight and a colour of their own, and the colours a person has chosen for them.

use ratatui::style::Color;

/// What has a weight and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Our own name.
    Me,
    /// The name of another person.
    Person,
    /// A voice from outside.
    Outside,
    /// Times, marks and hints.
    Quiet,
    /// The room, headings.
    Strong,
    /// What needs the person.
    Urgent,
}

/// Every role, by the name it has in the configuration, and what it is.
pub const ROLES: &[(Role, &str, &str)] = &[
    (Role::Me, "me", "your own name"),
    (Role::Person, "person", "the name of another person"),
    (Role::Outside, "outside", "a program, or whoever has no token"),
    (Role::Quiet, "quiet", "times, marks and hints"),
    (Role::Strong, "strong", "the room's name, headings, keys in the help"),
    (Role::Urgent, "urgent", "what needs you"),
];

/// The colours that a person has chosen in place of those of the theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Colours([Option<Color>; ROLES.len()]);

impl Colours {
    /// Chooses a colour.
    pub fn choose(&mut self, role: Role, colour: Color) {
        if let Some(chosen) = self.0.get_mut(role as usize) {
            *chosen = Some(colour);
        }
    }

    /// The colour that was chosen, if one was.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<Color> {
        self.0.get(role as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_place_of_its_own() {
        for (place, (role, ..)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, place, "{role:?}");
        }
    }
}
