//! How a terminal is made to tell somebody who looks elsewhere, and what stands in its title. Pure.
//!
//! There are three dialects and none can be asked for without waiting for an answer, so it goes by what terminals say of
//! themselves in the environment. What is not known rings the bell, which all know. Everything written is harmless twice: as
//! all text of others it was made so on arrival, and here once more, without the `;` that ends a field.

use crate::app::notifications::Notification;
use crate::app::{sanitize, wrap};

/// Ends a control sequence with a text in it (ECMA-48 §8.3.143).
const ST: &str = "\x1b\\";
const BEL: &str = "\x07";
/// The longest title, in columns.
const MAX_TITLE: usize = 60;
/// The longest text and the longest title of a notification, in columns.
const MAX_WORDS: usize = 120;
/// GNU screen hands on no longer sequence (`MAXSTR` in its source).
const MAX_SCREEN_BYTES: usize = 768;

/// How this terminal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notifier {
    dialect: Option<Dialect>,
    within: Option<Multiplexer>,
    has_title: bool,
}

/// What a terminal understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// OSC 99: <https://sw.kovidgoyal.net/kitty/desktop-notifications/>
    Kitty,
    /// OSC 777: urxvt's, also of foot (foot-ctlseqs(7)), WezTerm (<https://wezterm.org/escape-sequences.html>) and Ghostty
    /// (<https://ghostty.org/docs/vt/reference>).
    Titled,
    /// OSC 777 as well, where a distribution has added it to VTE; else it says nothing, so the bell rings too.
    Perhaps,
    /// OSC 9: <https://iterm2.com/documentation-escape-codes.html>
    Plain,
}

/// What stands between us and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Multiplexer {
    /// Hands on what it is asked to where `allow-passthrough` is on (tmux(1), off since 3.3), and makes of a bell what its
    /// owner wants.
    Tmux,
    /// Hands on short sequences (screen(1), "String escapes").
    Screen,
}

/// A variable, what its value begins with, and what a terminal that sets it understands. The first that holds counts: within a
/// multiplexer `TERM` and `TERM_PROGRAM` name that, and the other variables are what the terminal around it has set.
const TERMINALS: &[((&str, &str), Dialect)] = &[
    (("KITTY_WINDOW_ID", ""), Dialect::Kitty),
    (("TERM", "xterm-kitty"), Dialect::Kitty),
    // This one comes through ssh, whose servers let `LC_*` pass.
    (("LC_TERMINAL", "iTerm2"), Dialect::Plain),
    (("TERM_PROGRAM", "iTerm.app"), Dialect::Plain),
    (("GHOSTTY_RESOURCES_DIR", ""), Dialect::Titled),
    (("TERM", "xterm-ghostty"), Dialect::Titled),
    (("TERM_PROGRAM", "ghostty"), Dialect::Titled),
    (("WEZTERM_PANE", ""), Dialect::Titled),
    (("TERM", "wezterm"), Dialect::Titled),
    (("TERM_PROGRAM", "WezTerm"), Dialect::Titled),
    (("TERM", "foot"), Dialect::Titled),
    (("VTE_VERSION", ""), Dialect::Perhaps),
];

impl Notifier {
    /// The way of the terminal that this environment tells of.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let of = |name: &str| variable(name).filter(|value| !value.is_empty());
        let has = |(name, begin): (&str, &str)| of(name).is_some_and(|value| value.starts_with(begin));
        let dialect = TERMINALS.iter().find(|(sign, _)| has(*sign)).map(|(_, dialect)| *dialect);
        let within = if of("TMUX").is_some() {
            Some(Multiplexer::Tmux)
        } else if of("STY").is_some() {
            Some(Multiplexer::Screen)
        } else {
            None
        };
        let has_title = !matches!(of("TERM").as_deref(), None | Some("dumb" | "linux"));
        Self { dialect, within, has_title }
    }

    /// The bytes that tell it.
    #[must_use]
    pub fn notification(self, notification: &Notification) -> Vec<u8> {
        let Notification::Words { title, text } = notification else { return BEL.into() };
        let (title, text) = (field(title, MAX_WORDS), field(text, MAX_WORDS));
        let sequence = match self.dialect {
            // Kitty says nothing of it where its window is looked at after all.
            Some(Dialect::Kitty) => {
                format!("\x1b]99;i=duet:d=0:o=unfocused;{title}{ST}\x1b]99;i=duet:p=body:o=unfocused;{text}{ST}")
            }
            Some(Dialect::Titled | Dialect::Perhaps) => format!("\x1b]777;notify;{title};{text}{BEL}"),
            Some(Dialect::Plain) => format!("\x1b]9;{title}: {text}{BEL}"),
            None => return BEL.into(),
        };
        let rings = self.dialect == Some(Dialect::Perhaps) || self.within.is_some();
        let mut bytes = self.through(&sequence);
        bytes.extend_from_slice(if rings { BEL.as_bytes() } else { b"" });
        bytes
    }

    /// The bytes that put this into the title; none where there is no title.
    #[must_use]
    pub fn title(self, title: &str) -> Vec<u8> {
        if !self.has_title {
            return Vec::new();
        }
        format!("\x1b]2;{}{ST}", wrap::fitted(&sanitize::line(title), MAX_TITLE)).into_bytes()
    }

    /// The sequence as it comes through to the terminal.
    fn through(self, sequence: &str) -> Vec<u8> {
        match self.within {
            None => sequence.into(),
            Some(Multiplexer::Tmux) => format!("\x1bPtmux;{}{ST}", sequence.replace('\x1b', "\x1b\x1b")).into(),
            // It takes an ST for the end of the whole.
            Some(Multiplexer::Screen) if sequence.len() < MAX_SCREEN_BYTES && !sequence.contains(ST) => {
                format!("\x1bP{sequence}{ST}").into()
            }
            Some(Multiplexer::Screen) => Vec::new(),
        }
    }
}

