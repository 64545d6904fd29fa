//! Those who post over HTTP: users, who repeat with the same key until the answer is 200, and programs from outside
//! without a key, who never repeat.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::faults::content::{content, key, room_name};
use crate::faults::event::{Author, Event, Number, Room};
use crate::faults::http::Http;
use crate::faults::people::{People, back_off, token};

/// The server answers within 5 s, and there is a wire.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// Posts as one author in one room, one message after the other.
#[derive(Debug)]
pub(crate) struct Posting {
    people: Arc<People>,
    room: Room,
    author: Author,
    head: String,
    /// The node it posts to.
    node: usize,
    /// Absent after a failure.
    http: Option<Http>,
}

impl Posting {
    pub(crate) fn new(people: Arc<People>, room: Room, author: Author) -> Self {
        let mut head = "POST /message HTTP/1.1\r\ncontent-type: application/json\r\n".to_owned();
        if let Some(user) = author.sender() {
            head += &format!("authorization: Bearer {}\r\nprefer: handling=strict\r\n", token(user.name(), room));
        }
        let node = rand::random_range(0..people.ways.len());
        Self { people, room, author, head, node, http: None }
    }

    /// One every so often, until nobody is to post any more.
    pub(crate) async fn run(mut self, every: Duration) {
        let mut due = interval_at(Instant::now() + every.mul_f64(rand::random()), every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.people.posted_enough.is_cancelled() {
            tokio::select! {
                _ = due.tick() => self.post(length()).await,
                () = self.people.posted_enough.cancelled() => {}
            }
        }
    }

    /// One message, to its end: a user's is posted until it is accepted.
    pub(crate) async fn post(&mut self, bytes: usize) {
        let number = self.people.recorder.begin(self.room, self.author);
        let body = json!({ "room_id": room_name(self.room), "content": content(number, bytes) }).to_string();
        while !self.attempt(number, &body).await {
            self.people.recorder.note(Event::Unanswered(number));
            self.go_elsewhere();
            back_off().await;
            if self.author == Author::Outside || self.people.over.is_cancelled() {
                return;
            }
            self.people.recorder.note(Event::Repeated(number));
        }
        self.people.recorder.note(Event::Accepted(number));
    }

    fn go_elsewhere(&mut self) {
        let node = self.people.another(self.node);
        if node != self.node {
            (self.node, self.http) = (node, None);
        }
    }

    async fn attempt(&mut self, number: Number, body: &str) -> bool {
        let mut head = self.head.clone();
        if self.author != Author::Outside {
            head += &format!("idempotency-key: {}\r\n", key(number));
        }
        let (port, http) = (self.people.ways[self.node].wire, self.http.take());
        let exchange = async {
            let mut http = match http {
                Some(http) => http,
                None => Http::connect(port).await?,
            };
            let status = http.request(&head, body).await?;
            Ok::<_, std::io::Error>((http, status))
        };
        let Ok(Ok((http, status))) = timeout(ANSWER_TIMEOUT, exchange).await else { return false };
        self.http = Some(http);
        status == 200
    }
}

/// Most messages are short, and some are not.
pub(crate) fn length() -> usize {
    if rand::random_range(0..40) == 0 { rand::random_range(500..4000) } else { rand::random_range(30..120) }
}
