//! `tail`: the messages of a room as they come, through every loss of the connection.

use clap::Args;
use shared::frames::{AttentionState, Resume};
use shared::names::RoomId;

use crate::cli::ends::{Stop, leave, nobody_reads, print};
use crate::cli::exit::{EXIT_CODES, Exit, Failure};
use crate::cli::lines::Style;
use crate::cli::{block_on, say};
use crate::config::Settings;
use crate::network::{Network, NetworkEvent, Request, start};

/// How many events are written in one go.
const BATCH: usize = 256;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Tail {
    #[command(flatten)]
    settings: Settings,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    json: bool,

    /// How many of the newest messages to begin with
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: u32,
}

impl Tail {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let membership = self.settings.membership(self.last)?;
        block_on(async {
            let mut stop = Stop::new()?;
            let mut network = start(&membership)?;
            // A program is nobody who could be there. The task says it after every welcome.
            if network.requests.send(Request::Attention(AttentionState::Idle)).await.is_err() {
                return Err(Failure::new(Exit::Unexpected, "the network task has ended"));
            }
            let follower = Follower::new(Style::for_stdout(self.json), membership.room.clone());
            let result = tokio::select! {
                result = follower.follow(&mut network) => result,
                () = nobody_reads() => Ok(()),
                _ = stop.asked() => Ok(()),
            };
            leave(network, None).await;
            result
        })
    }
}

struct Follower {
    style: Style,
    room: RoomId,
    /// Whether the person was told that there is no connection.
    is_away: bool,
}

impl Follower {
    fn new(style: Style, room: RoomId) -> Self {
        Self { style, room, is_away: false }
    }

    /// Prints what comes, until nobody reads it any more.
    async fn follow(mut self, network: &mut Network) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        while network.events.recv_many(&mut batch, BATCH).await > 0 {
            let mut out = String::new();
            let end = batch.drain(..).try_for_each(|event| self.take(event, &mut out));
            if !print(out).await? {
                return Ok(());
            }
            end?;
        }
        Err(Failure::new(Exit::Unexpected, "the network task has ended"))
    }

    fn take(&mut self, event: NetworkEvent, out: &mut String) -> Result<(), Failure> {
        match event {
            NetworkEvent::Message(message) => self.style.message(&self.room, &message, out),
            NetworkEvent::Gap(gap) => self.style.gap(&self.room, gap, out),
            NetworkEvent::Welcomed(welcome) => {
                if std::mem::take(&mut self.is_away) {
                    say("connected again");
                }
                if welcome.resume == Resume::Reset {
                    say("the server's history is a new one: places begin anew");
                }
            }
            NetworkEvent::Lost { reason, .. } => {
                if !std::mem::replace(&mut self.is_away, true) {
                    say(&format!("no connection ({reason}), trying again"));
                }
            }
            NetworkEvent::RoomFull => {
                return Err(Failure::new(Exit::RoomFull, format!("room {} holds two other users", self.room)));
            }
            NetworkEvent::Refused(sentence) => return Err(Failure::new(Exit::Refused, sentence)),
            NetworkEvent::Connecting
            | NetworkEvent::Presence(_)
            | NetworkEvent::Receipt(_)
            | NetworkEvent::RoundTrip(_)
            | NetworkEvent::Posted(_)
            | NetworkEvent::PostDelayed(_)
            | NetworkEvent::PostRefused { .. }
            | NetworkEvent::Page(_)
            | NetworkEvent::PageFailed(_)
            | NetworkEvent::Typing(_)
            | NetworkEvent::Found { .. }
            | NetworkEvent::SearchFailed { .. } => {}
        }
        Ok(())
    }
}
