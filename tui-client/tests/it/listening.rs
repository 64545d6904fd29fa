//! `tail`, `wait` and `who`: what scripts hear of a room.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use serde_json::{Value, json};

use crate::cli::{command, page, run};
use crate::corpus::corpus;
use crate::deeds::{Deeds, Place};
use crate::programs::{self, begin_to_read, end, signal};
use crate::scripted::{Scripted, ServerSocket};

/// Waits for a frame that holds `word`.
pub(crate) async fn told(socket: &mut ServerSocket, word: &str) -> String {
    loop {
        let frame = socket.next().await.expect("a frame");
        if let Ok(text) = frame.to_text()
            && text.contains(word)
        {
            return text.to_owned();
        }
    }
}

/// Turns somebody away at a full room who then waits for a seat, and lets them in when one is free.
pub(crate) async fn full_for_a_while(server: &mut Scripted) -> ServerSocket {
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    for users in [&["bob", "carol"][..], &["bob"]] {
        let since = "2026-11-22T14:02:11.125Z";
        let occupants: Vec<Value> =
            users.iter().map(|user| json!({"user": user, "state": "here", "since": since})).collect();
        let answer = json!({"room_id": "room1", "head": 0, "occupants": occupants});
        server.expect("GET /rooms/room1").await.ok(answer);
    }
    server.let_in().await
}

/// What a program prints, up to the line that holds `word`.
async fn printed(child: &mut Child, word: &str) -> String {
    let (mut lines, mut read) = (programs::lines(child), String::new());
    while let Some(line) = programs::next(&mut lines).await {
        read += &(line + "\n");
        if read.contains(word) {
            break;
        }
    }
    read
}

fn types(out: &str) -> Vec<String> {
    let of = |line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned();
    out.lines().map(of).collect()
}

#[tokio::test]
async fn tail_says_that_nobody_sits_on_its_seat_and_tells_of_others_when_asked() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1", "--json", "--presence"]));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 1).await;
    let frame = told(&mut socket, "presence").await;
    assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), json!({"type": "presence", "state": "idle"}));
    let bob = json!({"type": "presence", "user": "bob", "state": "here", "since": "2026-11-22T14:02:11.125Z",
        "occupants": ["alice", "bob"]});
    socket.send(bob).await;
    socket.message(1, "one").await;
    drop(socket);
    let mut socket = server.let_in().await;
    socket.welcome("complete", 1).await;
    socket.message(2, "two").await;
    let out = printed(&mut child, "two").await;
    signal(&child, "-INT");
    while socket.next().await.is_some() {}
    assert_eq!(programs::ended(child).await.status.code(), Some(0));
    assert_eq!(types(&out), ["welcome", "presence", "message", "lost", "welcome", "message"], "{out}");
}

#[tokio::test]
async fn tail_begins_where_it_is_told_and_misses_nothing_after_it() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1", "--json", "--after", "2"]));
    server.give_token("t1").await;
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?attention=idle");
    let mut socket = request.upgrade(Some("duet.v1")).await;
    socket.welcome("live", 4).await;
    // What comes while it reads what was before.
    socket.message(5, "five").await;
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=500&after=2");
    // The room has gone on, and what is beyond the welcome comes by the socket.
    request.ok(page(5, 3..=5));
    let mut lines = programs::lines(&mut child);
    for seq in 3..=5 {
        let line: Value = serde_json::from_str(&programs::next(&mut lines).await.unwrap()).unwrap();
        assert_eq!(line["seq"], seq);
    }
    drop(lines);
    // Nobody reads any more.
    while socket.next().await.is_some() {}
    assert_eq!(programs::ended(child).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_time_is_found_in_a_history_with_few_looks() {
    let mut server = Scripted::start().await;
    let arguments =
        ["history", "room1", "--json", "--since", "2026-11-22T00:07:00Z", "--until", "2026-11-22T00:09:00Z"];
    let program = run(&server, &arguments, b"");
    server.give_token("t1").await;
    // One message a minute; the first two have expired.
    let answer = |line: &str| {
        let parameter = |name: &str| {
            let value = line.split(['?', '&']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.parse::<u64>().unwrap())
        };
        let after = parameter("after").unwrap_or_else(|| 100 - parameter("limit").unwrap());
        let first = after.max(2) + 1;
        let seqs = first..=(first + parameter("limit").unwrap() - 1).min(100);
        let message = |seq| {
            let (hour, minute) = (seq / 60, seq % 60);
            json!({"seq": seq, "id": format!("id-{seq}"), "sender": "bob", "content": "hi",
                "sent_at": format!("2026-11-22T{hour:02}:{minute:02}:00Z")})
        };
        json!({"room_id": "room1", "epoch": "e1", "head": 100, "messages": seqs.map(message).collect::<Vec<_>>()})
    };
    let mut looks = 0;
    loop {
        let request = server.expect("GET /rooms/room1/messages").await;
        let body = answer(&request.line);
        let is_last = request.line.contains("limit=500");
        request.ok(body);
        looks += 1;
        if is_last {
            break;
        }
    }
    let (code, out, err) = end(program).await;
    assert_eq!(code, 0, "{err}");
    crate::cli::check_seqs(&out, 7..=8);
    assert!(looks <= 18, "{looks}");
}

#[tokio::test]
async fn tail_without_following_takes_no_seat() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["tail", "room1", "--json", "--no-follow", "--last", "2"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=2");
    request.ok(page(9, 8..=9));
    let (code, out, _) = end(program).await;
    assert_eq!(code, 0);
    crate::cli::check_seqs(&out, 8..=9);
}

#[tokio::test]
async fn wait_prints_the_first_message_that_matches_and_gives_its_seat_back() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["wait", "room1", "--match", "(?i)^größe \\d+", "--from", "bob", "--json"], b"");
    server.give_token("t1").await;
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?attention=idle", "what was said before does not count");
    let mut socket = request.upgrade(Some("duet.v1")).await;
    socket.welcome("live", 0).await;
    socket.message(1, "die größe 7").await;
    drop(socket);
    let mut socket = server.let_in().await;
    socket.welcome("complete", 3).await;
    socket
        .send(json!({"type": "message", "seq": 2, "id": "id-2", "sender": "carol", "content": "größe 2",
            "sent_at": "2026-11-22T14:02:11.125Z"}))
        .await;
    socket.message(3, "GRÖSSE or GRÖßE 3").await;
    socket.message(4, "GRÖßE 4").await;
    socket.message(5, "größe 5").await;
    while socket.next().await.is_some() {}
    let (code, out, _) = end(program).await;
    assert_eq!(code, 0);
    crate::cli::check_seqs(&out, 4..=4);
}

