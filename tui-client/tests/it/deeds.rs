//! What a terminal would do on some bytes besides showing text, and the modes it would be left in.

use std::collections::{BTreeMap, BTreeSet};

use vte::{Params, Parser, Perform};

/// What the client does in a frame: place the cursor, set weight and colour, clear, scroll a region by deleting and inserting
/// lines, show and hide the cursor, begin and end.
const OF_A_FRAME: &[&str] = &["[H", "[m", "[J", "[r", "[M", "[L", "[?25h", "[?25l", "[?2026h", "[?2026l"];
/// And when it takes the terminal and gives it back.
const AROUND: &[&str] = &[
    "[n", "[?1049h", "[?1049l", "[?2004h", "[?2004l", "[?1004h", "[?1004l", "[?1007s", "[?1007h", "[?1007r", "[>5u",
    "[<1u", "[>4m", "[22;2t", "[23;2t",
];

/// Everything a terminal would do on some bytes besides showing text.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) text: String,
    pub(crate) foreign: Vec<String>,
    modes: BTreeMap<String, i32>,
    saved: BTreeMap<String, i32>,
}

/// Where bytes go to, which says what may be among them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// A frame.
    Frame,
    /// All of a session, or what is written between frames: `commands` are the numbers of those that may be in it.
    Session { commands: &'static [&'static str] },
    /// Lines of text, as `tail` prints them.
    Lines,
}

impl Deeds {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut deeds = Self::default();
        let mut parser: Parser = Parser::new();
        parser.advance(&mut deeds, bytes);
        deeds
    }

    /// Only what the client itself does in such a place, and no text or payload that is more than text.
    #[track_caller]
    pub(crate) fn expect_only_ours(&self, place: Place) {
        let (orders, commands): (Vec<&str>, &[&str]) = match place {
            Place::Frame => (OF_A_FRAME.to_vec(), &[]),
            Place::Session { commands } => ([OF_A_FRAME, AROUND].concat(), commands),
            Place::Lines => (vec!["control 0xa"], &[]),
        };
        for deed in &self.foreign {
            match deed.strip_prefix("OSC ").and_then(|command| command.split_once(';')) {
                Some((number, payload)) if commands.contains(&number) => expect_harmless(payload),
                _ => assert!(orders.contains(&deed.as_str()), "{deed:?}"),
            }
        }
        expect_harmless(&self.text);
    }

    /// The modes that are on at the end.
    pub(crate) fn modes_left_on(&self) -> Vec<&str> {
        self.modes.iter().filter(|(_, depth)| **depth != 0).map(|(mode, _)| mode.as_str()).collect()
    }

    /// The modes that were touched.
    pub(crate) fn modes_used(&self) -> BTreeSet<&str> {
        self.modes.keys().map(String::as_str).collect()
    }

    fn set(&mut self, mode: impl Into<String>, on: bool) {
        self.modes.insert(mode.into(), i32::from(on));
    }

    fn push(&mut self, mode: &str, depth: i32) {
        *self.modes.entry(mode.to_owned()).or_default() += depth;
    }

    /// Notes a mode that outlives the frame. A new one is a line here.
    fn note_mode(&mut self, private: &str, params: &[u16], action: char) {
        let (first, second) = (params.first().copied().unwrap_or(0), params.get(1).copied().unwrap_or(0));
        match (private, action) {
            // The cursor is there unless it is hidden.
            ("?", 'h' | 'l') if first == 25 => self.set("hidden cursor", action == 'l'),
            ("?", 'h' | 'l') => params.iter().for_each(|mode| self.set(format!("?{mode}"), action == 'h')),
            ("", 'h' | 'l') => self.set(format!("{first}"), action == 'h'),
            ("?", 's') => {
                let mode = format!("?{first}");
                let before = self.modes.get(&mode).copied().unwrap_or(0);
                self.saved.insert(mode, before);
            }
            ("?", 'r') => {
                let mode = format!("?{first}");
                // Where nothing was saved there is nothing to restore.
                if let Some(before) = self.saved.remove(&mode) {
                    self.modes.insert(mode, before);
                }
            }
            (">", 'u') => self.push("kitty keyboard", 1),
            ("<", 'u') => self.push("kitty keyboard", -i32::from(first.max(1))),
            ("=", 'u') => self.set("kitty keyboard flags", first != 0),
            (">", 'm') => self.set(format!("modify keys {first}"), second != 0),
            ("", 'm') => self.set("style", params.iter().any(|param| *param != 0)),
            ("", 't') if first == 22 => self.push("title stack", 1),
            ("", 't') if first == 23 => self.push("title stack", -1),
            (" ", 'q') => self.set("shape of the cursor", first != 0),
            ("", 'r') => self.set("scrolling region", first != 0),
            _ => {}
        }
    }
}

