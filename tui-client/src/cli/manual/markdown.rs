//! The pages in `docs/` that are made from the tables.

use crate::app::colours::PARTS;
use crate::app::commands::table::GROUPS;
use crate::config::read::{COLOURS, shown};
use crate::config::table::{COLOURS_SECTION, KEYS, SECTIONS};

/// `docs/commands.md` and `docs/settings.md`.
pub(super) fn pages() -> [String; 2] {
    [commands(), settings()]
}

fn commands() -> String {
    let mut page = "\
# Keys and commands in a room

Made from the table of commands, `tui-client/src/app/commands/table.rs`; a test compares the two, and makes this page anew with
`UPDATE=1`. `?` shows the same in a room, with the keys you have chosen in the [configuration](settings.md).

A key does its command. So does a name, written as a message; `//` begins a message with a `/`.
"
    .to_owned();
    for group in GROUPS {
        page += &format!("\n## {}\n\n| keys | name | what it does |\n| --- | --- | --- |\n", group.heading);
        for command in group.commands.iter().filter(|command| !command.help.is_empty()) {
            let keys: Vec<String> = command.keys.iter().map(|key| code(&key.to_string())).collect();
            let usage = command.usage().map_or_else(String::new, |usage| code(&usage));
            page += &row(&[&keys.join(" "), &usage, &cell(command.help)]);
        }
    }
    page
}

fn settings() -> String {
    let mut page = "\
# The configuration file

Made from the table of settings, `tui-client/src/config/table.rs`; a test compares the two, and makes this page anew with
`UPDATE=1`.

None is needed. `tui-client config init` writes one with every setting in it to `$XDG_CONFIG_HOME/duet/config.toml`, else
`~/.config/duet/config.toml`; another one is named by `--config FILE` or `DUET_CONFIG`. `tui-client config check` tells what it
changes, or everything that is wrong with it.

```toml
[screen]
theme = \"light\"

[keys]
quit = [\"Ctrl+Q\"]
```
"
    .to_owned();
    for section in SECTIONS {
        page += &format!(
            "\n## `[{}]`\n\n{}\n\n| setting | default | meaning |\n| --- | --- | --- |\n",
            section.name, section.help
        );
        for setting in section.settings {
            page += &row(&[&code(setting.name), &code(setting.default), &cell(setting.help)]);
        }
    }
    let colours = COLOURS.map(code).join(", ");
    page += &format!(
        "\n## `[{COLOURS_SECTION}]`\n\nColours in place of the theme's: {colours}, a number up to 255, or one like `#ff8800`. \
         `NO_COLOR` in the environment and `theme = \"none\"` win.\n\n| setting | what has this colour |\n| --- | --- |\n"
    );
    for (_, part, help) in PARTS {
        page += &row(&[&code(part), &cell(help)]);
    }
    page += &format!(
        "\n## `[{KEYS}]`\n\nThe keys of each command: none (`[]`), one (`\"F10\"`) or several (`[\"Ctrl+Q\", \"F10\"]`). A key that another \
         command has is refused, unless that one is given another one as well.\n\n| setting | default | meaning |\n| --- | --- | --- |\n"
    );
    for command in GROUPS.iter().flat_map(|group| group.commands) {
        page += &row(&[&code(command.id), &code(&shown(command.keys)), &cell(command.told())]);
    }
    page
}

fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_pages_in_docs_are_those_that_the_tables_make() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        for (name, page) in ["commands.md", "settings.md"].into_iter().zip(pages()) {
            let file = docs.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&file, &page).unwrap();
            }
            let there = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                there == page,
                "docs/{name} is old: UPDATE=1 cargo test -p tui-client --lib cli::manual makes it anew"
            );
        }
    }
}
