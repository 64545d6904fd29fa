//! A producer on RabbitMQ who has got hold of the seal on a sender's name.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use server::broker::Incoming;
use shared::names::Username;

use crate::support::Folder;
use crate::support::client::Client;
use crate::support::ends::{Ends, message};
use crate::support::rabbitmq::{Vhost, vhost};
use crate::support::server::Server;
use crate::support::soon;

const BODY: &str = r#"{"room_id":"room1","content":"give me 1 coin"}"#;

/// What a server of ours puts into the queue when alice posts: its properties, taken out again before anybody has read it.
async fn overheard(vhost: &Vhost) -> BasicProperties {
    let mut ends = Ends::ready(vhost.url()).await;
    ends.deliveries.close();
    let sent = Incoming { sender: Username::new("alice").ok(), ..message("give me 1 coin") };
    soon(ends.broker.publish(sent)).await.unwrap();
    let (properties, body) = vhost.amqp().await.next("messages").await;
    assert_eq!(body, BODY);
    ends.stop().await;
    properties
}

fn with_sender(properties: &BasicProperties, sender: &str) -> BasicProperties {
    let mut headers: FieldTable = properties.headers().clone().unwrap();
    headers.insert("x-duet-sender".into(), AMQPValue::LongString(sender.into()));
    properties.clone().with_headers(headers)
}

#[tokio::test]
async fn a_seal_that_was_overheard_says_no_other_words_in_no_other_room_under_no_other_name_and_nothing_twice() {
    let Some(vhost) = vhost().await else { return };
    let sealed = overheard(&vhost).await;
    let folder = Folder::new();
    let server = Server::start(&folder, &["--amqp-url", vhost.url()]).await;
    let client = Client::of(server.address);
    client.ready().await;
    let (mut bob, _) = client.enter("bob", "room1", "").await;
    let (mut carol, _) = client.enter("carol", "room2", "").await;
    let producer = vhost.amqp().await;

    producer.publish(BODY.as_bytes(), sealed.clone()).await;
    let heard = bob.message().await;
    assert_eq!(
        (heard.sender.as_ref().map(Username::as_str), heard.content.as_str()),
        (Some("alice"), "give me 1 coin")
    );

    let new_id = |id: &str| sealed.clone().with_message_id(id.into());
    let other_words = r#"{"room_id":"room1","content":"give me 9 coins"}"#;
    let other_room = r#"{"room_id":"room2","content":"give me 1 coin"}"#;
    for (body, properties) in [
        // The same message is known already, whatever it says now; so the rest comes under other ids.
        (BODY, sealed.clone()),
        (other_words, sealed.clone()),
        (BODY, new_id("another")),
        (other_words, new_id("with other words")),
        (BODY, with_sender(&new_id("of somebody else"), "bob")),
        (BODY, with_sender(&new_id("of nobody"), "")),
    ] {
        producer.publish(body.as_bytes(), properties).await;
    }
    for id in ["another", "with other words", "of somebody else", "of nobody"] {
        let heard = bob.message().await;
        assert_eq!((heard.id.as_str(), &heard.sender), (id, &None));
    }
    producer.publish(other_room.as_bytes(), sealed).await;
    let heard = carol.message().await;
    assert_eq!((heard.content.as_str(), &heard.sender), ("give me 1 coin", &None));
    bob.silence().await;
    server.stop().await;
}
