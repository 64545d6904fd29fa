//! What the users of RabbitMQ may do that docs/operations.md gives to servers and producers.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

use crate::support::client::Client;
use crate::support::rabbitmq::{Vhost, vhost};
use crate::support::server::Server;
use crate::support::{Folder, soon};

const BODY: &[u8] = br#"{"room_id": "room1", "content": "from a producer"}"#;

/// The three patterns (configure, write, read) that docs/operations.md gives to `user`.
fn permissions(user: &str) -> [String; 3] {
    let text = include_str!("../../../docs/operations.md");
    let line = text.split(&format!("rabbitmqctl set_permissions {user} ")).nth(1).unwrap().lines().next().unwrap();
    let patterns: Vec<String> = line.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
    patterns.try_into().unwrap()
}

/// A connection of a user that may do what the documents say.
struct User {
    connection: Connection,
}

impl User {
    async fn of(vhost: &Vhost, name: &str) -> Self {
        let url = vhost.user(name, &permissions(name)).await;
        Self { connection: soon(Connection::connect(&url, ConnectionProperties::default())).await.unwrap() }
    }

    /// One of its own for each attempt, for a refusal ends the channel.
    async fn channel(&self) -> Channel {
        let channel = soon(self.connection.create_channel()).await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        channel
    }

    /// Whether a message gets into the queue, or the queues, that it is for.
    async fn publishes(&self, exchange: &str, key: &str) -> bool {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let channel = self.channel().await;
        let published =
            channel.basic_publish(exchange.into(), key.into(), options, BODY, BasicProperties::default()).await;
        let Ok(confirmed) = published else { return false };
        soon(confirmed).await.is_ok_and(|confirmed| confirmed.is_ack() && confirmed.take_message().is_none())
    }

    /// Neither takes messages out of the queue, nor away, nor changes what is there.
    async fn only_publishes(&self, queue: &str) {
        let none = FieldTable::default;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let got = self.channel().await.basic_get(queue.into(), BasicGetOptions::default()).await;
        assert!(got.is_err(), "gets");
        let channel = self.channel().await;
        let consumed = channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), none()).await;
        assert!(consumed.is_err(), "consumes");
        assert!(self.channel().await.queue_purge(queue.into(), QueuePurgeOptions::default()).await.is_err(), "purges");
        assert!(self.channel().await.queue_delete(queue.into(), Default::default()).await.is_err(), "deletes");
        assert!(self.channel().await.queue_declare(queue.into(), durable, none()).await.is_err(), "declares");
        assert!(
            self.channel().await.queue_declare("its own".into(), durable, none()).await.is_err(),
            "declares another"
        );
        let options = QueueBindOptions::default();
        let bound =
            self.channel().await.queue_bind(queue.into(), "amq.fanout".into(), "".into(), options, none()).await;
        assert!(bound.is_err(), "binds");
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        assert!(self.channel().await.queue_declare(queue.into(), passive, none()).await.is_ok(), "asks for the queue");
    }
}

/// The exchange that reaches `messages` and nothing else, as docs/operations.md has it made.
async fn make_exchange(vhost: &Vhost) {
    let connection = soon(Connection::connect(vhost.url(), ConnectionProperties::default())).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel.exchange_declare("duet.producers".into(), ExchangeKind::Fanout, durable, none()).await.unwrap();
    let options = QueueBindOptions::default();
    channel.queue_bind("messages".into(), "duet.producers".into(), "".into(), options, none()).await.unwrap();
}

#[tokio::test]
async fn a_producer_may_publish_and_nothing_else_and_a_server_needs_no_more_than_its_queues() {
    let Some(vhost) = vhost().await else { return };
    let url = vhost.user("duet", &permissions("duet")).await;
    let folder = Folder::new();
    let server = Server::start(&folder, &["--amqp-url", &url]).await;
    let client = Client::of(server.address);
    client.ready().await;
    let mut alice = client.listen("alice", "room1").await;
    client.post("room1", "by way of the server").await;
    assert_eq!(alice.text().await, "by way of the server");
    // So that the queue of the dead is there.
    vhost.amqp().await.publish(b"no message", BasicProperties::default()).await;
    soon(async { while vhost.queue("messages.dead").await["name"].is_null() {} }).await;

    let producer = User::of(&vhost, "producer").await;
    assert!(producer.publishes("", "messages").await);
    assert_eq!(alice.text().await, "from a producer");
    producer.only_publishes("messages").await;
    assert!(!producer.publishes("amq.fanout", "messages").await, "no other exchange");
    assert!(
        producer.publishes("", "messages.dead").await,
        "any queue: the default exchange knows no permissions by queue"
    );

    make_exchange(&vhost).await;
    let held = User::of(&vhost, "held").await;
    assert!(held.publishes("duet.producers", "messages.dead").await, "whatever the key");
    assert_eq!(alice.text().await, "from a producer");
    assert!(!held.publishes("", "messages").await && !held.publishes("", "messages.dead").await);
    held.only_publishes("messages").await;
    server.stop().await;
}
