//! What `tail` and `wait` hear of a room: the network's events, less those that only a screen needs.

use shared::frames::{AttentionState, Gap, Presence, Resume, Welcome};
use shared::message::Message;
use shared::names::RoomId;

use crate::cli::ends::leave;
use crate::cli::exit::{Exit, Failure};
use crate::cli::say;
use crate::network::{Membership, Network, NetworkEvent, Request, start_with};

/// How many events are taken in one go.
const BATCH: usize = 256;

/// What was heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Message),
    Gap(Gap),
    Presence(Presence),
    Welcomed(Welcome),
    Lost(String),
}

/// What to do in a full room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    End,
    /// Wait for a seat.
    Wait,
}

impl WhenFull {
    /// What `--wait` says.
    pub(crate) fn of(is_to_wait: bool) -> Self {
        if is_to_wait { Self::Wait } else { Self::End }
    }
}

pub(crate) struct Listener {
    network: Network,
    room: RoomId,
    when_full: WhenFull,
    is_full: bool,
    is_away: bool,
    /// Why there is no more to hear, once what was heard before is taken.
    end: Option<Failure>,
}

impl Listener {
    /// Takes a seat, and says that nobody sits on it.
    pub(crate) fn start(membership: &Membership, when_full: WhenFull) -> Result<Self, Failure> {
        let network = start_with(membership, AttentionState::Idle)?;
        let room = membership.room.clone();
        Ok(Self { network, room, when_full, is_full: false, is_away: false, end: None })
    }

    /// Waits for what comes next, and tells the person how the connection is. May be dropped while it waits.
    pub(crate) async fn hear(&mut self) -> Result<Vec<Heard>, Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            if let Some(end) = self.end.take() {
                return Err(end);
            }
            if self.network.events.recv_many(&mut batch, BATCH).await == 0 {
                return Err(Failure::new(Exit::Unexpected, "the network task has ended"));
            }
            let heard: Vec<Heard> = batch.drain(..).filter_map(|event| self.take(event)).collect();
            if !heard.is_empty() {
                return Ok(heard);
            }
        }
    }

    /// Gives the seat back. Gives what was said and not heard here, which the others are told is delivered.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else happened interests nobody any more")]
    pub(crate) async fn leave(self) -> Vec<Heard> {
        let said = |event| match event {
            NetworkEvent::Message(message) => Some(Heard::Message(message)),
            NetworkEvent::Gap(gap) => Some(Heard::Gap(gap)),
            _ => None,
        };
        leave(self.network).await.into_iter().filter_map(said).collect()
    }

    fn take(&mut self, event: NetworkEvent) -> Option<Heard> {
        match event {
            NetworkEvent::Message(message) => return Some(Heard::Message(message)),
            NetworkEvent::Gap(gap) => return Some(Heard::Gap(gap)),
            NetworkEvent::Presence(presence) => return Some(Heard::Presence(presence)),
            NetworkEvent::Welcomed(welcome) => {
                if std::mem::take(&mut self.is_away) {
                    say("connected again");
                }
                if welcome.resume == Resume::Reset {
                    say("the server's history is a new one: places begin anew");
                }
                return Some(Heard::Welcomed(welcome));
            }
            NetworkEvent::Lost { reason, .. } => {
                if !std::mem::replace(&mut self.is_away, true) {
                    say(&format!("no connection ({reason}), trying again"));
                    return Some(Heard::Lost(reason));
                }
            }
            NetworkEvent::RoomFull if self.when_full == WhenFull::Wait => {
                if !std::mem::replace(&mut self.is_full, true) {
                    say(&format!("room {} holds two other users, waiting for a seat", self.room));
                }
                // The channel holds one of ours at the most.
                _ = self.network.requests.try_send(Request::WaitForSeat);
            }
            NetworkEvent::RoomFull => {
                let words = format!("room {} holds two other users", self.room);
                self.end = Some(Failure::new(Exit::RoomFull, words));
            }
            NetworkEvent::Refused(sentence) => self.end = Some(Failure::new(Exit::Refused, sentence)),
            NetworkEvent::Server(_)
            | NetworkEvent::Connecting
            | NetworkEvent::NotLetIn(_)
            | NetworkEvent::SeatsTaken(_)
            | NetworkEvent::Receipt(_)
            | NetworkEvent::RoundTrip(_)
            | NetworkEvent::Posted(_)
            | NetworkEvent::PostDelayed(_)
            | NetworkEvent::PostedTooOften { .. }
            | NetworkEvent::PostRefused { .. }
            | NetworkEvent::Page(_)
            | NetworkEvent::PageFailed(_)
            | NetworkEvent::Typing(_)
            | NetworkEvent::Found { .. }
            | NetworkEvent::SearchFailed { .. } => {}
        }
        None
    }
}
