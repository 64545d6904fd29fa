//! Pure. Pastes that the terminal does not mark as such, told apart from typing by how they come: many at once, with
//! lines among them. Without that, each line would be sent.

use std::time::Duration;

use crate::keys::Input;
use crate::keys::parser::{MAX_PASTE_BYTES, Parser};

/// From so many bytes with a line's end among them on, what is read at once may be pasted. A slow connection hands on
/// what was typed in a second as one.
const MANY_BYTES: usize = 32;
/// As many lines at once are pasted, however short.
const MANY_LINES: usize = 3;
const ESC: u8 = 0x1b;
/// How long a burst may pause. Its bytes wait for one another in the kernel, not with a person.
const PAUSE: Duration = Duration::from_millis(10);

/// The parser, and in front of it the burst that is being collected.
#[derive(Debug, Default)]
pub struct Bursts {
    parser: Parser,
    burst: Vec<u8>,
}

impl Bursts {
    /// Takes what was read at once, and says what came of it.
    pub fn feed(&mut self, chunk: &[u8], inputs: &mut Vec<Input>) {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            if !self.parser.is_at_rest() || *first == ESC {
                self.end_burst(inputs);
                self.parser.feed(&[*first], inputs);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            // An escape sequence is no part of a burst, and ends it.
            let (run, others) = rest.split_at(rest.iter().position(|byte| *byte == ESC).unwrap_or(rest.len()));
            if !self.burst.is_empty() || may_be_pasted(run) {
                self.burst.extend_from_slice(run);
                if self.burst.len() > MAX_PASTE_BYTES {
                    self.end_burst(inputs);
                }
            } else {
                self.parser.feed(run, inputs);
            }
            rest = others;
        }
    }

    /// How long to wait for the next byte before [`Bursts::give_up`]. For ever while nothing is begun.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        if self.burst.is_empty() { self.parser.patience() } else { Some(PAUSE) }
    }

    /// Nothing more came for as long as was waited.
    pub fn give_up(&mut self, inputs: &mut Vec<Input>) {
        if self.burst.is_empty() {
            self.parser.give_up(inputs);
        }
        self.end_burst(inputs);
    }

    fn end_burst(&mut self, inputs: &mut Vec<Input>) {
        let burst = std::mem::take(&mut self.burst);
        // One line with an Enter behind it is what a script types.
        if burst.iter().rev().skip(1).any(is_line_end) {
            inputs.push(Input::Paste(String::from_utf8_lossy(&burst).into_owned()));
        } else {
            self.parser.feed(&burst, inputs);
        }
    }
}

fn may_be_pasted(run: &[u8]) -> bool {
    let lines = run.iter().filter(|byte| is_line_end(byte)).count();
    // Keys such as Ctrl+C are no part of a text.
    let is_text = !run.iter().any(|byte| byte.is_ascii_control() && !is_line_end(byte) && *byte != b'\t');
    is_text && lines > 0 && (run.len() >= MANY_BYTES || lines >= MANY_LINES)
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyCode;
    use proptest::prelude::*;

    use super::*;

    fn told(chunks: &[&str]) -> String {
        let mut bursts = Bursts::default();
        let mut inputs = Vec::new();
        for chunk in chunks {
            bursts.feed(chunk.as_bytes(), &mut inputs);
        }
        bursts.give_up(&mut inputs);
        assert_eq!(bursts.patience(), None);
        crate::keys::parser::tests::told(&inputs)
    }

    #[test]
    fn lines_that_come_at_once_are_pasted_and_not_sent_one_by_one() {
        assert_eq!(told(&["one\rtwo\rthree\r"]), "paste(\"one\\rtwo\\rthree\\r\")");
        assert_eq!(
            told(&["a line of more than 32 characters\rand one mo", "re"]),
            "paste(\"a line of more than 32 characters\\rand one more\")"
        );
    }

    #[test]
    fn what_is_typed_is_typed_however_slowly_it_comes() {
        assert_eq!(told(&["hi\r"]), "h i Enter");
        assert_eq!(told(&["ok\rthx"]), "o k Enter t h x");
        let line = "x".repeat(40);
        let keys = "x ".repeat(40);
        assert_eq!(told(&[&format!("{line}\r")]), format!("{keys}Enter"));
        assert_eq!(told(&[&format!("{line}\r\u{3}")]), format!("{keys}Enter Ctrl+c"));
    }

    #[test]
    fn keys_around_a_burst_stay_keys() {
        assert_eq!(
            told(&["\u{1b}[Aone\rtwo\rthree\r", "four\u{1b}[Bx"]),
            "Up paste(\"one\\rtwo\\rthree\\rfour\") Down x"
        );
        assert_eq!(told(&["\u{1b}[200~one\rtwo\rthree\r\u{1b}[201~x\r"]), "paste(\"one\\rtwo\\rthree\\r\") x Enter");
    }

    proptest! {
        #[test]
        fn nothing_of_a_text_is_lost_or_added_however_it_comes(
            chunks in prop::collection::vec(("[a-c\r\té👍]{0,50}", any::<bool>()), 0..12),
        ) {
            let (mut bursts, mut inputs) = (Bursts::default(), Vec::new());
            for (chunk, pauses) in &chunks {
                bursts.feed(chunk.as_bytes(), &mut inputs);
                if *pauses {
                    bursts.give_up(&mut inputs);
                }
            }
            bursts.give_up(&mut inputs);
            let text: String = inputs.iter().map(|input| match input {
                Input::Paste(text) => text.clone(),
                Input::Key(key) if key.code == KeyCode::Enter => "\r".to_owned(),
                Input::Key(key) if key.code == KeyCode::Tab => "\t".to_owned(),
                Input::Key(key) => key.code.as_char().map(String::from).unwrap_or_default(),
                Input::Wheel { .. } | Input::PastedTooMuch(_) | Input::Looks(_) | Input::CursorAt { .. } => "?".to_owned(),
            }).collect();
            prop_assert_eq!(text, chunks.iter().map(|(chunk, _)| chunk.as_str()).collect::<String>());
        }

        #[test]
        fn any_bytes_in_any_pieces_end_in_rest(chunks in prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => any::<u8>(), 2 => prop::sample::select(b"\x1b[\r201~O;".to_vec())], 0..60), 0..12)) {
            let (mut bursts, mut inputs) = (Bursts::default(), Vec::new());
            for chunk in &chunks {
                bursts.feed(chunk, &mut inputs);
            }
            bursts.give_up(&mut inputs);
            prop_assert_eq!(bursts.patience(), None);
        }
    }
}
