//! Pure. Reads the text of a configuration file against the table of settings; tells everything that is wrong, not the
//! first thing only.

use std::ops::Range;

use ratatui::style::Color;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::app::colours::PARTS;
use crate::app::commands::key::Key;
use crate::app::commands::{self, Command};
use crate::config::problem::Problem;
use crate::config::syntax::broken;
use crate::config::table::{self, COLOURS_SECTION, Config, KEYS, Kind, Position, SECTIONS, Section, Setting};
use crate::config::words::{kind, meant, no_choice, no_section, no_setting, no_switch, no_texts, outside};

/// The commands that a person cannot do without.
const NEEDED: [&str; 2] = ["send", "quit"];

/// The colours that have a name.
pub(crate) const COLOURS: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "dark-gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

/// A file that was understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// What it says.
    pub(crate) config: Config,
    /// What of it is not as it would be without the file, in the order of the file.
    pub(crate) changes: Vec<Change>,
}

/// A setting that is not as it would be without the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The setting, such as `screen.theme`.
    pub(crate) name: String,
    /// What the file says.
    pub(crate) value: String,
    /// What would hold without it.
    pub(crate) default: String,
    at: usize,
}

/// Reads the text of a file.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub(crate) fn read(text: &str) -> Result<Read, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors.iter().map(|error| broken(error, text)).collect();
    let broken_rows: Vec<usize> = problems.iter().map(|problem| problem.row(text)).collect();
    let mut reader = Reader { text, read: Read::default(), problems: Vec::new(), bound: Vec::new() };
    for (name, value) in document.get_ref() {
        reader.section(name, value);
    }
    reader.tell_keys_apart();
    // What a broken line leaves behind is no mistake of its own.
    problems.extend(reader.problems.into_iter().filter(|problem| !broken_rows.contains(&problem.row(text))));
    problems.sort_by_key(|problem| problem.at.start);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut read = reader.read;
    read.changes.sort_by_key(|change| change.at);
    Ok(read)
}

type Name<'a, 'i> = &'a Spanned<DeString<'i>>;
type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

struct Reader<'t> {
    text: &'t str,
    read: Read,
    problems: Vec<Problem>,
    bound: Vec<Bound>,
}

/// A key that a person has given to a command.
struct Bound {
    command: &'static Command,
    key: Key,
    at: Range<usize>,
}

