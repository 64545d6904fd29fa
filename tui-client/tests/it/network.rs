//! How the network task comes in, and how it comes back, with a server that goes wrong in every way we know of.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::frames::{AttentionState, SUBPROTOCOL};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tui_client::network::{NetworkEvent, Request};

use crate::client::{Client, joined};
use crate::scripted::{SOON, Scripted};

#[tokio::test]
async fn a_first_look_asks_as_the_contract_has_it() {
    let mut server = Scripted::start().await;
    let mut client = Client::join_room(&server.url(), "a/b ü");
    let request = server.expect("POST /generate-token").await;
    let who = json!({"username": "alice", "email": "alice@example.com", "room_id": "a/b ü"});
    assert_eq!(request.body, who);
    request.ok(json!({"token": "t1"}));
    let request = server.expect("GET /updates/").await;
    assert_eq!(request.line, "GET /updates/a%2Fb%20%C3%BC?last=50");
    assert_eq!(request.header("authorization"), Some("Bearer t1"));
    assert_eq!(request.header("sec-websocket-protocol"), Some(SUBPROTOCOL));
    let mut socket = request.upgrade(Some(SUBPROTOCOL)).await;
    socket.welcome("recent", 8).await;
    socket.message(7, "seven").await;
    socket.message(8, "eight").await;
    assert_eq!(client.hear().await, "welcome Recent");
    assert_eq!(client.hear().await, "7 seven");
    assert_eq!(client.hear().await, "8 eight");
}

#[tokio::test]
async fn nobody_there_is_said_as_the_connection_is_asked_for() {
    let (mut server, mut client, socket) = joined().await;
    client.ask(Request::Attention(AttentionState::Idle)).await;
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?after=0&epoch=e1&last=50&attention=idle");
    // And if somebody is back by the time that it is open, that is said as well.
    client.ask(Request::Attention(AttentionState::Here)).await;
    let mut socket = request.upgrade(Some(SUBPROTOCOL)).await;
    socket.welcome("live", 0).await;
    let said = socket.next().await.unwrap();
    assert_eq!(said.to_text().unwrap(), r#"{"type":"presence","state":"here"}"#);
}

#[tokio::test]
async fn after_a_break_it_goes_on_where_it_was_without_a_repeat() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    let lost_at = Instant::now();
    drop(socket);
    let NetworkEvent::Lost { reason, retry_at, .. } = client.next().await else { panic!("not lost") };
    assert_eq!(reason, "connection broken");
    let wait = retry_at.duration_since(Timestamp::now());
    assert!(wait <= SignedDuration::from_millis(100), "the first attempt comes at once, and not in {wait}");
    let request = server.expect("GET /updates/room1").await;
    assert!(lost_at.elapsed() < Duration::from_millis(900), "{:?}", lost_at.elapsed());
    assert_eq!(request.line, "GET /updates/room1?after=1&epoch=e1&last=50");
    let mut socket = request.upgrade(Some(SUBPROTOCOL)).await;
    socket.welcome("complete", 3).await;
    for (seq, content) in [(1, "one"), (2, "two"), (2, "two"), (3, "three")] {
        socket.message(seq, content).await;
    }
    for expected in ["welcome Complete", "2 two", "3 three"] {
        assert_eq!(client.hear().await, expected);
    }
}

#[tokio::test]
async fn a_hole_is_never_shown_but_asked_for_again() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    socket.message(3, "three").await;
    assert_eq!(client.hear().await, "1 one");
    assert_eq!(client.hear().await, "lost: a message was missing");
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?after=1&epoch=e1&last=50");
    let mut socket = request.upgrade(Some(SUBPROTOCOL)).await;
    socket.welcome("complete", 3).await;
    socket.send(json!({"type": "gap", "from": 2, "to": 2})).await;
    socket.message(3, "three").await;
    for expected in ["welcome Complete", "gap 2-2", "3 three"] {
        assert_eq!(client.hear().await, expected);
    }
}

