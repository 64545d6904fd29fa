//! Several rooms in one client: which one is shown, what goes to which, and the bar below.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use ratatui::style::Modifier;
use shared::frames::{Gap, Reached, Receipt, Resume};
use shared::message::Seq;
use shared::names::MessageId;
use tui_client::app::client::{Client, RoomKey};
use tui_client::app::notifications::Notification;
use tui_client::app::preferences::Preferences;
use tui_client::app::receipts::Focus;
use tui_client::app::{Effect, Event, Look, Palette};
use tui_client::network::{Membership, NetworkEvent, Request};
use tui_client::view::picture::Picture;
use tui_client::view::view_client;

use crate::stage::{message, name, picture, show, time, welcome};

/// A client with rooms, somebody at the keyboard, and a clock that goes only when told.
pub(crate) struct House {
    pub(crate) client: Client,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<(RoomKey, Effect)>,
}

impl House {
    /// alice opens these rooms; nothing is known of the server yet.
    pub(crate) fn opens(width: u16, height: u16, rooms: &[&str]) -> Self {
        Self::opens_with(width, height, rooms, Preferences::default())
    }

    pub(crate) fn opens_with(width: u16, height: u16, rooms: &[&str], preferences: Preferences) -> Self {
        let [first, more @ ..] = rooms else { panic!("no room") };
        let membership = Membership {
            servers: "http://127.0.0.1:8000".parse::<reqwest::Url>().unwrap().into(),
            room: first.parse().unwrap(),
            user: name("alice"),
            email: "".parse().unwrap(),
            last: 50,
            access: tui_client::network::Access::default(),
        };
        let more: Vec<_> = more.iter().map(|room| room.parse().unwrap()).collect();
        let size = Size::new(width, height);
        let look = Look { size, palette: Palette::Sixteen, preferences, zone: TimeZone::UTC };
        let now = time("14:00");
        let client = Client::new(&membership, &more, MessageId::new("run").unwrap(), look, now);
        Self { client, now, effects: Vec::new() }
    }

    /// alice is in all of them, with bob, and they are empty.
    pub(crate) fn joined(width: u16, height: u16, rooms: &[&str]) -> Self {
        rooms.iter().fold(Self::opens(width, height, rooms), |house, room| house.welcome(room))
    }

    pub(crate) fn welcome(self, room: &str) -> Self {
        let welcome = welcome(0, &["alice", "bob"], Resume::Recent, vec![]);
        self.hears(room, NetworkEvent::Welcomed(welcome))
    }

    pub(crate) fn at(mut self, clock: &str) -> Self {
        self.now = time(clock);
        self
    }

    pub(crate) fn happens(mut self, event: Event) -> Self {
        self.effects = self.client.update(self.now, event);
        self
    }

    pub(crate) fn happens_in(mut self, room: RoomKey, event: Event) -> Self {
        self.effects = self.client.update_room(self.now, room, event);
        self
    }

    pub(crate) fn hears(self, room: &str, event: NetworkEvent) -> Self {
        let key = self.key(room);
        self.happens_in(key, Event::Network(event))
    }

    pub(crate) fn key(&self, room: &str) -> RoomKey {
        self.client.rooms().iter().find(|open| open.id.as_str() == room).expect(room).key
    }

    pub(crate) fn bob_says(self, room: &str, seq: u64, content: &str) -> Self {
        self.hears(room, NetworkEvent::Message(message(seq, "14:00", "bob", content)))
    }

    fn loses(self, room: &str) -> Self {
        self.hears(room, NetworkEvent::Lost { reason: "refused".into(), retry_at: time("15:00"), is_reached: false })
    }

    fn press(self, code: KeyCode) -> Self {
        self.happens(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    pub(crate) fn ctrl(self, code: KeyCode) -> Self {
        self.happens(Event::Key(KeyEvent::new(code, KeyModifiers::CONTROL)))
    }

    pub(crate) fn alt(self, c: char) -> Self {
        self.happens(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT)))
    }

    pub(crate) fn types(self, text: &str) -> Self {
        text.chars().fold(self, |house, c| house.press(KeyCode::Char(c)))
    }

    pub(crate) fn sends(self, text: &str) -> Self {
        self.types(text).press(KeyCode::Enter)
    }

    pub(crate) fn terminal(&self) -> Terminal<TestBackend> {
        let size = self.client.size();
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        let mut picture = Picture::new(size);
        view_client(&self.client, &mut picture);
        show(&mut terminal, &picture);
        terminal
    }