/// A harmless text that is one field of a sequence.
fn field(text: &str, width: usize) -> String {
    wrap::fitted(&sanitize::line(text).replace(';', ","), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: &str) {
        let notifier =
            Notifier::of(|name| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()));
        let words = Notification::Words { title: "bob in room1".into(), text: "4;1;50".into() };
        let written = String::from_utf8(notifier.notification(&words)).unwrap();
        assert_eq!(written.replace('\x1b', "^[").replace('\x07', "^G"), expected, "{environment:?}");
        assert_eq!(notifier.notification(&Notification::Bell), b"\x07");
    }

    #[test]
    fn each_terminal_is_told_in_its_own_dialect() {
        let kitty = r"^[]99;i=duet:d=0:o=unfocused;bob in room1^[\^[]99;i=duet:p=body:o=unfocused;4,1,50^[\";
        check(&[("TERM", "xterm-kitty")], kitty);
        check(&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], kitty);
        let titled = "^[]777;notify;bob in room1;4,1,50^G";
        for term in ["foot", "foot-extra", "wezterm", "xterm-ghostty"] {
            check(&[("TERM", term)], titled);
        }
        for program in ["WezTerm", "ghostty"] {
            check(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", program)], titled);
        }
        check(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")], &format!("{titled}^G"));
        check(&[("TERM_PROGRAM", "iTerm.app")], "^[]9;bob in room1: 4,1,50^G");
        check(&[("LC_TERMINAL", "iTerm2")], "^[]9;bob in room1: 4,1,50^G");
        for unknown in ["xterm-256color", "rxvt-unicode-256color", "linux", "dumb", "alacritty"] {
            check(&[("TERM", unknown), ("KITTY_WINDOW_ID", "")], "^G");
        }
        check(&[], "^G");
    }

    #[test]
    fn within_a_multiplexer_the_terminal_is_told_if_it_is_known_and_the_bell_rings() {
        let tmux = [("TMUX", "/tmp/tmux-0/default,1,0"), ("TERM", "tmux-256color"), ("TERM_PROGRAM", "tmux")];
        check(&tmux, "^G");
        check(
            &[tmux.as_slice(), &[("WEZTERM_PANE", "0")]].concat(),
            r"^[Ptmux;^[^[]777;notify;bob in room1;4,1,50^G^[\^G",
        );
        let kitty = [tmux.as_slice(), &[("KITTY_WINDOW_ID", "1")]].concat();
        let both = r"^[^[]99;i=duet:d=0:o=unfocused;bob in room1^[^[\^[^[]99;i=duet:p=body:o=unfocused;4,1,50^[^[\";
        check(&kitty, &format!(r"^[Ptmux;{both}^[\^G"));
        let screen = [("STY", "1.pts-0"), ("TERM", "screen")];
        check(&[screen.as_slice(), &[("LC_TERMINAL", "iTerm2")]].concat(), r"^[P^[]9;bob in room1: 4,1,50^G^[\^G");
        check(&[screen.as_slice(), &[("KITTY_WINDOW_ID", "1")]].concat(), "^G");
    }

    #[test]
    fn a_title_is_short_and_only_where_there_is_one() {
        let of = |term: &str| Notifier::of(|name| (name == "TERM").then(|| term.to_owned()));
        assert_eq!(of("xterm").title("(3) bob"), b"\x1b]2;(3) bob\x1b\\");
        assert_eq!(of("xterm").title(&"x".repeat(1_000)).len(), 4 + 59 + "…".len() + 2);
        assert!(of("linux").title("(3) bob").is_empty() && of("dumb").title("(3) bob").is_empty());
    }
}
