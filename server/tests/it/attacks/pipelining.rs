//! Requests that come one behind the other without a wait.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;

/// As many as the server reads at once, about.
const COUNT: usize = 1_000;

/// On one thread, the server's and ours, so that what is answered first is answered first.
#[tokio::test(flavor = "current_thread")]
async fn a_connection_full_of_requests_lets_all_others_go_first() {
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    let client = Client::of(server.address);
    client.ready().await;
    for path in ["/healthz", "/rooms/room1", "/nothing"] {
        let mut mallory = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: duet\r\n\r\n");
        mallory.write_all(request.repeat(COUNT).as_bytes()).await.unwrap();
        for _ in 0..10 {
            client.ready().await;
        }
        let mut answers = vec![0; 1024 * 1024];
        let length = mallory.read(&mut answers).await.unwrap();
        let before = String::from_utf8_lossy(&answers[..length]).matches("HTTP/1.1 ").count();
        println!("{path}: {before} of {COUNT} answered before ten others");
        assert!(before < COUNT / 10, "{before}");
    }
}