#[tokio::test]
async fn another_history_is_begun_anew() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    let mut socket = server.let_in().await;
    socket.welcome_to("e2", "reset", 1).await;
    socket.message(1, "another one").await;
    assert_eq!(client.hear().await, "welcome Reset");
    assert_eq!(client.hear().await, "1 another one");
    drop(socket);
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.line, "GET /updates/room1?after=1&epoch=e2&last=50");
}

#[tokio::test]
async fn an_expired_token_is_renewed_without_a_word() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("old").await;
    server.expect("GET /updates/room1").await.problem(401, "token_expired", "the token has expired");
    server.give_token("new").await;
    let request = server.expect("GET /updates/room1").await;
    assert_eq!(request.header("authorization"), Some("Bearer new"));
    request.upgrade(Some(SUBPROTOCOL)).await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");

    client.post("p1", "hello").await;
    server.expect("POST /message").await.problem(401, "token_expired", "the token has expired");
    server.give_token("newer").await;
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("authorization"), Some("Bearer newer"));
    request.ok(json!({"status": "Message sent to room: room1"}));
}

#[tokio::test]
async fn a_token_that_is_refused_again_and_again_is_not_asked_for_in_a_loop() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    for _ in 0..2 {
        server.give_token("t").await;
        server.expect("GET /updates/room1").await.problem(401, "token_invalid", "the signature is wrong");
    }
    assert_eq!(client.hear().await, "lost: token refused");
}

#[tokio::test]
async fn a_closed_server_that_gives_no_token_is_not_asked_again_and_it_is_said_whom_to_ask() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.expect("POST /generate-token").await.problem(401, "invite_required", "an invite is needed");
    assert!(client.hear().await.starts_with("refused: alice is not invited into room1: ask somebody in the room"));
    assert!(!server.is_asked_within(Duration::from_millis(300)).await, "trying again changes nothing");
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_renewed_on_the_connection_and_nothing_is_told() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.send(json!({"type": "token_expiring", "expires_in_ms": 1000})).await;
    server.give_token("newer").await;
    let frame = loop {
        if let Some(Message::Text(text)) = socket.next().await
            && text.contains("token")
        {
            break text;
        }
    };
    assert_eq!(serde_json::from_str::<Value>(&frame).unwrap(), json!({"type": "token", "token": "newer"}));
    socket.send(json!({"type": "token_accepted", "expires_in_ms": 3_600_000})).await;
    socket.message(1, "one").await;
    assert_eq!(client.hear().await, "1 one");
    client.post("p1", "hello").await;
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("authorization"), Some("Bearer newer"), "posts go on with it as well");
    request.ok(json!({"status": "Message sent to room: room1"}));
}

#[tokio::test]
async fn while_the_server_gives_no_new_token_it_is_asked_again() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.send(json!({"type": "token_expiring", "expires_in_ms": 100})).await;
    server.expect("POST /generate-token").await.problem(503, "unavailable", "not now");
    server.give_token("newer").await;
    socket.close(4002).await;
    assert_eq!(client.hear().await, "lost: token expired");
    assert_eq!(server.expect("GET /updates/room1").await.header("authorization"), Some("Bearer newer"));
}

#[tokio::test]
async fn who_was_sent_away_for_good_does_not_come_back_by_itself() {
    let (mut server, mut client, socket) = joined().await;
    socket.close(4003).await;
    assert!(client.hear().await.starts_with("refused: you may not be in this room any more"));
    assert!(!server.is_asked_within(Duration::from_millis(300)).await, "trying again changes nothing");
}

#[tokio::test]
async fn a_name_that_is_refused_ends_with_the_servers_sentence() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.expect("POST /generate-token").await.problem(422, "invalid_body", "take another name");
    assert_eq!(client.hear().await, "refused: take another name");
    assert!(!server.is_asked_within(Duration::from_millis(300)).await, "trying again changes nothing");
    client.leave().await;
}

