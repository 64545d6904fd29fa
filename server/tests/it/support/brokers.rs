//! The same story on each broker.

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::rabbitmq;
use crate::support::server::Server;

/// Tells the story to a fresh server on the embedded broker, then to one on RabbitMQ.
pub(crate) async fn on_each_broker(story: impl AsyncFn(Client)) {
    println!("on the embedded broker");
    let folder = Folder::new();
    let server = Server::embedded(&folder).await;
    story(Client::of(server.address)).await;
    server.stop().await;

    println!("on RabbitMQ");
    let Some(vhost) = rabbitmq::vhost().await else { return };
    let folder = Folder::new();
    let server = Server::start(&folder, &["--amqp-url", vhost.url()]).await;
    let client = Client::of(server.address);
    client.ready().await;
    story(client).await;
    server.stop().await;
}
