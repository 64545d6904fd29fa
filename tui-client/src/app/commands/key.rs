//! Pure. A key with its modifiers, as the terminal reports it, as the help shows it and as a person writes it down.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    modifiers: KeyModifiers,
    code: KeyCode,
}

/// Why a text names no key: a sentence, with the nearest key where one is near.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoKey(String);

const MODIFIERS: [(KeyModifiers, &str); 3] =
    [(KeyModifiers::CONTROL, "Ctrl"), (KeyModifiers::ALT, "Alt"), (KeyModifiers::SHIFT, "Shift")];

/// The keys that are no characters, but for F1 to F12. The first name is the one shown.
const NAMES: [(KeyCode, &str); 20] = [
    (KeyCode::Enter, "Enter"),
    (KeyCode::Enter, "Return"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Esc, "Escape"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::Char(' '), "Space"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Del"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Insert, "Ins"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PgUp"),
    (KeyCode::PageUp, "PageUp"),
    (KeyCode::PageDown, "PgDn"),
    (KeyCode::PageDown, "PageDown"),
    (KeyCode::Up, "Up"),
    (KeyCode::Down, "Down"),
    (KeyCode::Left, "Left"),
    (KeyCode::Right, "Right"),
];
/// Below this likeness, from 0 to 1, a text was not meant for a key.
const MIN_LIKENESS: f64 = 0.75;
/// The highest function key that keyboards have.
const LAST_F: u8 = 12;

impl Key {
    /// The key of an event. A character is told apart by what it is, not by the Shift that made it; terminals differ in
    /// reporting that.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Self {
        let mut modifiers = event.modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
        // Shift+Tab has a code of its own.
        let mut code = if event.code == KeyCode::BackTab { KeyCode::Tab } else { event.code };
        if let KeyCode::Char(c) = &mut code {
            modifiers -= KeyModifiers::SHIFT;
            if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
                *c = c.to_ascii_lowercase();
            }
        }
        Self { modifiers, code }
    }

    /// Whether it writes a character where a text is written.
    #[must_use]
    pub fn types(&self) -> bool {
        self.modifiers.is_empty() && matches!(self.code, KeyCode::Char(_))
    }
}

pub(crate) const fn plain(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::NONE, code }
}

pub(crate) const fn shift(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::SHIFT, code }
}

pub(crate) const fn alt(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::ALT, code }
}

pub(crate) const fn ctrl(c: char) -> Key {
    ctrl_code(KeyCode::Char(c))
}

pub(crate) const fn ctrl_code(code: KeyCode) -> Key {
    Key { modifiers: KeyModifiers::CONTROL, code }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                write!(f, "{name}+")?;
            }
        }
        if let Some((_, name)) = NAMES.iter().find(|(code, _)| *code == self.code) {
            return f.write_str(name);
        }
        if let KeyCode::Char(c) = self.code {
            let shown = if self.modifiers.is_empty() { c } else { c.to_ascii_uppercase() };
            return write!(f, "{shown}");
        }
        write!(f, "{}", self.code)
    }
}

impl FromStr for Key {
    type Err = NoKey;

    /// Reads `Ctrl+Q`, `Alt+Enter`, `PgUp` or `?`; capitals make no difference but to a character that stands alone.
    fn from_str(text: &str) -> Result<Self, NoKey> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('+').filter(|(_, after)| !after.is_empty()) {
            let modifier = MODIFIERS.iter().find(|(_, name)| name.eq_ignore_ascii_case(before));
            let Some((modifier, _)) = modifier else { return Err(NoKey::near(text)) };
            modifiers |= *modifier;
            rest = after;
        }
        let code = code(rest).ok_or_else(|| NoKey::near(text))?;
        let same = match (modifiers, code) {
            (KeyModifiers::CONTROL, KeyCode::Char('m' | 'M')) => Some("Enter"),
            (KeyModifiers::CONTROL, KeyCode::Char('i' | 'I')) => Some("Tab"),
            (KeyModifiers::CONTROL, KeyCode::Char('[')) => Some("Esc"),
            (_, _) => None,
        };
        if let Some(same) = same {
            return Err(NoKey(format!("terminals send {same} for {text}: write {same}")));
        }
        if modifiers.contains(KeyModifiers::SHIFT) && matches!(code, KeyCode::Char(_)) {
            return Err(NoKey(format!(
                "terminals do not tell Shift with a character: write {} without it",
                text.to_lowercase().replace("shift+", "").to_uppercase()
            )));
        }
        Ok(Self::of(&KeyEvent::new(code, modifiers)))
    }
}

