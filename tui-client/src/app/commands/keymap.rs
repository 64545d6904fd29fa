//! Pure. Which key does what: the table of commands, with what a person has changed of it.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;

use crate::app::commands::key::Key;
use crate::app::commands::{self, Action, Command, Draft, When};
use crate::app::hand::Deed;

/// The keys of all commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keymap {
    /// By the command's id, the keys that a person has chosen.
    chosen: BTreeMap<&'static str, Vec<Key>>,
}

impl Keymap {
    /// Gives a command other keys, or none.
    pub fn bind(&mut self, command: &'static Command, keys: Vec<Key>) {
        self.chosen.insert(command.id, keys);
    }

    /// The keys of a command.
    #[must_use]
    pub fn keys(&self, command: &Command) -> &[Key] {
        self.chosen.get(command.id).map_or(command.keys, Vec::as_slice)
    }

    /// The action of a key, if it has one.
    #[must_use]
    pub fn action(&self, event: &KeyEvent, draft: Draft) -> Option<Action> {
        let key = Key::of(event);
        let meant = commands::all().filter(|command| self.keys(command).contains(&key) && command.when.holds(draft));
        meant.max_by_key(|command| command.when).map(|command| command.action)
    }

    /// What a key does with the message that is selected.
    #[must_use]
    pub fn action_on_selected(&self, event: &KeyEvent) -> Option<Deed> {
        let key = Key::of(event);
        let meant =
            commands::all().find(|command| command.when == When::Selecting && self.keys(command).contains(&key))?;
        if let Action::Select(deed) = meant.action { Some(deed) } else { None }
    }

    /// How to tell a person to do this: its first key, else its name.
    #[must_use]
    pub fn way(&self, action: Action) -> Option<String> {
        self.first_way(|command| command.action == action)
    }

    /// The same while something is written.
    #[must_use]
    pub fn way_while_writing(&self, action: Action) -> Option<String> {
        self.first_way(|command| command.action == action && command.when == When::Always)
    }

    fn first_way(&self, is_meant: impl Fn(&Command) -> bool) -> Option<String> {
        let meant = || commands::all().filter(|command| is_meant(command));
        let key = meant().find_map(|command| self.keys(command).first());
        key.map(Key::to_string).or_else(|| meant().find_map(|command| Some(format!("/{}", command.name?))))
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn press(keymap: &Keymap, key: &str, is_empty: bool) -> Option<Action> {
        let (modifiers, code) = match key.strip_prefix("Ctrl+") {
            Some(key) => (KeyModifiers::CONTROL, key),
            None => (KeyModifiers::NONE, key),
        };
        let c = code.chars().next().expect(key);
        keymap.action(&KeyEvent::new(KeyCode::Char(c), modifiers), Draft { is_empty, ends_at_caret: true })
    }

    #[test]
    fn a_question_mark_asks_for_help_only_where_it_is_not_part_of_a_text() {
        let keymap = Keymap::default();
        assert_eq!(press(&keymap, "?", true), Some(Action::Help));
        assert_eq!(press(&keymap, "?", false), None);
    }

    #[test]
    fn chosen_keys_take_the_place_of_those_in_the_table() {
        let quit = commands::all().find(|command| command.id == "quit").unwrap();
        let mut keymap = Keymap::default();
        keymap.bind(quit, vec!["Ctrl+Q".parse().unwrap()]);
        assert_eq!(press(&keymap, "Ctrl+q", true), Some(Action::Quit));
        assert_eq!(press(&keymap, "Ctrl+c", true), Some(Action::ClearDraft));
        assert_eq!(keymap.way(Action::Quit).as_deref(), Some("Ctrl+Q"));
        keymap.bind(quit, vec![]);
        assert_eq!(keymap.way(Action::Quit).as_deref(), Some("/quit"));
    }
}
