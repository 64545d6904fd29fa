//! Hostile text, from everywhere it can come from, down to the bytes that reach the terminal.

use std::num::NonZero;

use crossterm::event::KeyCode;
use ratatui::layout::Size;
use shared::frames::{Activity, Typing, TypingState};
use shared::message::Seq;
use shared::names::MessageId;
use tui_client::app::Event;
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Notifications;
use tui_client::app::receipts::Focus;
use tui_client::network::NetworkEvent;
use tui_client::notify::Notifier;
use tui_client::terminal::Painter;
use tui_client::view::view;
use vte::{Params, Parser, Perform};

use crate::stage::{Stage, message};

/// Texts that have done harm somewhere, or could.
pub(crate) fn corpus() -> Vec<String> {
    let controls = (0..=0x1f_u8).chain(0x7f..=0x9f).map(|byte| format!("a{}b", char::from(byte)));
    let reordering = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}";
    let invisible = "\u{200b}\u{200c}\u{200d}\u{2060}\u{2061}\u{feff}\u{ad}\u{180e}\u{34f}\u{fff9}\u{fffb}\u{3164}\u{115f}\u{2028}\u{2029}\u{fffc}\u{e000}\u{fdd0}";
    let each = reordering.chars().chain(invisible.chars()).map(|c| format!("a{c}b"));
    let sequences = [
        "\u{1b}c",
        "\u{1b}#8",
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}[31;5mred",
        "\u{1b}[?1049l\u{1b}[?2004l",
        "\u{1b}[6n\u{1b}[c\u{1b}[21t",
        "\u{9b}2J\u{9b}?1049l",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]2;title\u{1b}\\",
        "\u{9d}0;title\u{9c}",
        "\u{1b}]52;c;aGk=\u{7}",
        "\u{1b}]8;;http://evil\u{1b}\\click\u{1b}]8;;\u{1b}\\",
        "\u{1b}]1337;File=:AAAA\u{7}",
        "\u{1b}]50;?\u{7}",
        "\u{1b}]777;notify;a;b\u{7}",
        "\u{1b}P$qm\u{1b}\\",
        "\u{90}$qm\u{9c}",
        "\u{1b}_Gf=24,s=10,v=10;AAAA\u{1b}\\",
        "\u{1b}[201~\u{1b}[200~",
        "\u{e}\u{f}\u{1b}(0lqqk\u{1b}(B",
        "1\u{8}\u{8}\u{8}2\r3",
        "\u{e0041}\u{e0042}\u{e007f}",
    ];
    let floods = [
        format!("a{}", "\u{301}".repeat(10_000)),
        "\u{301}".repeat(500),
        "👩\u{200d}".repeat(2_000),
        "\u{1100}".repeat(2_000),
        "\u{fdfd}".repeat(200),
        "\u{1f3f4}\u{e0067}".repeat(100),
        "🇦".repeat(301),
        "x".repeat(60_000),
        "\n".repeat(2_000),
        "\t".repeat(2_000),
        " ".repeat(2_000),
        "क\u{94d}".repeat(500),
    ];
    controls.chain(each).chain(sequences.map(str::to_owned)).chain(floods).collect()
}

/// Everything a terminal would do on some bytes besides showing text.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) text: String,
    pub(crate) foreign: Vec<String>,
}

impl Deeds {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut deeds = Self::default();
        let mut parser: Parser = Parser::new();
        parser.advance(&mut deeds, bytes);
        deeds
    }

    /// Only what the client itself does: place the cursor, set weight and colour, clear, show and hide the cursor,
    /// begin and end a frame. With `session` also what it does when it takes the terminal and gives it back.
    #[track_caller]
    pub(crate) fn expect_only_ours(&self, session: bool) {
        let ours = |deed: &&String| {
            let frame = ["[H", "[m", "[J", "[?25h", "[?25l", "[?2026h", "[?2026l"];
            let around = [
                "[n", "[?1049h", "[?1049l", "[?2004h", "[?2004l", "[?1004h", "[?1004l", "[>5u", "[<1u", "[>4m",
                "[22;2t", "[23;2t",
            ];
            !(frame.contains(&deed.as_str())
                || session && (deed.starts_with("OSC 2;") || around.contains(&deed.as_str())))
        };
        let foreign: Vec<&String> = self.foreign.iter().filter(ours).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
        for c in self.text.chars() {
            let is_dangerous = c.is_control()
                || matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e000}'..='\u{f8ff}' | '\u{3164}' | '\u{61c}');
            assert!(!is_dangerous, "{c:?}");
        }
        let marks_in_a_row = self.text.split(|c| c != '\u{301}').map(|run| run.chars().count()).max();
        assert!(marks_in_a_row <= Some(4), "{marks_in_a_row:?}");
    }
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
        if action == 't' {
            let numbers: Vec<String> = params.iter().flatten().map(u16::to_string).collect();
            return self.foreign.push(format!("[{}t", numbers.join(";")));
        }
        let mode = if private.is_empty() { None } else { params.iter().next().and_then(|param| param.first()) };
        self.foreign.push(format!("[{private}{}{action}", mode.map_or_else(String::new, u16::to_string)));
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        // What ends a sequence with a text in it is part of that.
        let ends_text = byte == b'\\' && self.foreign.last().is_some_and(|deed| deed.starts_with("OSC "));
        if !ends_text {
            self.foreign.push(format!("ESC {:?}", char::from(byte)));
        }
    }
}

