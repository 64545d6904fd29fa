//! The loop itself: it feeds the core what happens and does what it says.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use shared::frames::Receipt;
use shared::message::Seq;
use shared::names::RoomId;
use shared::rest::Occupant;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::access::invites::Revocation;
use crate::clock;
use crate::history::{History, HistoryError, Span};
use crate::hub::encoder::Encoder;
use crate::hub::others::Others;
use crate::hub::seat::{self, Cut, Link};
use crate::hub::unkept::Unkept;
use crate::hub::{Answer, Event, Hub, JoinError};
use crate::nodes::Word;
use crate::rooms::input::{Input, Join, Leaving, Page};
use crate::rooms::output::{Frame, Output};
use crate::rooms::{PAGE_MESSAGES, Rooms, SessionId, merged};
use crate::seats::desk::Wish;

/// How many inputs the hub takes at a time.
const INPUTS_AT_ONCE: usize = 64;

/// How long a receipt may wait to be kept, with all that come meanwhile. A server that is killed forgets those; clients
/// say them again when they are back.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// How long the end waits until the judge has been told who has left.
const SAY_THE_REST: Duration = Duration::from_millis(400);

pub(super) struct Loop {
    pub(super) rooms: Rooms,
    pub(super) max_rooms: NonZeroUsize,
    pub(super) max_outbound_bytes: usize,
    pub(super) stalled: Counter,
    /// What there is besides where there are several nodes.
    pub(super) others: Option<Others>,
    /// Those who wait for their answer.
    pub(super) joining: HashMap<SessionId, (Join, Option<Timestamp>, Answer)>,
    /// Those who are in.
    pub(super) links: HashMap<SessionId, Link>,
    pub(super) encoder: Encoder,
    /// What the core says; empty, and here only so that it is not made anew each time.
    pub(super) out: Vec<Output>,
    pub(super) unkept: Unkept,
    /// When to keep them, unless that is under way or there are none.
    pub(super) keep_at: Option<Instant>,
    pub(super) hub: Hub,
    pub(super) history: History,
    pub(super) tasks: TaskTracker,
}

