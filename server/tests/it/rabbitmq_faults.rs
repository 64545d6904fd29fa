//! What may happen between Duet and RabbitMQ: nothing that was accepted is lost, nobody waits in vain, and all comes
//! back by itself.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use server::broker::{BrokerState, Incoming, PublishError};

use crate::support::ends::{Ends, contents, message};
use crate::support::rabbitmq::{Vhost, quorum, single_active, vhost, victim};
use crate::support::relay::Relay;
use crate::support::soon;

async fn publish_from_elsewhere(vhost: &Vhost, contents: &[impl AsRef<str>]) {
    let producer = vhost.amqp().await;
    for content in contents {
        let body = format!(r#"{{"room_id":"room1","content":"{}"}}"#, content.as_ref());
        producer.publish(body.as_bytes(), BasicProperties::default()).await;
    }
}

#[tokio::test]
async fn it_starts_while_the_broker_is_down_refuses_at_once_and_connects_when_it_comes() {
    let Some(vhost) = vhost().await else { return };
    let mut relay = Relay::to(vhost.port());
    let mut ends = Ends::open(&vhost.url_by(relay.port()));
    ends.until_not_ready("RabbitMQ is not reachable: connection refused").await;
    assert_eq!(ends.refusal().await, "RabbitMQ is not reachable: connection refused");

    relay.up();
    let up = Instant::now();
    ends.until(|state| *state == BrokerState::Ready).await;
    assert!(up.elapsed() < Duration::from_secs(5), "connected after {:?}", up.elapsed());
    soon(ends.broker.publish(message("hello"))).await.unwrap();
    assert_eq!(contents(&ends.take(1).await), ["hello"]);
    ends.stop().await;
}

#[tokio::test]
async fn a_cut_connection_comes_back_and_what_was_not_acknowledged_comes_again_with_its_id() {
    let Some(vhost) = vhost().await else { return };
    let mut relay = Relay::to(vhost.port());
    relay.up();
    let mut ends = Ends::ready(&vhost.url_by(relay.port())).await;
    soon(ends.broker.publish(message("held"))).await.unwrap();
    let (held, receipt) = ends.hold().await;

    relay.down().await;
    ends.until(|state| *state != BrokerState::Ready).await;
    ends.refusal().await;
    soon(receipt.acknowledge()).await;
    relay.up();
    assert_eq!(ends.take(1).await, held);
    ends.insist("next").await;
    assert_eq!(contents(&ends.take(1).await), ["next"]);
    ends.stop().await;
}

#[tokio::test]
async fn a_lost_subscription_is_seen_while_nobody_reads_it_and_nothing_comes_twice() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    // More than one batch, and none has an id to know it by.
    let mut sent: Vec<String> = (0..300).map(|i| i.to_string()).collect();
    publish_from_elsewhere(&vhost, &sent).await;
    vhost.close_connection("duet-server, intake").await;
    ends.until_not_ready("CONNECTION_FORCED").await;
    ends.until(|state| *state == BrokerState::Ready).await;
    soon(ends.broker.publish(message("last"))).await.unwrap();
    sent.push("last".to_owned());
    assert_eq!(contents(&ends.take(sent.len()).await), sent);
    ends.stop().await;
}

#[tokio::test]
async fn a_broker_that_hangs_is_given_up_after_a_while_and_posts_are_refused_at_once_from_then_on() {
    let Some(vhost) = vhost().await else { return };
    let mut relay = Relay::to(vhost.port());
    relay.up();
    let mut ends = Ends::ready(&vhost.url_by(relay.port())).await;
    relay.freeze();
    let PublishError::Unavailable(reason) = soon(ends.broker.publish(message("stuck"))).await.unwrap_err();
    assert_eq!(reason, "RabbitMQ did not confirm a message in time");
    ends.refusal().await;
    relay.thaw();
    ends.insist("next").await;
    let seen: HashSet<_> = ends.take(2).await.into_iter().map(|message| message.content).collect();
    assert_eq!(seen, HashSet::from(["stuck".to_owned(), "next".to_owned()]));
    ends.stop().await;
}

