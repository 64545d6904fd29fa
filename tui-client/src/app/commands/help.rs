//! Pure. The rows of the help, made from the table of commands.

use crate::app::commands::keymap::Keymap;
use crate::app::commands::table::GROUPS;
use crate::app::commands::{Command, key::Key};

/// A row of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// Between two groups.
    Blank,
    /// What the commands below it are about.
    Heading(&'static str),
    /// A command.
    Command {
        /// How to do it: keys and name.
        ways: String,
        /// What it does.
        help: &'static str,
    },
}

/// The rows in which `search` occurs, each group with its heading; a group whose heading it occurs in stays whole.
#[must_use]
pub fn rows(keymap: &Keymap, search: &str) -> Vec<Row> {
    let search = search.to_lowercase();
    let mut rows = Vec::new();
    for group in GROUPS {
        let is_meant = |text: &str| text.to_lowercase().contains(&search);
        let all = group.commands.iter().filter(|command| !command.help.is_empty());
        let all = all.map(|command| (ways(keymap, command), command.help));
        let mut found =
            all.filter(|(ways, help)| is_meant(group.heading) || is_meant(&format!("{ways} {help}"))).peekable();
        if found.peek().is_some() {
            rows.extend((!rows.is_empty()).then_some(Row::Blank));
            rows.push(Row::Heading(group.heading));
        }
        rows.extend(found.map(|(ways, help)| Row::Command { ways, help }));
    }
    rows
}

/// The keys and the name, as the help shows them.
fn ways(keymap: &Keymap, command: &Command) -> String {
    let keys = keymap.keys(command).iter().map(Key::to_string);
    keys.chain(command.usage()).collect::<Vec<_>>().join("  ")
}
