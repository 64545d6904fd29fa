//! The task that keeps one room connected: it connects, goes on where it was after a break, and carries requests and
//! events between the screen and the server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, OptionFuture, pending};
use jiff::{SignedDuration, Timestamp};
use shared::frames::{Activity, Attention, AttentionState, Bye, ClientFrame, CloseCode, SEAT_KEPT_FOR, ServerFrame};
use shared::message::Seq;
use shared::rest::{HistoryPage, MAX_FOUND, Occupant, RoomAnswer};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::network::api::{Api, Range};
use crate::network::backoff::Backoff;
use crate::network::error::ApiError;
use crate::network::feed::{Feed, Verdict};
use crate::network::posts::Posts;
use crate::network::receipts::Receipts;
use crate::network::sleep::{LOOK_EVERY, Moment};
use crate::network::socket::{Socket, SocketEvent};
use crate::network::{NetworkEvent, Request};

/// A connection that lived this long was a good one: the next loss is a new one, not the same again.
const GOOD_AFTER: Duration = Duration::from_secs(5);
/// How many older messages a page brings: some screens full.
const PAGE: u32 = 200;
/// The shortest time between two questions for a seat; two and a half times as long at the most.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// How long whoever waits for a seat leaves it to those who had it, when the server was gone: as long as a seat is kept for
/// somebody who broke off, and some seconds more in which they find that the server is back.
const HOLD_BACK: Duration = SEAT_KEPT_FOR.saturating_add(Duration::from_secs(5));
/// How many users a room holds.
const SEATS: usize = 2;
/// How long posts may still take when the program ends.
const LAST_POSTS_WITHIN: Duration = Duration::from_millis(800);

pub(crate) struct Connection {
    api: Arc<Api>,
    last: u32,
    /// Events that the screen has not taken yet. While there are any, the socket is not read.
    untold: VecDeque<NetworkEvent>,
    link: Link,
    feed: Feed,
    backoff: Backoff,
    welcomed_at: Option<Instant>,
    bye: Option<Bye>,
    posts: Posts,
    receipts: Receipts,
    page: OptionFuture<BoxFuture<'static, Result<HistoryPage, ApiError>>>,
    search: OptionFuture<BoxFuture<'static, NetworkEvent>>,
    attention: AttentionState,
    /// What the attention was when the connection was asked for.
    opened_with: AttentionState,
    /// Present from [`Request::WaitForSeat`] until it is in.
    seat: Option<SeatWait>,
}

/// What whoever waits for a seat knows of them.
#[derive(Default)]
struct SeatWait {
    /// Who held the seats by the last answer; `None` before the first.
    known: Option<Vec<Occupant>>,
    /// Until when a free seat is left to those who had it.
    hold_until: Option<Instant>,
    /// Whether it was told that the server is gone, and not yet that it still waits.
    is_lost: bool,
}

/// What the connection is about.
enum Link {
    Opening(BoxFuture<'static, Result<Box<Socket>, ApiError>>),
    Open(Box<Socket>),
    Waiting {
        until: Instant,
        /// Whether any sign of the server's being back ends the wait: it has asked for none.
        may_hurry: bool,
    },
    /// Until somebody asks for another try.
    Parked,
    /// Until it is time to ask again for a seat in a full room.
    Seatless(Instant),
    Asking(BoxFuture<'static, Result<RoomAnswer, ApiError>>),
}

enum LinkEvent {
    SeatDue,
    Seats(Result<RoomAnswer, ApiError>),
    Opened(Result<Box<Socket>, ApiError>),
    Heard(SocketEvent),
    Due,
}

impl Link {
    async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Opening(opening) => LinkEvent::Opened(opening.await),
            Self::Open(socket) => LinkEvent::Heard(socket.next().await),
            Self::Waiting { until, .. } => {
                sleep_until(*until).await;
                LinkEvent::Due
            }
            Self::Parked => pending().await,
            Self::Seatless(until) => {
                sleep_until(*until).await;
                LinkEvent::SeatDue
            }
            Self::Asking(asking) => LinkEvent::Seats(asking.await),
        }
    }
}

impl SeatWait {
    /// Where nobody is there any more as they were when it last asked, the server may have been gone in between.
    fn learn(&mut self, occupants: Vec<Occupant>, now: Instant) {
        let known = self.known.replace(occupants).unwrap_or_default();
        let stays = |occupant: &Occupant| known.contains(occupant);
        if !known.is_empty() && !self.known.iter().flatten().any(stays) {
            self.hold_back(now);
        }
    }

    fn hold_back(&mut self, now: Instant) {
        self.hold_until = Some(now + HOLD_BACK);
    }