    fn screen(&self) -> String {
        picture(&mut self.terminal())
    }

    /// What is done in a room.
    fn done_in(&self, room: &str) -> Vec<&Effect> {
        let key = self.key(room);
        self.effects.iter().filter(|(of, _)| *of == key).map(|(_, effect)| effect).collect()
    }

    fn does(&self, what: &Effect) -> bool {
        self.effects.iter().any(|(_, effect)| effect == what)
    }

    #[track_caller]
    fn expect_kept_drafts(self, expected: &[&str]) -> Self {
        let kept = |(_, effect): &(RoomKey, Effect)| {
            if let Effect::KeepDraft(text) = effect { Some(text.clone()) } else { None }
        };
        assert_eq!(self.effects.iter().filter_map(kept).collect::<Vec<_>>(), expected);
        self
    }

    #[track_caller]
    fn expect_screen(self, expected: &str) -> Self {
        let expected = expected.strip_prefix('\n').unwrap_or(expected);
        let screen = self.screen();
        assert!(screen == expected, "the screen is\n{screen}\nand not\n{expected}");
        self
    }

    #[track_caller]
    fn expect_bar(self, expected: &str) -> Self {
        let screen = self.screen();
        assert_eq!(screen.lines().last().unwrap_or_default(), expected, "in\n{screen}");
        self
    }

    #[track_caller]
    fn expect_text(self, expected: &str) -> Self {
        let screen = self.screen();
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(expected), "{expected:?} is not in\n{screen}");
        self
    }

    #[track_caller]
    fn expect_no_text(self, unexpected: &str) -> Self {
        let screen = self.screen();
        assert!(!screen.contains(unexpected), "{unexpected:?} is in\n{screen}");
        self
    }

    #[track_caller]
    fn expect_shown(self, room: &str) -> Self {
        assert_eq!(self.client.shown().id.as_str(), room);
        self
    }
}

const THREE: [&str; 3] = ["room1", "build", "ops"];

#[test]
fn with_one_room_there_is_no_bar() {
    House::joined(60, 8, &["room1"]).expect_screen(
        "
 room1   alice · bob is here                           live

 Nobody has written here yet. Write something below.



 > ▏
 Enter send · Alt+Enter new line · ? help
",
    );
}

#[test]
fn the_last_row_tells_of_all_rooms() {
    House::joined(80, 24, &THREE)
        .bob_says("build", 1, "build 812 is green")
        .bob_says("build", 2, "so it is")
        .expect_screen(
            "
 room1   alice · bob is here                                               live

 Nobody has written here yet. Write something below.

















 > ▏

 Enter send · Alt+Enter new line · ? help
[1 room1] · 2 build (2) · 3 ops                               Alt+1..9 · Ctrl+K
",
        );
}

#[test]
fn a_tiny_terminal_has_the_bar_as_well() {
    House::joined(20, 5, &THREE).bob_says("room1", 1, "hi").bob_says("ops", 1, "x").expect_screen(
        "
 Sunday 22 November
 bob
   hi
 > ▏
[1 ro…] · 2 bu…›(1)
",
    );
}

#[test]
fn a_large_terminal_has_one_bar_as_well() {
    let house = House::joined(200, 50, &THREE);
    assert_eq!(house.screen().lines().count(), 50);
    let bar = format!("{:<182}{}", "[1 room1] · 2 build · 3 ops", "Alt+1..9 · Ctrl+K");
    house.expect_bar(&bar);
}

#[test]
fn the_bar_says_which_room_has_no_connection_in_words_where_there_is_room() {
    let house = |width| House::opens(width, 10, &THREE).welcome("room1").loses("ops");
    house(80).expect_bar("[1 room1] · 2 build ~ connecting · 3 ops ! no connection      Alt+1..9 · Ctrl+K");
    house(60).expect_bar("[1 room1] · 2 build ~ connecting · 3 ops ! no connection");
    house(40).expect_bar("[1 room1] · 2 build ~ · 3 ops !");
}

#[test]
fn at_any_width_the_bar_marks_the_room_that_is_shown() {
    let names = ["a room with a long name", "数据库", "c", "d", "e", "f", "g", "h", "i", "another long name"];
    let mut house = House::joined(80, 10, &names);
    for width in 1..=120 {
        house = house.happens(Event::Resized(Size::new(width, 10)));
        for shown in '1'..='9' {
            house = house.alt(shown);
            let terminal = house.terminal();
            let buffer = terminal.backend().buffer();
            let marked = |x: &u16| buffer[(*x, 9)].modifier.contains(Modifier::REVERSED | Modifier::BOLD);
            let text: String = (0..width).filter(marked).map(|x| buffer[(x, 9)].symbol()).collect();
            assert!(!text.is_empty(), "{shown} at {width}:\n{}", house.screen());
            assert!(width < 9 || text.starts_with(&format!("[{shown} ")), "{text:?} at {width}:\n{}", house.screen());
        }
    }
}

