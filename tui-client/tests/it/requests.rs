//! What the network task does for the screen: posts, pages, and leaving.

use serde_json::json;
use shared::message::Seq;
use tokio_tungstenite::tungstenite::Message;
use tui_client::network::{NetworkEvent, Request};

use crate::client::joined;
use crate::scripted::Scripted;

#[tokio::test]
async fn posts_go_out_in_order_and_again_with_the_same_id() {
    let (mut server, mut client, _socket) = joined().await;
    client.post("p1", "first").await;
    client.post("p2", "second").await;
    server.expect("POST /message").await.drop_connection();
    server.expect("POST /message").await.problem(503, "unavailable", "RabbitMQ is not reachable");
    assert_eq!(client.hear().await, "posts wait: RabbitMQ is not reachable");
    let request = server.expect("POST /message").await;
    assert_eq!(request.body, json!({"room_id": "room1", "content": "first"}));
    assert_eq!(request.header("idempotency-key"), Some("p1"));
    assert_eq!(request.header("prefer"), Some("handling=strict"));
    assert_eq!(request.header("authorization"), Some("Bearer t1"));
    request.ok(json!({"status": "Message sent to room: room1"}));
    assert_eq!(client.hear().await, "posted p1");
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("p2"));
    request.problem(413, "too_large", "the content is 70000 bytes long: at most 65536 are allowed");
    let refused = "post p2 refused: the content is 70000 bytes long: at most 65536 are allowed";
    assert_eq!(client.hear().await, refused);
}

#[tokio::test]
async fn a_post_that_no_duet_server_has_looked_at_goes_on_waiting() {
    let (mut server, mut client, _socket) = joined().await;
    client.post("p1", "from the hotel").await;
    let login = "<html>Room number, please</html>";
    server.expect("POST /message").await.answer(200, "content-type: text/html\r\n", login.to_owned());
    assert_eq!(client.hear().await, "posts wait: the answer is not Duet's: is this the right --server?");
    server.expect("POST /message").await.answer(302, "location: http://login.example\r\n", String::new());
    let moved = "posts wait: the server has moved to http://login.example: give that to --server";
    assert_eq!(client.hear().await, moved);
    // No token is given any more, which says nothing of the message either.
    server.expect("POST /message").await.problem(401, "token_expired", "its time is over");
    server.expect("POST /generate-token").await.problem(403, "wrong_room", "ask for an invitation");
    assert!(client.hear().await.contains("ask for an invitation"));
    server.give_token("t2").await;
    server.expect("POST /message").await.ok(json!({"status": "Message sent to room: room1"}));
    assert_eq!(client.hear().await, "posted p1");
}

#[tokio::test]
async fn posts_go_on_while_the_socket_is_away() {
    let (mut server, mut client, socket) = joined().await;
    socket.close(4001).await;
    assert_eq!(client.hear().await, "RoomFull");
    client.post("p1", "still here").await;
    server.expect("POST /message").await.ok(json!({"status": "Message sent to room: room1"}));
    assert_eq!(client.hear().await, "posted p1");
}

#[tokio::test]
async fn posts_wait_for_the_server_and_leave_when_it_is_back() {
    let (server, mut client, socket) = joined().await;
    let address = server.address();
    server.stop();
    drop(socket);
    client.post("p1", "written offline").await;
    assert_eq!(client.hear().await, "lost: connection broken");
    assert_eq!(client.hear().await, "lost: refused");
    let mut server = Scripted::start_at(&address).await;
    client.ask(Request::RetryNow).await;
    let request = server.expect("POST /message").await;
    assert_eq!(request.header("idempotency-key"), Some("p1"));
}

#[tokio::test]
async fn leaving_closes_so_that_the_seat_is_free_at_once() {
    let (_server, client, mut socket) = joined().await;
    let closing = tokio::spawn(async move {
        loop {
            match socket.next().await {
                Some(Message::Close(_)) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    });
    client.leave().await;
    assert!(closing.await.unwrap(), "a close frame came before the end");
}

#[tokio::test]
async fn leaving_does_not_wait_for_a_server_that_says_nothing() {
    let (mut server, client, _socket) = joined().await;
    client.post("p1", "into the void").await;
    server.expect("POST /message").await.hang();
    // In less than the 10 s that an answer may take.
    client.leave().await;
}

#[tokio::test]
async fn a_message_typed_just_before_leaving_still_goes_out() {
    let (mut server, client, _socket) = joined().await;
    client.post("p1", "bye").await;
    let leaving = tokio::spawn(client.leave());
    server.expect("POST /message").await.ok(json!({"status": "Message sent to room: room1"}));
    leaving.await.unwrap();
}

#[tokio::test]
async fn leaving_is_noticed_while_nobody_takes_the_events() {
    let (_server, client, mut socket) = joined().await;
    let flood = tokio::spawn(async move {
        for seq in 1..2000 {
            socket.message(seq, "flood").await;
        }
        while socket.next().await.is_some() {}
    });
    client.ask(Request::RetryNow).await;
    while client.0.events.len() < client.0.events.max_capacity() {
        tokio::task::yield_now().await;
    }
    client.leave().await;
    flood.abort();
}

#[tokio::test]
async fn older_messages_come_as_a_page() {
    let (mut server, mut client, _socket) = joined().await;
    client.ask(Request::PageBefore(Seq(40))).await;
    let request = server.expect("GET /rooms/room1/messages").await;
    assert_eq!(request.line, "GET /rooms/room1/messages?limit=200&before=40");
    assert_eq!(request.header("authorization"), Some("Bearer t1"));
    request.ok(json!({"room_id": "room1", "epoch": "e1", "head": 41, "messages": []}));
    let NetworkEvent::Page(page) = client.next().await else { panic!("no page") };
    assert_eq!(page.head, Seq(41));
    client.ask(Request::PageBefore(Seq(40))).await;
    server.expect("GET /rooms/room1/messages").await.problem(503, "unavailable", "history is away");
    let failed = client.next().await;
    assert_eq!(failed, NetworkEvent::PageFailed("server busy".to_owned()));
}
