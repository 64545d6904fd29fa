//! The built program and the bytes of a keyboard, as terminals of every kind send them.

use serde_json::json;

use crate::scripted::{Scripted, ServerSocket};
use crate::terminal::joined;
use crate::tmux::Tmux;

async fn at_work() -> (Scripted, Tmux, ServerSocket) {
    let mut server = Scripted::start().await;
    let (tmux, socket) = joined(&mut server).await;
    (server, tmux, socket)
}

#[tokio::test]
async fn a_paste_whose_end_never_comes_is_taken_and_the_keyboard_goes_on() {
    let (mut server, tmux, _socket) = at_work().await;
    tmux.bytes(b"\x1b[200~half a paste");
    tmux.expect("> half a paste").await;
    tmux.text(" and more");
    tmux.expect("> half a paste and more").await;
    tmux.keys(&["Enter"]);
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "half a paste and more"}));
}

#[tokio::test]
async fn shift_and_enter_begin_a_line_where_the_terminal_tells_them_apart() {
    let (mut server, tmux, _socket) = at_work().await;
    tmux.text("one");
    tmux.bytes(b"\x1b[13;2u");
    tmux.text("two");
    tmux.bytes(b"\x1b[27;2;13~");
    tmux.text("three");
    tmux.expect("three").await;
    tmux.bytes(b"\x1b[13u");
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "one\ntwo\nthree"}));
}

#[tokio::test]
async fn tmux_tells_shift_and_enter_apart_when_it_is_asked_to() {
    let mut server = Scripted::start().await;
    let tmux = Tmux::start().await;
    tmux.set("extended-keys", "on");
    tmux.shell(&format!("{} join room1 --user alice --server {}", env!("CARGO_BIN_EXE_tui-client"), server.url()));
    server.give_token("token").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    tmux.expect("live").await;
    tmux.text("one");
    tmux.keys(&["S-Enter"]);
    tmux.text("two");
    tmux.expect("two").await;
    tmux.keys(&["Enter"]);
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "one\ntwo"}));
}

#[tokio::test]
async fn lines_that_are_pasted_unmarked_are_not_sent() {
    let (mut server, tmux, _socket) = at_work().await;
    tmux.paste_unmarked("one\ntwo\nthree\n");
    tmux.expect("three").await;
    tmux.keys(&["Enter"]);
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "one\ntwo\nthree"}));
}

#[tokio::test]
async fn a_long_paste_is_asked_about_and_goes_out_in_one_piece() {
    for marked in [true, false] {
        let (mut server, tmux, _socket) = at_work().await;
        tmux.text("see");
        tmux.expect("> see").await;
        // Longer than the kernel holds for a terminal.
        let text: String = (1..=1_000).map(|line| format!("{line} + é\n")).collect();
        if marked {
            tmux.paste(&text);
        } else {
            tmux.paste_unmarked(&text);
        }
        tmux.expect("1000 lines pasted · Enter: your draft + code").await;
        tmux.keys(&["Enter"]);
        let request = server.expect("POST /message").await;
        assert_eq!(request.body, json!({"room_id": "room1", "content": format!("see\n```\n{text}```")}));
    }
}

#[tokio::test]
async fn answers_and_keys_that_nobody_knows_are_not_typed() {
    let (_server, tmux, _socket) = at_work().await;
    tmux.bytes(b"a\x1b[?62;1;4c\x1bP>|XTerm(354)\x1b\\\x1b[99~\x1b[12;40R\x1b]11;rgb:0/0/0\x07b");
    tmux.expect("> ab\n").await;
}

#[tokio::test]
async fn a_megabyte_is_refused_at_once_and_costs_nothing_of_the_draft() {
    let (_server, tmux, _socket) = at_work().await;
    tmux.text("a thought");
    tmux.expect("a thought").await;
    tmux.paste(&"0123456789abcde\n".repeat(1024 * 1024 / 16));
    tmux.expect("Not pasted").await;
    tmux.text(" more");
    tmux.expect("> a thought more").await;
}