#[tokio::test]
async fn a_connection_that_an_operator_closes_comes_back() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    vhost.close_connection("duet-server, publishing").await;
    ends.until_not_ready("CONNECTION_FORCED").await;
    assert!(ends.refusal().await.contains("CONNECTION_FORCED"));
    ends.insist("hello").await;
    assert_eq!(contents(&ends.take(1).await), ["hello"]);
    ends.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_declared_again_and_nothing_is_accepted_in_between() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    let eyes = vhost.amqp().await;
    for round in ["1", "2", "3"] {
        eyes.delete("messages").await;
        ends.insist(round).await;
        assert_eq!(contents(&ends.take(1).await), [round]);
    }
    assert_eq!(vhost.queue("messages").await["durable"], true);
    ends.stop().await;
}

#[tokio::test]
async fn what_was_accepted_outlives_its_queue_and_keeps_its_order() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    let eyes = vhost.amqp().await;
    let mut accepted = Vec::new();
    for round in 0..3 {
        // More than RabbitMQ sends ahead to an intake that is busy: the rest goes with the queue.
        for i in 0..800 {
            let content = format!("{round}/{i}");
            soon(ends.broker.publish(message(&content))).await.unwrap();
            accepted.push(content);
        }
        eyes.delete("messages").await;
        ends.insist(&format!("{round}/last")).await;
        accepted.push(format!("{round}/last"));
        let mut seen = HashSet::new();
        while seen.len() < accepted.len() {
            let (messages, receipt) = ends.hold().await;
            for Incoming { id, content, .. } in messages {
                let is_new = seen.insert(id);
                assert!(!is_new || accepted[seen.len() - 1] == content, "{content} came at {}", seen.len());
            }
            receipt.acknowledge().await;
        }
        accepted.clear();
    }
    ends.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_found_no_queue_is_not_accepted_however_many_come_back_at_once() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    ends.deliveries.close();
    let eyes = vhost.amqp().await;
    for round in 0..10 {
        ends.until(|state| *state == BrokerState::Ready).await;
        eyes.delete("messages").await;
        let mut accepted: HashSet<_> = ends.post_at_once(round, 300).await.into_iter().collect();
        ends.insist("the queue is there again").await;
        for content in eyes.drain().await {
            accepted.remove(&content);
        }
        assert_eq!(accepted, HashSet::new(), "accepted, and not in the queue");
    }
    ends.stop().await;
}

#[tokio::test]
async fn a_second_intake_waits_and_takes_over_in_order() {
    for arguments in [&[][..], &[single_active()], &[quorum(), single_active()]] {
        let Some(vhost) = vhost().await else { return };
        vhost.amqp().await.declare_with(true, arguments).await;
        let mut first = Ends::ready(vhost.url()).await;
        let mut second = Ends::open(vhost.url());
        second.until_not_ready("Servers that are to work as one need DATABASE_URL").await;
        publish_from_elsewhere(&vhost, &["1", "2", "3"]).await;
        let mut held = Vec::new();
        while held.len() < 3 {
            held.extend(first.hold().await.0);
        }
        soon(second.broker.publish(message("4"))).await.unwrap();
        first.stop().await;
        assert_eq!(contents(&second.take(4).await), ["1", "2", "3", "4"], "{arguments:?}");
        second.stop().await;
    }
}

