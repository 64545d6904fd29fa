//! Whatever happens, in any order and at any size: no panic, the caret on the screen, nothing in it but harmless text.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use shared::frames::{Activity, Gap, Presence, PresenceState, Reached, Receipt, Resume, Typing, TypingState};
use shared::message::Seq;
use shared::names::MessageId;
use shared::rest::{HistoryPage, SearchPage};
use tui_client::app::client::RoomKey;
use tui_client::app::commands::Direction;
use tui_client::app::receipts::Focus;
use tui_client::app::{Effect, Event};
use tui_client::network::NetworkEvent;
use tui_client::outbox::lines::{Held, Kept, Refused};
use tui_client::view::picture::Picture;
use tui_client::view::{view, view_client};

use crate::corpus;
use crate::rooms::House;
use crate::stage::{Stage, message, name, show, time, welcome};

fn texts() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(corpus::short());
    let marked = r"([*_`~>\[] ?|```rs\n|```\n|\n|word |你|https://a\.bc/d |\[a\]\(http://b\.cd\)){0,30}";
    prop_oneof![hostile, "[a-z \n]{0,200}", marked, any::<String>()]
}

fn keys() -> impl Strategy<Value = Event> {
    let codes = [
        KeyCode::Enter,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Esc,
        KeyCode::F(1),
        KeyCode::F(3),
    ];
    let modifiers = [KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT, KeyModifiers::SHIFT];
    let wheel = (prop::sample::select(vec![Direction::Up, Direction::Down]), 2_usize..10)
        .prop_map(|(direction, rows)| Event::Wheel { direction, rows });
    let code = prop_oneof![
        3 => prop::sample::select(codes.to_vec()),
        1 => prop::sample::select("?/:_abcdefghijklmnopqrstuvwxyz123 ".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    let key =
        (code, prop::sample::select(modifiers.to_vec())).prop_map(|(code, with)| Event::Key(KeyEvent::new(code, with)));
    prop_oneof![9 => key, 1 => wheel]
}

fn news() -> impl Strategy<Value = NetworkEvent> {
    let seq = 1_u64..60;
    let who = prop::sample::select(vec!["alice", "bob", "carol", "-", "outside", "שם\u{331}\u{332}"]);
    let page = (seq.clone(), 0_u64..20).prop_map(|(start, count)| {
        let messages = (start..start + count).map(|seq| message(seq, "13:00", "bob", "older")).collect();
        NetworkEvent::Page(HistoryPage { room_id: "r".parse().unwrap(), epoch: "e".into(), head: Seq(60), messages })
    });
    let id = (1_u64..9).prop_map(|n| MessageId::new(format!("run-{n}")).unwrap());
    prop_oneof![
        8 => (seq.clone(), who, texts()).prop_map(|(seq, who, text)| NetworkEvent::Message(message(seq, "14:00", who, &text))),
        1 => (seq.clone(), seq).prop_map(|(from, to)| NetworkEvent::Gap(Gap { from: Seq(from), to: Seq(to) })),
        2 => page,
        1 => id.clone().prop_map(NetworkEvent::Posted),
        1 => (id, texts()).prop_map(|(id, reason)| NetworkEvent::PostRefused { id, reason }),
        1 => texts().prop_map(|reason| NetworkEvent::Lost { reason, retry_at: time("15:00"), is_reached: false }),
        1 => texts().prop_map(NetworkEvent::Refused),
        1 => texts().prop_map(NetworkEvent::PageFailed),
        1 => Just(NetworkEvent::RoomFull),
        1 => prop::sample::subsequence(vec!["bob", "שם\u{331}\u{332}", "carol"], 0..3)
            .prop_map(|users| NetworkEvent::SeatsTaken(users.into_iter().map(name).collect())),
        1 => Just(NetworkEvent::Connecting),
        2 => (prop::sample::select(vec!["alice", "bob", "carol"]), 0_u64..70, 0_u64..70).prop_map(|(who, delivered, read)| {
            let reached = Reached { delivered: Seq(delivered), read: Seq(read) };
            NetworkEvent::Receipt(Receipt { user: name(who), reached })
        }),
        1 => (prop::sample::select(vec!["alice", "bob", "carol"]), any::<bool>()).prop_map(|(who, writes)| {
            let state = if writes { TypingState::Active } else { TypingState::Stopped };
            NetworkEvent::Typing(Typing { user: name(who), activity: Activity { state } })
        }),
        1 => (prop::sample::select(vec!["bob", "carol"]), 0_usize..4).prop_map(|(who, state)| {
            let state = [PresenceState::Here, PresenceState::Idle, PresenceState::Away, PresenceState::Gone][state];
            let occupants = vec![name("alice"), name(who)];
            NetworkEvent::Presence(Presence { user: name(who), state, since: time("13:30"), occupants })
        }),
        1 => (texts(), prop::collection::vec((1_u64..60, texts()), 0..4)).prop_map(|(query, found)| {
            let messages = found.iter().map(|(seq, text)| message(*seq, "13:00", "bob", text)).collect();
            let page = SearchPage { room_id: "r".parse().unwrap(), epoch: "e".into(), messages, earlier: None };
            NetworkEvent::Found { query, page }
        }),
        1 => (texts(), texts()).prop_map(|(query, reason)| NetworkEvent::SearchFailed { query, reason }),
        1 => texts().prop_map(NetworkEvent::PostDelayed),
        1 => Just(NetworkEvent::PostedTooOften { retry_at: time("14:01") }),
        1 => (0_u64..3_000).prop_map(|ms| NetworkEvent::RoundTrip(Duration::from_millis(ms))),
    ]
}

/// What a stage may live through.
#[derive(Debug, Clone)]
enum Turn {
    Happens(Event),
    Welcome(Resume),
}

fn turns() -> impl Strategy<Value = Turn> {
    let size = prop_oneof![2 => (1_u16..90, 1_u16..30), 1 => (1_u16..=400, 1_u16..=120)];
    let resume = prop::sample::select(vec![Resume::Live, Resume::Recent, Resume::Complete, Resume::Reset]);
    prop_oneof![
        8 => keys().prop_map(Turn::Happens),
        8 => news().prop_map(|news| Turn::Happens(Event::Network(news))),
        2 => texts().prop_map(|text| Turn::Happens(Event::Paste(text))),
        1 => texts().prop_map(|text| Turn::Happens(Event::Told(text))),
        1 => (0_usize..9_000_000).prop_map(|bytes| Turn::Happens(Event::PastedTooMuch(bytes))),
        3 => size.prop_map(|(width, height)| Turn::Happens(Event::Resized(Size::new(width, height)))),
        1 => Just(Turn::Happens(Event::Tick)),
        3 => Just(Turn::Happens(Event::Drawn)),
        1 => Just(Turn::Happens(Event::Looks(Focus::Here))),
        1 => Just(Turn::Happens(Event::Looks(Focus::Elsewhere))),
        1 => Just(Turn::Happens(Event::Continued)),
        1 => Just(Turn::Happens(Event::CannotStop)),
        1 => (1_u64..9, texts()).prop_map(|(n, reason)| {
            Turn::Happens(Event::NotKept { id: MessageId::new(format!("run-{n}")).unwrap(), reason })
        }),
        1 => (1_u64..9, texts()).prop_map(|(n, reason)| {
            Turn::Happens(Event::NoOutbox { id: MessageId::new(format!("run-{n}")).unwrap(), reason })
        }),
        1 => prop::collection::vec(texts(), 0..3).prop_map(|texts| {
            let kept = |(n, content)| Kept { id: MessageId::new(format!("old-{n}")).unwrap(), content, at: time("13:00") };
            let mut waiting: Vec<Kept> = (0..).zip(texts).map(kept).collect();
            let refused = waiting.pop().map(|kept| Refused { reason: kept.content.clone(), kept });
            let held = Held { waiting, refused: refused.into_iter().collect() };
            Turn::Happens(Event::Adopted { held, trouble: None })
        }),
        1 => texts().prop_map(|text| Turn::Happens(Event::DraftFound(text))),
        1 => prop::collection::vec(texts(), 0..3).prop_map(|texts| Turn::Happens(Event::SentFound(texts))),
        2 => resume.prop_map(Turn::Welcome),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_happen_in_any_order_at_any_size(turns in prop::collection::vec(turns(), 1..60)) {
        let mut stage = Stage::opens(80, 24);
        let mut frames = Frames::default();
        for turn in turns {
            stage = match turn {
                Turn::Happens(event) => stage.happens(event),
                Turn::Welcome(resume) => stage.welcome(60, &["alice", "bob"], resume),
            };
            if stage.effects.contains(&Effect::Draw) {
                frames.draw(&mut stage.terminal(), stage.state.size, |picture| view(&stage.state, picture));
            }
        }
    }
}

/// What a client of several rooms may live through.
#[derive(Debug, Clone)]
enum ClientTurn {
    /// The person or the terminal does something.
    Does(Event),
    /// Something happens in the room of this number, of those that were ever open.
    Happens(usize, Event),
    Types(&'static str),
    Welcome(usize, Resume),
    Recall,
}

fn client_turns() -> impl Strategy<Value = ClientTurn> {
    let resume = prop::sample::select(vec![Resume::Live, Resume::Recent, Resume::Complete, Resume::Reset]);
    let room_keys = "123456789ak".chars().map(|c| (KeyCode::Char(c), KeyModifiers::ALT)).chain([
        (KeyCode::PageUp, KeyModifiers::CONTROL),
        (KeyCode::PageDown, KeyModifiers::CONTROL),
        (KeyCode::Char('k'), KeyModifiers::CONTROL),
    ]);
    let key = |(code, with)| ClientTurn::Does(Event::Key(KeyEvent::new(code, with)));
    let lines =
        ["/join room4\n", "/join a \u{202e} name\n", "/join ..\n", "/leave\n", "/rooms\n", "/quit\n", "hello\n", "op"];
    prop_oneof![
        6 => turns().prop_map(|turn| match turn {
            Turn::Happens(event) => ClientTurn::Does(event),
            Turn::Welcome(resume) => ClientTurn::Welcome(0, resume),
        }).prop_filter("is of a room", |turn| !matches!(turn, ClientTurn::Does(
            Event::Network(_) | Event::NotKept { .. } | Event::NoOutbox { .. } | Event::Adopted { .. }
        ))),
        6 => (0_usize..9, news()).prop_map(|(room, news)| ClientTurn::Happens(room, Event::Network(news))),
        1 => (0_usize..9, texts()).prop_map(|(room, text)| ClientTurn::Happens(room, Event::DraftFound(text))),
        4 => prop::sample::select(room_keys.collect::<Vec<_>>()).prop_map(key),
        3 => prop::sample::select(lines.to_vec()).prop_map(ClientTurn::Types),
        2 => (0_usize..9, resume).prop_map(|(room, resume)| ClientTurn::Welcome(room, resume)),
        1 => Just(ClientTurn::Recall),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_happen_in_several_rooms(turns in prop::collection::vec(client_turns(), 1..60)) {
        let mut house = House::opens(80, 24, &["room1", "build", "ops"]);
        let mut frames = Frames::default();
        let mut ever_open: Vec<RoomKey> = house.client.open_rooms().into_iter().map(|(key, _)| key).collect();
        for turn in turns {
            let room = |room: usize| ever_open[room % ever_open.len()];
            house = match turn {
                ClientTurn::Does(event) => house.happens(event),
                ClientTurn::Happens(number, event) => house.happens_in(room(number), event),
                ClientTurn::Welcome(number, resume) => {
                    let welcome = welcome(60, &["alice", "bob"], resume, vec![]);
                    house.happens_in(room(number), Event::Network(NetworkEvent::Welcomed(welcome)))
                }
                ClientTurn::Types(line) => line.chars().fold(house, |house, c| {
                    let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
                    house.happens(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
                }),
                ClientTurn::Recall => {
                    house.client.recall(vec!["old".parse().unwrap(), "שם a\u{331} name".parse().unwrap()]);
                    house
                }
            };
            ever_open.extend(house.effects.iter().filter(|(_, effect)| matches!(effect, Effect::Enter(_))).map(|(key, _)| *key));
            let client = &house.client;
            assert!(!client.rooms().is_empty() && client.rooms().iter().any(|room| room.key == client.shown().key));
            for room in client.rooms() {
                assert!(room.key == client.shown().key || room.state.focus != Focus::Here, "a hidden room is read");
            }
            // The room and the bar divide the terminal.
            let Size { width, height } = client.shown().state.size;
            assert_eq!(Size::new(width, height + u16::from(client.has_bar())), client.size());
            drop(client.title());
            frames.draw(&mut house.terminal(), client.size(), |picture| view_client(client, picture));
        }
    }
}

/// Frames as a client paints them, each in the picture that the one before has left.
#[derive(Default)]
struct Frames {
    before: Option<(Size, Picture)>,
}

impl Frames {
    /// Checks what a terminal shows, and that it would show the same with such a picture.
    fn draw(&mut self, terminal: &mut Terminal<TestBackend>, size: Size, view: impl FnOnce(&mut Picture)) {
        check(terminal, size);
        // Larger ones take long, and have nothing that smaller ones have not.
        if size.area() > 90 * 30 {
            return;
        }
        let (_, mut picture) =
            self.before.take_if(|(before, _)| *before == size).unwrap_or_else(|| (size, Picture::new(size)));
        picture.clear();
        view(&mut picture);
        let mut again = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        show(&mut again, &picture);
        assert_eq!(again.backend(), terminal.backend());
        self.before = Some((size, picture));
    }
}

fn check(terminal: &mut Terminal<TestBackend>, Size { width, height }: Size) {
    let caret = terminal.get_cursor_position().unwrap();
    assert!(caret.x < width && caret.y < height, "{caret:?} in {width}x{height}");
    for cell in terminal.backend().buffer().content() {
        assert!(!cell.symbol().contains(char::is_control), "{:?}", cell.symbol());
        assert!(cell.symbol().len() <= 64, "{:?}", cell.symbol());
    }
}
