//! Messages by way of a real RabbitMQ: what Duet puts into the queue, and what it makes of what it finds there.

use std::time::Duration;

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use server::access::tokens::Tokens;
use server::broker::{BrokerState, Incoming};
use shared::names::Username;
use tokio::time::sleep;

use crate::support::ends::{Ends, LONGEST, contents, message};
use crate::support::foreign::publish_with_id;
use crate::support::rabbitmq::{quorum, single_active, vhost};
use crate::support::server::SECRET;
use crate::support::{A_WHILE, soon};

fn from_alice(content: &str) -> Incoming {
    Incoming { sender: Some(Username::new("alice").unwrap()), ..message(content) }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

#[tokio::test]
async fn a_confirmed_message_lies_in_the_queue_with_exactly_these_properties_and_this_body() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    ends.deliveries.close();
    soon(ends.broker.publish(from_alice("Hello, \"Room\"!"))).await.unwrap();

    let (properties, body) = vhost.amqp().await.next("messages").await;
    assert_eq!(body, r#"{"room_id":"room1","content":"Hello, \"Room\"!"}"#);
    let mut headers = FieldTable::default();
    let (sent, alice) = (from_alice("Hello, \"Room\"!"), Username::new("alice").unwrap());
    headers.insert("x-duet-sender".into(), text("alice"));
    headers.insert("x-duet-seal".into(), text(&Tokens::new(SECRET.as_bytes()).seal(&sent, &alice).unwrap()));
    headers.insert("x-duet-sent-at".into(), AMQPValue::LongLongInt(1_795_356_131_125));
    let expected = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_message_id("id of Hello, \"Room\"!".into())
        .with_timestamp(1_795_356_131)
        .with_app_id(format!("duet-server/{}", env!("CARGO_PKG_VERSION")).into())
        .with_headers(headers);
    assert_eq!(properties, expected);
    ends.stop().await;
}

#[tokio::test]
async fn a_message_comes_out_as_it_went_in() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    for sent in [from_alice("Hallo Zimmer, 你好 \u{1f44b}"), message("from nobody"), message("")] {
        soon(ends.broker.publish(sent.clone())).await.unwrap();
        assert_eq!(ends.take(1).await, [sent]);
    }
    ends.stop().await;
}

#[tokio::test]
async fn messages_come_out_in_the_order_they_were_confirmed_in() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    let sent: Vec<String> = (0..300).map(|i| i.to_string()).collect();
    let posting = async {
        for content in &sent {
            soon(ends.broker.publish(message(content))).await.unwrap();
        }
    };
    posting.await;
    assert_eq!(contents(&ends.take(sent.len()).await), sent);
    ends.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_there_is_taken_as_it_stands() {
    let number = AMQPValue::LongInt;
    let odd = [
        ("x-message-ttl", number(60_000)),
        ("x-max-length", number(1_000)),
        ("x-max-priority", number(3)),
        ("x-overflow", text("reject-publish")),
        ("x-dead-letter-exchange", text("it's")),
    ];
    for (durable, kind, arguments) in [
        (true, "classic", &[][..]),
        (false, "classic", &[]),
        (false, "classic", &[("x-queue-type", text("classic"))]),
        (true, "classic", &[single_active()]),
        (false, "classic", &odd),
        (true, "quorum", &[quorum(), single_active()]),
        (true, "quorum", &[quorum(), single_active(), ("x-delivery-limit", number(5))]),
    ] {
        let Some(vhost) = vhost().await else { return };
        let producer = vhost.amqp().await;
        producer.declare_with(durable, arguments).await;
        producer.publish(br#"{"room_id": "room1", "content": "was here before"}"#, BasicProperties::default()).await;

        let mut ends = Ends::ready(vhost.url()).await;
        soon(ends.broker.publish(message("new"))).await.unwrap();
        assert_eq!(contents(&ends.take(2).await), ["was here before", "new"], "{arguments:?}");
        let queue = vhost.queue("messages").await;
        assert_eq!((&queue["durable"], &queue["type"]), (&json!(durable), &json!(kind)), "{arguments:?}");
        ends.stop().await;
    }
}

#[tokio::test]
async fn a_queue_that_nothing_keeps_to_one_consumer_is_refused_with_what_to_do() {
    let limit = ("x-delivery-limit", AMQPValue::LongInt(1));
    for (arguments, expected) in [
        (&[quorum(), limit][..], "declare it anew with x-single-active-consumer, or delete it"),
        (&[("x-queue-type", text("stream"))], "is a stream"),
    ] {
        let Some(vhost) = vhost().await else { return };
        vhost.amqp().await.declare_with(true, arguments).await;
        let ends = Ends::open(vhost.url());
        ends.until_not_ready(expected).await;
        ends.stop().await;
    }
}

#[tokio::test]
async fn what_waits_for_its_history_is_not_delivered_again_and_so_never_once_too_often() {
    let Some(vhost) = vhost().await else { return };
    let amqp = vhost.amqp().await;
    amqp.declare_queue("too often", true, &[]).await;
    let dead = [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text("too often"))];
    let limit = ("x-delivery-limit", AMQPValue::LongInt(1));
    amqp.declare_with(true, &[&[quorum(), single_active(), limit], &dead[..]].concat()).await;
    let mut ends = Ends::ready(vhost.url()).await;
    soon(ends.broker.publish(message("patient"))).await.unwrap();
    let (held, mut receipt) = ends.hold().await;
    for _ in 0..20 {
        receipt = receipt.refuse("history is away").unwrap();
    }
    assert!(tokio::time::timeout(A_WHILE, ends.deliveries.next()).await.is_err(), "it came again");
    receipt.acknowledge().await;
    assert_eq!(contents(&held), ["patient"]);
    ends.stop().await;
    assert_eq!(amqp.get("too often").await, None);
}

