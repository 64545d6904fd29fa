//! Pure. The one table of what a person can do: by which key, by which name, and what the help says.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::composer::Edit;
use crate::app::sanitize;

/// How a text begins with a `/`.
const ESCAPE: &str = "// at the beginning sends a text that begins with /.";

/// One thing a person can do.
#[derive(Debug)]
pub struct Command {
    /// What it is called after a `/`, if it has a name.
    pub name: Option<&'static str>,
    /// What stands behind the name.
    pub argument: Argument,
    /// The keys that do it.
    pub keys: &'static [Key],
    /// When the keys mean this.
    pub when: When,
    /// What it does, in the words of the help.
    pub help: &'static str,
    /// What it does.
    pub action: Action,
}

/// What stands behind a command's name, under the name that the help gives it. A key does it without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A text.
    Text(&'static str),
    /// A text or nothing.
    Optional(&'static str),
}

/// When a key means what its command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whatever is written.
    Always,
    /// While nothing is written behind the caret.
    NothingBehindCaret,
    /// While nothing is written.
    DraftIsEmpty,
}

/// What of a draft tells what a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// Nothing is written.
    pub is_empty: bool,
    /// The caret stands at the end.
    pub ends_at_caret: bool,
}

impl When {
    fn holds(self, draft: Draft) -> bool {
        match self {
            Self::Always => true,
            Self::NothingBehindCaret => draft.ends_at_caret,
            Self::DraftIsEmpty => draft.is_empty,
        }
    }
}

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    modifiers: KeyModifiers,
    code: KeyCode,
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sends the draft.
    Send,
    /// Begins a new line in the draft.
    NewLine,
    /// Changes the draft or moves the caret in it.
    Edit(Edit),
    /// Empties the draft.
    ClearDraft,
    /// Makes the message that was refused last a draft.
    TakeBack,
    /// Scrolls by a window.
    Page(Direction),
    /// Scrolls by a row.
    Row(Direction),
    /// Goes to the newest message, and to the end of the line that is written.
    Newest,
    /// Tries to connect at once.
    Retry,
    /// Shows the help or leaves it.
    Help,
    /// Draws everything anew.
    Redraw,
    /// Stops the program until the shell continues it.
    Suspend,
    /// Leaves the room.
    Quit,
}

/// Where to scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what is older.
    Up,
    /// To what is newer.
    Down,
}

