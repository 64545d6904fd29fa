//! What a hub has besides when its node is one of several: the lease, what there is to say to the judge, and the way to the
//! other nodes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use shared::names::RoomId;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::broker::rabbitmq::nodes::{Announcer, Heard};
use crate::clock;
use crate::database::DatabaseError;
use crate::hub::Event;
use crate::hub::run::Loop;
use crate::nodes::{NodeId, View, Word};
use crate::rooms::input::{Compared, Input, SeatAnswer};
use crate::rooms::output::Frame;
use crate::seats::desk::{Desk, Errand, Wish};
use crate::seats::lease::{Answer, Lease, Request};
use crate::seats::shared::{Done, SharedSeats, Standing};

/// How often rooms are compared with history: so long a message is late at most whose announcement was lost.
const COMPARE_EVERY: Duration = Duration::from_secs(2);

/// How long the judge may take to answer for the lease. With the time between two tries it can be missed more than once.
const LEASE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long an errand may take before whoever waits for a seat is told to come again.
const ERRAND_TIMEOUT: Duration = Duration::from_secs(5);

/// What makes several nodes one.
#[derive(Debug)]
pub struct Shared {
    /// The judge.
    pub seats: SharedSeats,
    /// The way to the other nodes.
    pub announcer: Announcer,
    /// Says whether this node has a lease.
    pub lease: watch::Sender<bool>,
}

/// What the hub does with it.
pub(super) struct Others {
    seats: SharedSeats,
    announcer: Announcer,
    is_leased: watch::Sender<bool>,
    lease: Lease,
    desk: Desk,
    /// When to compare; `None` while that is under way.
    compare_at: Option<Instant>,
    /// When to read receipts anew, which are not compared: what others said was missed, and by then history has it.
    recall_at: Option<Instant>,
}

/// What comes back of what the hub has sent away, and from other nodes.
#[derive(Debug)]
pub(super) enum News {
    Lease(Request, Instant, Answer),
    Errand(NodeId, RoomId, Result<Option<Done>, DatabaseError>),
    Compared(NodeId, Vec<(RoomId, Compared)>),
    NotCompared,
    Heard(Heard),
}

impl Others {
    pub(super) fn new(shared: Shared) -> Self {
        let Shared { seats, announcer, lease: is_leased } = shared;
        let lease = Lease::none(clock::now().instant);
        Self { seats, announcer, is_leased, lease, desk: Desk::default(), compare_at: None, recall_at: None }
    }

    /// When [`Loop::keep_up`] is next of use.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.lease.next(), self.compare_at].into_iter().flatten().min()
    }

    /// Whether the judge is yet to hear something.
    pub(super) fn has_more_to_say(&self) -> bool {
        self.name().is_some() && !self.desk.is_empty()
    }

    /// Under which name this node has a lease.
    pub(super) fn name(&self) -> Option<NodeId> {
        self.lease.name()
    }

    /// The seats, to be asked about a room that nobody is in here.
    pub(super) fn seats(&self) -> SharedSeats {
        self.seats.clone()
    }

    pub(super) fn wish(&mut self, room: &RoomId, wish: Wish) {
        self.desk.wish(room, wish);
    }

    pub(super) fn look(&mut self, room: &RoomId) {
        self.desk.look(room);
    }

    /// Tells other nodes.
    pub(super) fn tell(&self, mut nodes: Vec<NodeId>, word: Word) {
        nodes.retain(|node| Some(*node) != self.name());
        self.announcer.tell(nodes, word);
    }

    /// Passes a frame on.
    pub(super) fn relay(&self, room: RoomId, nodes: Vec<NodeId>, frame: Frame) {
        let Some(from) = self.name() else { return };
        match frame {
            Frame::Typing(typing) => self.tell(nodes, Word::Typing { room, from, typing }),
            Frame::Receipt(receipt) => self.tell(nodes, Word::Receipt { room, from, receipt }),
            // Each node makes these itself.
            Frame::Message(_) | Frame::Presence(_) | Frame::Gap(_) => {}
        }
    }
}

