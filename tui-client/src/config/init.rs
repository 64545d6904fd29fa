//! Pure. The file that `config init` writes: every setting with what holds without it, made from the tables.

use std::fmt::Write;

use crate::app::colours::PARTS;
use crate::app::commands::table::GROUPS;
use crate::app::wrap;
use crate::config::read::{COLOURS, shown};
use crate::config::table::{COLOURS_SECTION, KEYS, SECTIONS};

/// The longest line of a comment.
const WIDTH: usize = 100;

/// The text of the file. Every setting in it is a comment, so it changes nothing.
#[must_use]
pub(crate) fn text() -> String {
    let mut text = comment(
        "Duet in the terminal. What stands here holds without this file: take the # away from a line to change it. \
         `tui-client config check` tells whether the file is understood, and what it changes.",
    );
    for section in SECTIONS {
        text += &format!("\n[{}]\n{}", section.name, comment(section.help));
        for setting in section.settings {
            line(&mut text, setting.help, setting.name, setting.default);
        }
    }
    let help = format!(
        "Colours in place of the theme's: {}, a number up to 255, or one like #ff8800. Empty: as the theme has it.",
        COLOURS.join(", ")
    );
    text += &format!("\n[{COLOURS_SECTION}]\n{}", comment(&help));
    for (_, part, help) in PARTS {
        line(&mut text, help, part, "\"\"");
    }
    text += &format!(
        "\n[{KEYS}]\n{}",
        comment("The keys of each command: none, one or several, such as [\"Ctrl+Q\", \"F10\"].")
    );
    for group in GROUPS {
        text += &format!("\n## {}\n", group.heading);
        for command in group.commands {
            if command.told().is_empty() {
                // It is one of a row of commands, the first of which tells of all.
                text += &format!("#{} = {}\n", command.id, shown(command.keys));
                continue;
            }
            line(&mut text, command.told(), command.id, &shown(command.keys));
        }
    }
    text
}

/// A setting and what it is.
fn line(text: &mut String, help: &str, name: &str, default: &str) {
    // Nothing fails in writing to memory.
    _ = writeln!(text, "# {help}\n#{name} = {default}");
}

fn comment(words: &str) -> String {
    let rows = wrap::rows(words, WIDTH);
    rows.into_iter().filter_map(|row| words.get(row)).map(|row| format!("# {}\n", row.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::{Read, read};

    #[test]
    fn the_file_changes_nothing_with_its_comments_and_without_them() {
        assert_eq!(read(&text()), Ok(Read::default()));
        let settings: String = text()
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let all = read(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(all.changes, []);
        assert_eq!(all.config.preferences.colours, Read::default().config.preferences.colours);
        let assigned = settings.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
        assert!(assigned > 40, "{assigned}");
    }
}
