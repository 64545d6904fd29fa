//! Those who listen: a `duet.v1` client that resumes as docs/protocol.md says, and a plain one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::frames::{ClientFrame, Reached, Receipt, SUBPROTOCOL, ServerFrame};
use shared::message::Seq;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::faults::content::{number, placed, room_name};
use crate::faults::event::{Entry, Event, Listener, Role, Room, User};
use crate::faults::http;
use crate::faults::people::{People, back_off, token};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server pings every 10 s. Some more, for a server that was asleep.
const SILENCE: Duration = Duration::from_secs(16);
/// How often receipts are sent at the most.
const RECEIPTS: Duration = Duration::from_millis(400);

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// A client that listens, over all its connections.
#[derive(Debug)]
pub(crate) struct Listening {
    people: Arc<People>,
    listener: Listener,
    /// The place it was sent last.
    cursor: Option<u64>,
    epoch: String,
    said: Reached,
}

impl Listening {
    pub(crate) fn new(people: Arc<People>, listener: Listener) -> Self {
        Self { people, listener, cursor: None, epoch: String::new(), said: Reached::default() }
    }

    /// Until everybody leaves.
    pub(crate) async fn run(mut self) {
        let people = Arc::clone(&self.people);
        let _ = people.over.run_until_cancelled(self.listen()).await;
    }

    async fn listen(&mut self) {
        loop {
            let asked = self.people.recorder.now();
            let query = match self.cursor {
                Some(cursor) => format!("?after={cursor}&epoch={}", self.epoch),
                None => String::new(),
            };
            let is_duet = self.listener.role() != Role::Plain;
            let (room, user) = (self.listener.room(), self.listener.user().name());
            let way = self.people.ways[self.people.node_of(self.listener)];
            if let Ok(socket) = connect(way.wire, user, room, &query, is_duet).await {
                self.people.is_at(self.listener, socket.get_ref().local_addr().map_or(0, |address| address.port()));
                let why = match self.listener.role() {
                    Role::Duet(_) => self.converse(socket, asked).await,
                    Role::Plain => self.overhear(socket).await,
                };
                self.people.is_at(self.listener, 0);
                self.people.recorder.note(Event::Left(self.listener, why));
            }
            self.people.moves(self.listener);
            back_off().await;
        }
    }

    /// One connection of a `duet.v1` client. Says how it ended.
    async fn converse(&mut self, mut socket: Socket, asked: crate::faults::event::At) -> String {
        let mut reads = self.people.reads[self.listener.index()].subscribe();
        let mut receipts = interval(RECEIPTS);
        receipts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            let text = tokio::select! {
                text = next(&mut socket, &mut reads, &mut last) => text,
                _ = receipts.tick() => {
                    self.say_receipt(&mut socket).await;
                    continue;
                }
            };
            let frame = match text.map(|text| serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))) {
                Ok(Ok(frame)) => frame,
                Ok(Err(why)) | Err(why) => return why,
            };
            if let Some(event) = self.take(frame, asked) {
                self.people.recorder.note(event);
            }
        }
    }

    fn take(&mut self, frame: ServerFrame, asked: crate::faults::event::At) -> Option<Event> {
        let listener = self.listener;
        Some(match frame {
            ServerFrame::Welcome(welcome) => {
                let same_epoch = self.cursor.is_none() || self.epoch == welcome.epoch;
                self.epoch = welcome.epoch;
                self.cursor = Some(self.cursor.unwrap_or(welcome.head.0));
                // What a server that was killed forgot of it comes with the next receipt.
                self.said = Reached::default();
                let receipts = welcome.receipts.iter().filter_map(of_user).collect();
                let (head, resume, occupants) = (welcome.head.0, welcome.resume, welcome.occupants.len());
                Event::Entered(listener, Entry { asked, head, resume, same_epoch, occupants, receipts })
            }
            ServerFrame::Message(message) => {
                self.cursor = Some(message.seq.0);
                Event::Heard(listener, placed(&message))
            }
            ServerFrame::Presence(presence) => Event::Occupants(listener, presence.occupants.len()),
            ServerFrame::Receipt(receipt) => {
                let (user, reached) = of_user(&receipt)?;
                Event::Told(listener, user, reached)
            }
            ServerFrame::Gap(gap) => Event::Gap(listener, gap.from.0, gap.to.0),
            ServerFrame::Bye(_)
            | ServerFrame::Typing(_)
            | ServerFrame::TokenExpiring(_)
            | ServerFrame::TokenAccepted(_)
            | ServerFrame::Unknown => return None,
        })
    }

    async fn say_receipt(&mut self, socket: &mut Socket) {
        let delivered = Seq(self.cursor.unwrap_or_default());
        if delivered <= self.said.delivered {
            return;
        }
        // A person reads more slowly than a wire delivers.
        let read = if delivered.0.is_multiple_of(3) { delivered } else { self.said.delivered };
        self.said = Reached { delivered, read };
        self.people.recorder.note(Event::Said(self.listener, self.said));
        let frame = serde_json::to_string(&ClientFrame::Receipt(self.said)).unwrap();
        // If it does not get through, reading will tell.
        let _ = timeout(Duration::from_secs(1), socket.send(Message::text(frame))).await;
    }

    /// One connection of a plain client. Says how it ended.
    async fn overhear(&self, mut socket: Socket) -> String {
        let mut reads = self.people.reads[self.listener.index()].subscribe();
        self.people.recorder.note(Event::PlainEntered(self.listener));
        let mut last = Instant::now();
        loop {
            match next(&mut socket, &mut reads, &mut last).await {
                Ok(text) => self.people.recorder.note(Event::PlainHeard(self.listener, number(&text))),
                Err(why) => return why,
            }
        }
    }
}

fn of_user(receipt: &Receipt) -> Option<(User, Reached)> {
    Some((User::named(receipt.user.as_str())?, receipt.reached))
}

/// The next text, or how the connection ended. `last` is when anything came last, a ping included. Dropping the future
/// loses nothing.
pub(crate) async fn next(
    socket: &mut Socket,
    reads: &mut watch::Receiver<bool>,
    last: &mut Instant,
) -> Result<String, String> {
    loop {
        if !*reads.borrow() {
            // Whoever could change it is there for the whole run.
            let _ = reads.wait_for(|reads| *reads).await;
            *last = Instant::now();
        }
        let received = timeout_at(*last + SILENCE, socket.next()).await;
        *last = if received.is_ok() { Instant::now() } else { *last };
        match received {
            Ok(Some(Ok(Message::Text(text)))) => return Ok(text.to_string()),
            Ok(Some(Ok(Message::Close(frame)))) => {
                return Err(frame.map_or("closed".to_owned(), |frame| format!("closed with {}", u16::from(frame.code))));
            }
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Ok(None) => return Err("ended".to_owned()),
            Err(_) => return Err("silent for too long".to_owned()),
        }
    }
}

/// Connects to a room.
pub(crate) async fn connect(
    port: u16,
    user: &str,
    room: Room,
    query: &str,
    is_duet: bool,
) -> Result<Socket, tungstenite::Error> {
    let url = format!("ws://127.0.0.1:{port}/updates/{}{query}", room_name(room));
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {}", token(user, room)).parse().unwrap());
    if is_duet {
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    }
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let connecting = async {
        let stream = http::connect(port).await?;
        Ok(client_async_with_config(request, stream, Some(config)).await?.0)
    };
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(tungstenite::Error::ConnectionClosed))
}
