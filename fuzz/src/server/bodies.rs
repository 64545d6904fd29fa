//! Bodies of HTTP: what is taken says what it said, and what HTTP takes of a message the queue takes too.

use std::sync::Arc;

use lapin::BasicProperties;
use server::access::tokens::Tokens;
use server::broker::rabbitmq::Longest;
use server::broker::rabbitmq::wire::Reader;
use server::http::body;
use shared::rest::{Post, TokenRequest};

use super::good;

pub fn check(data: &[u8]) {
    if let Ok(request) = body::decode::<TokenRequest>(data) {
        good(&request.room_id, Some(&request.username));
        let written = serde_json::to_vec(&request).expect("a body can be written");
        assert_eq!(body::decode::<TokenRequest>(&written), Ok(request));
    }
    let post = body::decode::<Post>(data);
    let tokens = Arc::new(Tokens::new(b"a-secret-key-of-at-least-thirty-two-bytes"));
    let longest = Longest { content: usize::MAX, room: usize::MAX };
    let queued = Reader::new(tokens, longest).read(&BasicProperties::default(), data, jiff::Timestamp::UNIX_EPOCH);
    match (post, queued) {
        (Ok(post), Ok(queued)) => {
            good(&post.room_id, None);
            assert_eq!((post.room_id, post.content), (queued.room, queued.content));
            assert_eq!(queued.sender, None, "nobody vouches for it");
        }
        (Err(_), Err(reason)) => assert!(!reason.contains(char::is_control), "{reason:?}"),
        (post, queued) => panic!("one takes it and one does not: {post:?}, {queued:?}"),
    }
}