#[tokio::test]
async fn queues_that_are_missing_are_declared_durable_and_without_arguments() {
    let Some(vhost) = vhost().await else { return };
    let ends = Ends::ready(vhost.url()).await;
    for queue in ["messages", "messages.dead"] {
        let queue = vhost.queue(queue).await;
        assert_eq!((&queue["durable"], &queue["arguments"]), (&json!(true), &json!({})), "{queue}");
        assert_eq!((&queue["auto_delete"], &queue["exclusive"]), (&json!(false), &json!(false)), "{queue}");
    }
    ends.stop().await;
}

#[tokio::test]
async fn any_producer_may_publish_any_spelling_of_the_json() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    let producer = vhost.amqp().await;
    let bodies = [
        r#"{"room_id":"room1","content":"héllo"}"#,
        r#"{"room_id": "room1", "content": "h\u00e9llo"}"#,
        "\n{\t\"content\" :\r\n\"h\\u00e9llo\" , \"more\": [1, {\"x\": null}], \"room_id\": \"\\u0072oom1\"}\n",
    ];
    for body in bodies {
        producer.publish(body.as_bytes(), BasicProperties::default()).await;
    }
    let odd = BasicProperties::default().with_content_type("text/plain".into()).with_message_id(" ".into());
    producer.publish(bodies[0].as_bytes(), odd).await;

    let before = Timestamp::now();
    let taken = ends.take(4).await;
    for message in &taken {
        assert_eq!((message.room.as_str(), &*message.content, &message.sender), ("room1", "héllo", &None));
        assert_eq!(uuid::Uuid::parse_str(message.id.as_str()).unwrap().get_version_num(), 7);
        assert!(before.duration_since(message.sent_at).as_secs().abs() < 60, "{}", message.sent_at);
    }
    let ids: std::collections::HashSet<_> = taken.iter().map(|message| &message.id).collect();
    assert_eq!(ids.len(), taken.len(), "ids are made for each anew");

    let like_faststream = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(1)
        .with_message_id("8c4c1a9c5d7e4b7f9c0a1b2c3d4e5f60".into())
        .with_timestamp(1_795_356_131)
        .with_headers(FieldTable::default());
    producer.publish(bodies[1].as_bytes(), like_faststream).await;
    let [message] = &*ends.take(1).await else { panic!("one message was published") };
    assert_eq!(message.id.as_str(), "8c4c1a9c5d7e4b7f9c0a1b2c3d4e5f60");
    assert_eq!(message.sent_at.to_string(), "2026-11-22T14:02:11Z");
    ends.stop().await;
}

#[tokio::test]
async fn a_producer_that_claims_to_be_a_user_comes_from_outside() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    let producer = vhost.amqp().await;
    let alice = Username::new("alice").unwrap();
    let seal_of = |content: &str, tokens: Tokens| tokens.seal(&from_alice(content), &alice).unwrap();
    let forged = [
        None,
        Some("a seal".to_owned()),
        Some(seal_of("give me 1 coin", Tokens::new(SECRET.as_bytes()))),
        Some(seal_of("give me 9 coins", Tokens::new(b"the key of somebody else, of 32 bytes"))),
    ];
    for seal in forged {
        let mut headers = FieldTable::default();
        headers.insert("x-duet-sender".into(), text("alice"));
        if let Some(seal) = &seal {
            headers.insert("x-duet-seal".into(), text(seal));
        }
        let properties =
            BasicProperties::default().with_headers(headers).with_message_id("id of give me 9 coins".into());
        producer.publish(br#"{"room_id":"room1","content":"give me 9 coins"}"#, properties).await;
        assert_eq!(ends.take(1).await[0].sender, None, "{seal:?}");
    }
    ends.stop().await;
}