impl Loop {
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Event>, stop: CancellationToken) {
        let mut events = Vec::with_capacity(INPUTS_AT_ONCE);
        loop {
            tokio::select! {
                _ = waiting.recv_many(&mut events, INPUTS_AT_ONCE) => {}
                () = until(self.rooms.next_tick()) => events.push(Event::Input(Input::Tick)),
                () = until(self.keep_at) => self.keep(),
                () = until(self.others.as_ref().and_then(Others::next)) => {}
                () = stop.cancelled() => return self.end(waiting).await,
            }
            self.keep_up();
            for event in events.drain(..) {
                if let Some(input) = self.note(event) {
                    self.input(input);
                }
            }
            self.hub.rooms.store(self.rooms.len(), Ordering::Relaxed);
        }
    }

    /// Lets the core take in what happened, and does what it says.
    pub(super) fn input(&mut self, input: Input) {
        let mut out = std::mem::take(&mut self.out);
        self.rooms.handle(clock::now(), input, &mut out);
        for output in out.drain(..) {
            self.perform(output);
        }
        self.out = out;
    }

    /// Keeps what is the hub's in step with what the core is about to hear, if that concerns the core.
    fn note(&mut self, event: Event) -> Option<Input> {
        Some(match event {
            Event::Join(join, issued_at, answer) => {
                if !self.rooms.takes(&join.room, self.max_rooms) {
                    // A connection that has given up needs no answer.
                    let _ = answer.send(Err(JoinError::TooManyRooms));
                    return None;
                }
                self.joining.insert(join.session, (join.clone(), issued_at, answer));
                Input::Joined(join)
            }
            Event::Left(room, session, leaving) => {
                self.links.remove(&session);
                Input::Left(room, session, leaving)
            }
            Event::Drained(room, session) => {
                if let Some(link) = self.links.get(&session) {
                    link.drained();
                }
                Input::Drained(room, session)
            }
            Event::Asked(room, answer) => {
                self.tell_occupants(room, answer);
                return None;
            }
            Event::Placed(room, messages, hosts) => {
                if let Some(others) = &self.others {
                    let word = Word::Messages { room: room.clone(), messages: messages.clone() };
                    others.tell(hosts.to_vec(), word);
                }
                Input::Heard(room, messages)
            }
            Event::News(news) => {
                self.heard_news(news);
                return None;
            }
            Event::Revoked(revocations) => {
                self.send_away(&revocations);
                return None;
            }
            Event::Kept(result) => {
                self.kept(result);
                return None;
            }
            Event::Input(input) => input,
        })
    }

    fn send_away(&mut self, revocations: &[Revocation]) {
        let is_revoked = |link: &&Link| revocations.iter().any(|revocation| link.is_covered_by(revocation));
        let revoked =
            self.links.iter().filter(|(_, link)| is_revoked(link)).map(|(session, link)| (*session, link.room.clone()));
        for (session, room) in revoked.collect::<Vec<_>>() {
            if let Some(link) = self.links.remove(&session) {
                link.cut(Cut::Revoked);
            }
            // Now, and not when the session is done with a peer that may not read.
            self.input(Input::Left(room, session, Leaving::Closed));
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Enter(session, entry) => {
                if let Some((join, issued_at, answer)) = self.joining.remove(&session) {
                    let (link, seat) = seat::seat(self.hub.clone(), join, issued_at, entry);
                    self.links.insert(session, link);
                    // If nobody waits for it any more, the seat is dropped here, and says so itself.
                    let _ = answer.send(Ok(seat));
                }
            }
            Output::Refuse(session) => self.refuse(session, JoinError::Full),
            Output::Fail(session) => match self.links.remove(&session) {
                Some(link) => link.cut(Cut::Unreadable),
                None => self.refuse(session, JoinError::Unavailable),
            },
            Output::Dismiss(session) => {
                if let Some(link) = self.links.remove(&session) {
                    link.cut(Cut::Elsewhere);
                }
            }
            Output::Send(session, frame) => self.send(session, frame),
            Output::Read(room, after) => self.read(room, after),
            Output::Keep(room, receipt) => {
                // One that comes while others are on their way is kept after them.
                if !self.unkept.is_there() {
                    self.keep_at = Some(clock::now().instant + KEEP_WITHIN);
                }
                self.unkept.note(room, receipt);
            }
            Output::TakeSeat(room, occupant) => self.wish(&room, Wish::Take(occupant)),
            Output::NoteSeat(room, occupant) => self.wish(&room, Wish::Note(occupant)),
            Output::LookAtSeats(room) => {
                if let Some(others) = &mut self.others {
                    others.look(&room);
                }
                self.run_errands(&room);
            }
            Output::Relay(room, nodes, frame) => {
                if let Some(others) = &self.others {
                    others.relay(room, nodes, frame);
                }
            }
        }
    }

    fn wish(&mut self, room: &RoomId, wish: Wish) {
        if let Some(others) = &mut self.others {
            others.wish(room, wish);
        }
        self.run_errands(room);
    }

    /// Says who is in a room: of one that nobody is in here, by what other nodes hold.
    fn tell_occupants(&self, room: RoomId, answer: oneshot::Sender<Vec<Occupant>>) {
        let known = self.rooms.occupants(&room);
        match &self.others {
            Some(others) if known.is_empty() => {
                let seats = others.seats();
                self.tasks.spawn(async move {
                    // Where it cannot be asked, whoever waits hears that from the answer that does not come.
                    if let Ok(seats) = seats.occupants(&room).await {
                        let _ = answer.send(merged(seats.into_iter().map(|seat| seat.occupant)));
                    }
                });
            }
            Some(_) | None => {
                // Whoever asked may have given up waiting.
                let _ = answer.send(known);
            }
        }
    }

    /// Gives history what it does not have.
    fn keep(&mut self) {
        self.keep_at = None;
        let (hub, history, receipts) = (self.hub.clone(), self.history.clone(), self.unkept.leave());
        self.tasks.spawn(async move {
            let result = history.keep_receipts(receipts).await;
            hub.say(Event::Kept(result)).await;
        });
    }

    fn kept(&mut self, result: Result<(), HistoryError>) {
        match result {
            Ok(()) => self.unkept.kept(),
            Err(error) => {
                debug!(%error, "receipts are not kept yet");
                self.unkept.not_kept();
            }
        }
        if self.unkept.is_there() {
            self.keep_at = Some(clock::now().instant + KEEP_WITHIN);
        }
    }

    async fn end(mut self, mut waiting: mpsc::Receiver<Event>) {
        // Those who have just left are told of, and their seats are kept or free.
        let saying = async {
            while self.others.as_ref().is_some_and(Others::has_more_to_say) {
                let Some(event) = waiting.recv().await else { break };
                if let Some(input) = self.note(event) {
                    self.input(input);
                }
            }
        };
        if tokio::time::timeout(SAY_THE_REST, saying).await.is_err() {
            debug!("not all that was to be said of seats has been said");
        }
        self.leave().await;
        self.unkept.not_kept();
        if let Err(error) = self.history.keep_receipts(self.unkept.leave()).await {
            warn!(%error, "the last receipts are not kept; clients say them again");
        }
    }

    fn refuse(&mut self, session: SessionId, why: JoinError) {
        if let Some((.., answer)) = self.joining.remove(&session) {
            // A connection that has given up needs no answer.
            let _ = answer.send(Err(why));
        }
    }

    fn send(&mut self, session: SessionId, frame: Frame) {
        let Some(link) = self.links.get(&session) else { return };
        if link.takes_frames() {
            if link.put(self.encoder.encode(&frame, link.voice), self.max_outbound_bytes) {
                return;
            }
            self.stalled.inc();
        }
        let mut nothing = Vec::new();
        self.rooms.handle(clock::now(), Input::QueueFull(link.room.clone(), session, frame), &mut nothing);
    }

    fn read(&self, room: RoomId, after: Seq) {
        let (hub, history) = (self.hub.clone(), self.history.clone());
        // Now, for what is kept while the page is being read may stand in neither.
        let unkept: Vec<Receipt> = self.unkept.of(&room).collect();
        self.tasks.spawn(async move {
            let input = match read(&history, &room, after).await {
                Ok(mut page) => {
                    // Those who moved last come first.
                    page.receipts.splice(0..0, unkept);
                    Input::Read(room, after, page)
                }
                Err(error) => {
                    debug!(%room, %error, "a room could not be read");
                    Input::ReadFailed(room)
                }
            };
            hub.say(Event::Input(input)).await;
        });
    }
}

async fn read(history: &History, room: &RoomId, after: Seq) -> Result<Page, HistoryError> {
    let page = history.page(room, Span::After(after), PAGE_MESSAGES).await?;
    let receipts = history.receipts(room).await?;
    Ok(Page { head: page.head, messages: page.messages.into_iter().map(Arc::new).collect(), receipts })
}

/// Waits until then, or for ever.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