#[test]
fn keys_go_to_the_room_that_is_shown_and_the_others_keep_their_drafts() {
    let house = House::joined(60, 10, &THREE).types("half a").alt('2').expect_shown("build").types("other");
    let house = house.expect_text("> other▏").alt('1').expect_text("> half a▏").press(KeyCode::Enter);
    assert!(matches!(house.done_in("room1")[..], [Effect::Keep(kept), ..] if kept.content == "half a"));
    house.ctrl(KeyCode::PageDown).expect_shown("build").expect_text("> other▏");
}

#[test]
fn what_is_heard_in_a_hidden_room_counts_until_the_room_is_shown() {
    let house = House::joined(80, 10, &THREE).bob_says("ops", 1, "look at this");
    assert!(house.does(&Effect::Draw));
    let house = house.expect_text("3 ops (1)").expect_no_text("look at this");
    let house = house.alt('a').expect_shown("ops").expect_text("look at this").expect_no_text("(1)");
    // Only what is drawn is read.
    let read = Effect::Request(Request::Read(Seq(1)));
    let house = house.happens(Event::Drawn);
    assert!(house.does(&read) || house.client.shown().state.unread() == 0);
    house.alt('a').expect_shown("ops").expect_text("There is nothing new in other rooms.");
}

#[test]
fn what_changes_nothing_in_the_picture_draws_nothing() {
    let house = House::joined(80, 10, &THREE).hears("ops", NetworkEvent::RoundTrip(Duration::from_millis(700)));
    assert!(!house.does(&Effect::Draw));
    let house = house.hears("ops", NetworkEvent::Message(message(1, "14:00", "alice", "from elsewhere")));
    assert!(!house.does(&Effect::Draw));
    assert!(house.loses("ops").does(&Effect::Draw));
}

#[test]
fn a_room_is_opened_and_left_by_name() {
    let house = House::joined(80, 10, &["room1"]).sends("/join ops");
    assert_eq!(house.done_in("ops")[0], &Effect::Enter("ops".parse().unwrap()));
    let house = house.expect_shown("ops").welcome("ops").bob_says("ops", 1, "hi");
    let house = house.expect_bar(" 1 room1 · [2 ops]                                            Alt+1..9 · Ctrl+K");
    let key = house.key("ops");
    let house = house.sends("on it").sends("/leave").expect_shown("room1");
    assert!(house.effects.contains(&(key, Effect::Close)), "{:?}", house.effects);
    let house = house.expect_text("You left ops. 1 message was not sent; the outbox keeps it until you are back.");
    // The row is the room's again, and what is still under way from there is nobody's business.
    let house = house.press(KeyCode::Left).expect_bar(" Enter send · Alt+Enter new line · ? help");
    assert_eq!(house.happens_in(key, Event::Network(NetworkEvent::RoomFull)).effects, []);
}

#[test]
fn joining_an_open_room_goes_there_and_no_room_is_called_by_dots_alone() {
    let house = House::joined(80, 10, &THREE).sends("/join ops").expect_shown("ops");
    assert_eq!(house.client.rooms().len(), 3);
    house.sends("/join ..").expect_text("Not joined: a room cannot be named by dots alone");
}

#[test]
fn leaving_the_only_room_is_leaving() {
    assert!(House::joined(80, 10, &["room1"]).sends("/leave").does(&Effect::Quit));
}

#[test]
fn quitting_asks_once_for_messages_that_wait_in_other_rooms() {
    let house = House::joined(80, 10, &THREE).sends("on my way").alt('2').ctrl(KeyCode::Char('c'));
    assert!(!house.does(&Effect::Quit));
    let house = house.expect_text("1 message is not sent yet in other rooms: room1. Ctrl+C again leaves all rooms.");
    assert!(house.ctrl(KeyCode::Char('c')).does(&Effect::Quit));
}

