//! The man page: the command line from clap, the rest from the tables.

use std::collections::BTreeMap;

use clap::Command;
use clap_mangen::Man;

use crate::app::colours::PARTS;
use crate::app::commands::table::GROUPS;
use crate::cli::exit::EXITS;
use crate::config::read::{COLOURS, shown};
use crate::config::table::{COLOURS_SECTION, KEYS, SECTIONS};

/// What else than the flags the program heeds.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "where it is not empty, nothing has a colour"),
    ("TERM", "dumb: join talks in lines"),
    ("USER, LOGNAME", "the name to be seen under where none is set"),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "where the files below are"),
    ("TZ", "where times are told in"),
];

const FILES: &[(&str, &str)] = &[
    ("$XDG_CONFIG_HOME/duet/config.toml, ~/.config/duet/config.toml", "the configuration; none is needed"),
    ("$XDG_STATE_HOME/duet/outbox, ~/.local/state/duet/outbox", "messages that no server has yet"),
    ("$XDG_STATE_HOME/duet/reports, ~/.local/state/duet/reports", "reports of crashes, without what was said"),
];

/// The page, in roff.
pub(super) fn page(program: Command) -> String {
    let without_help = |command: Command| command.disable_help_flag(true);
    let mut program = program.disable_help_subcommand(true).mut_subcommands(without_help);
    program.build();
    let mut page = Page::default();
    let man = Man::new(program.clone()).manual("Duet");
    page.rendered(|out| man.render_title(out));
    page.rendered(|out| man.render_name_section(out));
    page.section("SYNOPSIS");
    for command in program.get_subcommands() {
        page.line(&format!(
            "\\fBtui\\-client {}\\fR [\\fIOPTIONS\\fR]{}",
            escaped(command.get_name()),
            arguments(command)
        ));
        page.line(".br");
    }
    page.section("DESCRIPTION");
    page.text(
        "Duet is chat for two people in the terminal. A room holds two people, and any program that posts to it. \
         `tui-client join ROOM` opens a room; the other commands are for scripts.",
    );
    page.section("COMMANDS");
    for command in program.get_subcommands() {
        page.command(command.get_name(), command);
    }
    page.keys();
    page.settings();
    page.section("ENVIRONMENT");
    for (name, what) in variables(&program) {
        page.item(&name, &format!("the same as {what}"));
    }
    for (name, what) in ENVIRONMENT {
        page.item(name, what);
    }
    page.section("FILES");
    for (name, what) in FILES {
        page.item(name, what);
    }
    page.section("EXIT STATUS");
    for (code, meaning) in EXITS {
        page.item(code, meaning);
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn rendered(&mut self, render: impl Fn(&mut Vec<u8>) -> std::io::Result<()>) {
        let mut out = Vec::new();
        // Nothing fails in writing to memory.
        drop(render(&mut out));
        self.0 += &String::from_utf8_lossy(&out);
    }

    fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    fn section(&mut self, heading: &str) {
        self.line(&format!(".SH \"{heading}\""));
    }

    fn subsection(&mut self, heading: &str) {
        self.line(&format!(".SS \"{}\"", escaped(heading)));
    }

    fn text(&mut self, text: &str) {
        self.line(&escaped(text));
    }

    /// A term and what it means.
    fn item(&mut self, term: &str, text: &str) {
        self.line(&format!(".TP\n\\fB{}\\fR", escaped(term)));
        self.text(text);
    }

    /// A command and those below it; `name` is how it is called.
    fn command(&mut self, name: &str, command: &Command) {
        self.subsection(&format!("tui-client {name}"));
        self.text(&command.get_about().map(ToString::to_string).unwrap_or_default());
        let man = Man::new(command.clone());
        let mut out = Vec::new();
        drop(man.render_options_section(&mut out));
        let options = String::from_utf8_lossy(&out);
        // The heading is ours, and what follows is of this command.
        self.0.extend(options.lines().filter(|line| !line.starts_with(".SH")).flat_map(|line| [line, "\n"]));
        for below in command.get_subcommands() {
            self.command(&format!("{name} {}", below.get_name()), below);
        }
    }

    fn keys(&mut self) {
        self.section("KEYS AND COMMANDS IN A ROOM");
        self.text("A key does its command; so does a name, written as a message. // begins a message with a /.");
        for group in GROUPS {
            self.subsection(group.heading);
            for command in group.commands.iter().filter(|command| !command.help.is_empty()) {
                let keys = command.keys.iter().map(ToString::to_string);
                self.item(&keys.chain(command.usage()).collect::<Vec<_>>().join(", "), command.help);
            }
        }
    }

    fn settings(&mut self) {
        self.section("CONFIGURATION");
        self.text(
            "The configuration is a file in TOML. `tui-client config init` writes one with every setting; `tui-client config check` \
             tells what is wrong with it. In parentheses stands what holds without the setting.",
        );
        for section in SECTIONS {
            self.subsection(&format!("[{}]", section.name));
            self.text(section.help);
            for setting in section.settings {
                self.item(setting.name, &format!("{} ({})", setting.help, setting.default));
            }
        }
        self.subsection(&format!("[{COLOURS_SECTION}]"));
        self.text(&format!(
            "Colours in place of the theme's: {}, a number up to 255, or one like #ff8800.",
            COLOURS.join(", ")
        ));
        for (_, part, help) in PARTS {
            self.item(part, help);
        }
        self.subsection(&format!("[{KEYS}]"));
        self.text("The keys of each command: none, one or several, such as [\"Ctrl+Q\", \"F10\"].");
        for command in GROUPS.iter().flat_map(|group| group.commands) {
            self.item(command.id, &format!("{} ({})", command.told(), shown(command.keys)));
        }
    }
}

/// What stands behind the options.
fn arguments(command: &Command) -> String {
    let shown = |argument: &clap::Arg| {
        let name = argument.get_value_names().and_then(<[_]>::first).map_or(String::new(), |name| escaped(name));
        if argument.is_required_set() { format!(" \\fI{name}\\fR") } else { format!(" [\\fI{name}\\fR]") }
    };
    let subcommand = if command.has_subcommands() { " \\fICOMMAND\\fR" } else { "" };
    command.get_positionals().map(shown).collect::<String>() + subcommand
}

/// The variables that clap reads, each with its flag.
fn variables(program: &Command) -> BTreeMap<String, String> {
    let arguments = program.get_subcommands().flat_map(Command::get_arguments);
    let named = arguments.filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((variable, format!("--{}", argument.get_long()?)))
    });
    named.collect()
}