#[tokio::test]
async fn a_full_room_waits_for_the_person() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    assert!(!server.is_asked_within(Duration::from_millis(300)).await, "the room stays full until asked");
    client.ask(Request::RetryNow).await;
    server.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn in_a_full_room_a_seat_is_asked_for_until_one_is_free() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    client.ask(Request::WaitForSeat).await;
    let seat = |user: &str| json!({"user": user, "state": "here", "since": "2026-11-22T14:02:11.125Z"});
    let answer = |users: &[&str]| json!({"room_id": "room1", "head": 0, "occupants": users.iter().map(|user| seat(user)).collect::<Vec<_>>()});
    // Even where one is free by now: whoever was turned away a moment ago waits.
    for taken in [&["bob"][..], &["bob", "carol"]] {
        let request = server.expect("GET /rooms/room1").await;
        request.ok(answer(taken));
        assert!(!server.is_asked_within(Duration::from_secs(1)).await, "it asks every 2 to 5 s");
    }
    assert!(client.hear().await.contains("SeatsTaken"));
    server.expect("GET /rooms/room1").await.ok(answer(&["bob"]));
    server.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn when_the_server_was_gone_a_seat_is_left_to_those_who_had_it() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    client.ask(Request::WaitForSeat).await;
    let answer = |users: &[&str], since: &str| {
        let seats: Vec<_> = users.iter().map(|user| json!({"user": user, "state": "here", "since": since})).collect();
        json!({"room_id": "room1", "head": 0, "occupants": seats})
    };
    let (before, after) = ("2026-11-22T14:02:11.125Z", "2026-11-22T14:05:00.000Z");
    server.expect("GET /rooms/room1").await.ok(answer(&["bob", "carol"], before));
    assert!(client.hear().await.contains("SeatsTaken"));
    // It never saw the server away, and yet bob has come anew.
    server.expect("GET /rooms/room1").await.ok(answer(&["bob"], after));
    // By the real clock: one that runs ahead is over before an answer is here.
    let back = Instant::now();
    loop {
        let request = server.any().await;
        if request.line.starts_with("GET /updates/") {
            break request.upgrade(Some(SUBPROTOCOL)).await.welcome("live", 0).await;
        }
        request.ok(answer(&["bob"], after));
    }
    assert!(back.elapsed() > Duration::from_secs(15), "{:?}", back.elapsed());
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn who_waits_for_a_seat_goes_on_asking_when_the_server_is_gone() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    client.ask(Request::WaitForSeat).await;
    server.expect("GET /rooms/room1").await.drop_connection();
    for _ in 0..2 {
        let request = server.any().await;
        assert!(request.line.starts_with("GET /rooms/room1"), "{}", request.line);
        request.ok(json!({"room_id": "room1", "head": 0, "occupants": []}));
    }
}

#[tokio::test]
async fn a_post_that_is_accepted_shows_that_the_server_is_back() {
    let (mut server, mut client, socket) = joined().await;
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    // Not so busy that it asks for patience, and long enough that the next wait is not over by chance.
    for _ in 0..8 {
        server.expect("GET /updates/room1").await.drop_connection();
        assert!(client.hear().await.starts_with("lost: "));
    }
    client.post("p1", "hello").await;
    loop {
        let request = server.any().await;
        if request.line.starts_with("POST /message") {
            let now = Instant::now();
            request.ok(json!({"status": "Message sent to room: room1"}));
            server.expect("GET /updates/room1").await;
            break assert!(now.elapsed() < Duration::from_millis(600), "{:?}", now.elapsed());
        }
        request.drop_connection();
    }
}

#[tokio::test]
async fn a_server_that_cannot_tell_of_seats_is_asked_by_trying_to_get_in() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    server.let_in().await.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    client.ask(Request::WaitForSeat).await;
    server.expect("GET /rooms/room1").await.problem(404, "not_found", "no such route");
    assert!(!server.is_asked_within(Duration::from_secs(1)).await, "it asks every 2 to 5 s");
    server.let_in().await.welcome("live", 0).await;
    assert_eq!(client.hear().await, "welcome Live");
}