/// Nothing in it but what may stand on a screen.
#[track_caller]
pub(crate) fn expect_harmless(text: &str) {
    for c in text.chars() {
        let is_dangerous = c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e000}'..='\u{f8ff}' | '\u{3164}' | '\u{61c}');
        assert!(!is_dangerous, "{c:?}");
    }
    let marks_in_a_row = text.split(|c| c != '\u{301}').map(|run| run.chars().count()).max();
    assert!(marks_in_a_row <= Some(4), "{marks_in_a_row:?}");
}

impl Perform for Deeds {
    fn print(&mut self, c: char) {
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        self.foreign.push(format!("control {byte:#x}"));
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        self.foreign.push(format!("DCS {action}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        let fields: Vec<_> = params.iter().map(|field| String::from_utf8_lossy(field)).collect();
        self.foreign.push(format!("OSC {}", fields.join(";")));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let private = String::from_utf8_lossy(intermediates);
        let params: Vec<u16> = params.iter().filter_map(|param| param.first().copied()).collect();
        self.note_mode(&private, &params, action);
        let named = match (private.is_empty(), action) {
            (true, 't') => params.iter().map(u16::to_string).collect::<Vec<_>>().join(";"),
            (true, _) => String::new(),
            (false, _) => params.first().map_or_else(String::new, u16::to_string),
        };
        self.foreign.push(format!("[{private}{named}{action}"));
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        // What ends a sequence with a text in it is part of that.
        let ends_text = byte == b'\\' && self.foreign.last().is_some_and(|deed| deed.starts_with("OSC "));
        if !ends_text {
            self.foreign.push(format!("ESC {:?}", char::from(byte)));
        }
    }
}

#[test]
fn a_mode_that_stays_on_is_seen() {
    let left_on = |bytes: &str| Deeds::of(bytes.as_bytes()).modes_left_on().join(", ");
    assert_eq!(
        left_on("\u{1b}[?1049h\u{1b}[?2004h\u{1b}[?25l\u{1b}[>5u\u{1b}[1m"),
        "?1049, ?2004, hidden cursor, kitty keyboard, style"
    );
    assert_eq!(
        left_on("\u{1b}[?1049h\u{1b}[?25l\u{1b}[>5u\u{1b}[>5u\u{1b}[<1u\u{1b}[?25h\u{1b}[?1049l"),
        "kitty keyboard"
    );
    assert_eq!(left_on("\u{1b}[?1007s\u{1b}[?1007h"), "?1007");
    assert_eq!(left_on("\u{1b}[?1007h\u{1b}[?1007r"), "?1007");
    assert_eq!(left_on("\u{1b}[?1007s\u{1b}[?1007h\u{1b}[?1007r"), "");
    assert_eq!(left_on("\u{1b}[22;0t\u{1b}[>4;1m\u{1b}[1m\u{1b}[m\u{1b}[>4m\u{1b}[23;0t"), "");
}

#[test]
#[should_panic(expected = "OSC 52")]
fn a_foreign_command_is_seen() {
    Deeds::of(b"\x1b]52;c;aGk=\x07").expect_only_ours(Place::Session { commands: &["2"] });
}
