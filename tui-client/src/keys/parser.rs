//! Pure. Bytes of the terminal into keys, marked pastes and answers, in whatever pieces they come.
//!
//! The grammar is that of ECMA-48 §5.4 (control sequences), with what terminals have added: SS3 for keys of the keypad,
//! ESC before a key for Alt, the brackets of a paste. What is not understood is dropped, never typed.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keys::Input;
use crate::keys::sequences::{self, Meaning, key};

/// How long a lone ESC may be the beginning of a sequence: a connection may part the two, a person does not wait for it.
const ESCAPE_PATIENCE: Duration = Duration::from_millis(50);
/// How long the rest of a sequence may take.
const SEQUENCE_PATIENCE: Duration = Duration::from_millis(250);
/// How long a paste may pause before its end is taken for lost.
const PASTE_PATIENCE: Duration = Duration::from_secs(1);
/// The longest paste that is kept, in bytes. The longest message a server can be set to take has half of that.
pub const MAX_PASTE_BYTES: usize = 4 * 1024 * 1024;
/// The longest control sequence that is understood, in bytes.
const MAX_SEQUENCE_BYTES: usize = 64;
/// What ends a paste.
const PASTE_END: &[u8] = b"\x1b[201~";

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// CAN and SUB break a sequence off.
const BREAKS: [u8; 2] = [0x18, 0x1a];

/// What was begun and has not ended yet.
#[derive(Debug, Default)]
pub struct Parser {
    state: Begun,
    /// The bytes of it that are needed once it has ended.
    bytes: Vec<u8>,
    /// How many bytes of a paste were not kept.
    dropped: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    /// A character of several bytes.
    Character { alt: KeyModifiers },
    /// ESC; twice where a terminal marks Alt by it before a sequence.
    Escape { twice: bool },
    /// `ESC [`
    Control { alt: KeyModifiers },
    /// `ESC [ [`, as the Linux console begins its function keys.
    Console,
    /// `ESC O`
    Single { alt: KeyModifiers },
    /// An answer in words, between `ESC ]` or `ESC P` and `ESC \`.
    Words { introducer: u8 },
    /// So many bytes of a click, as old mice tell it.
    Click { left: u8 },
    /// A paste.
    Paste,
}

impl Parser {
    /// Takes the next bytes and says what came of them.
    pub fn feed(&mut self, bytes: &[u8], inputs: &mut Vec<Input>) {
        for byte in bytes {
            self.take(*byte, inputs);
        }
    }

