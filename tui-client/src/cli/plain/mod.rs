//! `join --plain`: a conversation in lines, for screen readers, terminals that cannot place a cursor, and pipes.
//!
//! Lines are only ever added. Nothing is drawn again, moved or coloured, and there is no prompt. Read in this order: this
//! file (the loop), `conversation` (PURE: what is said), `typed` (PURE: what is meant), `input`.

mod conversation;
mod input;
mod typed;

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::frames::AttentionState;
use shared::message::Seq;
use tokio::time::{Instant, sleep_until};

use crate::cli::ends::{End, leave, print, until_the_end};
use crate::cli::exit::{Exit, Failure};
use crate::cli::listener::WhenFull;
use crate::cli::plain::conversation::{Conversation, Deed, Typist};
use crate::network::{Membership, Network, NetworkEvent, Request, new_message_id, start_with};
use crate::outbox::lines::Kept;
use crate::outbox::{Left, Outbox, OutboxError};
use crate::run::Ended;

/// How many events are written in one go.
const BATCH: usize = 256;
/// How many messages wait to be accepted before the next line is read, so that a long input does not fill the outbox.
const AHEAD: usize = 100;
/// How long after the end of the input is waited until what was sent is accepted.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Whether there is no terminal on which a screen can be drawn.
pub(crate) fn is_called_for() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_dumb || typist() == Typist::Pipe
}

/// A person types and reads here only where both are a terminal.
fn typist() -> Typist {
    if io::stdin().is_terminal() && io::stdout().is_terminal() { Typist::Person } else { Typist::Pipe }
}

/// Talks until the person leaves or the input ends. In a full room it ends, unless it is to wait for a seat.
pub(crate) async fn talk(
    membership: &Membership,
    outbox: &mut Outbox,
    when_full: WhenFull,
    idle_after: Option<Duration>,
) -> Result<Ended, Failure> {
    let typist = typist();
    let (attention, reader) = match typist {
        Typist::Person => (AttentionState::Here, Reader::HereSince(Instant::now())),
        Typist::Pipe => (AttentionState::Idle, Reader::Nobody),
    };
    let mut network = start_with(membership, attention)?;
    let mut plain = Plain {
        conversation: Conversation::new(membership, TimeZone::system(), typist),
        outbox,
        outgoing: VecDeque::new(),
        printed: None,
        reader,
        idle_after,
        when_full,
        ends_by: None,
    };
    let ended = match until_the_end(plain.run(&mut network)).await? {
        End::Done(ended) => ended,
        End::NobodyReads => Ok(Ended::Quit),
        End::Signal(signal) => Ok(Ended::Signal(signal)),
    };
    for event in leave(network).await {
        // What is accepted meanwhile need not be kept.
        if let NetworkEvent::Posted(id) = event {
            plain.outbox.done(&id);
        }
    }
    ended
}

struct Plain<'a> {
    conversation: Conversation,
    outbox: &'a mut Outbox,
    /// Requests the network has no room for yet.
    outgoing: VecDeque<Request>,
    /// The newest place that is printed, and of which the others are not told yet that it was read.
    printed: Option<Seq>,
    reader: Reader,
    /// How long after the last line a person is taken for absent.
    idle_after: Option<Duration>,
    when_full: WhenFull,
    /// When it ends at the latest, once nothing more is to be sent.
    ends_by: Option<Instant>,
}

/// Who reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// A pipe: what it is handed is delivered, and nobody has seen it.
    Nobody,
    /// A person, who was here for certain then.
    HereSince(Instant),
    /// A person who has not typed for long.
    Idle,
}

/// Goes on, or ends.
type Flow = ControlFlow<Result<Ended, Failure>>;