impl Reader<'_> {
    fn section(&mut self, name: Name<'_, '_>, value: Value<'_, '_>) {
        let section = SECTIONS.iter().find(|section| section.name == name.get_ref());
        let is_known = section.is_some() || [KEYS, COLOURS_SECTION].contains(&name.get_ref().as_ref());
        let DeValue::Table(settings) = value.get_ref() else {
            let words = if is_known {
                format!("{0} is a section: write [{0}]", name.get_ref())
            } else {
                outside(name.get_ref())
            };
            return self.problem(name.span(), words);
        };
        if !is_known {
            return self.problem(name.span(), no_section(name.get_ref()));
        }
        for (setting, value) in settings {
            match section {
                Some(section) => self.setting(section, setting, value),
                None if name.get_ref() == KEYS => self.keys(setting, value),
                None => self.colour(setting, value),
            }
        }
    }

    fn setting(&mut self, section: &Section, name: Name<'_, '_>, value: Value<'_, '_>) {
        let Some(setting) = section.settings.iter().find(|setting| setting.name == name.get_ref()) else {
            return self.problem(name.span(), no_setting(section, name.get_ref()));
        };
        match self.set(setting, value) {
            Ok(()) => self.change(section.name, setting.name, value, setting.default),
            Err(words) => self.problem(value.span(), words),
        }
    }

    fn set(&mut self, setting: &Setting, value: Value<'_, '_>) -> Result<(), String> {
        let config = &mut self.read.config;
        match (&setting.kind, value.get_ref()) {
            (Kind::Switch(set), DeValue::Boolean(is_on)) => set(config, *is_on),
            (Kind::Text(set), DeValue::String(text)) if !text.is_empty() => set(config, text)?,
            (Kind::Text(_), DeValue::String(_)) => {}
            (Kind::Texts(set), DeValue::String(text)) if !text.is_empty() => set(config, text, Position::First)?,
            (Kind::Texts(_), DeValue::String(_)) => {}
            (Kind::Texts(set), DeValue::Array(written)) => return texts(setting, *set, config, written),
            (Kind::Choice(choices), DeValue::String(text)) => {
                let choice = choices.iter().find(|choice| choice.word == text);
                choice.ok_or_else(|| no_choice(choices, text))?.set(config);
            }
            (Kind::Switch(_), value) => return Err(no_switch(setting.name, value)),
            (Kind::Texts(_), value) => return Err(no_texts(setting.name, value)),
            (Kind::Text(_), value) => return Err(format!("{} is a text in quotes, not {}", setting.name, kind(value))),
            (Kind::Choice(choices), value) => {
                let words = table::words(choices);
                return Err(format!("{} is {words} in quotes, not {}", setting.name, kind(value)));
            }
        }
        Ok(())
    }

    fn colour(&mut self, name: Name<'_, '_>, value: Value<'_, '_>) {
        let Some((part, name, _)) = PARTS.iter().find(|(_, part, _)| *part == name.get_ref()) else {
            let parts = || PARTS.iter().map(|(_, part, _)| *part);
            let all = parts().collect::<Vec<_>>().join(", ");
            let words = format!("[colours] has no {:?}{}", name.get_ref(), meant(name.get_ref(), parts(), &all));
            return self.problem(name.span(), words);
        };
        let DeValue::String(text) = value.get_ref() else {
            return self.problem(value.span(), format!("{name} is a colour in quotes, not {}", kind(value.get_ref())));
        };
        if text.is_empty() {
            return;
        }
        let Ok(colour) = text.parse::<Color>() else {
            let all = format!("{}, a number up to 255, or one like #ff8800", COLOURS.join(", "));
            let words = format!("{text:?} is no colour{}", meant(text, COLOURS.into_iter(), &all));
            return self.problem(value.span(), words);
        };
        self.read.config.preferences.colours.choose(*part, colour);
        self.change(COLOURS_SECTION, name, value, "as the theme has it");
    }

    fn keys(&mut self, name: Name<'_, '_>, value: Value<'_, '_>) {
        let Some(command) = commands::all().find(|command| command.id == name.get_ref()) else {
            let near = meant(name.get_ref(), commands::all().map(|command| command.id), "`tui-client man` lists them");
            return self.problem(name.span(), format!("there is no command {:?}{near}", name.get_ref()));
        };
        let written: Vec<Value<'_, '_>> = match value.get_ref() {
            DeValue::Array(keys) => keys.iter().collect(),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => vec![value],
        };
        if written.is_empty() && NEEDED.contains(&command.id) {
            let words = format!("there is no other way to {}: give it a key", command.id);
            return self.problem(value.span(), words);
        }
        let mut keys = Vec::new();
        for written in written {
            match key(command, written.get_ref()) {
                Ok(key) => {
                    keys.push(key);
                    self.bound.push(Bound { command, key, at: written.span() });
                }
                Err(words) => self.problem(written.span(), words),
            }
        }
        if keys != command.keys {
            self.change(KEYS, command.id, value, &shown(command.keys));
        }
        self.read.config.preferences.keymap.bind(command, keys);
    }

    /// A key that another command has is that one's, unless it was given another one as well.
    fn tell_keys_apart(&mut self) {
        let mut bound = std::mem::take(&mut self.bound);
        bound.sort_by_key(|bound| bound.at.start);
        let keymap = self.read.config.preferences.keymap.clone();
        for (i, Bound { command, key, at }) in bound.iter().enumerate() {
            let comes_later = |other: &Command| bound.iter().skip(i).any(|later| later.command.id == other.id);
            let has_it = |other: &Command| keymap.keys(other).contains(key) && !comes_later(other);
            let others = commands::all().filter(|other| other.id != command.id && !command.may_share_keys_with(other));
            if let Some(other) = others.into_iter().find(|other| has_it(other)) {
                let words = format!(
                    "{key} is the key of {}: take another one, or give {} another one as well",
                    other.id, other.id
                );
                self.problem(at.clone(), words);
            }
        }
    }

    fn change(&mut self, section: &str, name: &str, value: Value<'_, '_>, default: &str) {
        let written = self.text.get(value.span()).unwrap_or_default();
        if written != default {
            let name = format!("{section}.{name}");
            let (value, at) = (written.split_whitespace().collect::<Vec<_>>().join(" "), value.span().start);
            self.read.changes.push(Change { name, value, default: default.to_owned(), at });
        }
    }

    fn problem(&mut self, at: Range<usize>, words: String) {
        self.problems.push(Problem { at, words });
    }
}

