//! Pure. What the sequences of terminals mean: one table for each way in which they tell of a key.
//!
//! Sources: xterm's ctlseqs ("PC-Style Function Keys", "modifyOtherKeys"), the console's `console_codes(4)`, rxvt's key table,
//! and kitty's keyboard protocol (<https://sw.kovidgoyal.net/kitty/keyboard-protocol/>).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::receipts::Focus;
use crate::keys::Input;

/// What a control sequence means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This.
    Input(Input),
    /// All that follows is pasted.
    PasteBegins,
}

/// Modifiers that are not ours to answer: Super, Hyper and Meta.
const FOREIGN: u32 = 8 | 16 | 32;
/// In kitty's protocol, a key that is let go.
const RELEASED: u32 = 3;

/// A key that sends one byte.
pub(super) fn ascii(byte: u8, alt: KeyModifiers) -> Input {
    match byte {
        b'\r' => key(KeyCode::Enter, alt),
        b'\t' => key(KeyCode::Tab, alt),
        0x7f => key(KeyCode::Backspace, alt),
        0x1b => key(KeyCode::Esc, alt),
        0 => key(KeyCode::Char(' '), alt | KeyModifiers::CONTROL),
        0x01..=0x1a => key(KeyCode::Char(char::from(byte - 1 + b'a')), alt | KeyModifiers::CONTROL),
        0x1c..=0x1f => key(KeyCode::Char(char::from(byte + 0x40)), alt | KeyModifiers::CONTROL),
        byte => key(KeyCode::Char(char::from(byte)), alt),
    }
}

/// `ESC [ [` and this.
pub(super) fn console(byte: u8) -> Option<Input> {
    matches!(byte, b'A'..=b'E').then(|| key(KeyCode::F(byte - b'A' + 1), KeyModifiers::NONE))
}

/// `ESC O` and this.
pub(super) fn single(last: u8, alt: KeyModifiers) -> Option<Input> {
    let code = match last {
        b'R' => KeyCode::F(3),
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b'j'..=b'y' => KeyCode::Char(char::from(last - b'j' + b'*')),
        b'X' => KeyCode::Char('='),
        b'a'..=b'd' => return Some(key(letter(last.to_ascii_uppercase())?, alt | KeyModifiers::CONTROL)),
        last => letter(last)?,
    };
    Some(key(code, alt))
}

/// `ESC [`, parameters, and this.
pub(super) fn control(parameters: &[u8], last: u8, alt: KeyModifiers) -> Option<Meaning> {
    // With a sign before them, or with a byte of another kind among them, they are an answer that nobody waits for.
    let parameters = parse(parameters)?;
    let number = |at: usize| parameters.get(at).and_then(|group| group.first().copied()).flatten();
    let (code, modifiers) = match (last, number(0), number(1)) {
        (b'~', Some(200), None) => return Some(Meaning::PasteBegins),
        (b'I', None, None) => return Some(Meaning::Input(Input::Looks(Focus::Here))),
        (b'O', None, None) => return Some(Meaning::Input(Input::Looks(Focus::Elsewhere))),
        (b'R', Some(row), Some(column)) => {
            let (row, column) = (u16::try_from(row).ok()?, u16::try_from(column).ok()?);
            return Some(Meaning::Input(Input::CursorAt { row, column }));
        }
        (b'~', Some(27), Some(_)) => (character(number(2)?)?, modifiers(&parameters, 1)?),
        (b'~', Some(number), _) => (numbered(number)?, modifiers(&parameters, 1)?),
        (b'u', Some(_), _) => kitty(&parameters)?,
        (b'Z', None | Some(1), _) => (KeyCode::BackTab, modifiers(&parameters, 1)? | KeyModifiers::SHIFT),
        (b'a'..=b'd', None, None) => (letter(last.to_ascii_uppercase())?, KeyModifiers::SHIFT),
        (b'$', Some(number), None) => (numbered(number)?, KeyModifiers::SHIFT),
        (b'^', Some(number), None) => (numbered(number)?, KeyModifiers::CONTROL),
        (b'@', Some(number), None) => (numbered(number)?, KeyModifiers::CONTROL | KeyModifiers::SHIFT),
        (_, None | Some(1), _) => (letter(last)?, modifiers(&parameters, 1)?),
        (_, Some(_), _) => return None,
    };
    Some(Meaning::Input(key(code, modifiers | alt)))
}

