//! RabbitMQ over TLS: whom the server believes, and what it says of those it does not.

use crate::support::client::Client;
use crate::support::process::{Process, fails_to_start, log_of};
use crate::support::rabbitmq::{Tls, tls};
use crate::support::{Folder, soon};

/// The start of a server that is told this, and what `/readyz` answers when it says this.
async fn is_not_ready(url: &str, more: &[&str], reason: &str) -> String {
    let folder = Folder::new();
    let server = Process::start(&folder, &[&["--amqp-url", url], more].concat());
    let client = Client::of(server.address);
    soon(async {
        loop {
            let answer = client.get("/readyz").await;
            assert_eq!(answer.status, 503, "{reason}");
            if answer.body.contains(reason) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let log = log_of(server).await;
    assert!(log.contains(reason), "{log}");
    assert!(!log.contains("guest:") && !log.contains(":guest"), "the password is in the log: {log}");
    log
}

#[tokio::test]
async fn messages_pass_over_tls_by_the_authority_that_is_named() {
    let Some(Tls { url, authority, vhost: _vhost, .. }) = tls().await else { return };
    let folder = Folder::new();
    let server = Process::start(&folder, &["--amqp-url", &url, "--amqp-ca", &authority]);
    let client = Client::of(server.address);
    client.ready().await;
    let mut alice = client.listen("alice", "room1").await;
    client.post("room1", "in secret").await;
    assert_eq!(alice.text().await, "in secret");
    drop(alice);
    let log = log_of(server).await;
    assert!(log.contains("amqps://guest@localhost"), "{log}");
    assert!(!log.contains(":guest"), "the password is in the log: {log}");
}

#[tokio::test]
async fn who_cannot_be_trusted_is_named_with_what_to_do() {
    let Some(Tls { url, authority, other, vhost }) = tls().await else { return };
    is_not_ready(&url, &[], "name the file of its authority in AMQP_CA").await;
    is_not_ready(&url, &["--amqp-ca", &other], "name the file of its authority in AMQP_CA").await;
    let plain = format!("amqps://guest:guest@localhost:{}/", vhost.port());
    is_not_ready(&plain, &["--amqp-ca", &authority], "does not speak TLS at this port").await;
}

#[test]
fn a_file_without_authorities_is_refused_at_the_start() {
    let folder = Folder::new();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "nothing").unwrap();
    let start = |url, file| fails_to_start(&folder, &["--listen", "127.0.0.1:0", "--amqp-url", url, "--amqp-ca", file]);
    let said = start("amqps://me:hunter2@localhost", file.to_str().unwrap());
    assert!(said.contains("AMQP_CA cannot be used: no certificate is in"), "{said}");
    let said = start("amqps://me:hunter2@localhost", "/nonexistent.pem");
    assert!(said.contains("AMQP_CA cannot be used") && said.contains("/nonexistent.pem"), "{said}");
    let said = start("amqp://me:hunter2@localhost", file.to_str().unwrap());
    assert!(said.contains("nothing would be encrypted") && !said.contains("hunter2"), "{said}");
}