/// Sets what stands there several times; what is empty counts as not written.
fn texts(
    setting: &Setting,
    set: fn(&mut Config, &str, Position) -> Result<(), String>,
    config: &mut Config,
    written: &DeArray<'_>,
) -> Result<(), String> {
    let mut position = Position::First;
    for written in written {
        let text = written.get_ref().as_str().ok_or_else(|| no_texts(setting.name, written.get_ref()))?;
        if !text.is_empty() {
            set(config, text, position)?;
            position = Position::Behind;
        }
    }
    Ok(())
}

fn key(command: &Command, value: &DeValue<'_>) -> Result<Key, String> {
    let DeValue::String(text) = value else {
        return Err(format!("{} is a key in quotes or several in brackets, not {}", command.id, kind(value)));
    };
    let key = text.parse::<Key>().map_err(|e| e.to_string())?;
    // Elsewhere it could not be written any more.
    if key.types() && !command.keys.iter().any(Key::types) {
        return Err(format!("{key} alone writes a {key}: put Ctrl+ or Alt+ before it"));
    }
    Ok(key)
}

/// Keys as the file has them.
pub(crate) fn shown(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("{:?}", key.to_string())).collect();
    format!("[{}]", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::app::colours::Part;
    use crate::app::commands::{Action, Draft};
    use crate::app::preferences::{Glyphs, Notifications, Switch, ThemeName, Times};
    use crate::config::DEFAULT_SERVER;

    fn understood(text: &str) -> Read {
        read(text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// The text has one problem, at `wrong`, whose words hold `words`.
    #[track_caller]
    fn check(text: &str, wrong: &str, words: &str) {
        let problems = read(text).expect_err(text);
        let found: Vec<(&str, &str)> =
            problems.iter().map(|problem| (&text[problem.at.clone()], problem.words.as_str())).collect();
        assert!(matches!(found[..], [(at, said)] if at == wrong && said.contains(words)), "{text}: {found:?}");
    }

    #[test]
    fn a_file_of_nothing_changes_nothing() {
        for text in ["", "# a comment\n", "[screen]\n[keys]\n[colours]\n"] {
            assert_eq!(understood(text), Read::default());
        }
    }

    #[test]
    fn every_default_in_the_table_is_what_holds_without_it() {
        for section in SECTIONS {
            for setting in section.settings {
                let read = understood(&format!("[{}]\n{} = {}\n", section.name, setting.name, setting.default));
                assert_eq!(read.config, Config::default(), "{}", setting.name);
                assert_eq!(read.changes, []);
            }
        }
        for command in commands::all() {
            let read = understood(&format!("[keys]\n{} = {}\n", command.id, shown(command.keys)));
            assert_eq!(read.changes, []);
        }
    }

    #[test]
    fn every_setting_is_heard() {
        let read = understood(
            "[server]\naddress = \"chat.example.org\"\nuser = \"alice\"\nemail = \"a@example.org\"\nca = \"/etc/duet/ca.pem\"\n\
             [screen]\ntheme = \"high-contrast\"\nascii = true\ntimes = \"relative\"\nprobe-widths = false\n\
             [writing]\nemoji = false\nidle-after = \"90s\"\n[notifications]\nshow = \"off\"\n\
             [colours]\nme = \"#ff8800\"\n",
        );
        let Config { servers, user, email, ca, preferences } = read.config;
        assert_eq!(ca.as_deref(), Some(std::path::Path::new("/etc/duet/ca.pem")));
        assert_eq!(servers.to_string(), "http://chat.example.org");
        assert_eq!(user.map(|user| user.to_string()).as_deref(), Some("alice"));
        assert_eq!(email.as_str(), "a@example.org");
        assert_eq!(preferences.theme, ThemeName::HighContrast);
        assert_eq!(preferences.glyphs, Glyphs::Ascii);
        assert_eq!(preferences.times, Times::Relative);
        assert_eq!([preferences.probe_widths, preferences.emoji], [Switch::Off; 2]);
        assert_eq!(preferences.idle_after, Some(Duration::from_secs(90)));
        assert_eq!(preferences.notifications, Notifications::Off);
        assert_eq!(preferences.colours.of(Part::Me), Some(Color::Rgb(0xff, 0x88, 0)));
        assert_eq!(read.changes.len(), 12);
        let theme = Change {
            name: "screen.theme".into(),
            value: "\"high-contrast\"".into(),
            default: "\"dark\"".into(),
            at: 0,
        };
        assert!(read.changes.iter().any(|change| Change { at: 0, ..change.clone() } == theme), "{:?}", read.changes);
        assert_eq!(understood("[writing]\nidle-after = \"never\"").config.preferences.idle_after, None);
    }

    #[test]
    fn one_address_or_several_are_taken() {
        let servers = |value: &str| understood(&format!("[server]\naddress = {value}\n")).config.servers.to_string();
        assert_eq!(servers("\"a.example\""), "http://a.example");
        assert_eq!(
            servers("[\"b.example\", \"https://a.example\", \"\", \"b.example\"]"),
            "http://b.example,https://a.example"
        );
        for nothing in ["\"\"", "[]", "[\"\"]"] {
            assert_eq!(servers(nothing), DEFAULT_SERVER);
        }
        check(
            "[server]\naddress = [\"a.example\", \"ftp://a\"]\n",
            "[\"a.example\", \"ftp://a\"]",
            "write it like http://",
        );
        check(
            "[server]\naddress = [\"a.example\", 3]\n",
            "[\"a.example\", 3]",
            "address is a text in quotes or several in brackets, not a number",
        );
        check("[server]\naddress = 3\n", "3", "address is a text in quotes or several in brackets, not a number");
    }

    #[test]
    fn what_is_unknown_names_what_was_meant() {
        check("[scren]\n", "scren", "there is no section [scren]: did you mean [screen]?");
        check("[volume]\n", "volume", "there are [server], [screen]");
        check(
            "[screen]\ntehme = \"dark\"\n",
            "tehme",
            "[screen] has no \"tehme\": did you mean \"theme\"? (theme, ascii",
        );
        check("[server]\ntheme = \"dark\"\n", "theme", "theme is not of [server]: put it below [screen]");
        check("theme = \"dark\"\n", "theme", "put it below [screen]");
        check(
            "[screen]\ntheme = \"drak\"\n",
            "\"drak\"",
            "did you mean \"dark\"? (dark, light, high-contrast or none)",
        );
        check("[colours]\nmee = \"red\"\n", "mee", "did you mean \"me\"?");
        check("[colours]\nme = \"rad\"\n", "\"rad\"", "did you mean \"red\"?");
        check("[keys]\nqiut = \"Ctrl+Q\"\n", "qiut", "did you mean \"quit\"?");
        check("[keys]\nquit = \"Crtl+Q\"\n", "\"Crtl+Q\"", "did you mean Ctrl+Q?");
    }

    #[test]
    fn what_has_the_wrong_type_or_value_says_what_is_right() {
        check("[colors]\n", "colors", "did you mean [colours]?");
        check("[screen]\ntheme = dark\n", "dark", "a text stands in quotes: write \"dark\"");
        check("screen = 3\n", "screen", "screen is a section: write [screen]");
        check("[screen]\nascii = \"yes\"\n", "\"yes\"", "ascii is true or false, not a text");
        check("[screen]\nascii = \"True\"\n", "\"True\"", "ascii is true or false: write true without quotes");
        check("[screen]\nascii = ture\n", "ture", "ascii is true or false: did you mean true?");
        check("[screen]\nascii = yes\n", "yes", "ascii is true or false");
        check("[screen]\ntheme = drak\n", "drak", "a text stands in quotes: did you mean \"dark\"?");
        check("[writing]\nidle-after = \"nevr\"\n", "\"nevr\"", "did you mean \"never\"?");
        check("[screen]\ntheme = 3\n", "3", "theme is dark, light, high-contrast or none in quotes, not a number");
        check("[server]\nuser = [\"a\"]\n", "[\"a\"]", "user is a text in quotes, not a list");
        check("[server]\naddress = \"ftp://a\"\n", "\"ftp://a\"", "write it like http://");
        check("[writing]\nidle-after = \"soon\"\n", "\"soon\"", "write it like \"90s\"");
        check("[keys]\nquit = [\"Ctrl+Q\", 3]\n", "3", "not a number");
        check("[keys]\nquit = \"q\"\n", "\"q\"", "q alone writes a q");
    }

    #[test]
    fn what_stands_there_twice_names_both_lines() {
        check(
            "[screen]\ntheme = \"dark\"\nascii = true\ntheme = \"light\"\n",
            "theme",
            "theme stands on line 2 as well: keep one of the two",
        );
        check("[screen]\n\n[server]\n[screen]\nascii = true\n", "screen", "screen stands on line 1 as well");
        check("[keys]\nquit = \"Ctrl+Q\"\n\"quit\" = \"Ctrl+G\"\n", "\"quit\"", "stands on line 2 as well");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_in_order() {
        let text = "[screen]\ntheme = dark\nascii = 3\ntehme = 1\n\n[keys]\nquit = \"Crtl+Q\"\nqiut = 3\n[theme\n";
        let rows: Vec<usize> = read(text).unwrap_err().iter().map(|problem| problem.row(text)).collect();
        assert_eq!(rows, [1, 2, 3, 6, 7, 8]);
    }

    #[test]
    fn keys_are_one_or_several_or_none() {
        let press = |read: &Read, code, modifiers| {
            let draft = Draft { is_empty: true, ends_at_caret: true };
            read.config.preferences.keymap.action(&KeyEvent::new(code, modifiers), draft)
        };
        let read = understood("[keys]\nquit = [\"Ctrl+Q\", \"F10\"]\npage-up = \"Alt+V\"\nredraw = []\n");
        assert_eq!(press(&read, KeyCode::F(10), KeyModifiers::NONE), Some(Action::Quit));
        assert_eq!(
            press(&read, KeyCode::Char('v'), KeyModifiers::ALT),
            press(&understood(""), KeyCode::PageUp, KeyModifiers::NONE)
        );
        assert_eq!(press(&read, KeyCode::PageUp, KeyModifiers::NONE), None);
        assert_eq!(press(&read, KeyCode::Char('l'), KeyModifiers::CONTROL), None);
    }

    #[test]
    fn a_key_that_another_command_has_is_refused_unless_that_one_gets_another() {
        check("[keys]\nredraw = \"Ctrl+R\"\n", "\"Ctrl+R\"", "Ctrl+R is the key of retry");
        check("[keys]\nredraw = \"Alt+G\"\nretry = \"Alt+G\"\n", "\"Alt+G\"", "Alt+G is the key of redraw");
        understood("[keys]\nredraw = \"Ctrl+R\"\nretry = \"Ctrl+L\"\n");
        check("[keys]\nquit = []\n", "[]", "no other way to quit");
        check("[keys]\nsend = []\n", "[]", "no other way to send");
        // While a message is selected keys mean other things.
        understood("[keys]\ncopy-selected = \"Enter\"\nquote = \"Ctrl+L\"\n");
        // Ctrl+C leaves an empty draft and clears another one: the two have their keys in common.
        understood("[keys]\nquit = \"Ctrl+G\"\nclear-draft = \"Ctrl+G\"\n");
    }
}