    /// Whether nothing is begun.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.state == Begun::Nothing
    }

    /// How long to wait for the next byte before [`Parser::give_up`]. For ever while nothing is begun.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            Begun::Nothing => None,
            Begun::Escape { .. } => Some(ESCAPE_PATIENCE),
            Begun::Control { .. } | Begun::Single { .. } | Begun::Words { .. } if self.bytes.is_empty() => {
                Some(ESCAPE_PATIENCE)
            }
            Begun::Paste => Some(PASTE_PATIENCE),
            Begun::Character { .. }
            | Begun::Control { .. }
            | Begun::Console
            | Begun::Single { .. }
            | Begun::Words { .. }
            | Begun::Click { .. } => Some(SEQUENCE_PATIENCE),
        }
    }

    /// Nothing more came: what was begun is a key by itself, or a paste whose end was lost, or nothing.
    pub fn give_up(&mut self, inputs: &mut Vec<Input>) {
        match std::mem::take(&mut self.state) {
            Begun::Escape { twice } => {
                inputs.extend(std::iter::repeat_n(key(KeyCode::Esc, KeyModifiers::NONE), 1 + usize::from(twice)));
            }
            Begun::Control { .. } if self.bytes.is_empty() => inputs.push(alt('[')),
            Begun::Single { .. } => inputs.push(alt('O')),
            Begun::Words { introducer } if self.bytes.is_empty() => inputs.push(alt(char::from(introducer))),
            Begun::Paste => return self.finish_paste(inputs),
            Begun::Nothing
            | Begun::Character { .. }
            | Begun::Control { .. }
            | Begun::Console
            | Begun::Words { .. }
            | Begun::Click { .. } => {}
        }
        self.bytes.clear();
    }

    fn take(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        match self.state {
            Begun::Nothing => self.begin(byte, KeyModifiers::NONE, inputs),
            Begun::Character { alt } => self.go_on_with_character(byte, alt, inputs),
            Begun::Escape { twice } => self.escaped(byte, twice, inputs),
            Begun::Control { alt } => self.go_on_with_control(byte, alt, inputs),
            Begun::Console => {
                self.state = Begun::Nothing;
                inputs.extend(sequences::console(byte));
            }
            Begun::Single { alt } => {
                self.state = Begun::Nothing;
                match byte {
                    b'@'..=b'~' => inputs.extend(sequences::single(byte, alt)),
                    _ => self.take(byte, inputs),
                }
            }
            Begun::Words { .. } => self.go_on_with_words(byte, inputs),
            Begun::Click { left } => {
                self.state = if left > 1 { Begun::Click { left: left - 1 } } else { Begun::Nothing };
            }
            Begun::Paste => self.go_on_with_paste(byte, inputs),
        }
    }

    fn begin(&mut self, byte: u8, alt: KeyModifiers, inputs: &mut Vec<Input>) {
        self.bytes.clear();
        self.state = Begun::Nothing;
        match byte {
            ESC => self.state = Begun::Escape { twice: false },
            0..=0x7f => inputs.push(sequences::ascii(byte, alt)),
            0xc2..=0xf4 => {
                self.bytes.push(byte);
                self.state = Begun::Character { alt };
            }
            // No character begins with it.
            0x80..=0xc1 | 0xf5..=0xff => {}
        }
    }

    fn go_on_with_character(&mut self, byte: u8, alt: KeyModifiers, inputs: &mut Vec<Input>) {
        if !matches!(byte, 0x80..=0xbf) {
            return self.begin(byte, KeyModifiers::NONE, inputs);
        }
        self.bytes.push(byte);
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => inputs.extend(text.chars().map(|c| key(KeyCode::Char(c), alt))),
            Err(error) if error.error_len().is_none() => return,
            Err(_) => {}
        }
        self.state = Begun::Nothing;
    }

    fn escaped(&mut self, byte: u8, twice: bool, inputs: &mut Vec<Input>) {
        let alt = if twice { KeyModifiers::ALT } else { KeyModifiers::NONE };
        self.bytes.clear();
        match byte {
            b'[' => self.state = Begun::Control { alt },
            b'O' => self.state = Begun::Single { alt },
            b']' | b'P' if !twice => self.state = Begun::Words { introducer: byte },
            ESC if !twice => self.state = Begun::Escape { twice: true },
            _ => {
                if twice {
                    inputs.push(key(KeyCode::Esc, KeyModifiers::NONE));
                }
                if byte == ESC {
                    self.state = Begun::Escape { twice: true };
                } else {
                    self.begin(byte, KeyModifiers::ALT, inputs);
                }
            }
        }
    }

    fn go_on_with_control(&mut self, byte: u8, alt: KeyModifiers, inputs: &mut Vec<Input>) {
        match byte {
            b'[' if self.bytes.is_empty() => self.state = Begun::Console,
            b'M' if self.bytes.is_empty() => self.state = Begun::Click { left: 3 },
            b'@'..=b'~' => self.end_control(byte, alt, inputs),
            // rxvt ends what is held with Shift by it; in answers, which begin with `?`, it stands before the end.
            b'$' if self.bytes.first().is_some_and(u8::is_ascii_digit) => self.end_control(byte, alt, inputs),
            b' '..=b'?' => {
                // One byte more than is understood is enough to know that it is not.
                if self.bytes.len() <= MAX_SEQUENCE_BYTES {
                    self.bytes.push(byte);
                }
            }
            byte if BREAKS.contains(&byte) => self.state = Begun::Nothing,
            _ => self.begin(byte, KeyModifiers::NONE, inputs),
        }
    }

    fn end_control(&mut self, last: u8, alt: KeyModifiers, inputs: &mut Vec<Input>) {
        self.state = Begun::Nothing;
        let parameters = std::mem::take(&mut self.bytes);
        if parameters.len() > MAX_SEQUENCE_BYTES {
            return;
        }
        match sequences::control(&parameters, last, alt) {
            Some(Meaning::Input(input)) => inputs.push(input),
            Some(Meaning::PasteBegins) => self.state = Begun::Paste,
            None => {}
        }
    }

    fn go_on_with_words(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        let Begun::Words { introducer } = self.state else { return };
        match (self.bytes.last().copied(), byte) {
            // Answers begin with a number or a sign: it was Alt with this key.
            (None, b'A'..=b'Z' | b'a'..=b'z' | b' ' | 0x7f.. | 0..=0x1a) => {
                inputs.push(alt(char::from(introducer)));
                self.begin(byte, KeyModifiers::NONE, inputs);
            }
            (Some(ESC), b'\\') | (Some(_), BEL) => self.begin_nothing(),
            (Some(ESC), _) => self.escaped(byte, false, inputs),
            (Some(_), byte) if BREAKS.contains(&byte) => self.begin_nothing(),
            (None | Some(_), _) => {
                // Only the last byte counts.
                self.bytes.clear();
                self.bytes.push(byte);
            }
        }
    }

    fn begin_nothing(&mut self) {
        self.bytes.clear();
        self.state = Begun::Nothing;
    }

    fn go_on_with_paste(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        self.bytes.push(byte);
        if byte == b'~' && self.bytes.ends_with(PASTE_END) {
            self.bytes.truncate(self.bytes.len() - PASTE_END.len());
            self.finish_paste(inputs);
        } else if self.bytes.len() > MAX_PASTE_BYTES || (self.dropped > 0 && self.bytes.len() > CHUNK_BYTES) {
            // What may be the beginning of the end is kept.
            let superfluous = self.bytes.len() - PASTE_END.len();
            self.bytes.drain(..superfluous);
            self.dropped += superfluous;
        }
    }

    fn finish_paste(&mut self, inputs: &mut Vec<Input>) {
        self.state = Begun::Nothing;
        let bytes = std::mem::take(&mut self.bytes);
        match std::mem::take(&mut self.dropped) {
            0 => inputs.push(Input::Paste(String::from_utf8_lossy(&bytes).into_owned())),
            dropped => inputs.push(Input::PastedTooMuch(dropped + bytes.len())),
        }
    }
}

