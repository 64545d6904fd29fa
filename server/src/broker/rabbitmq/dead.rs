//! What lies in the queue and is not a message: how it goes to the queue of the dead. Pure.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::broker::rabbitmq::wire::PERSISTENT;

/// Why it is there.
const REASON: &str = "x-duet-reason";
/// The property `user_id` it came with.
const USER_ID: &str = "x-duet-user-id";
/// The property `expiration` it came with.
const EXPIRATION: &str = "x-duet-expiration";

/// The largest headers that are kept. All of them go into one frame, of 128 KiB by default, and a frame past that would
/// end the connection at each try.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The properties it is put aside with: its own, and the reason, but without what would keep it from getting there or
/// from staying.
pub(super) fn properties(own: &BasicProperties, reason: &str) -> BasicProperties {
    let mut dead = BasicProperties::default().with_headers(headers(own, reason)).with_delivery_mode(PERSISTENT);
    dead = keep(dead, own.content_type(), BasicProperties::with_content_type);
    dead = keep(dead, own.content_encoding(), BasicProperties::with_content_encoding);
    dead = keep(dead, own.priority(), BasicProperties::with_priority);
    dead = keep(dead, own.correlation_id(), BasicProperties::with_correlation_id);
    dead = keep(dead, own.reply_to(), BasicProperties::with_reply_to);
    dead = keep(dead, own.message_id(), BasicProperties::with_message_id);
    dead = keep(dead, own.timestamp(), BasicProperties::with_timestamp);
    dead = keep(dead, own.kind(), BasicProperties::with_type);
    dead = keep(dead, own.app_id(), BasicProperties::with_app_id);
    keep(dead, own.cluster_id(), BasicProperties::with_cluster_id)
}

fn headers(own: &BasicProperties, reason: &str) -> FieldTable {
    let mut headers = own.headers().clone().unwrap_or_default().inner().clone();
    // As JSON they are never shorter than on the wire.
    if serde_json::to_vec(&headers).is_ok_and(|json| json.len() > MAX_HEADER_BYTES) {
        headers.clear();
    }
    // More queues to be put into (RabbitMQ's sender-selected distribution). One of them may be `messages`.
    headers.remove("CC");
    headers.remove("BCC");
    // RabbitMQ closes the channel when this names another user than the one who publishes.
    move_to_header(&mut headers, USER_ID, own.user_id().as_ref());
    // The dead would be gone when it is over.
    move_to_header(&mut headers, EXPIRATION, own.expiration().as_ref());
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    headers.into()
}

fn move_to_header(
    headers: &mut std::collections::BTreeMap<ShortString, AMQPValue>,
    name: &'static str,
    value: Option<&ShortString>,
) {
    if let Some(value) = value {
        headers.insert(name.into(), AMQPValue::LongString(value.as_str().into()));
    }
}

fn keep<T: Clone>(
    dead: BasicProperties,
    value: &Option<T>,
    with: fn(BasicProperties, T) -> BasicProperties,
) -> BasicProperties {
    match value {
        Some(value) => with(dead, value.clone()),
        None => dead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(entries: &[(&'static str, &str)]) -> FieldTable {
        let mut headers = FieldTable::default();
        for (name, value) in entries {
            headers.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        headers
    }

    #[test]
    fn what_would_keep_the_dead_from_staying_put_becomes_a_header_or_goes() {
        let own = BasicProperties::default()
            .with_user_id("somebody".into())
            .with_expiration("1000".into())
            .with_delivery_mode(1)
            .with_headers(headers(&[("CC", "messages"), ("BCC", "messages"), ("its own", "stays")]));
        let expected =
            [("its own", "stays"), (USER_ID, "somebody"), (EXPIRATION, "1000"), (REASON, "the body is not JSON")];
        assert_eq!(
            properties(&own, "the body is not JSON"),
            BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(headers(&expected))
        );
    }

    #[test]
    fn headers_too_large_to_travel_again_go() {
        let own = BasicProperties::default().with_headers(headers(&[("large", &"x".repeat(MAX_HEADER_BYTES))]));
        assert_eq!(properties(&own, "why").headers(), &Some(headers(&[(REASON, "why")])));
    }

    #[test]
    fn every_other_property_stays() {
        let own = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_content_encoding("gzip".into())
            .with_priority(3)
            .with_correlation_id("c".into())
            .with_reply_to("r".into())
            .with_message_id("m".into())
            .with_timestamp(1)
            .with_type("t".into())
            .with_app_id("a".into())
            .with_cluster_id("cluster".into());
        let expected = own.clone().with_delivery_mode(PERSISTENT).with_headers(headers(&[(REASON, "why")]));
        assert_eq!(properties(&own, "why"), expected);
    }
}
