//! Requests that can be read in two ways, and heads that hold what is no line of one, or more than one may.

use std::net::SocketAddr;

use crate::attacks::raw;
use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;

const BODY: &str = r#"{"room_id":"room1","content":"hi"}"#;

/// Sends exactly these bytes and expects one answer that is no success, and the end of the connection.
async fn is_refused(address: SocketAddr, request: &str) {
    let answer = raw(address, request).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer}");
    assert!(answer.starts_with("HTTP/1.1 4"), "{request:?}: {answer}");
}

/// One request within the body of another (RFC 9112 §11.2). A proxy before the server may have read the length in the other way.
#[tokio::test]
async fn a_request_whose_length_can_be_read_in_two_ways_is_refused_or_the_last_of_its_connection() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: duet\r\n\r\n";
    for lengths in [
        "content-length: 0\r\ncontent-length: 40\r\n",
        "content-length: 0, 40\r\n",
        "content-length: +4\r\n",
        "content-length: -1\r\n",
        "content-length: 0x4\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length : 4\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked, identity\r\n",
        // Taken as RFC 9112 §6.3 has it, and nothing that comes behind.
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\nconnection: keep-alive\r\n",
    ] {
        let head = format!("POST /message HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\n{lengths}\r\n");
        is_refused(server.address, &format!("{head}0\r\n\r\n{smuggled}")).await;
    }
    for chunk in ["0x22", "+22", "-1", "22 22", "fffffffffffffffff", "\n22", "22\n"] {
        let head =
            "POST /message HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n";
        is_refused(server.address, &format!("{head}\r\n{chunk}\r\n{BODY}\r\n0\r\n\r\n{smuggled}")).await;
    }
    Client::of(server.address).ready().await;
}

#[tokio::test]
async fn a_line_that_is_none_is_refused_and_makes_no_header() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let length = BODY.len();
    for line in [
        "idempotency-key: a\r\n authorization: Bearer x", // folded (RFC 9112 §5.2)
        "idempotency-key: a\r\n\tauthorization: Bearer x",
        "idempotency-key: a\rx-injected: 1",
        "idempotency-key: a\0b",
        "idempotency-key: a\x08b",
        "idempotency-key\0: a",
        "idempotency key: a",
        "idempotency-key\t: a",
        " idempotency-key: a",
        ": a",
        "no colon",
    ] {
        let head = format!("POST /message HTTP/1.1\r\nhost: duet\r\ncontent-type: application/json\r\n{line}\r\n");
        is_refused(server.address, &format!("{head}content-length: {length}\r\n\r\n{BODY}")).await;
    }
    for first in
        ["GET /healthz", "GET  /healthz HTTP/1.1", "GET /heal\0thz HTTP/1.1", "GET /a b HTTP/1.1", "\0 / HTTP/1.1"]
    {
        is_refused(server.address, &format!("{first}\r\nhost: duet\r\n\r\n")).await;
    }
    Client::of(server.address).ready().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_with_431_and_nobody_else_is() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    let long = "a".repeat(1024 * 1024);
    let many: String = (0..10_000).map(|n| format!("x-{n}: a\r\n")).collect();
    let without_end = format!("x: {long}");
    for lines in [format!("x: {long}\r\n\r\n"), format!("{long}: x\r\n\r\n"), format!("{many}\r\n"), without_end] {
        let answer = raw(server.address, &format!("GET /healthz HTTP/1.1\r\nhost: duet\r\n{lines}")).await;
        // Who goes on writing to a closed connection may hear nothing but that it is.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        client.ready().await;
    }
    let answer = raw(server.address, &format!("GET /healthz HTTP/1.1\r\nhost: duet\r\n{}\r\n", &many[..2_000])).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "what is read whole is answered: {answer}");
}
