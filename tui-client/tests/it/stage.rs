//! A room, somebody at the keyboard, and the picture on the screen: what the tests of the screen are played on.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use ratatui::style::{Color, Modifier};
use shared::frames::{Receipt, Resume, Welcome};
use shared::message::{Message, Seq};
use shared::names::{MessageId, Username};
use shared::rest::HistoryPage;
use tui_client::app::commands::Direction;
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Preferences;
use tui_client::app::update::update;
use tui_client::app::{Caused, Effect, Event, Look, Palette, State, Wish};
use tui_client::network::{Membership, NetworkEvent, Request};
use tui_client::view::picture::Picture;
use tui_client::view::view;

/// A room, somebody at the keyboard, and a clock that goes only when told.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    pub(crate) wish: Option<Wish>,
}

pub(crate) fn time(clock: &str) -> Timestamp {
    let date = if clock.contains('T') { clock.to_owned() } else { format!("2026-11-22T{clock}") };
    let seconds = if date.matches(':').count() == 1 { ":00Z" } else { "Z" };
    format!("{date}{seconds}").parse().expect(clock)
}

pub(crate) fn name(name: &str) -> Username {
    name.parse().expect(name)
}

impl Stage {
    /// alice opens room1; nothing is known of the server yet.
    pub(crate) fn opens(width: u16, height: u16) -> Self {
        let membership = Membership {
            servers: "http://127.0.0.1:8000".parse::<reqwest::Url>().unwrap().into(),
            room: "room1".parse().unwrap(),
            user: name("alice"),
            email: "".parse().unwrap(),
            last: 50,
            access: tui_client::network::Access::default(),
        };
        // Nobody goes idle but where a test is about that.
        let preferences = Preferences { idle_after: None, ..Preferences::default() };
        let look = Look { size: Size::new(width, height), palette: Palette::Sixteen, preferences, zone: TimeZone::UTC };
        let now = time("14:00");
        let state = State::new(&membership, MessageId::new("run").unwrap(), look, now);
        Self { state, now, effects: Vec::new(), wish: None }
    }

    /// alice is in, with bob, in a room whose newest message has place `head`.
    pub(crate) fn joined(width: u16, height: u16, head: u64) -> Self {
        Self::opens(width, height).welcome(head, &["alice", "bob"], Resume::Recent)
    }

    pub(crate) fn at(mut self, clock: &str) -> Self {
        self.now = time(clock);
        self
    }

    pub(crate) fn happens(mut self, event: Event) -> Self {
        Caused { effects: self.effects, wish: self.wish } = update(&mut self.state, self.now, event);
        self
    }

    pub(crate) fn hears(self, event: NetworkEvent) -> Self {
        self.happens(Event::Network(event))
    }

    pub(crate) fn welcome(self, head: u64, occupants: &[&str], resume: Resume) -> Self {
        self.welcome_with(head, occupants, resume, vec![])
    }

    pub(crate) fn welcome_with(self, head: u64, occupants: &[&str], resume: Resume, receipts: Vec<Receipt>) -> Self {
        self.hears(NetworkEvent::Welcomed(welcome(head, occupants, resume, receipts)))
    }

    /// `who` is `-` for a voice from outside.
    pub(crate) fn says(self, seq: u64, clock: &str, who: &str, content: &str) -> Self {
        self.hears(NetworkEvent::Message(message(seq, clock, who, content)))
    }

    /// Places 1 to `count`, a minute apart, from bob.
    pub(crate) fn bob_counts_to(mut self, count: u64) -> Self {
        for seq in 1..=count {
            self = self.says(seq, "14:00", "bob", &format!("message {seq}"));
        }
        self
    }

    pub(crate) fn lost(self, reason: &str, retry_at: &str) -> Self {
        self.hears(NetworkEvent::Lost { reason: reason.into(), retry_at: time(retry_at), is_reached: false })
    }