impl Loop {
    /// Does what it is time for: gives up a lease that has run out, before anything else is done under it, asks for what is
    /// due, and compares.
    pub(super) fn keep_up(&mut self) {
        let now = clock::now().instant;
        let Some(others) = &mut self.others else { return };
        if others.lease.is_over(now) {
            warn!("the lease of this node has run out; everybody is sent to other nodes");
            self.lease_changed();
        }
        self.ask_for_lease();
        self.compare();
    }

    /// The lease is another one, or none.
    fn lease_changed(&mut self) {
        let Some(others) = &mut self.others else { return };
        let name = others.name();
        // What was said under the old name is void.
        others.desk = Desk::default();
        others.announcer.name(name);
        others.is_leased.send_replace(name.is_some());
        self.hub.is_open.store(name.is_some(), Ordering::Relaxed);
        others.compare_at = name.map(|_| clock::now().instant);
        if let Some(name) = name {
            info!(%name, "this node is one of several");
        }
        self.input(Input::Lease(name));
    }

    fn ask_for_lease(&mut self) {
        let Some(others) = &mut self.others else { return };
        let asked_at = clock::now().instant;
        let Some(request) = others.lease.request(asked_at, NodeId::new()) else { return };
        let (hub, seats) = (self.hub.clone(), others.seats());
        self.tasks.spawn(async move {
            let asking = async {
                match request {
                    Request::Begin(name) => seats.begin(name).await.map(|()| true),
                    Request::Renew(name) => seats.renew(name).await,
                }
            };
            let answer = match tokio::time::timeout(LEASE_TIMEOUT, asking).await {
                Ok(Ok(true)) => Answer::Held,
                Ok(Ok(false)) => Answer::Lost,
                Ok(Err(_)) | Err(_) => Answer::Unknown,
            };
            hub.say(Event::News(News::Lease(request, asked_at, answer))).await;
        });
    }

    fn compare(&mut self) {
        let now = clock::now().instant;
        let Some(others) = &mut self.others else { return };
        let Some(name) = others.name() else { return };
        if others.compare_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        let standing = |(room, head, seats): (&RoomId, _, _)| Standing { room: room.clone(), head, seats };
        let known: Vec<Standing> = self.rooms.standing().map(standing).collect();
        let (hub, seats, history) = (self.hub.clone(), others.seats(), self.history.clone());
        let has_missed = others.recall_at.take_if(|at| *at <= now).is_some();
        self.tasks.spawn(async move {
            let news = match compare(&seats, &history, name, known, has_missed).await {
                Some(found) => News::Compared(name, found),
                None => News::NotCompared,
            };
            hub.say(Event::News(news)).await;
        });
    }

    /// Sends off the errands of a room, if there are any.
    pub(super) fn run_errands(&mut self, room: &RoomId) {
        let Some(others) = &mut self.others else { return };
        let Some(name) = others.name() else { return };
        let Some(errand) = others.desk.next(room) else { return };
        let (hub, seats, room) = (self.hub.clone(), others.seats(), room.clone());
        self.tasks.spawn(async move {
            let result = perform(&seats, name, &room, &errand).await;
            hub.say(Event::News(News::Errand(name, room, result))).await;
        });
    }

    pub(super) fn heard_news(&mut self, news: News) {
        match news {
            News::Lease(request, asked_at, answer) => self.lease_answered(request, asked_at, answer),
            News::Errand(name, room, result) => self.errand_ended(name, &room, result),
            News::Compared(name, found) => self.compared(name, found),
            News::NotCompared => self.compare_again(),
            News::Heard(heard) => self.heard(heard),
        }
    }

    fn lease_answered(&mut self, request: Request, asked_at: Instant, answer: Answer) {
        let Some(others) = &mut self.others else { return };
        if answer == Answer::Unknown {
            debug!("nobody knows whether there is a lease");
        }
        if others.lease.answered(clock::now().instant, asked_at, request, answer) {
            if others.name().is_none() {
                warn!("the lease of this node is gone; everybody is sent to other nodes");
            }
            self.lease_changed();
        }
    }