/// Every command. Of several that have a key in common, the first whose `when` holds is done.
pub const COMMANDS: &[Command] = &[
    always(&[plain(KeyCode::Enter)], "send the message", Action::Send),
    always(&[alt(KeyCode::Enter), shift(KeyCode::Enter), ctrl('j')], "begin a new line", Action::NewLine),
    Command {
        name: Some("help"),
        argument: Argument::Optional("WORD"),
        keys: &[plain(KeyCode::Char('?')), plain(KeyCode::F(1))],
        when: When::DraftIsEmpty,
        help: "this help; F1 while you write; ?? writes a ?",
        action: Action::Help,
    },
    hidden(When::Always, &[plain(KeyCode::F(1))], Action::Help),
    always(&[plain(KeyCode::PageUp)], "scroll to older messages", Action::Page(Direction::Up)),
    always(&[plain(KeyCode::PageDown)], "scroll to newer messages", Action::Page(Direction::Down)),
    always(&[ctrl_code(KeyCode::Up), shift(KeyCode::Up)], "scroll up by a row", Action::Row(Direction::Up)),
    always(&[ctrl_code(KeyCode::Down), shift(KeyCode::Down)], "scroll down by a row", Action::Row(Direction::Down)),
    // Terminals turn the wheel into these two on the alternate screen.
    hidden(When::DraftIsEmpty, &[plain(KeyCode::Up)], Action::Row(Direction::Up)),
    hidden(When::DraftIsEmpty, &[plain(KeyCode::Down)], Action::Row(Direction::Down)),
    always(&[plain(KeyCode::End)], "go to the newest message and to the end of the line", Action::Newest),
    Command {
        name: Some("retry"),
        argument: Argument::None,
        keys: &[ctrl('r')],
        when: When::Always,
        help: "connect now instead of waiting",
        action: Action::Retry,
    },
    always(&[ctrl('l')], "draw the screen anew", Action::Redraw),
    Command {
        name: Some("quit"),
        argument: Argument::None,
        keys: &[ctrl('c'), ctrl('d')],
        when: When::DraftIsEmpty,
        help: "leave the room",
        action: Action::Quit,
    },
    always(&[ctrl('c')], "clear what is written", Action::ClearDraft),
    always(&[ctrl('z')], "back to the shell; fg returns here", Action::Suspend),
    edit(&[plain(KeyCode::Left), ctrl('b')], "move left", Edit::Left),
    edit(&[plain(KeyCode::Right), ctrl('f')], "move right", Edit::Right),
    edit(&[plain(KeyCode::Up), ctrl('p')], "move up a row", Edit::Up),
    edit(&[plain(KeyCode::Down), ctrl('n')], "move down a row", Edit::Down),
    edit(
        &[ctrl_code(KeyCode::Left), alt(KeyCode::Left), alt(KeyCode::Char('b'))],
        "move left by a word",
        Edit::WordLeft,
    ),
    edit(
        &[ctrl_code(KeyCode::Right), alt(KeyCode::Right), alt(KeyCode::Char('f'))],
        "move right by a word",
        Edit::WordRight,
    ),
    edit(&[plain(KeyCode::Home), ctrl('a')], "to the beginning of the line", Edit::LineStart),
    edit(&[ctrl('e')], "to the end of the line", Edit::LineEnd),
    edit(&[plain(KeyCode::Backspace), ctrl('h'), shift(KeyCode::Backspace)], "delete to the left", Edit::Backspace),
    edit(&[plain(KeyCode::Delete), ctrl('d')], "delete to the right", Edit::Delete),
    edit(&[ctrl('w'), alt(KeyCode::Backspace)], "cut a word", Edit::CutWord),
    edit(&[ctrl('u')], "cut back to the beginning of the line", Edit::CutToLineStart),
    edit(&[ctrl('k')], "cut to the end of the line", Edit::CutToLineEnd),
    edit(&[ctrl('y')], "bring back what was cut or cleared", Edit::BringBack),
    always(&[ctrl('t')], "take back a message that was refused, to write it anew", Action::TakeBack),
];

/// The action of a key, if it has one.
#[must_use]
pub fn of_key(event: &KeyEvent, draft: Draft) -> Option<Action> {
    let key = Key::of(event);
    COMMANDS
        .iter()
        .find(|command| command.keys.contains(&key) && command.when.holds(draft))
        .map(|command| command.action)
}

/// Reads what stands behind the `/`: what is to be done, and with which argument; or a sentence that says why nothing.
///
/// # Errors
/// When there is no such command, or it takes no argument or needs one.
pub fn read(written: &str) -> Result<(Action, &str), String> {
    let (name, argument) = written.split_once(char::is_whitespace).unwrap_or((written, ""));
    let argument = argument.trim();
    let Some(command) = COMMANDS.iter().find(|command| command.name == Some(name)) else {
        return Err(format!("There is no command /{}. /help shows those there are; {ESCAPE}", sanitize::line(name)));
    };
    match command.argument {
        Argument::None if !argument.is_empty() => Err(format!("/{name} stands alone. {ESCAPE}")),
        Argument::Text(what) if argument.is_empty() => Err(format!("/{name} needs more: write /{name} {what}.")),
        Argument::None | Argument::Text(_) | Argument::Optional(_) => Ok((command.action, argument)),
    }
}

/// The key to name to a person who asks how to do this.
#[must_use]
pub fn key_of(action: Action) -> Option<Key> {
    COMMANDS.iter().find(|command| command.action == action).and_then(|command| command.keys.first().copied())
}

/// The rows of the help in which `search` occurs: how to do it, and what it does.
#[must_use]
pub fn help(search: &str) -> Vec<(String, &'static str)> {
    let search = search.to_lowercase();
    let rows = COMMANDS.iter().filter(|command| !command.help.is_empty()).map(|command| (command.ways(), command.help));
    rows.filter(|(ways, help)| format!("{ways} {help}").to_lowercase().contains(&search)).collect()
}