impl Plain<'_> {
    async fn run(&mut self, network: &mut Network) -> Result<Ended, Failure> {
        let mut input = input::read();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let idle_at = match (self.reader, self.idle_after) {
                (Reader::HereSince(since), Some(after)) => Some(since + after),
                (Reader::HereSince(_) | Reader::Nobody | Reader::Idle, _) => None,
            };
            let takes_input = self.ends_by.is_none()
                && self.conversation.takes_input()
                && self.conversation.waits_for() < AHEAD
                && self.outgoing.is_empty();
            let flow = tokio::select! { biased;
                count = network.events.recv_many(&mut batch, BATCH) => match count {
                    0 => ControlFlow::Break(Err(Failure::new(Exit::Unexpected, "the network task has ended"))),
                    _ => self.hear(batch.drain(..)),
                },
                permit = network.requests.reserve(), if !self.outgoing.is_empty() => {
                    if let (Ok(permit), Some(request)) = (permit, self.outgoing.pop_front()) {
                        permit.send(request);
                    }
                    ControlFlow::Continue(())
                }
                line = input.recv(), if takes_input => match line {
                    Some(line) => self.take(line),
                    None => {
                        self.ends_by = Some(Instant::now() + LAST_ANSWERS);
                        let last = self.conversation.finish();
                        last.map_or(ControlFlow::Continue(()), |deed| self.perform(deed))
                    }
                },
                () = sleep_until(self.ends_by.unwrap_or_else(Instant::now)), if self.ends_by.is_some() => {
                    ControlFlow::Break(self.end())
                }
                () = sleep_until(idle_at.unwrap_or_else(Instant::now)), if idle_at.is_some() => {
                    self.reader = Reader::Idle;
                    self.outgoing.push_back(Request::Attention(AttentionState::Idle));
                    ControlFlow::Continue(())
                }
            };
            let out = std::mem::take(&mut self.conversation.out);
            if !out.is_empty() && !print(out).await? {
                return Ok(Ended::Quit);
            }
            if let Reader::HereSince(_) = self.reader
                && let Some(place) = self.printed.take()
            {
                self.outgoing.push_back(Request::Read(place));
            }
            if let ControlFlow::Break(end) = flow {
                return end;
            }
            let is_done = self.outgoing.is_empty() && self.conversation.waits_for() == 0;
            if self.ends_by.is_some() && is_done && self.conversation.is_caught_up() {
                return self.end();
            }
        }
    }

    /// How it ended when the input did.
    fn end(&self) -> Result<Ended, Failure> {
        match (self.conversation.waits_for(), self.conversation.unsent) {
            (0, 0) if self.conversation.was_in => Ok(Ended::Quit),
            (0, 0) => Err(Failure::new(Exit::NoConnection, "there was no connection")),
            (0, _) => Err(Failure::new(Exit::Refused, "not everything was sent")),
            _ => Err(Failure::new(Exit::NoConnection, "not everything was sent in time")),
        }
    }

    fn hear(&mut self, events: impl Iterator<Item = NetworkEvent>) -> Flow {
        for event in events {
            if let Some(deed) = self.conversation.hear(event) {
                self.perform(deed)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn take(&mut self, line: input::Line) -> Flow {
        if self.reader == Reader::Idle {
            self.outgoing.push_back(Request::Attention(AttentionState::Here));
        }
        if self.reader != Reader::Nobody {
            self.reader = Reader::HereSince(Instant::now());
        }
        match line.map(|line| self.conversation.typed(&line)) {
            Ok(Some(deed)) => return self.perform(deed),
            Ok(None) => {}
            Err(reason) => self.conversation.not_sent(reason),
        }
        ControlFlow::Continue(())
    }

    fn perform(&mut self, deed: Deed) -> Flow {
        match deed {
            Deed::Adopt => self.adopt(),
            Deed::Send(content) => self.send(content),
            Deed::Forget(id) => self.outbox.done(&id),
            Deed::Refuse { id, reason } => self.outbox.refuse(&id, &reason),
            Deed::Printed(place) => self.printed = Some(place),
            Deed::Retry => self.outgoing.push_back(Request::RetryNow),
            Deed::Full if self.when_full == WhenFull::Wait => {
                self.conversation.say_once("the room holds two other users, waiting for a seat");
                self.outgoing.push_back(Request::WaitForSeat);
            }
            Deed::Full => {
                return ControlFlow::Break(Err(Failure::new(Exit::RoomFull, "the room holds two other users")));
            }
            Deed::TurnedAway(sentence) => {
                return ControlFlow::Break(Err(Failure::new(Exit::Refused, sentence)));
            }
            Deed::Quit => {
                // Without a connection a person need not wait for what the outbox keeps.
                let is_worth_it = self.conversation.is_live() || self.reader == Reader::Nobody;
                self.ends_by = Some(Instant::now() + if is_worth_it { LAST_ANSWERS } else { Duration::ZERO });
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes over what clients that are gone had left.
    fn adopt(&mut self) {
        let Left { held, trouble } = self.outbox.adopt();
        self.conversation.adopted(&held);
        if let Some(trouble) = trouble {
            self.conversation.say(&format!("earlier messages may still be waiting to be sent: {trouble}"));
        }
        let posts = held.waiting.into_iter().map(|kept| Request::Post { id: kept.id, content: kept.content });
        self.outgoing.extend(posts);
    }

    /// Writes a message down, then hands it to the network. A server that is there can keep what the disk cannot.
    fn send(&mut self, content: String) {
        let kept = Kept { id: new_message_id(), content, at: Timestamp::now() };
        match self.outbox.put(&kept) {
            Ok(()) => {}
            Err(error @ (OutboxError::NoFolder | OutboxError::Disk { .. })) if self.conversation.is_live() => {
                self.conversation.say_once(&format!("sent, but not kept until the server has it: {error}"));
            }
            Err(error) => return self.conversation.not_sent(&error.to_string()),
        }
        self.conversation.sent(kept.id.clone());
        self.outgoing.push_back(Request::Post { id: kept.id, content: kept.content });
    }
}
