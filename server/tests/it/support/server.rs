//! A server within the test's process, on a free port.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use server::config::Settings;
use server::departure::Stop;
use server::{listener, node};
use tokio::task::JoinHandle;

use crate::support::{Folder, soon};

/// The key of every server in the tests.
pub(crate) const SECRET: &str = "a-secret-key-of-at-least-thirty-two-bytes";

/// A running server. It stops when the test ends, or by [`Server::stop`].
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Stop,
    task: JoinHandle<Result<(), node::NodeError>>,
}

impl Server {
    /// On the embedded broker, in `folder`.
    pub(crate) async fn embedded(folder: &Folder) -> Self {
        Self::start(folder, &[]).await
    }

    /// With further arguments.
    #[expect(clippy::unused_async, reason = "it needs a runtime, as what is started besides")]
    pub(crate) async fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let listener = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let data = folder.path().to_str().unwrap();
        let fixed = ["duet-server", "--durability", "relaxed", "--data-dir", data];
        let key: &[&str] = if arguments.contains(&"--secret-key") { &[] } else { &["--secret-key", SECRET] };
        let mut settings = Settings::try_parse_from([&fixed, key, arguments].concat()).unwrap();
        if !arguments.contains(&"--drain") {
            // Nobody waits for people who are not there.
            settings.drain = Some(Duration::ZERO);
        }
        if !arguments.contains(&"--amqp-url") {
            // The environment may name the broker that the tests of RabbitMQ use.
            settings.amqp_url = None;
        }
        if !arguments.contains(&"--database-url") {
            settings.database_url = None;
        }
        let stop = Stop::default();
        let task = tokio::spawn(node::run(settings, listener, stop.clone()));
        Self { address, stop, task }
    }

    /// Stops it the orderly way and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.stop.asked.cancel();
        soon(&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.asked.cancel();
        self.stop.urged.cancel();
    }
}