/// What reaches the terminal, and what is seen there.
#[track_caller]
fn check(what: &str, stage: &Stage) {
    let size = stage.state.size;
    let bytes = Painter::new(size).unwrap().frame(size, |frame| view(&stage.state, frame)).unwrap();
    Deeds::of(&bytes).expect_only_ours(false);
    // A terminal of its own mind shows what the picture says, so nothing of the text was an order.
    let [rows, columns] = [size.height, size.width].map(|cells| NonZero::new(cells).unwrap());
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(&bytes);
    if what.is_ascii() {
        let seen: Vec<String> = terminal.screen().rows(0, size.width).map(|row| row.trim_end().to_owned()).collect();
        let picture = stage.screen().replace('▏', "");
        assert_eq!(seen, picture.lines().map(str::trim_end).collect::<Vec<_>>(), "{what:?}");
    }
    assert!(!terminal.screen().bracketed_paste() && !terminal.screen().alternate_screen(), "{what:?}");
}

#[test]
fn no_text_of_others_reaches_the_terminal_as_an_order() {
    for text in corpus() {
        for (width, height) in [(80, 24), (40, 10), (12, 3)] {
            let stage = Stage::joined(width, height, 1).says(1, "14:02", "bob", &text).says(2, "14:02", "-", &text);
            check(&text, &stage);
            let scrolled = Stage::joined(width, height, 40).bob_counts_to(40).press(KeyCode::PageUp);
            let typing = Typing { user: "bob".parse().unwrap(), activity: Activity { state: TypingState::Active } };
            check(&text, &scrolled.says(41, "14:02", "-", &text).hears(NetworkEvent::Typing(typing)));
        }
    }
}

#[test]
fn no_words_on_the_connection_reach_the_terminal_as_an_order() {
    for text in corpus() {
        let lost = NetworkEvent::Lost { reason: text.clone(), retry_at: crate::stage::time("14:09") };
        check(&text, &Stage::joined(100, 10, 1).hears(lost));
        check(&text, &Stage::joined(100, 10, 1).hears(NetworkEvent::Refused(text.clone())));
        check(&text, &Stage::joined(100, 10, 1).hears(NetworkEvent::PageFailed(text.clone())));
        let id = MessageId::new("run-1").unwrap();
        let refused = NetworkEvent::PostRefused { id, reason: text.clone() };
        check(&text, &Stage::joined(100, 10, 1).sends("hello").hears(refused));
    }
}

#[test]
fn no_paste_and_no_key_reaches_the_terminal_as_an_order() {
    for text in corpus() {
        let pasted = Stage::joined(80, 24, 1).happens(Event::Paste(text.clone()));
        check(&text, &pasted);
        check(&text, &pasted.press(crossterm::event::KeyCode::Enter));
        check(&text, &Stage::joined(80, 24, 1).types(&text.chars().take(50).collect::<String>()));
        check(&text, &Stage::joined(80, 24, 1).types("?").types(&text.chars().take(50).collect::<String>()));
    }
}

#[test]
fn no_name_reaches_the_terminal_as_an_order() {
    for text in corpus() {
        // What a name may not hold never becomes one; the rest of the corpus does.
        let Ok(sender) = text.parse::<shared::names::Username>() else { continue };
        let mut said = message(1, "14:02", "bob", "hello");
        said.sender = Some(sender.clone());
        let stage = Stage::joined(80, 10, 1).hears(NetworkEvent::Message(said));
        check(&text, &stage.welcome(1, &["alice", sender.as_str()], shared::frames::Resume::Complete));
    }
}

/// What the terminal of this environment would do that is told of `notification`.
fn told(environment: &[(&str, &str)], notification: &Notification) -> Deeds {
    let of = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let written = Notifier::of(of).notification(notification);
    let written =
        written.strip_suffix(b"\x07").filter(|rest| !rest.is_empty() && of("TMUX").is_some()).unwrap_or(&written);
    let Some(passed_on) = written.strip_prefix(b"\x1bPtmux;") else { return Deeds::of(written) };
    // As tmux does it: the sequence ends with the first ESC that is not one of two.
    let passed_on = String::from_utf8_lossy(passed_on.strip_suffix(b"\x1b\\").unwrap()).replace("\x1b\x1b", "\0");
    assert!(!passed_on.contains('\x1b'), "{passed_on:?}");
    Deeds::of(passed_on.replace('\0', "\x1b").as_bytes())
}

