//! The network task as the screen sees it.

use std::time::Duration;

use shared::names::{Email, MessageId, RoomId, Username};
use tokio::time::timeout;
use tui_client::config::server;
use tui_client::network::servers::Servers;
use tui_client::network::{Membership, Network, NetworkEvent, Request, start};

use crate::scripted::{SOON, Scripted, ServerSocket};

/// Less than a server may take to answer, for leaving does not wait for that.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// The client's side of a test.
pub(crate) struct Client(pub(crate) Network);

impl Client {
    pub(crate) fn join(address: &str) -> Self {
        Self::join_room(address, "room1")
    }

    /// Joins where any of these servers is.
    pub(crate) fn join_one_of(addresses: &[String]) -> Self {
        Self::join_one_of_as(addresses, "alice")
    }

    pub(crate) fn join_one_of_as(addresses: &[String], user: &str) -> Self {
        let addresses = addresses.iter().map(|address| server(address).unwrap());
        Self::join_at(Servers::new(addresses).unwrap(), "room1", user)
    }

    pub(crate) fn join_room(address: &str, room: &str) -> Self {
        Self::join_at(server(address).unwrap().into(), room, "alice")
    }

    fn join_at(servers: Servers, room: &str, user: &str) -> Self {
        let membership = Membership {
            servers,
            room: RoomId::new(room).unwrap(),
            user: Username::new(user).unwrap(),
            email: Email::new("alice@example.com").unwrap(),
            last: 50,
            access: tui_client::network::Access::default(),
        };
        Self(start(&membership).unwrap())
    }

    /// The next event; attempts and round trips are left out.
    pub(crate) async fn next(&mut self) -> NetworkEvent {
        self.next_within(SOON).await
    }

    pub(crate) async fn next_within(&mut self, time: Duration) -> NetworkEvent {
        loop {
            let event = timeout(time, self.0.events.recv()).await.expect("an event").expect("the task runs");
            let is_aside = matches!(
                event,
                NetworkEvent::Server(_)
                    | NetworkEvent::Connecting
                    | NetworkEvent::NotLetIn(_)
                    | NetworkEvent::RoundTrip(_)
            );
            if !is_aside {
                return event;
            }
        }
    }

    /// The next event as a short text.
    pub(crate) async fn hear(&mut self) -> String {
        match self.next().await {
            NetworkEvent::Welcomed(welcome) => format!("welcome {:?}", welcome.resume),
            NetworkEvent::Message(message) => format!("{} {}", message.seq, message.content),
            NetworkEvent::Lost { reason, .. } => format!("lost: {reason}"),
            NetworkEvent::Refused(sentence) => format!("refused: {sentence}"),
            NetworkEvent::Posted(id) => format!("posted {id}"),
            NetworkEvent::PostDelayed(reason) => format!("posts wait: {reason}"),
            NetworkEvent::PostedTooOften { .. } => "posted too often".to_owned(),
            NetworkEvent::PostRefused { id, reason } => format!("post {id} refused: {reason}"),
            NetworkEvent::Gap(gap) => format!("gap {}-{}", gap.from, gap.to),
            event @ (NetworkEvent::Server(_)
            | NetworkEvent::Connecting
            | NetworkEvent::RoundTrip(_)
            | NetworkEvent::Presence(_)
            | NetworkEvent::Receipt(_)
            | NetworkEvent::RoomFull
            | NetworkEvent::NotLetIn(_)
            | NetworkEvent::SeatsTaken(_)
            | NetworkEvent::Page(_)
            | NetworkEvent::PageFailed(_)
            | NetworkEvent::Typing(_)
            | NetworkEvent::Found { .. }
            | NetworkEvent::SearchFailed { .. }) => format!("{event:?}"),
        }
    }

    pub(crate) async fn ask(&self, request: Request) {
        self.0.requests.send(request).await.unwrap();
    }

    pub(crate) async fn post(&self, id: &str, content: &str) {
        self.ask(Request::Post { id: MessageId::new(id).unwrap(), content: content.to_owned() }).await;
    }

    pub(crate) async fn leave(self) {
        let Network { requests, events, task } = self.0;
        drop(requests);
        timeout(LEAVES_WITHIN, task).await.expect("the task ends").unwrap();
        drop(events);
    }
}

/// A client that is in the empty room, and its socket at the server.
pub(crate) async fn joined() -> (Scripted, Client, ServerSocket) {
    let mut server = Scripted::start().await;
    let mut client = Client::join(&server.url());
    server.give_token("t1").await;
    let mut socket = server.let_in().await;
    socket.welcome("recent", 0).await;
    assert_eq!(client.hear().await, "welcome Recent");
    (server, client, socket)
}
