//! A producer that is not Duet: publishes to the queue `messages`, with a `message_id`, until RabbitMQ has confirmed.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::faults::content::{content, key, room_name};
use crate::faults::event::{Author, Event, Number, Room};
use crate::faults::people::{People, back_off};
use crate::faults::posting::length;

/// How long a confirm may take, and a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes into some rooms in turn.
#[derive(Debug)]
pub(crate) struct Producing {
    people: Arc<People>,
    rooms: Vec<Room>,
    url: String,
    /// Absent after a failure. The connection lives as long as the channel.
    amqp: Option<(Connection, Channel)>,
}

impl Producing {
    pub(crate) fn new(people: Arc<People>, rooms: Vec<Room>, url: String) -> Self {
        Self { people, rooms, url, amqp: None }
    }

    pub(crate) async fn run(mut self, every: Duration) {
        let mut due = interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in 0.. {
            tokio::select! {
                _ = due.tick() => self.produce(self.rooms[turn % self.rooms.len()]).await,
                () = self.people.posted_enough.cancelled() => return,
            }
        }
    }

    async fn produce(&mut self, room: Room) {
        let people = Arc::clone(&self.people);
        let _producing = people.producing.read().await;
        let number = people.recorder.begin(room, Author::Producer);
        let body = json!({ "content": content(number, length()), "room_id": room_name(room) }).to_string();
        while timeout(TIMEOUT, self.publish(number, &body)).await != Ok(Ok(true)) {
            self.amqp = None;
            people.recorder.note(Event::Unanswered(number));
            back_off().await;
            if people.over.is_cancelled() {
                return;
            }
            people.recorder.note(Event::Repeated(number));
        }
        people.recorder.note(Event::Accepted(number));
    }

    /// Whether the message is in the queue for sure.
    async fn publish(&mut self, number: Number, body: &str) -> lapin::Result<bool> {
        if self.amqp.is_none() {
            let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            self.amqp = Some((connection, channel));
        }
        let Some((_, channel)) = &self.amqp else { return Ok(false) };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2).with_message_id(key(number).into());
        let publish = channel.basic_publish("".into(), "messages".into(), options, body.as_bytes(), properties);
        let confirmation = publish.await?.await?;
        Ok(confirmation.is_ack() && confirmation.take_message().is_none())
    }
}