#[test]
fn one_key_leaves_one_room_and_several_when_it_is_pressed_again() {
    let quits = |house: &House| house.does(&Effect::Quit);
    assert!(quits(&House::joined(80, 10, &["room1"]).ctrl(KeyCode::Char('c'))));
    let asked = || House::joined(80, 10, &THREE).ctrl(KeyCode::Char('c')).expect_text("Ctrl+C again leaves 3 rooms.");
    assert!(!quits(&asked()));
    assert!(quits(&asked().ctrl(KeyCode::Char('c'))));
    assert!(quits(&asked().ctrl(KeyCode::Char('d'))));
    House::joined(20, 5, &THREE).ctrl(KeyCode::Char('c')).expect_text("Ctrl+C again");
    // Whoever does something else has not answered, whatever came meanwhile has asked nothing.
    let elsewhere = asked().press(KeyCode::Left).expect_no_text("again").ctrl(KeyCode::Char('c'));
    assert!(!quits(&elsewhere) && !quits(&asked().alt('2').ctrl(KeyCode::Char('c'))));
    let told = asked().happens(Event::Told("The link was not opened.".to_owned())).ctrl(KeyCode::Char('c'));
    assert!(!quits(&told.expect_text("Ctrl+C again leaves 3 rooms.")));
    assert!(quits(&asked().bob_says("ops", 1, "hi").ctrl(KeyCode::Char('c'))));
    // By name it is meant, and whoever was asked about a message that waits is not asked twice.
    assert!(quits(&House::joined(80, 10, &THREE).sends("/quit")));
    let waits = House::joined(80, 10, &THREE).sends("hello").ctrl(KeyCode::Char('c')).expect_text("still waiting");
    assert!(!quits(&waits));
    assert!(quits(&waits.ctrl(KeyCode::Char('c'))));
}

#[test]
fn the_switcher_finds_rooms_and_goes_there() {
    let mut house = House::joined(60, 10, &THREE).bob_says("ops", 1, "hi").ctrl(KeyCode::Char('k'));
    assert!(house.does(&Effect::Recall));
    house.client.recall(vec!["old".parse().unwrap(), "build".parse().unwrap()]);
    let house = house.expect_screen(
        "
 Rooms · look for: ▏

> 3 ops  1 new
  1 room1  you are here
  2 build
    old  joined before


 Enter goes there · Up and Down choose · Esc goes back
[1 room1] · 2 build · 3 ops (1)           Alt+1..9 · Ctrl+K
",
    );
    let house = house.types("bd");
    let terminal = house.terminal();
    let buffer = terminal.backend().buffer();
    let underlined: Vec<u16> = (0..60).filter(|x| buffer[(*x, 2)].modifier.contains(Modifier::UNDERLINED)).collect();
    assert_eq!(underlined, [4, 8], "{}", house.screen());
    let house = house.expect_text("> 2 build").press(KeyCode::Enter).expect_shown("build");
    // What stands behind the caret is cut; with nothing there it asks where to go.
    let house = house.types("abc").press(KeyCode::Home).ctrl(KeyCode::Char('k')).expect_text("> ▏");
    let house = house.alt('k').types("new room").expect_text("> new room join this room").press(KeyCode::Enter);
    house.expect_shown("new room").alt('k').press(KeyCode::Esc).expect_shown("new room").expect_no_text("look for");
}

#[test]
fn at_20_by_5_the_switcher_is_all_list() {
    let mut house = House::joined(20, 5, &["room1"]).alt('k');
    house.client.recall(["a-room-of-a-long-name", "ops", "build", "x"].map(|room| room.parse().unwrap()).to_vec());
    house.expect_screen(
        "
 look for: ▏
> 1 room1
    a-room-of-a-lo…
    ops
    build
",
    );
    let house =
        House::joined(20, 5, &["a-room-of-a-long-name", "ops"]).alt('2').bob_says("a-room-of-a-long-name", 1, "hi");
    house.alt('k').expect_screen(
        "
 look for: ▏
> 1 a-room-…  1 new
  2 ops

 1 a-… (1) · [2 ops]
",
    );
}

#[test]
fn the_name_of_a_room_that_is_known_is_completed() {
    let known = ["room1", "ops", "office", "a room", "shop", "\"bad\" name"].map(|room| room.parse().unwrap());
    let mut house = House::joined(80, 10, &["room1", "build"]).types("/join");
    assert!(!house.does(&Effect::Recall));
    house = house.types(" ");
    assert!(house.does(&Effect::Recall));
    house.client.recall(known.to_vec());
    let house = house.expect_text("build ops office a room shop").types("O");
    assert!(!house.does(&Effect::Recall), "once is enough");
    let offered = house.expect_text("ops office a room shop").types("P");
    let offered = offered.expect_text("ops shop").press(KeyCode::Tab).expect_text("> /join ops▏");
    let joined = offered.press(KeyCode::Tab).expect_text("> /join shop▏").press(KeyCode::Enter);
    joined.expect_shown("shop");
    let mut spaced = House::joined(80, 10, &["room1"]).types("/join a");
    spaced.client.recall(known.to_vec());
    spaced.press(KeyCode::Tab).expect_text("> /join a room▏").press(KeyCode::Enter).expect_shown("a room");
}

