//! The main screens as they were last looked at, with weights and colours, at three sizes: `pictures/` has one file each.
//! `UPDATE=1 cargo test -p tui-client --test it pictures` draws them anew; what has changed is then to be looked at.

use std::fs;
use std::path::Path;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tui_client::app::preferences::Preferences;
use tui_client::network::NetworkEvent;

use crate::rooms::House;
use crate::stage::{Stage, message, name, picture, styles_of};

const SIZES: [(u16, u16); 3] = [(20, 5), (80, 24), (200, 50)];

/// A row of text, and below it its weights and its colours where it has any.
fn painted(terminal: &mut Terminal<TestBackend>) -> String {
    let mut painted = String::new();
    for (row, text) in (0..).zip(picture(terminal).lines()) {
        painted.push_str(format!("  {text}").trim_end());
        painted.push('\n');
        let (weights, colours) = styles_of(terminal, row);
        for (sign, styles) in [("w", weights), ("c", colours)] {
            if !styles.trim().is_empty() {
                painted.push_str(&format!("{sign} {}\n", styles.trim_end()));
            }
        }
    }
    painted
}

#[track_caller]
fn check(name: &str, screen: impl Fn(u16, u16) -> Terminal<TestBackend>) {
    for (width, height) in SIZES {
        let drawn = painted(&mut screen(width, height));
        let file = format!("{}/tests/it/pictures/{name}-{width}x{height}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(Path::new(&file).parent().unwrap()).unwrap();
            fs::write(&file, &drawn).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}; UPDATE=1 draws it"));
        assert!(
            drawn == expected,
            "{name} at {width}x{height} is\n{drawn}\nand not\n{expected}\nUPDATE=1 draws it anew"
        );
    }
}

/// Everything a message may be, from everybody who may say it.
fn talk(width: u16, height: u16) -> Stage {
    Stage::joined(width, height, 0)
        .says(1, "14:01", "bob", "so **very** *nice*, ~~not~~ `let x`\n> > how?\n> like _this_")
        .says(2, "14:02", "-", "build 812 is green, see https://ci.example/812")
        .says(3, "14:03", "alice", "```rust\nfn main() { say(\"hi\", 1); } // all\n```")
        .says(4, "14:04", "carol", "你好 👍🏽 [bank](http://evil.example/b)")
        .at("14:05")
        .sends("and this one waits")
}

#[test]
fn a_conversation() {
    check("chat", |width, height| talk(width, height).terminal());
}

#[test]
fn somebody_looks_like_us() {
    check("lookalike", |width, height| {
        let stage = Stage::joined(width, height, 0).says(1, "14:01", "bob", "see you");
        let stage = stage.welcome(1, &["alice", "аlice"], shared::frames::Resume::Complete);
        stage.says(2, "14:02", "аlice", "it is me").says(3, "14:03", "bоb", "and me").terminal()
    });
}

#[test]
fn words_are_looked_for() {
    check("search", |width, height| {
        let found = ["14:01", "14:03"].into_iter().zip([1, 3]).map(|(clock, seq)| message(seq, clock, "bob", "this"));
        let page = shared::rest::SearchPage {
            room_id: "room1".parse().unwrap(),
            epoch: "e".into(),
            messages: found.collect(),
            earlier: None,
        };
        let stage = Stage::joined(width, height, 3).says(1, "14:01", "bob", "like _this_ one");
        let stage = stage.says(2, "14:02", "bob", "no").says(3, "14:03", "alice", "do this");
        let stage = stage.ctrl('f').types("this").rests();
        stage.hears(NetworkEvent::Found { query: "this".into(), page }).terminal()
    });
}

#[test]
fn a_room_is_looked_for() {
    check("switcher", |width, height| {
        let preferences = Preferences { idle_after: None, ..Preferences::default() };
        let rooms = ["room1", "build", "ops"];
        let house = House::opens_with(width, height, &rooms, preferences).welcome("room1").welcome("ops");
        let mut house = house.bob_says("ops", 1, "hi").alt('k');
        house.client.recall(vec!["shop".parse().unwrap()]);
        house.types("o").terminal()
    });
}

#[test]
fn several_rooms() {
    check("rooms", |width, height| {
        let preferences = Preferences { idle_after: None, ..Preferences::default() };
        let house = House::opens_with(width, height, &["room1", "build", "ops"], preferences);
        let house = house.welcome("room1").welcome("ops").bob_says("ops", 1, "hi").bob_says("room1", 1, "hello");
        house.ctrl(crossterm::event::KeyCode::Char('c')).terminal()
    });
}

#[test]
fn the_help() {
    check("help", |width, height| talk(width, height).types("?").terminal());
}

#[test]
fn a_link_is_asked_about() {
    check("question", |width, height| {
        let stage = Stage::joined(width, height, 2).says(1, "14:01", "bob", "build 812 is green");
        stage.says(2, "14:02", "bob", "see https://ci.example/812?all=yes").alt('o').terminal()
    });
}

#[test]
fn a_message_is_selected() {
    check("selected", |width, height| talk(width, height).selects().terminal());
}

#[test]
fn a_long_paste_is_asked_about() {
    check("paste", |width, height| {
        talk(width, height).happens(tui_client::app::Event::Paste("a\nb\nc\nd\ne".to_owned())).terminal()
    });
}

#[test]
fn a_seat_is_waited_for() {
    check("waiting", |width, height| {
        let holders = NetworkEvent::SeatsTaken(vec![name("bob"), name("carol")]);
        Stage::opens(width, height).hears(NetworkEvent::RoomFull).hears(holders).terminal()
    });
}

#[test]
fn there_is_no_connection() {
    check("offline", |width, height| {
        let refused = NetworkEvent::PostRefused { id: "run-1".parse().unwrap(), reason: "say it shorter".to_owned() };
        talk(width, height)
            .hears(refused)
            .lost("refused", "14:05:03")
            .types("a draft that is longer than twenty")
            .terminal()
    });
}