#[test]
fn no_text_of_others_leaves_a_title_or_a_notification() {
    let terminals: [&[(&str, &str)]; 6] = [
        &[("TERM", "xterm-kitty")],
        &[("TERM", "foot")],
        &[("TERM_PROGRAM", "iTerm.app")],
        &[("VTE_VERSION", "7600")],
        &[("TMUX", "x"), ("KITTY_WINDOW_ID", "1")],
        &[("TERM", "xterm")],
    ];
    for text in corpus().into_iter().chain([";;9;4;1;50".to_owned(), "4;1".to_owned()]) {
        let sender = text.parse::<shared::names::Username>().unwrap_or_else(|_| "bob".parse().unwrap());
        let mut stage = Stage::joined(80, 10, 0).happens(Event::Looks(Focus::Elsewhere));
        stage.state.preferences.notifications = Notifications::Full;
        let mut said = message(1, "14:02", "bob", &text);
        said.sender = Some(sender.clone());
        let stage = stage.welcome(0, &["alice", sender.as_str()], shared::frames::Resume::Complete);
        let stage = stage.hears(NetworkEvent::Message(said));
        let [notification] = stage.notifications()[..] else { panic!("{:?}", stage.effects) };
        for terminal in terminals {
            let deeds = told(terminal, notification);
            assert_eq!(deeds.text, "", "{text:?}");
            let (bells, rest): (Vec<_>, Vec<_>) = deeds.foreign.iter().partition(|deed| *deed == "control 0x7");
            assert!(bells.len() <= 1 && rest.len() <= 2, "{text:?}: {:?}", deeds.foreign);
            for deed in rest {
                let kind = [
                    "OSC 99;i=duet:d=0:o=unfocused;",
                    "OSC 99;i=duet:p=body:o=unfocused;",
                    "OSC 777;notify;",
                    "OSC 9;",
                ];
                let rest = kind.iter().find_map(|kind| deed.strip_prefix(kind)).expect(deed);
                assert_eq!(rest.matches(';').count(), usize::from(deed.starts_with("OSC 777")), "{deed:?}");
                Deeds { text: rest.to_owned(), foreign: vec![] }.expect_only_ours(false);
                assert!(tui_client::app::wrap::columns(rest) < 2 * 121, "{deed:?}");
            }
        }
        let title = Notifier::of(|name| (name == "TERM").then(|| "xterm".into())).title(&stage.state.title());
        let deeds = Deeds::of(&title);
        let [title] = deeds.foreign.as_slice() else { panic!("{:?}", deeds.foreign) };
        Deeds { text: title.strip_prefix("OSC 2;").unwrap().to_owned(), foreign: vec![] }.expect_only_ours(false);
        assert_eq!(deeds.text, "");
    }
}

#[test]
fn a_frame_that_changes_a_character_costs_less_than_a_hundred_bytes() {
    let stage = Stage::joined(120, 40, 500).bob_counts_to(500);
    let size = Size::new(120, 40);
    let mut painter = Painter::new(size).unwrap();
    painter.frame(size, |frame| view(&stage.state, frame)).unwrap();
    let stage = stage.types("x");
    let bytes = painter.frame(size, |frame| view(&stage.state, frame)).unwrap().len();
    assert!(bytes < 100, "{bytes}");
}

#[test]
fn a_hundred_thousand_messages_are_drawn_as_fast_as_a_hundred() {
    let long = |count: u64| {
        let mut stage = Stage::joined(120, 40, count);
        for seq in 1..=count {
            stage =
                stage.says(seq, "14:00", "bob", "a message that is long enough to be wrapped now and then, it seems");
        }
        stage
    };
    let time = |stage: &Stage| {
        let mut stage = Stage { state: stage.state.clone(), now: stage.now, effects: vec![] };
        let start = std::time::Instant::now();
        for _ in 0..20 {
            stage = stage.press(KeyCode::PageUp);
            std::hint::black_box(stage.screen());
        }
        start.elapsed()
    };
    let (few, many) = (long(1_000), long(100_000));
    assert_eq!(many.state.log.first_seq(), Some(Seq(1)));
    // The best of five, for the machine has other things to do as well.
    let best = |stage: &Stage| (0..5).map(|_| time(stage)).min().unwrap_or_default();
    let (few, many) = (best(&few), best(&many));
    assert!(many < few * 3, "{few:?} and {many:?}");
}
