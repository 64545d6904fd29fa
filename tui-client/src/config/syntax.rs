//! Pure. What is no TOML, in words of ours where a slip is likely.

use toml::de::Error;

use crate::config::problem::{Problem, nearest};
use crate::config::table::{Kind, SECTIONS, Setting};

/// How toml says that quotes are missing, which is what is forgotten most.
const UNQUOTED: &str = "string values must be quoted";
/// How it says that a word only begins like `true` or `false`.
const NO_BOOLEAN: &str = "invalid boolean";
/// How it says that a key stands there twice.
const DUPLICATE: &str = "duplicate key";

/// What is wrong with a text, in words for a person.
pub(super) fn broken(error: &Error, text: &str) -> Problem {
    let at = error.span().unwrap_or(0..0);
    let (word, message) = (text.get(at.clone()).unwrap_or_default(), error.message());
    let known = if [UNQUOTED, NO_BOOLEAN].iter().any(|begin| message.starts_with(begin)) {
        Some(unquoted(word, setting_before(text, at.start)))
    } else if message.starts_with(DUPLICATE) {
        line_of_the_first(text, at.start)
            .map(|first| format!("{word} stands on line {first} as well: keep one of the two"))
    } else {
        None
    };
    Problem { at, words: known.unwrap_or_else(|| message.replace('\n', ", ")) }
}

/// A word that is no value without quotes.
fn unquoted(word: &str, setting: Option<&Setting>) -> String {
    match setting.map(|setting| (setting.name, &setting.kind)) {
        Some((name, Kind::Switch(_))) => match nearest(word, ["true", "false"].into_iter()) {
            Some(near) => format!("{name} is true or false: did you mean {near}?"),
            None => format!("{name} is true or false"),
        },
        Some((_, Kind::Choice(choices))) => match nearest(word, choices.iter().map(|choice| choice.word)) {
            Some(near) if near != word => format!("a text stands in quotes: did you mean {near:?}?"),
            Some(_) | None => format!("a text stands in quotes: write {word:?}"),
        },
        Some((_, Kind::Text(_) | Kind::Texts(_))) | None => format!("a text stands in quotes: write {word:?}"),
    }
}

/// The setting whose value begins at `value`.
fn setting_before(text: &str, value: usize) -> Option<&'static Setting> {
    let name = name_of(text.get(..value)?.lines().next_back()?);
    SECTIONS.iter().flat_map(|section| section.settings).find(|setting| setting.name == name)
}

/// The line, from 1, of what the line at a place repeats: a section, or a name in the same one.
fn line_of_the_first(text: &str, place: usize) -> Option<usize> {
    let before: Vec<&str> = text.get(..place)?.split('\n').collect();
    let line = text.split('\n').nth(before.len() - 1)?;
    let mut earlier = before.iter().enumerate().rev().skip(1);
    let found = match section_of(line) {
        Some(section) => earlier.find(|(_, other)| section_of(other) == Some(section)),
        None => earlier
            .take_while(|(_, other)| section_of(other).is_none())
            .find(|(_, other)| name_of(other) == name_of(line)),
    };
    found.map(|(index, _)| index + 1)
}

fn section_of(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('[')?.split(']').next().map(str::trim)
}

fn name_of(line: &str) -> &str {
    line.split('=').next().unwrap_or_default().trim().trim_matches(['"', '\''])
}