#[tokio::test]
async fn a_server_that_says_when_to_come_back_is_heard() {
    let (mut server, mut client, mut socket) = joined().await;
    socket.send(json!({"type": "bye", "reason": "the server restarts", "retry_after_ms": 700})).await;
    let now = Timestamp::now();
    socket.close(1012).await;
    let NetworkEvent::Lost { reason, retry_at, .. } = client.next().await else { panic!("not lost") };
    assert_eq!(reason, "server restarting");
    let wait = retry_at.duration_since(now).as_millis();
    assert!((700..1500).contains(&wait), "{wait}");
    assert!(!server.is_asked_within(Duration::from_millis(400)).await);
    server.let_in().await;
}

#[tokio::test]
async fn a_bye_without_return_is_final() {
    let (_server, mut client, mut socket) = joined().await;
    socket.send(json!({"type": "bye", "reason": "you were asked to leave"})).await;
    socket.close(1000).await;
    assert_eq!(client.hear().await, "refused: you were asked to leave");
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_until_it_is_back() {
    let (server, mut client, socket) = joined().await;
    let address = server.address();
    server.stop();
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    assert_eq!(client.hear().await, "lost: refused");
    let mut server = Scripted::start_at(&address).await;
    client.ask(Request::RetryNow).await;
    server.let_in().await.welcome("complete", 0).await;
    while client.hear().await != "welcome Complete" {}
}

#[tokio::test]
async fn a_name_that_no_server_has_is_said_in_words() {
    let mut client = Client::join("http://duet.invalid:8000");
    assert_eq!(client.hear().await, "lost: name not found");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.expect("POST /generate-token").await.answer(503, "retry-after: 1\r\n", String::new());
    assert_eq!(client.hear().await, "lost: server busy");
    assert!(!server.is_asked_within(Duration::from_millis(700)).await);
    server.give_token("t1").await;
}

#[tokio::test]
async fn a_connection_that_went_silent_is_given_up() {
    let (mut server, mut client, socket) = joined().await;
    // From here on nobody reads the socket at the server, so nothing answers the pings. The clock runs as fast as it can.
    tokio::time::pause();
    let paused_at = Instant::now();
    let NetworkEvent::Lost { reason, .. } = client.next_within(Duration::from_secs(60)).await else {
        panic!("not lost")
    };
    assert_eq!(reason, "no answer");
    let silence = paused_at.elapsed();
    assert!((24..=27).contains(&silence.as_secs()), "{silence:?}");
    tokio::time::resume();
    server.let_in().await;
    drop(socket);
}

#[tokio::test]
async fn a_ping_tells_the_round_trip() {
    let (_server, mut client, mut socket) = joined().await;
    let answering = tokio::spawn(async move { while socket.next().await.is_some() {} });
    let event = timeout(SOON, client.0.events.recv()).await.unwrap().unwrap();
    let NetworkEvent::RoundTrip(time) = event else { panic!("no round trip, but {event:?}") };
    assert!(time < SOON);
    answering.abort();
}

#[tokio::test]
async fn a_server_of_the_first_system_is_followed_in_plain_text() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    let mut socket = server.expect("GET /updates/room1").await.upgrade(None).await;
    assert_eq!(client.hear().await, "welcome Live");
    socket.send_text("Hello, Room!").await;
    assert_eq!(client.hear().await, "1 Hello, Room!");
    drop(socket);
    assert_eq!(client.hear().await, "lost: connection broken");
    let mut socket = server.expect("GET /updates/room1").await.upgrade(None).await;
    socket.send_text("{\"type\": \"message\"}").await;
    assert_eq!(client.hear().await, "welcome Complete");
    assert_eq!(client.hear().await, "2 {\"type\": \"message\"}");
}

#[tokio::test]
async fn what_is_no_duet_server_is_said_so() {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.expect("POST /generate-token").await.answer(200, "", "<html>It works!</html>".to_owned());
    assert_eq!(client.hear().await, "refused: the answer is not Duet's: is this the right --server?");
}