    pub(crate) fn press(self, code: KeyCode) -> Self {
        self.happens(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    /// Turns the wheel by a notch.
    pub(crate) fn wheel(self, direction: Direction) -> Self {
        self.happens(Event::Wheel { direction, rows: 3 })
    }

    pub(crate) fn ctrl(self, c: char) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)))
    }

    pub(crate) fn alt(self, c: char) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT)))
    }

    pub(crate) fn alt_enter(self) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT)))
    }

    pub(crate) fn types(self, text: &str) -> Self {
        text.chars().fold(self, |stage, c| stage.press(KeyCode::Char(c)))
    }

    /// Nobody does anything until what the client waits for has come.
    pub(crate) fn rests(mut self) -> Self {
        self.now = self.state.next_tick().expect("it waits for something");
        self.happens(Event::Tick)
    }

    pub(crate) fn sends(self, text: &str) -> Self {
        self.types(text).press(KeyCode::Enter)
    }

    /// What goes to the network, at once or once it is on disk.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let request = |effect: &Effect| match effect {
            Effect::Request(request) => Some(request.clone()),
            Effect::Keep(kept) => Some(Request::Post { id: kept.id.clone(), content: kept.content.clone() }),
            Effect::Forget(_)
            | Effect::Refuse { .. }
            | Effect::Adopt
            | Effect::Copy(_)
            | Effect::Open(_)
            | Effect::Notify(_)
            | Effect::Draw
            | Effect::Repaint
            | Effect::Suspend
            | Effect::Enter(_)
            | Effect::Close
            | Effect::KeepDraft(_)
            | Effect::NoteSent(_)
            | Effect::NoteJoined
            | Effect::Recall
            | Effect::Quit => None,
        };
        self.effects.iter().filter_map(request).collect()
    }

    /// What somebody who looks elsewhere is told.
    pub(crate) fn notifications(&self) -> Vec<&Notification> {
        fn one(effect: &Effect) -> Option<&Notification> {
            if let Effect::Notify(notification) = effect { Some(notification) } else { None }
        }
        self.effects.iter().filter_map(one).collect()
    }

    pub(crate) fn quits(&self) -> bool {
        matches!(self.wish, Some(Wish::Quit(_)))
    }

    pub(crate) fn draws(&self) -> bool {
        self.effects.contains(&Effect::Draw)
    }

    pub(crate) fn draws_on(&self, terminal: &mut Terminal<TestBackend>) {
        let mut picture = Picture::new(self.state.size);
        view(&self.state, &mut picture);
        show(terminal, &picture);
    }

    pub(crate) fn screen(&self) -> String {
        picture(&mut self.terminal())
    }

    pub(crate) fn terminal(&self) -> Terminal<TestBackend> {
        let size = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        self.draws_on(&mut terminal);
        terminal
    }

    /// A row, under it its weights and its colours.
    pub(crate) fn styles(&self, row: u16) -> String {
        let (weights, colours) = styles_of(&self.terminal(), row);
        let text = self.screen().lines().nth(usize::from(row)).unwrap_or_default().to_owned();
        [text, weights, colours].map(|line| line.trim_end().to_owned() + "\n").concat()
    }

    #[track_caller]
    pub(crate) fn expect_styles(self, row: u16, expected: &str) -> Self {
        let expected = expected.strip_prefix('\n').unwrap_or(expected);
        let styles = self.styles(row);
        assert!(styles == expected, "row {row} is\n{styles}\nand not\n{expected}");
        self
    }

    /// The picture, rows without what is blank at their ends; `▏` is the caret.
    #[track_caller]
    pub(crate) fn expect_screen(self, expected: &str) -> Self {
        let expected = expected.strip_prefix('\n').unwrap_or(expected);
        let screen = self.screen();
        assert!(screen == expected, "the screen is\n{screen}\nand not\n{expected}");
        self
    }

    #[track_caller]
    pub(crate) fn expect_row(self, row: usize, expected: &str) -> Self {
        let screen = self.screen();
        assert_eq!(screen.lines().nth(row).unwrap_or_default(), expected, "in\n{screen}");
        self
    }

    #[track_caller]
    pub(crate) fn expect_text(self, expected: &str) -> Self {
        let screen = self.screen();
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(expected), "{expected:?} is not in\n{screen}");
        self
    }

    #[track_caller]
    pub(crate) fn expect_no_text(self, unexpected: &str) -> Self {
        let screen = self.screen();
        assert!(!screen.contains(unexpected), "{unexpected:?} is in\n{screen}");
        self
    }

    #[track_caller]
    pub(crate) fn expect_requests(self, expected: &[Request]) -> Self {
        assert_eq!(self.requests(), expected);
        self
    }
}