#[tokio::test]
async fn what_is_in_hand_at_the_stop_is_confirmed_or_refused() {
    let Some(vhost) = vhost().await else { return };
    let mut ends = Ends::ready(vhost.url()).await;
    ends.deliveries.close();
    let (posting, ()) = tokio::join!(ends.post_at_once(0, 500), async {
        tokio::task::yield_now().await;
        ends.halt();
    });
    let mut accepted: HashSet<_> = posting.into_iter().collect();
    assert!(!accepted.is_empty(), "the stop came before anything was in hand");
    let eyes = vhost.amqp().await;
    for content in eyes.drain().await {
        accepted.remove(&content);
    }
    assert_eq!(accepted, HashSet::new(), "accepted, and not in the queue");
    ends.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_a_reason_that_does_not_show_it() {
    let Some(vhost) = vhost().await else { return };
    let url = vhost.url().replacen("guest:guest@", "guest:hunter2@", 1);
    let ends = Ends::open(&url);
    ends.until_not_ready("RabbitMQ refuses: ACCESS_REFUSED").await;
    assert!(!ends.refusal().await.contains("hunter2") && !format!("{ends:?}").contains("hunter2"));
    ends.stop().await;
}

#[tokio::test]
async fn nothing_accepted_is_lost_when_the_broker_is_killed_and_started_again() {
    let Some(victim) = victim().await else { return };
    let vhost = victim.vhost().await;
    let mut ends = Ends::ready(vhost.url()).await;
    let broker = ends.broker.clone();
    let (enough, mut is_enough) = tokio::sync::oneshot::channel();
    let posting = tokio::spawn(async move {
        let (mut accepted, mut refused) = (Vec::new(), 0);
        for i in 0.. {
            match broker.publish(message(&i.to_string())).await {
                Ok(()) => accepted.push(i.to_string()),
                Err(_) => refused += 1,
            }
            if is_enough.try_recv().is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (accepted, refused)
    });
    let mut seen = Vec::new();
    seen.extend(ends.take(20).await);
    // Held over the crash, so that it must come again.
    let (held, receipt) = ends.hold().await;

    victim.kill().await;
    victim.start().await;
    let up = Instant::now();
    receipt.acknowledge().await;
    let mut again = Vec::new();
    // How many come in a batch is the network's affair.
    while again.len() < held.len() {
        let (batch, receipt) = ends.hold().await;
        assert!(up.elapsed() < Duration::from_secs(8), "the intake was back after {:?}", up.elapsed());
        receipt.acknowledge().await;
        // RabbitMQ may have been killed before it had written down what was acknowledged: that comes again first, the same.
        again.extend(batch.into_iter().filter(|message| !seen.contains(message)));
    }
    assert_eq!(again[..held.len()], held, "what was not acknowledged comes again, with its ids");
    seen.extend(again);
    ends.insist("last").await;
    enough.send(()).unwrap();
    let (accepted, refused) = soon(posting).await.unwrap();
    assert!(refused > 0, "nothing was posted while the broker was down");

    let mut missing: HashSet<_> = accepted.into_iter().collect();
    missing.extend(["last".to_owned()]);
    missing.retain(|content| !seen.iter().any(|message| message.content == *content));
    while !missing.is_empty() {
        let (messages, receipt) = ends.hold().await;
        receipt.acknowledge().await;
        missing.retain(|content| !messages.iter().any(|message| message.content == *content));
    }
    ends.stop().await;
}

#[tokio::test]
async fn a_blocked_broker_refuses_at_once_and_takes_messages_again_when_it_is_free() {
    let Some(victim) = victim().await else { return };
    let vhost = victim.vhost().await;
    let mut ends = Ends::ready(vhost.url()).await;
    soon(ends.broker.publish(message("before"))).await.unwrap();
    let (held, receipt) = ends.hold().await;
    assert_eq!(contents(&held), ["before"]);

    victim.set_memory_limit(&["0.000001"]).await;
    // RabbitMQ blocks a connection when it publishes next.
    soon(async { while ends.broker.publish(message("tried")).await.is_ok() {} }).await;
    for _ in 0..3 {
        assert_eq!(ends.refusal().await, "RabbitMQ has blocked publishers: low on memory");
    }
    assert_eq!(ends.broker.state(), BrokerState::NotReady("RabbitMQ has blocked publishers: low on memory".into()));
    // Acknowledgements get through.
    receipt.acknowledge().await;

    victim.set_memory_limit(&["absolute", "1GB"]).await;
    ends.until(|state| *state == BrokerState::Ready).await;
    ends.insist("after").await;
    let mut last = String::new();
    while last != "after" {
        let (messages, receipt) = ends.hold().await;
        receipt.acknowledge().await;
        for message in messages {
            assert!(["tried", "refused", "after"].contains(&&*message.content), "{message:?}");
            last = message.content;
        }
    }
    ends.stop().await;
}
