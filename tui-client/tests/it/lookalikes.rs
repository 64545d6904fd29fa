//! Names that look like others: on the screen, line by line, and in the commands for scripts.

use serde_json::json;
use shared::frames::{Reached, Receipt, Resume};

use crate::cli::run;
use crate::programs::end;
use crate::scripted::Scripted;
use crate::stage::{Stage, name};

const NOT_YOU: &str = "Careful: аlice is not you, the name only looks like yours (U+0430 for U+0061).";
const ANOTHER: &str = "Careful: this bоb is another one than before, the names only look alike (U+043E for U+006F).";

#[test]
fn whoever_looks_like_us_is_marked_wherever_the_name_stands() {
    Stage::opens(100, 12)
        .welcome(0, &["alice", "аlice"], Resume::Live)
        .expect_text("(not you) аlice is here")
        .expect_text(NOT_YOU)
        .says(1, "14:02", "аlice", "hello")
        .expect_text("14:02 (not you) аlice hello");
}

#[test]
fn whoever_looks_like_one_who_was_here_before_is_another() {
    let receipts = vec![Receipt { user: name("bob"), reached: Reached::default() }];
    Stage::opens(100, 12)
        .welcome_with(0, &["alice", "bоb"], Resume::Live, receipts)
        .expect_text("(another) bоb is here")
        .expect_text(ANOTHER);
    // The one who was here says it by what they have said.
    let stage = Stage::joined(100, 12, 1).says(1, "14:02", "bob", "hi").welcome(1, &["alice"], Resume::Complete);
    let stage = stage.welcome(1, &["alice", "bоb"], Resume::Complete);
    stage.expect_text("(another) bоb is here").expect_text(ANOTHER).expect_text("14:02 bob hi");
}

#[test]
fn letters_of_several_scripts_are_marked_without_a_sentence() {
    let stage = Stage::opens(100, 12).welcome(0, &["alice", "dаvid"], Resume::Live);
    assert!(stage.state.notice.is_none());
    stage.expect_text("(mixed) dаvid is here");
}

#[tokio::test]
async fn plain_and_tail_and_who_warn_too() {
    for (arguments, says_mark) in [(["join", "room1", "--plain"], true), (["tail", "room1", "--json"], false)] {
        let mut server = Scripted::start().await;
        let program = run(&server, &arguments, b"");
        server.give_token("t1").await;
        let mut socket = server.let_in().await;
        // Nobody leaves before all has come that was in the room.
        socket.welcome("recent", 2).await;
        for (seq, name) in (1..).zip(["bob", "bоb"]) {
            let message = json!({"type": "message", "seq": seq, "id": name, "sender": name, "content": "hi",
                "sent_at": "2026-11-22T14:02:11.125Z"});
            socket.send(message).await;
        }
        socket.close(4001).await;
        let (_, out, err) = end(program).await;
        let warned = if says_mark { &out } else { &err };
        assert!(warned.contains(ANOTHER), "{arguments:?}: {out}{err}");
        assert_eq!(out.contains("(another) bоb: hi"), says_mark, "{out}");
    }
    let mut server = Scripted::start().await;
    let program = run(&server, &["who", "room1", "--user", "alice"], b"");
    server.give_token("t1").await;
    let occupant = json!({"user": "аlice", "state": "here", "since": "2026-11-22T14:02:11.125Z"});
    server.expect("GET /rooms/room1").await.ok(json!({"room_id": "room1", "head": 0, "occupants": [occupant]}));
    let (code, _, err) = end(program).await;
    assert_eq!((code, err), (0, format!("tui-client: {NOT_YOU}\n")));
}