/// Puts a picture on the terminal of a test.
pub(crate) fn show(terminal: &mut Terminal<TestBackend>, picture: &Picture) {
    let draw = |frame: &mut ratatui::Frame<'_>| {
        frame.render_widget(picture, frame.area());
        frame.set_cursor_position(picture.caret());
    };
    terminal.draw(draw).unwrap();
}

/// What is on a screen, with `▏` for the caret; rows without what is blank at their ends.
pub(crate) fn picture(terminal: &mut Terminal<TestBackend>) -> String {
    let caret = terminal.get_cursor_position().unwrap();
    let buffer = terminal.backend().buffer();
    let mut picture = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut covered = 0;
        for x in 0..buffer.area.width {
            if (caret.x, caret.y) == (x, y) {
                row.push('▏');
                if buffer[(x, y)].symbol() == " " {
                    continue;
                }
            }
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = tui_client::app::wrap::columns(symbol).saturating_sub(1);
            row.push_str(symbol);
        }
        picture.push_str(row.trim_end());
        picture.push('\n');
    }
    picture
}

/// The weight of each column of a row (`b` bold, `d` dim, `i` italics, `u` underlined, `x` struck out, `r` reversed, `#` several)
/// and its colour by its first letter.
pub(crate) fn styles_of(terminal: &Terminal<TestBackend>, row: u16) -> (String, String) {
    let buffer = terminal.backend().buffer();
    let (mut weights, mut colours) = (String::new(), String::new());
    for x in 0..buffer.area.width {
        let cell = &buffer[(x, row)];
        weights.push(match cell.modifier {
            Modifier::BOLD => 'b',
            Modifier::DIM => 'd',
            Modifier::ITALIC => 'i',
            Modifier::UNDERLINED => 'u',
            Modifier::CROSSED_OUT => 'x',
            Modifier::REVERSED => 'r',
            none if none.is_empty() => ' ',
            _ => '#',
        });
        let name = cell.fg.to_string().to_lowercase();
        colours.push(if cell.fg == Color::Reset { ' ' } else { name.chars().next().unwrap_or('?') });
    }
    (weights, colours)
}

/// What alice is told when she comes in.
pub(crate) fn welcome(head: u64, occupants: &[&str], resume: Resume, receipts: Vec<Receipt>) -> Welcome {
    Welcome {
        room_id: "room1".parse().unwrap(),
        user: name("alice"),
        epoch: "e".into(),
        head: Seq(head),
        receipts,
        idle: vec![],
        occupants: occupants.iter().copied().map(name).collect(),
        resume,
        max_content_bytes: 1024,
    }
}

pub(crate) fn message(seq: u64, clock: &str, who: &str, content: &str) -> Message {
    Message {
        seq: Seq(seq),
        id: MessageId::new(format!("server-{seq}")).unwrap(),
        sender: (who != "-").then(|| name(who)),
        content: content.to_owned(),
        sent_at: time(clock),
    }
}

pub(crate) fn post(number: u64, content: &str) -> Request {
    Request::Post { id: MessageId::new(format!("run-{number}")).unwrap(), content: content.to_owned() }
}

pub(crate) fn page(places: std::ops::Range<u64>) -> NetworkEvent {
    NetworkEvent::Page(HistoryPage {
        room_id: "room1".parse().unwrap(),
        epoch: "e".into(),
        head: Seq(1_000),
        messages: places.map(|seq| message(seq, "14:00", "bob", &format!("message {seq}"))).collect(),
    })
}