    fn errand_ended(&mut self, name: NodeId, room: &RoomId, result: Result<Option<Done>, DatabaseError>) {
        let Some(others) = self.others.as_mut().filter(|others| others.name() == Some(name)) else { return };
        match result {
            Ok(Some(Done { view, is_news, asked })) => {
                others.desk.done(room);
                if is_news {
                    let word = Word::Seats { room: room.clone(), view: view.clone() };
                    others.tell(nodes_of(&view), word);
                }
                for (user, is_taken) in asked {
                    let view = view.clone();
                    let answer = if is_taken { SeatAnswer::Taken(view) } else { SeatAnswer::Full(view) };
                    self.input(Input::SeatAnswered(room.clone(), user, answer));
                }
                self.input(Input::Seats(room.clone(), view));
            }
            Ok(None) => {
                warn!("the lease of this node is gone; everybody is sent to other nodes");
                others.lease.give_up(clock::now().instant);
                self.lease_changed();
            }
            Err(error) => {
                debug!(%room, %error, "the judge of seats did not answer");
                for user in others.desk.failed(room) {
                    self.input(Input::SeatAnswered(room.clone(), user, SeatAnswer::Unavailable));
                }
                // The rest is said again when rooms are compared.
                return;
            }
        }
        self.run_errands(room);
    }

    fn compared(&mut self, name: NodeId, found: Vec<(RoomId, Compared)>) {
        if self.others.as_ref().and_then(Others::name) == Some(name) {
            for (room, compared) in found {
                self.input(Input::Compared(room, compared));
            }
        }
        self.compare_again();
    }

    fn compare_again(&mut self) {
        let Some(others) = &mut self.others else { return };
        if others.name().is_some() {
            others.compare_at = Some(clock::now().instant + COMPARE_EVERY);
        }
        for room in others.desk.waiting_rooms() {
            self.run_errands(&room);
        }
    }

    fn heard(&mut self, heard: Heard) {
        let Some(others) = &mut self.others else { return };
        match heard {
            Heard::Connected => others.recall_at = Some(clock::now().instant + COMPARE_EVERY),
            Heard::Words(words) => words.into_iter().filter_map(input).for_each(|input| self.input(input)),
        }
    }

    /// The node ends.
    pub(super) async fn leave(&self) {
        let Some(others) = &self.others else { return };
        let Some(name) = others.name() else { return };
        if let Err(error) = others.seats.leave(name, clock::timestamp()).await {
            warn!(%error, "seats are not kept for those who move to another node");
        }
    }
}

/// What the core is to hear of what another node says.
fn input(word: Word) -> Option<Input> {
    Some(match word {
        Word::Messages { room, messages } => Input::Heard(room, messages),
        Word::Seats { room, view } => Input::Seats(room, view),
        Word::Typing { room, from, typing } => Input::Relayed(room, from, Frame::Typing(typing)),
        Word::Receipt { room, from, receipt } => Input::Relayed(room, from, Frame::Receipt(receipt)),
        // What is placed concerns who has published it.
        Word::Placed { .. } | Word::Unknown => return None,
    })
}

async fn perform(
    seats: &SharedSeats,
    name: NodeId,
    room: &RoomId,
    errand: &Errand,
) -> Result<Option<Done>, DatabaseError> {
    let performing = seats.perform(name, room, errand);
    tokio::time::timeout(ERRAND_TIMEOUT, performing).await.unwrap_or(Err(DatabaseError::Silent))
}

async fn compare(
    seats: &SharedSeats,
    history: &crate::history::History,
    name: NodeId,
    known: Vec<Standing>,
    has_missed: bool,
) -> Option<Vec<(RoomId, Compared)>> {
    let found = seats.compare(name, &known).await.inspect_err(|error| debug!(%error, "rooms are not compared")).ok()?;
    let mut compared = Vec::with_capacity(found.len());
    for Standing { room, head, seats } in if has_missed { merge(found, known) } else { found } {
        let receipts = if has_missed { history.receipts(&room).await.unwrap_or_default() } else { Vec::new() };
        compared.push((room, Compared { head, seats, receipts }));
    }
    Some(compared)
}

/// What was found, and of what is known the rest.
fn merge(mut found: Vec<Standing>, known: Vec<Standing>) -> Vec<Standing> {
    let new: std::collections::HashSet<RoomId> = found.iter().map(|standing| standing.room.clone()).collect();
    found.extend(known.into_iter().filter(|standing| !new.contains(&standing.room)));
    found
}

/// The nodes of a view, each once.
fn nodes_of(view: &View) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = view.seats.iter().map(|seat| seat.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
