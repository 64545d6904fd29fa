//! An echo on a WebSocket with the server's own settings, for `scripts/conformance`: Autobahn's cases send something and wait
//! for it to come back, which no room does.

use std::io;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::get;
use futures_util::SinkExt;
use server::config::limits::MAX_FRAME_BYTES;
use server::http::socket::{self, Sizes};
use shared::rest::MAX_CONTENT_BYTES;
use tokio::net::TcpListener;

/// The room of the cases that fit into what is received: an echo writes more than the server ever does at once.
const SIZES: Sizes = Sizes { content: 16 * MAX_CONTENT_BYTES, received: MAX_FRAME_BYTES };

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    #[expect(clippy::print_stdout, reason = "it is how whoever started it learns the address")]
    {
        println!("{}", listener.local_addr()?);
    }
    let answer = async |upgrade: WebSocketUpgrade| socket::limited(upgrade, SIZES).on_upgrade(echo);
    axum::serve(listener, Router::new().route("/", get(answer))).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let sent = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            // Answered by the library; they only have to go out.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => socket.flush().await,
        };
        if sent.is_err() {
            return;
        }
    }
}
