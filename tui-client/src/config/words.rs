//! Pure. What is said of a name or a value in a configuration file that is not understood: what was probably meant, or what
//! there is.

use toml::de::DeValue;

use crate::config::problem::nearest;
use crate::config::table::{self, COLOURS_SECTION, KEYS, SECTIONS, Section};

/// The longest list of what there is that stands beside what was probably meant.
const MAX_LIST: usize = 60;

pub(super) fn no_section(name: &str) -> String {
    let all = section_names().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ");
    match nearest(name, section_names()) {
        Some(near) => format!("there is no section [{name}]: did you mean [{near}]?"),
        None => format!("there is no section [{name}]: there are {all}"),
    }
}

/// What stands above the first section.
pub(super) fn outside(name: &str) -> String {
    match home(name) {
        Some(section) => format!("{name} stands outside of its section: put it below [{section}]"),
        None => format!("{name} stands outside of a section, such as [screen]"),
    }
}

pub(super) fn no_setting(section: &Section, name: &str) -> String {
    if let Some(home) = home(name) {
        return format!("{name} is not of [{}]: put it below [{home}]", section.name);
    }
    let names = || section.settings.iter().map(|setting| setting.name);
    let all = names().collect::<Vec<_>>().join(", ");
    format!("[{}] has no {name:?}{}", section.name, meant(name, names(), &all))
}

pub(super) fn no_choice(choices: &[table::Choice], text: &str) -> String {
    let near = meant(text, choices.iter().map(|choice| choice.word), &table::words(choices));
    format!("{text:?} cannot be chosen{near}")
}

pub(super) fn no_switch(name: &str, value: &DeValue<'_>) -> String {
    let meant = value.as_str().map(str::to_lowercase).filter(|text| ["true", "false"].contains(&text.as_str()));
    match meant {
        Some(meant) => format!("{name} is true or false: write {meant} without quotes"),
        None => format!("{name} is true or false, not {}", kind(value)),
    }
}

pub(super) fn no_texts(name: &str, value: &DeValue<'_>) -> String {
    format!("{name} is a text in quotes or several in brackets, not {}", kind(value))
}

/// The end of a sentence that says that there is no `word`.
pub(super) fn meant<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, all: &str) -> String {
    match nearest(word, candidates) {
        Some(near) if all.len() > MAX_LIST => format!(": did you mean {near:?}?"),
        Some(near) => format!(": did you mean {near:?}? ({all})"),
        None => format!(": {all}"),
    }
}

pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

fn section_names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.name).chain([KEYS, COLOURS_SECTION])
}

/// The section that has a setting of this name.
fn home(name: &str) -> Option<&'static str> {
    let has_it = |section: &&Section| section.settings.iter().any(|setting| setting.name == name);
    SECTIONS.iter().find(has_it).map(|section| section.name)
}