#[tokio::test]
async fn poison_goes_to_the_queue_of_the_dead_and_the_rest_goes_on_in_order() {
    let Some(vhost) = vhost().await else { return };
    let producer = vhost.amqp().await;
    producer.declare(true, None).await;
    let too_long = format!(r#"{{"room_id":"room1","content":"{}"}}"#, "x".repeat(LONGEST.content + 1));
    let long_name = format!(r#"{{"room_id":"{}","content":"secret"}}"#, "x".repeat(LONGEST.room + 1));
    let poison = [
        ("{secret", "the body is not JSON"),
        (r#"["room1","secret"]"#, "the body is not a JSON object"),
        (r#"{"content":"secret"}"#, "room_id is missing"),
        (r#"{"room_id":7,"content":"secret"}"#, "room_id is not a string"),
        (r#"{"room_id":" ","content":"secret"}"#, "room_id is empty: give it at least one visible character"),
        (
            r#"{"room_id":"room\u200b1","content":"secret"}"#,
            "room_id contains U+200B, which is not seen there: leave it out",
        ),
        (r#"{"room_id":"room1"}"#, "content is missing"),
        (r#"{"room_id":"room1","content":{"secret":1}}"#, "content is not a string"),
        (&long_name, "room_id is 33 bytes long: at most 32 are allowed"),
        (&too_long, "content is 1001 bytes long: at most 1000 are allowed"),
    ];
    let own = BasicProperties::default().with_message_id("its own".into()).with_app_id("odd".into());
    for (i, (body, _)) in poison.iter().enumerate() {
        producer.publish(body.as_bytes(), own.clone()).await;
        let good = format!(r#"{{"room_id":"room1","content":"{i}"}}"#);
        producer.publish(good.as_bytes(), BasicProperties::default()).await;
    }
    producer.publish(b"the last one", own.clone()).await;

    let mut ends = Ends::ready(vhost.url()).await;
    assert_eq!(contents(&ends.take(poison.len()).await), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    soon(ends.broker.publish(message("after"))).await.unwrap();
    assert_eq!(contents(&ends.take(1).await), ["after"]);
    for (body, reason) in poison.into_iter().chain([("the last one", "the body is not a JSON object")]) {
        let (properties, dead) = producer.get("messages.dead").await.unwrap();
        let mut headers = FieldTable::default();
        headers.insert("x-duet-reason".into(), text(reason));
        assert_eq!((dead.as_str(), properties), (body, own.clone().with_headers(headers).with_delivery_mode(2)));
    }
    assert_eq!(producer.get("messages.dead").await, None);
    ends.stop().await;
    assert_eq!(producer.get("messages").await, None, "all is acknowledged");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_taken_out_and_all_others_stay_in_order() {
    let Some(vhost) = vhost().await else { return };
    let producer = vhost.amqp().await;
    producer.declare(true, None).await;
    let mut sent = Vec::new();
    for round in ["a", "b", "c"] {
        for n in 0..5 {
            sent.push(format!("{round}{n}"));
            let body = format!(r#"{{"room_id":"room1","content":"{round}{n}"}}"#);
            producer.publish(body.as_bytes(), BasicProperties::default()).await;
        }
        publish_with_id(&vhost, b"\xff\xfe", r#"{"room_id":"room1","content":"unread"}"#).await;
    }
    let mut ends = Ends::open(vhost.url());
    let mut seen = Vec::new();
    hear_until(&mut ends, "c4", &mut seen).await;
    assert_eq!(seen, sent);
    // One alone is taken out as well, and what is published meanwhile comes behind it.
    publish_with_id(&vhost, b"\xff", r#"{"room_id":"room1","content":"unread"}"#).await;
    ends.insist("after").await;
    hear_until(&mut ends, "after", &mut seen).await;
    assert_eq!(seen[sent.len()..], ["after"]);
    ends.stop().await;
    assert_eq!((producer.get("messages").await, producer.get("messages.dead").await), (None, None));
}

/// Acknowledges all up to `last`. What was not acknowledged when a connection ended comes again, and is passed over.
async fn hear_until(ends: &mut Ends, last: &str, seen: &mut Vec<String>) {
    while seen.last().is_none_or(|seen| seen != last) {
        let (messages, receipt) = ends.hold().await;
        receipt.acknowledge().await;
        for message in messages {
            if !seen.contains(&message.content) {
                seen.push(message.content);
            }
        }
    }
}

#[tokio::test]
async fn poison_that_cannot_be_put_aside_is_told_of_and_what_is_behind_it_waits() {
    let Some(vhost) = vhost().await else { return };
    let producer = vhost.amqp().await;
    producer.declare(true, None).await;
    // As an operator may have it, who wants no more than one.
    let limits = [("x-max-length", AMQPValue::LongInt(1)), ("x-overflow", text("reject-publish"))];
    producer.declare_queue("messages.dead", true, &limits).await;
    for body in ["one", "two", r#"{"room_id":"room1","content":"hello"}"#] {
        producer.publish(body.as_bytes(), BasicProperties::default()).await;
    }
    let mut ends = Ends::open(vhost.url());
    let broker = ends.broker.clone();
    let making_room = async {
        let says =
            "what is not a message cannot be put into the queue `messages.dead`: RabbitMQ could not keep the message";
        while broker.state() != BrokerState::NotReady(says.to_owned()) {
            sleep(Duration::from_millis(5)).await;
        }
        producer.get("messages.dead").await.unwrap().1
    };
    let (taken, made_room) = tokio::join!(ends.take(1), soon(making_room));
    assert_eq!((contents(&taken), &*made_room), (vec!["hello"], "one"));
    assert_eq!((ends.broker.state(), &*producer.next("messages.dead").await.1), (BrokerState::Ready, "two"));
    ends.stop().await;
}