#[test]
fn behind_the_switcher_nothing_is_read() {
    let read = Effect::Request(Request::Read(Seq(1)));
    let house = House::joined(60, 10, &THREE).alt('k').bob_says("room1", 1, "hi").happens(Event::Drawn);
    assert!(!house.does(&read));
    assert!(house.press(KeyCode::Esc).does(&read));
}

#[test]
fn a_room_is_as_large_as_the_terminal_was_made_while_it_was_hidden() {
    let house = House::joined(80, 24, &THREE).happens(Event::Resized(Size::new(60, 12))).alt('3');
    assert_eq!(house.client.shown().state.size, Size::new(60, 11));
    let house = house.sends("/leave").sends("/leave");
    assert_eq!(house.client.shown().state.size, Size::new(60, 12));
}

#[test]
fn a_draft_is_kept_when_it_has_rested_and_forgotten_when_it_is_sent() {
    let house = House::joined(60, 10, &["room1"]).types("half");
    assert_eq!(house.client.next_tick(), Some(time("14:00:00.3")));
    let house = house.at("14:00:00.2").types(" a").expect_kept_drafts(&[]);
    let house = house.at("14:00:00.4").happens(Event::Tick).expect_kept_drafts(&[]);
    let house = house.at("14:00:00.5").happens(Event::Tick).expect_kept_drafts(&["half a"]);
    let house = house.at("14:00:02").press(KeyCode::Left).at("14:00:04").happens(Event::Tick).expect_kept_drafts(&[]);
    let house = house.press(KeyCode::Enter).expect_kept_drafts(&[""]);
    assert!(matches!(&house.effects[0], (_, Effect::Keep(kept)) if kept.content == "half a"), "{:?}", house.effects);
}

#[test]
fn a_draft_is_kept_at_once_where_it_is_hidden_or_left_or_the_program_ends() {
    let house = House::joined(60, 10, &THREE).types("one").alt('2').expect_kept_drafts(&["one"]);
    let mut house = house.types("two").alt('3').types("three");
    let drafts: Vec<String> = house.client.unkept_drafts().into_iter().map(|(_, text)| text).collect();
    // Another client of alice's may have removed what was written down.
    assert_eq!(drafts, ["one", "two", "three"]);
    house.alt('1').alt('2').expect_kept_drafts(&["one"]);
}

#[test]
fn a_draft_of_an_earlier_run_is_there_with_the_caret_at_its_end() {
    let house = House::joined(60, 10, &["room1"]);
    let key = house.key("room1");
    let house = house.happens_in(key, Event::DraftFound("half a\nthought".to_owned()));
    let house = house.expect_text("> half a thought▏").at("14:10").happens(Event::Tick).expect_kept_drafts(&[]);
    // What is written already wins.
    house.happens_in(key, Event::DraftFound("other".to_owned())).expect_text("> half a thought▏");
    // Nobody knows who has been at the file.
    let house = House::joined(60, 10, &["room1"]);
    house.happens_in(key, Event::DraftFound("a\u{1b}[31mb".to_owned())).expect_text("> a␛[31mb▏");
}

#[test]
fn what_was_sent_in_earlier_runs_comes_before_what_was_sent_in_this_one() {
    let house = House::joined(60, 10, &["room1"]).sends("three");
    assert!(house.does(&Effect::NoteSent("three".to_owned())));
    let (key, earlier) = (house.key("room1"), ["one", "t\u{1b}wo"].map(str::to_owned).to_vec());
    let house = house.happens_in(key, Event::SentFound(earlier)).types("half");
    let house = house.press(KeyCode::Up).expect_text("> three▏").press(KeyCode::Up).expect_text("> t␛wo▏");
    let house = house.press(KeyCode::Up).expect_text("> one▏").press(KeyCode::Enter);
    assert!(house.does(&Effect::NoteSent("one".to_owned())));
    let house = house.expect_text("> half▏").ctrl(KeyCode::Char('c')).sends("/retry");
    assert!(!house.effects.iter().any(|(_, effect)| matches!(effect, Effect::NoteSent(_))), "commands are not sent");
    let not_sent = house.loses("room1").hears("room1", NetworkEvent::RoomFull).sends("hello?");
    assert!(!not_sent.does(&Effect::NoteSent("hello?".to_owned())));
}

