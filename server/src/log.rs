//! The log's way out: nothing in it that a terminal would obey, whoever chose the name or the words it tells of.
//!
//! What is logged holds names, which are clean, and errors of other programs, which need not be. So the last step cleans
//! every line, whatever it was made from.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Whether the log may colour its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Yes,
    No,
}

/// Writes lines to `out`, each with one call, and what is no text in them as an escape.
#[derive(Debug)]
pub(crate) struct Harmless<W> {
    pub(crate) out: W,
    pub(crate) colour: Colour,
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write_all(clean(line, self.colour).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn clean(line: &[u8], colour: Colour) -> Cow<'_, str> {
    let line = String::from_utf8_lossy(line);
    let (text, end) = line.strip_suffix('\n').map_or((&*line, ""), |text| (text, "\n"));
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line;
    }
    let mut clean = String::with_capacity(line.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let ours = if colour == Colour::Yes { ink(rest) } else { 0 };
        let (part, after) = rest.split_at(if ours > 0 { ours } else { c.len_utf8() });
        if ours == 0 && is_treacherous(c) {
            // Writing to a string does not fail.
            _ = write!(clean, "{}", c.escape_unicode());
        } else {
            clean.push_str(part);
        }
        rest = after;
    }
    Cow::Owned(clean + end)
}

/// How long the order for a colour or weight is that a text begins with: `ESC [ … m` (ECMA-48 §8.3.117).
fn ink(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    match parameters.find(|c: char| !c.is_ascii_digit() && c != ';') {
        Some(end) if parameters.get(end..).is_some_and(|rest| rest.starts_with('m')) => {
            "\u{1b}[".len() + end + "m".len()
        }
        Some(_) | None => 0,
    }
}

/// Controls, what reorders, and what is not seen.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, colour: Colour, expected: &str) {
        let mut out = Vec::new();
        Harmless { out: &mut out, colour }.write_all(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_line_of_the_log_is_one_line_of_text() {
        check("INFO started port=8000\n", Colour::No, "INFO started port=8000\n");
        check("room=Café 房间\n", Colour::No, "room=Café 房间\n");
        check("error=a\nb\rc\u{1b}]0;x\u{7}\n", Colour::No, "error=a\\u{a}b\\u{d}c\\u{1b}]0;x\\u{7}\n");
        check("a\u{9b}31m \u{202e}b\u{200b}\n", Colour::Yes, "a\\u{9b}31m \\u{202e}b\\u{200b}\n");
    }

    #[test]
    fn only_the_colours_of_the_log_are_obeyed() {
        check("\u{1b}[2m14:02\u{1b}[0m a\u{1b}[2J\n", Colour::Yes, "\u{1b}[2m14:02\u{1b}[0m a\\u{1b}[2J\n");
        check("\u{1b}[2m14:02\n", Colour::No, "\\u{1b}[2m14:02\n");
    }
}
