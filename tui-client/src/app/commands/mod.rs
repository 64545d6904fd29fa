//! Pure. What a person can do: by which key, by which name, and what the help says.
//!
//! `table` is the one list; keys, `/names`, hints, help, the man page and the documents are made from it. `key` is how
//! a key is written, `keymap` which keys there are once a person has changed some, `help` the rows of the help.

pub mod help;
pub mod key;
pub mod keymap;
pub mod table;

use crossterm::event::{KeyCode, KeyEvent};

use crate::app::commands::key::Key;
use crate::app::commands::table::GROUPS;
use crate::app::completion::Turn;
use crate::app::composer::Edit;
use crate::app::hand::Deed;
use crate::app::sanitize;

/// How a text begins with a `/`.
const ESCAPE: &str = "// at the beginning sends a text that begins with /.";

/// Commands that belong together.
#[derive(Debug)]
pub struct Group {
    /// What they are about, as the help says it.
    pub heading: &'static str,
    /// The commands.
    pub commands: &'static [Command],
}

/// One thing a person can do.
#[derive(Debug)]
pub struct Command {
    /// What the configuration calls it. Never changes.
    pub id: &'static str,
    /// What it is called after a `/`, if it has a name.
    pub name: Option<&'static str>,
    /// What stands behind the name.
    pub argument: Argument,
    /// The keys that do it, unless a person has chosen others.
    pub keys: &'static [Key],
    /// When the keys mean this.
    pub when: When,
    /// What it does, in the words of the help. Empty where another command with the same action tells it.
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

/// When a key means what its command says. Of the commands of one key, that is done whose moment comes last here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Whatever is written.
    Always,
    /// While nothing is written behind the caret.
    NothingBehindCaret,
    /// While nothing is written.
    DraftIsEmpty,
    /// While a message is selected; then nothing else is looked for first.
    Selecting,
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
            Self::Selecting => false,
        }
    }
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sends the draft.
    Send,
    /// Begins a new line in the draft.
    NewLine,
    /// Completes what is begun, or goes on to another candidate.
    Complete(Turn),
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
    /// Goes to where unread begins.
    Unread,
    /// Tells times in the other way.
    Times,
    /// Looks for words in the whole history.
    Search,
    /// Selects a message, or does something with the one that is.
    Select(Deed),
    /// Copies the last message in the window.
    CopyLast,
    /// Opens a link by its number.
    OpenLink,
    /// Tries to connect at once.
    Retry,
    /// Shows the help or leaves it.
    Help,
    /// Draws everything anew.
    Redraw,
    /// Stops the program until the shell continues it.
    Suspend,
    /// Does what concerns more than one room.
    Rooms(RoomAction),
    /// Leaves the program.
    Quit,
}

/// What concerns more than one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomAction {
    /// Goes to the room of this number, counted from 1.
    Nth(usize),
    /// Goes to the next room with something new.
    News,
    /// Goes to the room before this one.
    Before,
    /// Goes to the next room.
    Next,
    /// Asks where to go.
    Switch,
    /// Goes to the room that is named, and opens it if it is not open.
    Join,
    /// Leaves the room that is shown.
    Leave,
}

/// Where to scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what is older.
    Up,
    /// To what is newer.
    Down,
}

impl Direction {
    /// The key that goes there.
    pub(crate) fn arrow(self) -> KeyEvent {
        match self {
            Self::Up => KeyCode::Up.into(),
            Self::Down => KeyCode::Down.into(),
        }
    }
}

/// Every command, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|group| group.commands)
}

/// Reads what stands behind the `/`: what is to be done, and with which argument; or a sentence that says why nothing.
///
/// # Errors
/// When there is no such command, or it takes no argument or needs one.
pub fn read(written: &str) -> Result<(Action, &str), String> {
    let (name, argument) = written.split_once(char::is_whitespace).unwrap_or((written, ""));
    let argument = argument.trim();
    let Some(command) = all().find(|command| command.name.is_some_and(|it| it.eq_ignore_ascii_case(name))) else {
        return Err(format!("There is no command /{}. /help shows those there are; {ESCAPE}", sanitize::line(name)));
    };
    match command.argument {
        Argument::None if !argument.is_empty() && command.action == Action::Rooms(RoomAction::Leave) => {
            Err(format!("/{name} takes no room: it leaves this one."))
        }
        Argument::None if !argument.is_empty() => Err(format!("/{name} takes nothing behind it. {ESCAPE}")),
        Argument::Text(what) if argument.is_empty() => Err(format!("/{name} needs more: write /{name} {what}.")),
        Argument::None | Argument::Text(_) | Argument::Optional(_) => Ok((command.action, argument)),
    }
}

impl Command {
    /// Whether the two are told apart by their moments: one of them is for a message that is selected, or they have keys
    /// in common in the table, such as leaving an empty draft and clearing another one.
    #[must_use]
    pub fn may_share_keys_with(&self, other: &Command) -> bool {
        let is_of_one = [self.when, other.when].contains(&When::Selecting);
        self.when != other.when && (is_of_one || self.keys.iter().any(|key| other.keys.contains(key)))
    }

    /// What it does, also where another command with the same action tells it.
    #[must_use]
    pub fn told(&self) -> &'static str {
        let telling = all().find(|command| command.action == self.action && !command.help.is_empty());
        if self.help.is_empty() { telling.map_or("", |command| command.help) } else { self.help }
    }

    /// Its name as it is written, with what stands behind it.
    #[must_use]
    pub fn usage(&self) -> Option<String> {
        let name = self.name?;
        Some(match self.argument {
            Argument::None => format!("/{name}"),
            Argument::Text(what) => format!("/{name} {what}"),
            Argument::Optional(what) => format!("/{name} [{what}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_a_name_or_an_id_means_one_thing_at_a_time() {
        let all: Vec<&Command> = all().collect();
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert!(one.name.is_none() || one.name != other.name, "{one:?} and {other:?}");
                assert_ne!(one.id, other.id);
                let key = one.keys.iter().find(|key| other.keys.contains(key));
                assert!(key.is_none() || one.when != other.when, "{key:?} does both {one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn an_id_is_written_in_lower_case_with_hyphens() {
        for Command { id, .. } in all() {
            let is_kebab = id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
            assert!(is_kebab, "{id}");
        }
    }

    #[test]
    fn a_name_is_read_with_what_may_stand_behind_it() {
        assert_eq!(read("help"), Ok((Action::Help, "")));
        assert_eq!(read("help  scroll "), Ok((Action::Help, "scroll")));
        assert_eq!(read("quit "), Ok((Action::Quit, "")));
        assert_eq!(read("QUIT"), Ok((Action::Quit, "")));
        assert!(read("quit now").is_err_and(|sentence| sentence.starts_with("/quit takes nothing behind it.")));
        assert_eq!(read("leave build"), Err("/leave takes no room: it leaves this one.".into()));
        assert!(read("quiet").is_err_and(|sentence| sentence.starts_with("There is no command /quiet.")));
        let help = all().find(|command| command.id == "help").unwrap();
        assert_eq!(help.usage().as_deref(), Some("/help [WORD]"));
    }

    #[test]
    fn every_action_is_told_of_in_the_help() {
        for command in all() {
            // The first of these tells of all.
            if matches!(command.action, Action::Rooms(RoomAction::Nth(2..))) {
                continue;
            }
            let told = all().any(|other| other.action == command.action && !other.help.is_empty());
            assert!(told, "{command:?}");
        }
    }
}