/// How much of a paste that is not kept is looked at once more.
const CHUNK_BYTES: usize = 4096;

fn alt(c: char) -> Input {
    Input::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Inputs in words.
    pub(in crate::keys) fn told(inputs: &[Input]) -> String {
        let word = |input: &Input| match input {
            Input::Key(KeyEvent { code, modifiers, .. }) => {
                let held =
                    [(KeyModifiers::CONTROL, "Ctrl+"), (KeyModifiers::ALT, "Alt+"), (KeyModifiers::SHIFT, "Shift+")];
                let held = held.into_iter().filter(|(modifier, _)| modifiers.contains(*modifier)).map(|(_, name)| name);
                let code = code.as_char().map_or_else(|| format!("{code:?}"), String::from);
                held.collect::<String>() + &code
            }
            Input::Wheel { direction, rows } => format!("wheel({direction:?},{rows})"),
            Input::Paste(text) => format!("paste({text:?})"),
            Input::PastedTooMuch(bytes) => format!("too-much({bytes})"),
            Input::Looks(focus) => format!("{focus:?}"),
            Input::CursorAt { row, column } => format!("at({row},{column})"),
        };
        inputs.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn parsed(bytes: &[u8]) -> String {
        let (mut parser, mut inputs) = (Parser::default(), Vec::new());
        parser.feed(bytes, &mut inputs);
        parser.give_up(&mut inputs);
        assert!(parser.is_at_rest() && parser.patience().is_none());
        told(&inputs)
    }

    #[track_caller]
    fn check(bytes: &str, expected: &str) {
        assert_eq!(parsed(bytes.as_bytes()), expected, "{bytes:?}");
        // Nothing is left behind that changes what comes next.
        let both = format!("{bytes}x");
        if !bytes.ends_with('\u{1b}') && !expected.starts_with("Alt+") {
            assert_eq!(parsed(both.as_bytes()), format!("{expected} x").trim_start(), "{both:?}");
        }
    }

    #[test]
    fn keys_of_one_byte() {
        check("aÄ你👍", "a Ä 你 👍");
        check("\r\t\u{7f}\u{8}\n", "Enter Tab Backspace Ctrl+h Ctrl+j");
        check("\u{3}\u{1f}\0", "Ctrl+c Ctrl+_ Ctrl+ ");
    }

    #[test]
    fn escape_alone_and_before_a_key() {
        check("\u{1b}", "Esc");
        check("\u{1b}\u{1b}", "Esc Esc");
        check("\u{1b}b\u{1b}\r\u{1b}\u{7f}\u{1b}é", "Alt+b Alt+Enter Alt+Backspace Alt+é");
        check("\u{1b}\u{1b}[A", "Alt+Up");
        check("\u{1b}[", "Alt+[");
        check("\u{1b}O", "Alt+O");
        check("\u{1b}]", "Alt+]");
        check("\u{1b}Px", "Alt+P x");
    }

    #[test]
    fn keys_of_xterm_and_of_the_console() {
        check("\u{1b}[A\u{1b}OB\u{1b}[1;5C\u{1b}[1;3D", "Up Down Ctrl+Right Alt+Left");
        check("\u{1b}[H\u{1b}[F\u{1b}[1~\u{1b}[4~\u{1b}[7~\u{1b}[8~", "Home End Home End Home End");
        check("\u{1b}[2~\u{1b}[3~\u{1b}[5~\u{1b}[6;5~", "Insert Delete PageUp Ctrl+PageDown");
        check("\u{1b}OP\u{1b}[[A\u{1b}[11~\u{1b}[24~\u{1b}[1;2Q\u{1b}OR", "F(1) F(1) F(1) F(12) Shift+F(2) F(3)");
        check("\u{1b}[Z", "Shift+BackTab");
        check("\u{1b}[27;2;13~\u{1b}[27;5;97~", "Shift+Enter Ctrl+a");
        check("\u{1b}OM\u{1b}Ok\u{1b}Oy", "Enter + 9");
    }

    #[test]
    fn keys_of_rxvt() {
        check(
            "\u{1b}[a\u{1b}Oa\u{1b}[5$\u{1b}[5^\u{1b}[5@",
            "Shift+Up Ctrl+Up Shift+PageUp Ctrl+PageUp Ctrl+Shift+PageUp",
        );
    }

    #[test]
    fn keys_of_kittys_protocol() {
        check("\u{1b}[13;2u\u{1b}[27u\u{1b}[9;2u\u{1b}[127;3u", "Shift+Enter Esc Shift+BackTab Alt+Backspace");
        check("\u{1b}[97;5u\u{1b}[45:95;6u\u{1b}[111;4u", "Ctrl+a Ctrl+Shift+_ Alt+Shift+O");
        check("\u{1b}[1089::99;5u", "Ctrl+c");
        check("\u{1b}[91;5u\u{1b}[109;5u", "Esc Enter");
        check("\u{1b}[57399u\u{1b}[57414u\u{1b}[57421;5u\u{1b}[57376u", "0 Enter Ctrl+PageUp F(13)");
        // Caps Lock is no modifier of a key, a key that is let go is none, and what is held with Super is not for us.
        check("\u{1b}[97;69u\u{1b}[97;5:3u\u{1b}[1;1:3A\u{1b}[97;9u", "Ctrl+a");
    }

    #[test]
    fn answers_of_the_terminal_are_told_or_dropped_and_never_typed() {
        check("\u{1b}[I\u{1b}[O", "Here Elsewhere");
        check("\u{1b}[12;40R", "at(12,40)");
        check("\u{1b}[?62;1;4c\u{1b}[>41;354;0c\u{1b}[?2026;2$y\u{1b}[?5u\u{1b}[0n", "");
        check("\u{1b}P>|XTerm(354)\u{1b}\\\u{1b}]11;rgb:0000/0000/0000\u{1b}\\\u{1b}]10;?\u{7}", "");
        check("\u{1b}[M !!\u{1b}[<0;10;10M", "");
        check("\u{1b}[99999999999999999999A\u{1b}[1;2;3;4;5;6q\u{1b}[1 q\u{1b}[200;1~", "");
        check(&format!("\u{1b}[{}A", "1".repeat(100_000)), "");
    }

    #[test]
    fn a_sequence_that_is_broken_off_takes_nothing_with_it() {
        check("\u{1b}[1;\u{1b}[A", "Up");
        check("\u{1b}[1;\r", "Enter");
        check("\u{1b}[1\u{18}a", "a");
        check("\u{1b}]0;title\u{1b}[A", "Up");
        check("\u{1b}O\r", "Enter");
        assert_eq!(parsed(b"\xc3a\xff\xe4\xbdb\xf0\x9f\x1b[A"), "a b Up");
    }

    #[test]
    fn a_paste_is_all_that_stands_between_its_brackets() {
        check("a\u{1b}[200~b\rc\u{1b}[A\u{1b}[201\u{1b}[201~d", "a paste(\"b\\rc\\u{1b}[A\\u{1b}[201\") d");
        check("\u{1b}[200~\u{1b}[201~\u{1b}[201~", "paste(\"\")");
    }

    #[test]
    fn a_paste_whose_end_is_lost_is_a_paste_all_the_same() {
        let (mut parser, mut inputs) = (Parser::default(), Vec::new());
        parser.feed(b"\x1b[200~abc", &mut inputs);
        assert_eq!((inputs.as_slice(), parser.patience()), ([].as_slice(), Some(PASTE_PATIENCE)));
        parser.give_up(&mut inputs);
        parser.feed(b"x\x1b[201~y", &mut inputs);
        assert_eq!(told(&inputs), "paste(\"abc\") x y");
    }

    #[test]
    fn a_paste_without_measure_is_counted_and_not_kept() {
        let (mut parser, mut inputs) = (Parser::default(), Vec::new());
        parser.feed(b"\x1b[200~", &mut inputs);
        for _ in 0..5 {
            parser.feed(&vec![b'x'; 1024 * 1024], &mut inputs);
            assert!(parser.bytes.len() <= MAX_PASTE_BYTES, "{}", parser.bytes.len());
        }
        parser.feed(b"\x1b[201~y", &mut inputs);
        assert_eq!(told(&inputs), format!("too-much({}) y", 5 * 1024 * 1024));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_mean_the_same(
            parts in prop::collection::vec(prop_oneof![
                prop::sample::select(vec![
                    "\u{1b}", "\u{1b}[", "\u{1b}O", "\u{1b}[200~", "\u{1b}[201~", "\u{1b}]", "\u{1b}P", "\u{1b}\\", "[", ";", ":",
                    "1", "27", "~", "u", "R", "M", "$", "\u{7}", "\u{18}", "é", "👍", "\r", "x",
                ]).prop_map(|text| text.as_bytes().to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ], 0..40),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let bytes = parts.concat();
            let (mut whole, mut at_once) = (Parser::default(), Vec::new());
            whole.feed(&bytes, &mut at_once);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut parser, mut inputs, mut from) = (Parser::default(), Vec::new(), 0);
            for cut in cuts.into_iter().chain([bytes.len()]) {
                parser.feed(&bytes[from..cut], &mut inputs);
                from = cut;
            }
            prop_assert_eq!(&inputs, &at_once);
            parser.give_up(&mut inputs);
            prop_assert!(parser.is_at_rest());
            inputs.clear();
            parser.feed(b"\x1b[Ax", &mut inputs);
            prop_assert_eq!(told(&inputs), "Up x");
        }
    }
}