/// A text that is no request to roff.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq")
        .replace('`', "\\(ga")
        .replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::app::commands;
    use crate::cli::Cli;

    #[test]
    fn the_page_has_every_subcommand_key_command_setting_variable_and_exit_code() {
        let page = page(Cli::command());
        let mut missing = Vec::new();
        let mut expect = |what: &str| {
            if !page.contains(&format!("\\fB{}\\fR", escaped(what))) && !page.contains(&escaped(what)) {
                missing.push(what.to_owned());
            }
        };
        for command in Cli::command().get_subcommands() {
            expect(&format!("tui-client {}", command.get_name()));
        }
        expect("tui-client config check");
        for command in commands::all() {
            expect(command.id);
            expect(command.told());
            command.keys.iter().for_each(|key| expect(&key.to_string()));
            command.usage().iter().for_each(|usage| expect(usage));
        }
        for section in SECTIONS {
            section.settings.iter().for_each(|setting| expect(setting.name));
        }
        PARTS.iter().for_each(|(_, part, _)| expect(part));
        EXITS.iter().for_each(|(code, _)| expect(code));
        ["DUET_SERVER", "DUET_USER", "DUET_EMAIL", "DUET_STATE_DIR", "DUET_CONFIG"]
            .iter()
            .for_each(|name| expect(name));
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn the_flags_of_a_command_below_another_are_on_the_page() {
        let page = page(Cli::command());
        let (_, check) = page.split_once(&escaped("tui-client config check")).unwrap();
        let (check, _) = check.split_once(".SS").unwrap();
        assert!(check.contains("\\-\\-config"), "{check}");
    }

    #[test]
    fn no_text_is_taken_for_a_request() {
        assert_eq!(escaped(".TH \\x"), "\\&.TH \\ex");
        assert_eq!(escaped("'a'-\"b\""), "\\(aqa\\(aq\\-\\(dqb\\(dq");
    }
}
