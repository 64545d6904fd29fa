//! Pure. The rows of the help, made from the table of commands.

use crate::app::commands::key::Key;
use crate::app::commands::keymap::Keymap;
use crate::app::commands::table::GROUPS;
use crate::app::{State, layout, wrap};

/// A row of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// Between two groups.
    Blank,
    /// What the commands below it are about.
    Heading(&'static str),
    /// A command.
    Command {
        /// Its keys.
        keys: Vec<String>,
        /// Its name with what stands behind it, if it has one.
        usage: Option<String>,
        /// What it does; empty where that has rows of its own.
        help: &'static str,
    },
    /// A row of what the command above it does.
    Told(&'static str),
}

impl Row {
    /// The first `count` keys and the name of a command.
    #[must_use]
    pub fn ways(&self, count: usize) -> String {
        match self {
            Self::Blank | Self::Heading(_) | Self::Told(_) => String::new(),
            Self::Command { keys, usage, .. } => {
                let ways = keys.iter().take(count).chain(usage).map(String::as_str);
                ways.collect::<Vec<_>>().join("  ")
            }
        }
    }
}

/// Where fewer rows are in view, headings would take the place of what is looked for.
const ROWS_FOR_HEADINGS: u16 = 6;
/// The columns at the left of what a command does, where that has rows of its own, and one at the right.
pub(crate) const BESIDE_TOLD: usize = 3 + 1;

/// The rows in which `search` occurs, each group with its heading; a group whose heading it occurs in stays whole. On a
/// narrow screen what a command does stands below its keys.
#[must_use]
pub fn rows(state: &State, search: &str) -> Vec<Row> {
    let mut rows = all_rows(&state.preferences.keymap, search);
    if layout::list_rows(state.size) < ROWS_FOR_HEADINGS {
        rows.retain(|row| matches!(row, Row::Command { .. }));
    }
    if layout::is_narrow(state.size) {
        let width = usize::from(state.size.width).saturating_sub(BESIDE_TOLD).max(1);
        rows = rows.into_iter().flat_map(|row| with_help_below(row, width)).collect();
    }
    rows
}

fn with_help_below(row: Row, width: usize) -> Vec<Row> {
    let Row::Command { keys, usage, help } = row else { return vec![row] };
    let told = wrap::rows(help, width).into_iter().filter_map(|bytes| Some(Row::Told(help.get(bytes)?.trim_end())));
    [Row::Command { keys, usage, help: "" }].into_iter().chain(told).collect()
}

fn all_rows(keymap: &Keymap, search: &str) -> Vec<Row> {
    let search = search.to_lowercase();
    let mut rows = Vec::new();
    for group in GROUPS {
        let is_meant = |text: &str| text.to_lowercase().contains(&search);
        let rows_of_group =
            group.commands.iter().filter(|command| !command.help.is_empty()).map(|command| Row::Command {
                keys: keymap.keys(command).iter().map(Key::to_string).collect(),
                usage: command.usage(),
                help: command.help,
            });
        let is_found = |row: &Row| match row {
            Row::Command { help, .. } => is_meant(&format!("{} {help}", row.ways(usize::MAX))),
            Row::Blank | Row::Heading(_) | Row::Told(_) => false,
        };
        let mut found = rows_of_group.filter(|row| is_meant(group.heading) || is_found(row)).peekable();
        if found.peek().is_some() {
            rows.extend((!rows.is_empty()).then_some(Row::Blank));
            rows.push(Row::Heading(group.heading));
        }
        rows.extend(found);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(search: &str) -> Vec<String> {
        let shown = |row: &Row| match row {
            Row::Blank => String::new(),
            Row::Heading(heading) => format!("# {heading}"),
            Row::Command { .. } => row.ways(usize::MAX),
            Row::Told(told) => format!("- {told}"),
        };
        all_rows(&Keymap::default(), search).iter().map(shown).collect()
    }

    #[test]
    fn keys_names_words_and_headings_are_found_whatever_their_case() {
        assert_eq!(
            found("shift+backspace"),
            ["# Moving and cutting in what you write", "Backspace  Ctrl+H  Shift+Backspace"]
        );
        assert_eq!(found("/RETRY"), ["# The program", "Ctrl+R  /retry"]);
        assert_eq!(found("older"), ["# Reading", "PgUp"]);
        assert!(found("reading").len() > 4);
        assert_eq!(found("no such thing"), [""; 0]);
    }
}