#[tokio::test]
async fn wait_ends_with_5_in_time_with_3_in_a_full_room_with_2_for_no_expression_and_by_a_signal() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["wait", "room1", "--match", "never", "--timeout", "2s"], b"");
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    while socket.next().await.is_some() {}
    let words = "tui-client: no message that matches came in 2s\n";
    assert_eq!(end(program).await, (5, String::new(), words.to_owned()));

    let program = run(&server, &["wait", "room1"], b"");
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(end(program).await.0, 3);

    let (code, _, err) = end(run(&server, &["wait", "room1", "--match", "a(b"], b"")).await;
    assert_eq!(code, 2);
    assert!(err.contains("it is no regular expression"), "{err}");

    let child = programs::spawn(command(&server.url(), &["wait", "room1", "--wait"]));
    let mut socket = full_for_a_while(&mut server).await;
    socket.welcome("live", 0).await;
    signal(&child, "-INT");
    while socket.next().await.is_some() {}
    let output = programs::ended(child).await;
    assert_eq!(output.status.code(), Some(130));
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "tui-client: room room1 holds two other users, waiting for a seat\n");
}

#[tokio::test]
async fn who_tells_who_is_there_or_that_the_server_is_too_old_to_tell() {
    let mut server = Scripted::start().await;
    let answer = json!({"room_id": "room1", "head": 17, "occupants": [
        {"user": "alice", "state": "idle", "since": "2026-11-22T14:02:11.125Z"},
        {"user": "bob", "state": "here", "since": "2026-11-22T14:05:00Z"}]});
    let program = {
        let mut command = command(&server.url(), &["who", "room1"]);
        command.env("TZ", "UTC");
        programs::run(command)
    };
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.ok(answer.clone());
    let (code, out, _) = end(program).await;
    assert_eq!((code, &*out), (0, "alice  idle since 2026-11-22 14:02\nbob  here since 2026-11-22 14:05\n"));

    let program = run(&server, &["who", "room1", "--json"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.ok(answer);
    assert_eq!(types(&end(program).await.1), ["room"]);

    let program = run(&server, &["who", "room1"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.ok(json!({"room_id": "room1", "head": 0, "occupants": []}));
    assert_eq!(end(program).await, (0, String::new(), "tui-client: nobody is in room1\n".to_owned()));

    let program = run(&server, &["who", "room1"], b"");
    server.give_token("t1").await;
    server.expect("GET /rooms/room1").await.problem(404, "not_found", "there is no such path");
    let (code, _, err) = end(program).await;
    assert_eq!(code, 4);
    assert!(err.contains("it may be an older one"), "{err}");
}

#[tokio::test]
async fn no_text_of_others_is_an_order_to_a_terminal() {
    let mut server = Scripted::start().await;
    let mut out = Vec::new();
    // Each text that a name may be stands for the rest of what a room and a person can be called.
    let names: Vec<String> =
        corpus().into_iter().filter(|text| text.parse::<shared::names::Username>().is_ok()).collect();
    let people: Vec<Value> =
        names.iter().map(|name| json!({"user": name, "state": "here", "since": "2026-11-22T14:05:00Z"})).collect();
    for arguments in [&["who", "room1"][..], &["who", "room1", "--json"]] {
        let program = run(&server, arguments, b"");
        server.give_token("t1").await;
        server.expect("GET /rooms/room1").await.ok(json!({"room_id": "room1", "head": 1, "occupants": people}));
        out.push(end(program).await.1);
    }
    for arguments in [&["wait", "room1", "--match", "AAAA"][..], &["wait", "room1", "--match", "AAAA", "--json"]] {
        let program = run(&server, arguments, b"");
        server.give_token("t1").await;
        let mut socket = server.let_in().await;
        socket.welcome("live", 0).await;
        socket.message(1, &(corpus().concat().chars().take(60_000).collect::<String>() + "AAAA")).await;
        while socket.next().await.is_some() {}
        out.push(end(program).await.1);
    }
    let arguments = ["tail", "room1", "--presence"];
    let mut child = programs::spawn(command(&server.url(), &arguments));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    for name in &names {
        let frame = json!({"type": "presence", "user": name, "state": "gone", "since": "2026-11-22T14:05:00Z", "occupants": []});
        socket.send(frame).await;
    }
    socket.message(1, "last").await;
    out.push(printed(&mut child, "bob  last").await);
    // Nobody reads any more.
    while socket.next().await.is_some() {}
    assert_eq!(programs::ended(child).await.status.code(), Some(0));
    for out in out {
        assert!(out.len() > 100, "{out}");
        // Programs get every mark there is.
        let out = if out.starts_with('{') { out.replace('\u{301}', "") } else { out };
        Deeds::of(out.replace(['\n', '\t'], " ").as_bytes()).expect_only_ours(Place::Lines);
    }
}

#[tokio::test]
async fn a_tail_in_a_full_room_waits_when_told() {
    let mut server = Scripted::start().await;
    let program = run(&server, &["tail", "room1", "--wait"], b"");
    let mut socket = full_for_a_while(&mut server).await;
    socket.welcome("live", 0).await;
    socket.send(json!({"type": "bye", "reason": "enough"})).await;
    socket.close(1000).await;
    let (code, _, err) = end(program).await;
    assert_eq!(code, 4);
    assert!(err.contains("waiting for a seat") && err.contains("enough"), "{err}");
}

#[tokio::test]
async fn a_bot_asks_waits_and_goes_on_beside_a_person() {
    let server = crate::together::Server::fresh();
    let url = format!("http://{}", server.address);
    let run = |arguments: &[&str]| {
        let output = command(&url, arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(&["who", "room1"]), (Some(0), String::new()));
    let waiting =
        programs::spawn(command(&url, &["wait", "room1", "--user", "ci", "--from", "bob", "--match", "^yes"]));
    // Once it holds its seat it has begun to listen.
    let until_in = |user: &str, state: &str| {
        let deadline = std::time::Instant::now() + crate::scripted::SOON;
        loop {
            let (_, line) = run(&["who", "room1", "--json"]);
            let line: Value = serde_json::from_str(&line).unwrap();
            let is_in = |occupant: &Value| occupant["user"] == user && occupant["state"] == state;
            if line["occupants"].as_array().unwrap().iter().any(is_in) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{user} is not {state}: {line}");
        }
    };
    until_in("ci", "idle");
    for (user, text) in [("alice", "yes, I am not bob"), ("bob", "what, yes?"), ("bob", "yes, go on")] {
        assert_eq!(run(&["send", "room1", text, "--user", user]).0, Some(0));
    }
    let output = programs::ended(waiting).await;
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.ends_with(" bob  yes, go on\n"), "{out}");
    assert_eq!(run(&["who", "room1"]).1, "", "the seat is given back");
    assert_eq!(run(&["wait", "room1", "--last", "3", "--match", "what", "--json"]).0, Some(0));
}

#[tokio::test]
async fn tail_prints_what_is_told_as_delivered_before_a_signal_ends_it() {
    let mut server = Scripted::start().await;
    let mut child = programs::spawn(command(&server.url(), &["tail", "room1", "--json"]));
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("live", 0).await;
    // The pipe is full, and the rest is received behind that.
    for seq in 1..=4 {
        socket.message(seq, &"x".repeat(60_000)).await;
    }
    while !told(&mut socket, "delivered").await.contains("4") {}
    let out = begin_to_read(&mut child).await;
    for seq in 5..=8 {
        socket.message(seq, "more").await;
    }
    while !told(&mut socket, "delivered").await.contains("8") {}
    signal(&child, "-TERM");
    let reading = async {
        let mut lines = BufReader::new(out).lines();
        let mut count = 0;
        while programs::next(&mut lines).await.is_some() {
            count += 1;
        }
        count
    };
    let leaving = async { while socket.next().await.is_some() {} };
    assert_eq!(tokio::join!(reading, leaving).0, 8);
    assert_eq!(programs::ended(child).await.status.code(), Some(0));
}
