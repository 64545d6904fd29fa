//! The same story on each broker, and on each history.

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::server::Server;
use crate::support::{postgres, rabbitmq};

/// Tells the story to a fresh server on the embedded broker and SQLite, to one on RabbitMQ, and to one on RabbitMQ and PostgreSQL.
pub(crate) async fn on_each_broker(story: impl AsyncFn(Client)) {
    on_each_broker_with(&[], story).await;
}

/// The same with further arguments.
pub(crate) async fn on_each_broker_with(arguments: &[&str], story: impl AsyncFn(Client)) {
    let tell = async |more: &[&str]| tell(&story, &[arguments, more].concat()).await;
    println!("on the embedded broker and SQLite");
    tell(&[]).await;

    println!("on RabbitMQ and SQLite");
    let Some(vhost) = rabbitmq::vhost().await else { return };
    tell(&["--amqp-url", vhost.url()]).await;

    println!("on RabbitMQ and PostgreSQL");
    let (Some(vhost), Some(database)) = (rabbitmq::vhost().await, postgres::database().await) else { return };
    tell(&["--amqp-url", vhost.url(), "--database-url", database.url()]).await;
}

async fn tell(story: &impl AsyncFn(Client), arguments: &[&str]) {
    let folder = Folder::new();
    let server = Server::start(&folder, arguments).await;
    let client = Client::of(server.address);
    client.ready().await;
    story(client).await;
    server.stop().await;
}