impl Command {
    /// The keys and the name, as the help shows them.
    fn ways(&self) -> String {
        let keys = self.keys.iter().map(Key::to_string);
        let name = self.name.map(|name| match self.argument {
            Argument::None => format!("/{name}"),
            Argument::Text(what) => format!("/{name} {what}"),
            Argument::Optional(what) => format!("/{name} [{what}]"),
        });
        keys.chain(name).collect::<Vec<_>>().join("  ")
    }
}

const fn always(keys: &'static [Key], help: &'static str, action: Action) -> Command {
    Command { name: None, argument: Argument::None, keys, when: When::Always, help, action }
}

const fn edit(keys: &'static [Key], help: &'static str, edit: Edit) -> Command {
    always(keys, help, Action::Edit(edit))
}

/// A second row for an action that the help already tells of.
const fn hidden(when: When, keys: &'static [Key], action: Action) -> Command {
    Command { name: None, argument: Argument::None, keys, when, help: "", action }
}

const fn plain(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::NONE, code }
}

const fn shift(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::SHIFT, code }
}

const fn alt(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::ALT, code }
}

const fn ctrl(c: char) -> Key {
    ctrl_code(KeyCode::Char(c))
}

const fn ctrl_code(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::CONTROL, code }
}

impl Key {
    /// A character is told apart by what it is, not by the Shift that made it; terminals differ in reporting that.
    fn of(event: &KeyEvent) -> Self {
        let mut modifiers = event.modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
        let mut code = event.code;
        if let KeyCode::Char(c) = &mut code {
            modifiers -= KeyModifiers::SHIFT;
            if modifiers.contains(KeyModifiers::CONTROL) {
                *c = c.to_ascii_lowercase();
            }
        }
        Self { modifiers, code }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in
            [(KeyModifiers::CONTROL, "Ctrl+"), (KeyModifiers::ALT, "Alt+"), (KeyModifiers::SHIFT, "Shift+")]
        {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        if let KeyCode::Char(c) = self.code {
            write!(f, "{}", c.to_ascii_uppercase())
        } else if self.code == KeyCode::PageUp {
            f.write_str("PgUp")
        } else if self.code == KeyCode::PageDown {
            f.write_str("PgDn")
        } else {
            write!(f, "{}", self.code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_or_a_name_means_one_thing_at_a_time() {
        for (i, one) in COMMANDS.iter().enumerate() {
            for other in &COMMANDS[i + 1..] {
                assert!(one.name.is_none() || one.name != other.name, "{one:?} and {other:?}");
                let key = one.keys.iter().find(|key| other.keys.contains(key));
                assert!(
                    key.is_none() || (one.when != When::Always && one.when != other.when),
                    "{key:?} does both {one:?} and {other:?}"
                );
            }
        }
    }

    #[test]
    fn every_action_is_told_of_in_the_help() {
        for command in COMMANDS {
            let told = COMMANDS.iter().any(|other| other.action == command.action && !other.help.is_empty());
            assert!(told, "{command:?}");
        }
    }

    #[test]
    fn a_question_mark_asks_for_help_only_where_it_is_not_part_of_a_text() {
        let key = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(of_key(&key, Draft { is_empty: true, ends_at_caret: true }), Some(Action::Help));
        assert_eq!(of_key(&key, Draft { is_empty: false, ends_at_caret: true }), None);
    }

    #[test]
    fn a_name_is_read_with_what_may_stand_behind_it() {
        assert_eq!(read("help"), Ok((Action::Help, "")));
        assert_eq!(read("help  scroll "), Ok((Action::Help, "scroll")));
        assert_eq!(read("quit "), Ok((Action::Quit, "")));
        assert!(read("quit now").is_err_and(|sentence| sentence.starts_with("/quit stands alone.")));
        assert!(read("quiet").is_err_and(|sentence| sentence.starts_with("There is no command /quiet.")));
        assert!(help("").iter().any(|(ways, _)| ways.ends_with("/help [WORD]")));
    }

    #[test]
    fn keys_are_written_as_they_stand_on_a_keyboard() {
        assert_eq!(ctrl('r').to_string(), "Ctrl+R");
        assert_eq!(alt(KeyCode::Enter).to_string(), "Alt+Enter");
        assert_eq!(plain(KeyCode::PageUp).to_string(), "PgUp");
        assert_eq!(plain(KeyCode::Char('?')).to_string(), "?");
    }
}
