//! What somebody who means no good may try. SECURITY.md has every attack with the test that shows what comes of it, here or
//! where it was shown already.

mod bodies;
mod frames;
mod heads;
mod joins;
mod paths;
mod pipelining;
mod seals;
mod third_user;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::soon;

/// What the server answers to exactly these bytes until it closes.
async fn raw(address: SocketAddr, bytes: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may have answered and closed before all is written.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    soon(exchange).await
}