fn code(text: &str) -> Option<KeyCode> {
    if let Some((code, _)) = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
        return Some(*code);
    }
    let mut characters = text.chars();
    match (characters.next(), characters.as_str()) {
        (Some(c), "") if !c.is_control() => Some(KeyCode::Char(c)),
        (Some('F' | 'f'), number) => {
            let number = number.parse().ok().filter(|number| (1..=LAST_F).contains(number))?;
            Some(KeyCode::F(number))
        }
        (Some(_) | None, _) => None,
    }
}

impl NoKey {
    fn near(text: &str) -> Self {
        let modifiers = ["", "Ctrl+", "Alt+", "Shift+", "Ctrl+Alt+"];
        let functions = (1..=LAST_F).map(|number| format!("F{number}"));
        let letters = ('A'..='Z').map(String::from);
        let keys: Vec<String> =
            NAMES.iter().map(|(_, name)| (*name).to_owned()).chain(functions).chain(letters).collect();
        let all = modifiers.iter().flat_map(|before| keys.iter().map(move |key| format!("{before}{key}")));
        let likeness = |key: &String| strsim::jaro_winkler(&key.to_lowercase(), &text.to_lowercase());
        let near = all.filter(|key| likeness(key) >= MIN_LIKENESS && key.parse::<Key>().is_ok());
        let nearest = near.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let meant = nearest.map_or_else(String::new, |key| format!("did you mean {key}? Otherwise "));
        Self(format!("{text:?} is no key: {meant}write one like Ctrl+Q, Alt+Enter, PgUp or F2"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_stand_on_a_keyboard() {
        assert_eq!(ctrl('r').to_string(), "Ctrl+R");
        assert_eq!(alt(KeyCode::Enter).to_string(), "Alt+Enter");
        assert_eq!(plain(KeyCode::PageUp).to_string(), "PgUp");
        assert_eq!(plain(KeyCode::Char('?')).to_string(), "?");
    }

    #[test]
    fn a_key_is_read_as_a_person_writes_it() {
        for (text, key) in [
            ("Ctrl+Q", ctrl('q')),
            ("ctrl+q", ctrl('q')),
            ("Alt+Enter", alt(KeyCode::Enter)),
            ("alt+return", alt(KeyCode::Enter)),
            ("PgUp", plain(KeyCode::PageUp)),
            ("f12", plain(KeyCode::F(12))),
            ("?", plain(KeyCode::Char('?'))),
            ("+", plain(KeyCode::Char('+'))),
            ("Alt++", alt(KeyCode::Char('+'))),
            ("Ctrl+Alt+Space", Key { modifiers: KeyModifiers::CONTROL | KeyModifiers::ALT, code: KeyCode::Char(' ') }),
        ] {
            assert_eq!(text.parse(), Ok(key), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_as_the_same_key() {
        for command in crate::app::commands::all() {
            for key in command.keys {
                assert_eq!(key.to_string().parse(), Ok(*key));
            }
        }
    }

    #[test]
    fn a_text_that_is_no_key_names_the_nearest() {
        for (text, nearest) in [("Crtl+Q", "Ctrl+Q"), ("PageUpp", "PageUp"), ("Alt-Enter", "Alt+Enter"), ("F13", "F1")]
        {
            let NoKey(words) = text.parse::<Key>().unwrap_err();
            assert!(words.contains(&format!("did you mean {nearest}")), "{words}");
        }
        assert_eq!(
            "".parse::<Key>(),
            Err(NoKey("\"\" is no key: write one like Ctrl+Q, Alt+Enter, PgUp or F2".into()))
        );
        assert!("Ctrl+".parse::<Key>().is_err());
    }

    #[test]
    fn a_key_that_terminals_cannot_send_is_refused_with_the_one_they_send() {
        for (text, instead) in [("Ctrl+M", "Enter"), ("Ctrl+I", "Tab"), ("Ctrl+[", "Esc"), ("Ctrl+Shift+Q", "CTRL+Q")] {
            let NoKey(words) = text.parse::<Key>().unwrap_err();
            assert!(words.contains(&format!("write {instead}")), "{words}");
        }
    }
}