#[test]
fn a_room_is_remembered_once_it_was_joined() {
    let house = House::opens(60, 10, &THREE).loses("ops");
    assert!(!house.does(&Effect::NoteJoined));
    let house = house.welcome("ops");
    assert!(house.done_in("ops").contains(&&Effect::NoteJoined));
    assert!(!house.welcome("ops").does(&Effect::NoteJoined));
}

#[test]
fn a_terminal_that_has_told_where_the_person_looks_rings_no_bell_before_them_in_any_room() {
    let bell = Effect::Notify(Notification::Bell);
    let house = || House::joined(60, 10, &["room1", "ops"]).types("x").at("14:10");
    assert!(house().bob_says("room1", 1, "hi").does(&bell), "for all that is known they may be elsewhere");
    let told = || house().happens(Event::Looks(Focus::Here)).at("14:20");
    assert!(!told().bob_says("room1", 1, "hi").does(&bell));
    assert!(!told().alt('2').at("14:30").bob_says("ops", 1, "hi").does(&bell));
    let joined_later =
        told().ctrl(KeyCode::Char('c')).sends("/join other").welcome("other").at("14:40").bob_says("other", 1, "hi");
    assert!(!joined_later.does(&bell));
}

#[test]
fn a_hidden_room_calls_only_who_looks_at_another_window() {
    let calls = |house: &House| house.effects.iter().any(|(_, effect)| matches!(effect, Effect::Notify(_)));
    let house = House::joined(60, 10, &THREE).bob_says("ops", 1, "hi");
    assert!(!calls(&house), "the bar tells of it");
    let house = house.happens(Event::Looks(Focus::Elsewhere)).bob_says("build", 1, "hi");
    assert!(calls(&house));
    assert_eq!(house.client.title(), "(2) 2 rooms");
    // Whoever types is back, whatever the terminal has told.
    let house = house.types("x").at("14:01").bob_says("ops", 2, "hi");
    assert!(!calls(&house));
}

#[test]
fn a_room_with_messages_that_nobody_keeps_is_left_on_asking_twice() {
    let house = House::joined(80, 10, &THREE).sends("hello");
    let Some((key, Effect::Keep(kept))) = house.effects.first().cloned() else { panic!("{:?}", house.effects) };
    let house = house.happens_in(key, Event::NoOutbox { id: kept.id, reason: "the disk is full".to_owned() });
    let house = house.sends("/leave").expect_shown("room1");
    let house = house.expect_text("1 message is nowhere but here, for the outbox does not work. /leave again leaves.");
    let house = house.press(KeyCode::PageUp).sends("/leave").expect_shown("room1");
    let house = house.sends("hm").sends("/leave").expect_shown("room1");
    house.sends("/leave").expect_shown("build");
}

#[test]
fn places_that_a_server_only_claims_to_have_overflow_nothing() {
    let house = THREE.into_iter().fold(House::joined(40, 10, &THREE), |house, room| {
        let read = Receipt { user: name("alice"), reached: Reached { delivered: Seq(0), read: Seq(0) } };
        let welcome = welcome(u64::MAX, &["alice", "bob"], Resume::Recent, vec![read]);
        house.hears(room, NetworkEvent::Welcomed(welcome))
    });
    assert_eq!(house.client.title(), format!("({}) 3 rooms", usize::MAX));
    let gap = Gap { from: Seq(0), to: Seq(u64::MAX) };
    house.hears("room1", NetworkEvent::Gap(gap)).expect_text("18446744073709551615 messages are no lon");
}

#[test]
fn a_room_that_is_lost_counts_down_only_where_it_is_seen() {
    let nobody_idles = Preferences { idle_after: None, ..Preferences::default() };
    let house = House::opens_with(60, 10, &THREE, nobody_idles);
    let house = THREE.iter().fold(house, |house, room| house.welcome(room)).loses("ops");
    assert_eq!(house.client.next_tick(), None);
    let house = house.loses("room1");
    assert_eq!(house.client.next_tick(), Some(time("14:00:01")));
    let house = house.press(KeyCode::F(1));
    assert_eq!(house.client.next_tick(), None);
    let house = house.press(KeyCode::Esc);
    assert_eq!(house.client.next_tick(), Some(time("14:00:01")));
}