    fn holds_back(&self, now: Instant) -> bool {
        self.hold_until.is_some_and(|until| now < until)
    }
}

impl Connection {
    pub(crate) fn new(api: Api, last: u32, attention: AttentionState) -> Self {
        let api = Arc::new(api);
        Self {
            posts: Posts::new(Arc::clone(&api)),
            api,
            last,
            untold: VecDeque::new(),
            link: Link::Parked,
            feed: Feed::default(),
            backoff: Backoff::default(),
            welcomed_at: None,
            bye: None,
            receipts: Receipts::new(Instant::now()),
            page: None.into(),
            search: None.into(),
            attention,
            opened_with: attention,
            seat: None,
        }
    }

    /// Runs until the other end of the requests is dropped, then closes.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>, events: mpsc::Sender<NetworkEvent>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Moment::now();
        self.connect();
        loop {
            let due = self.receipts.due().filter(|_| self.is_heard());
            tokio::select! { biased;
                request = requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => break,
                },
                place = events.reserve(), if !self.untold.is_empty() => match (place, self.untold.pop_front()) {
                    (Ok(place), Some(event)) => {
                        self.receipts.note(&event);
                        place.send(event);
                    }
                    // Nobody listens any more.
                    (Err(_), _) | (_, None) => break,
                },
                event = self.posts.next() => self.posted(event),
                Some(page) = &mut self.page => self.turn(page),
                Some(event) = &mut self.search => {
                    self.search = None.into();
                    self.tell(event);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    // First the screen, in whose thread this is: a message is seen the time of a system call earlier.
                    yield_now().await;
                    self.tell_how_far();
                }
                event = self.link.next(), if self.untold.is_empty() => self.step(event),
                _ = look.tick(), if !matches!(self.link, Link::Parked) => {
                    let now = Moment::now();
                    if seen.slept_until(now) {
                        self.wake();
                    }
                    seen = now;
                }
            }
        }
        self.close(events).await;
    }

    /// Ends properly. Of what happens meanwhile only accepted posts are told: what else becomes of a post is for the next
    /// run to see, which makes it again.
    async fn close(mut self, events: mpsc::Sender<NetworkEvent>) {
        let posting = timeout(LAST_POSTS_WITHIN, async {
            let is_posted = |event: &NetworkEvent| matches!(event, NetworkEvent::Posted(_));
            for event in self.untold.drain(..).filter(is_posted) {
                events.send(event).await?;
            }
            while !self.posts.is_empty() {
                let event = self.posts.next().await;
                if is_posted(&event) {
                    events.send(event).await?;
                }
            }
            Ok::<_, mpsc::error::SendError<NetworkEvent>>(())
        });
        let closing = async {
            if let Link::Open(socket) = self.link {
                socket.close().await;
            }
        };
        // What is not accepted by now waits in the outbox, as the screen has said.
        let (_, ()) = tokio::join!(posting, closing);
    }

    fn tell(&mut self, event: NetworkEvent) {
        self.untold.push_back(event);
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Post { id, content } => self.posts.push(id, content),
            Request::Read(seq) => self.receipts.read(seq),
            Request::PageBefore(seq) => self.fetch_before(seq),
            Request::Search { query, before } => self.look_for(query, before),
            Request::Typing(state) => self.say(&ClientFrame::Typing(Activity { state })),
            Request::Attention(state) => {
                self.attention = state;
                self.say(&ClientFrame::Presence(Attention { state }));
            }
            Request::RetryNow => {
                self.posts.hurry();
                if matches!(self.link, Link::Waiting { .. } | Link::Parked | Link::Seatless(_) | Link::Asking(_)) {
                    self.connect();
                }
            }
            Request::WaitForSeat => {
                if matches!(self.link, Link::Parked) {
                    // Of what it knows from before it was turned away, only that the server was gone still counts.
                    let hold_until = self.seat.take().and_then(|seat| seat.hold_until);
                    self.seat = Some(SeatWait { hold_until, ..SeatWait::default() });
                    self.ask_for_seat();
                }
            }
        }
    }

    /// Of a post something is known. One that is accepted shows that the server is back.
    fn posted(&mut self, event: NetworkEvent) {
        let is_accepted = matches!(event, NetworkEvent::Posted(_));
        self.tell(event);
        if is_accepted && matches!(self.link, Link::Waiting { may_hurry: true, .. }) {
            self.connect();
        }
    }

    fn fetch_before(&mut self, seq: Seq) {
        let api = Arc::clone(&self.api);
        self.page = Some(async move { api.page(Range::Before(seq), PAGE).await }.boxed()).into();
    }

    fn look_for(&mut self, query: String, before: Option<Seq>) {
        let api = Arc::clone(&self.api);
        let search = async move {
            match api.search(&query, before, MAX_FOUND).await {
                Ok(page) => NetworkEvent::Found { query, page },
                Err(error) => NetworkEvent::SearchFailed { query, reason: in_few_words(error) },
            }
        };
        self.search = Some(search.boxed()).into();
    }

    /// Says what only matters now; where there is nobody to hear it, it is not said.
    fn say(&mut self, frame: &ClientFrame) {
        if !self.is_heard() {
            return;
        }
        if let Link::Open(socket) = &mut self.link {
            socket.tell(frame);
        }
    }

    fn turn(&mut self, page: Result<HistoryPage, ApiError>) {
        self.page = None.into();
        self.tell(match page {
            Ok(page) => NetworkEvent::Page(page),
            Err(error) => NetworkEvent::PageFailed(in_few_words(error)),
        });
    }

    fn connect(&mut self) {
        self.bye = None;
        self.tell(NetworkEvent::Connecting);
        self.opened_with = self.attention;
        let (api, resume, last, attention) =
            (Arc::clone(&self.api), self.feed.resume_point(), self.last, self.attention);
        let opening = async move { Socket::open(&api, resume, last, attention).await.map(Box::new) };
        self.link = Link::Opening(opening.boxed());
    }

    fn ask_for_seat(&mut self) {
        let api = Arc::clone(&self.api);
        self.link = Link::Asking(async move { api.room().await }.boxed());
    }

    /// What is known of the seats now. The first answer only tells who holds them: whoever was turned away a moment ago and
    /// hears of a free seat would be back at once, and turned away again.
    fn seats(&mut self, answer: Result<RoomAnswer, ApiError>) {
        let now = Instant::now();
        let ask_at = now + ASK_AFTER.mul_f64(1.0 + 1.5 * rand::random::<f64>());
        let seat = self.seat.get_or_insert_default();
        match answer {
            Ok(RoomAnswer { occupants, .. }) => {
                let users: Vec<_> = occupants.iter().map(|occupant| occupant.user.clone()).collect();
                let is_first = seat.known.is_none();
                seat.learn(occupants, now);
                let is_free = users.len() < SEATS || users.contains(&self.api.who.username);
                if is_free && !is_first && !seat.holds_back(now) {
                    return self.connect();
                }
                self.link = Link::Seatless(ask_at);
                if std::mem::take(&mut seat.is_lost) {
                    self.tell(NetworkEvent::RoomFull);
                }
                if !is_free {
                    self.tell(NetworkEvent::SeatsTaken(users));
                }
            }
            Err(ApiError::Unreachable(words) | ApiError::Busy { words, .. } | ApiError::Token(words)) => {
                seat.hold_back(now);
                self.link = Link::Seatless(ask_at);
                if seat.is_lost {
                    self.tell_lost(words, ask_at - now);
                }
            }
            // One that cannot tell is asked by trying to get in.
            Err(ApiError::Unheard(_) | ApiError::Refused(_)) => {
                let until = seat.hold_until.unwrap_or(ask_at).max(ask_at);
                self.link = Link::Waiting { until, may_hurry: false };
            }
        }
    }

    /// Whether there is somebody to tell anything: a plain server takes nothing.
    fn is_heard(&self) -> bool {
        self.welcomed_at.is_some() && matches!(&self.link, Link::Open(socket) if !socket.is_plain())
    }

    fn tell_how_far(&mut self) {
        if let Link::Open(socket) = &mut self.link {
            self.receipts.tell(Instant::now(), |reached| socket.tell(&ClientFrame::Receipt(reached)));
        }
    }

    /// The machine slept: what was connected is dead or will be, and waiting makes no sense any more.
    fn wake(&mut self) {
        self.start_over();
        self.backoff.reset();
        self.connect();
    }

    /// Where one connection is dead without a word, those of the posts are as well.
    fn start_over(&mut self) {
        if let Ok(api) = self.api.afresh() {
            self.api = Arc::new(api);
            self.posts.start_over(Arc::clone(&self.api));
        }
    }

    fn step(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Due => self.connect(),
            LinkEvent::SeatDue => self.ask_for_seat(),
            LinkEvent::Seats(answer) => self.seats(answer),
            LinkEvent::Opened(Ok(socket)) => self.link = Link::Open(socket),
            LinkEvent::Opened(Err(ApiError::Unreachable(words))) => self.lose(words, None),
            LinkEvent::Opened(Err(ApiError::Busy { words, retry_after, .. })) => self.lose(words, retry_after),
            LinkEvent::Opened(Err(ApiError::Token(_))) => self.lose("token refused".to_owned(), None),
            LinkEvent::Opened(Err(ApiError::Unheard(sentence) | ApiError::Refused(sentence))) => {
                self.park(NetworkEvent::Refused(sentence))
            }
            LinkEvent::Heard(SocketEvent::Frame(frame)) => self.hear(frame),
            LinkEvent::Heard(SocketEvent::RoundTrip(time)) => self.tell(NetworkEvent::RoundTrip(time)),
            LinkEvent::Heard(SocketEvent::Closed(code)) => self.closed(code),
            LinkEvent::Heard(SocketEvent::Broken(words)) => self.end(None, words),
            LinkEvent::Heard(SocketEvent::Silent) => {
                self.start_over();
                self.end(None, "no answer".to_owned());
            }
        }
    }

    fn hear(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Welcome(welcome) => {
                self.feed.welcome(&welcome);
                self.receipts.welcome(welcome.resume);
                self.welcomed_at = Some(Instant::now());
                self.seat = None;
                self.posts.hurry();
                self.tell(NetworkEvent::Welcomed(welcome));
                // A server that did not look at how it was opened counts a new connection as attended.
                if self.attention == AttentionState::Idle || self.attention != self.opened_with {
                    self.say(&ClientFrame::Presence(Attention { state: self.attention }));
                }
            }
            ServerFrame::Message(message) => match self.feed.message(message.seq) {
                Verdict::New => self.tell(NetworkEvent::Message(message)),
                Verdict::Repeat => {}
                Verdict::Hole => self.lose("a message was missing".to_owned(), None),
            },
            ServerFrame::Presence(presence) => self.tell(NetworkEvent::Presence(presence)),
            ServerFrame::Gap(gap) => {
                if self.feed.gap(gap) {
                    self.tell(NetworkEvent::Gap(gap));
                }
            }
            ServerFrame::Receipt(receipt) => self.tell(NetworkEvent::Receipt(receipt)),
            ServerFrame::Typing(typing) => self.tell(NetworkEvent::Typing(typing)),
            ServerFrame::Bye(bye) => self.bye = Some(bye),
            ServerFrame::Unknown => {}
        }
    }

    fn closed(&mut self, code: u16) {
        match code {
            1001 | 1012 => self.end(Some("server restarting"), String::new()),
            1013 => self.end(Some("connection too slow"), String::new()),
            code if CloseCode::may_reconnect(code) => self.end(None, format!("closed by the server, code {code}")),
            _ => self.park(NetworkEvent::RoomFull),
        }
    }

    /// The connection has ended: for a `known` reason, or for the one the server gave, or `otherwise`.
    fn end(&mut self, known: Option<&str>, otherwise: String) {
        let (said, retry_after) = match self.bye.take() {
            None => (None, None),
            Some(Bye { reason, retry_after_ms: None }) => return self.park(NetworkEvent::Refused(reason)),
            Some(Bye { reason, retry_after_ms: Some(ms) }) => (Some(reason), Some(Duration::from_millis(ms))),
        };
        self.lose(known.map(str::to_owned).or(said).unwrap_or(otherwise), retry_after);
    }

    /// Waits for the next attempt.
    fn lose(&mut self, reason: String, retry_after: Option<Duration>) {
        if self.welcomed_at.take().is_some_and(|at| at.elapsed() >= GOOD_AFTER) {
            self.backoff.reset();
        }
        let wait = self.backoff.next_wait(rand::random(), retry_after);
        let now = Instant::now();
        self.link = match &mut self.seat {
            // Whoever waits for a seat does not come in first when the server is back.
            Some(seat) => {
                seat.hold_back(now);
                seat.is_lost = true;
                Link::Seatless(now + wait)
            }
            None => Link::Waiting { until: now + wait, may_hurry: retry_after.is_none() },
        };
        self.tell_lost(reason, wait);
    }

    fn tell_lost(&mut self, reason: String, wait: Duration) {
        let retry_at = Timestamp::now() + SignedDuration::try_from(wait).unwrap_or_default();
        self.tell(NetworkEvent::Lost { reason, retry_at });
    }

    fn park(&mut self, event: NetworkEvent) {
        self.welcomed_at = None;
        self.link = Link::Parked;
        self.tell(event);
    }
}

/// Why a question to the server came to nothing.
fn in_few_words(error: ApiError) -> String {
    match error {
        ApiError::Unreachable(words)
        | ApiError::Busy { words, .. }
        | ApiError::Token(words)
        | ApiError::Unheard(words)
        | ApiError::Refused(words) => words,
    }
}