/// `1;5:3` as groups of numbers, which may be left out.
fn parse(parameters: &[u8]) -> Option<Vec<Vec<Option<u32>>>> {
    let text = std::str::from_utf8(parameters).ok()?;
    let number = |text: &str| match text {
        "" => Some(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Some),
        _ => None,
    };
    text.split(';').map(|group| group.split(':').map(number).collect()).collect()
}

/// The modifiers in group `at`. None of a key that is let go, or that is for somebody else.
fn modifiers(parameters: &[Vec<Option<u32>>], at: usize) -> Option<KeyModifiers> {
    let group = parameters.get(at);
    let number = |at: usize| group.and_then(|group| group.get(at).copied()).flatten();
    let held = number(0).unwrap_or(1).saturating_sub(1);
    if held & FOREIGN != 0 || number(1) == Some(RELEASED) {
        return None;
    }
    let names = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)];
    Some(names.into_iter().filter(|(bit, _)| held & bit != 0).map(|(_, modifier)| modifier).collect())
}

/// Arrows and their neighbours, and the first function keys.
fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'S' => KeyCode::F(4),
        _ => return None,
    })
}

fn numbered(number: u32) -> Option<KeyCode> {
    let f = |first: u8, from: u32| Some(KeyCode::F(first + u8::try_from(number - from).ok()?));
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => f(1, 11),
        17..=21 => f(6, 17),
        23..=26 => f(11, 23),
        28 | 29 => f(15, 28),
        31..=34 => f(17, 31),
        _ => None,
    }
}

/// The key of this character. What Ctrl makes of `[`, `i` and `m` is what they have always been.
fn character(number: u32) -> Option<KeyCode> {
    Some(match char::from_u32(number)? {
        '\r' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        '\u{1b}' => KeyCode::Esc,
        '\u{7f}' | '\u{8}' => KeyCode::Backspace,
        c if c.is_control() => return None,
        c => KeyCode::Char(c),
    })
}

fn kitty(parameters: &[Vec<Option<u32>>]) -> Option<(KeyCode, KeyModifiers)> {
    let held = modifiers(parameters, 1)?;
    let of_key = |at: usize| parameters.first().and_then(|group| group.get(at).copied()).flatten();
    let number = of_key(0)?;
    if let 57_344..=63_743 = number {
        return Some((keypad(number)?, held));
    }
    let code = match (character(number)?, of_key(1), of_key(2)) {
        // A shortcut is the key at its place on a Latin keyboard, whatever alphabet is on it.
        (KeyCode::Char(c), _, Some(latin)) if !c.is_ascii() && held != KeyModifiers::NONE => character(latin)?,
        (KeyCode::Char(_), Some(shifted), _) if held.contains(KeyModifiers::SHIFT) => character(shifted)?,
        (KeyCode::Char(c), None, _) if held.contains(KeyModifiers::SHIFT) => KeyCode::Char(c.to_ascii_uppercase()),
        (KeyCode::Char('['), _, _) if held == KeyModifiers::CONTROL => return Some((KeyCode::Esc, KeyModifiers::NONE)),
        (KeyCode::Char('i'), _, _) if held == KeyModifiers::CONTROL => return Some((KeyCode::Tab, KeyModifiers::NONE)),
        (KeyCode::Char('m'), _, _) if held == KeyModifiers::CONTROL => {
            return Some((KeyCode::Enter, KeyModifiers::NONE));
        }
        (KeyCode::Tab, _, _) if held.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        (code, _, _) => code,
    };
    Some((code, held))
}

/// kitty's numbers for keys that are no characters.
fn keypad(number: u32) -> Option<KeyCode> {
    const SIGNS: &[u8] = b"0123456789./*-+";
    const PLACES: [KeyCode; 11] = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
        KeyCode::KeypadBegin,
    ];
    let at = |first: u32| usize::try_from(number - first).ok();
    match number {
        57_376..=57_398 => Some(KeyCode::F(13 + u8::try_from(number - 57_376).ok()?)),
        57_399..=57_413 => SIGNS.get(at(57_399)?).map(|sign| KeyCode::Char(char::from(*sign))),
        57_414 => Some(KeyCode::Enter),
        57_415 => Some(KeyCode::Char('=')),
        57_416 => Some(KeyCode::Char(',')),
        57_417..=57_427 => PLACES.get(at(57_417)?).copied(),
        _ => None,
    }
}

pub(super) fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Key(KeyEvent::new(code, modifiers))
}
