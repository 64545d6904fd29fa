//! The task that keeps one room connected: it connects, goes on where it was after a break, and carries requests and
//! events between the screen and the server.
//!
//! Read in this order: this file, `link` (what it is about), `loss` (how it ends), `full` and `seat` (in a full room).

mod full;
mod link;
mod loss;
mod seat;

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::FutureExt;
use shared::frames::{Activity, Attention, AttentionState, Bye, ClientFrame, NewToken, ServerFrame};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::network::backoff::Backoff;
use crate::network::connection::link::{Link, LinkEvent};
use crate::network::connection::seat::SeatWait;
use crate::network::error::ApiError;
use crate::network::feed::{Feed, Verdict};
use crate::network::fleet::Fleet;
use crate::network::posts::Posts;
use crate::network::questions::Questions;
use crate::network::receipts::Receipts;
use crate::network::renewal::Renewal;
use crate::network::sleep::{LOOK_EVERY, Moment};
use crate::network::socket::{Socket, SocketEvent};
use crate::network::{NetworkEvent, Request};

/// How long posts may still take when the program ends.
const LAST_POSTS_WITHIN: Duration = Duration::from_millis(800);

pub(crate) struct Connection {
    servers: Fleet,
    last: u32,
    /// Events that the screen has not taken yet. While there are any, the socket is not read.
    untold: VecDeque<NetworkEvent>,
    link: Link,
    feed: Feed,
    backoff: Backoff,
    /// Whether a server has answered the last attempt.
    is_reached: bool,
    welcomed_at: Option<Instant>,
    bye: Option<Bye>,
    posts: Posts,
    receipts: Receipts,
    questions: Questions,
    renewal: Renewal,
    attention: AttentionState,
    /// What the attention was when the connection was asked for.
    opened_with: AttentionState,
    /// Present from [`Request::WaitForSeat`] until it is in.
    seat: Option<SeatWait>,
}

impl Connection {
    pub(crate) fn new(servers: Fleet, last: u32, attention: AttentionState) -> Self {
        Self {
            posts: Posts::new(servers.fork()),
            servers,
            last,
            untold: VecDeque::new(),
            link: Link::Parked,
            feed: Feed::default(),
            backoff: Backoff::default(),
            is_reached: false,
            welcomed_at: None,
            bye: None,
            receipts: Receipts::new(Instant::now()),
            questions: Questions::default(),
            renewal: Renewal::default(),
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
                event = self.questions.next() => self.tell(event),
                token = self.renewal.next() => self.say(&ClientFrame::Token(NewToken { token })),
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
            Request::PageBefore(seq) => self.questions.fetch_before(self.servers.fork(), seq),
            Request::Search { query, before } => self.questions.look_for(self.servers.fork(), query, before),
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
                    self.seat = Some(SeatWait::begin(self.seat.take()));
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
            self.servers.turn_to(&self.posts.api());
            self.connect();
        }
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

    fn connect(&mut self) {
        self.bye = None;
        self.renewal.stop();
        let api = self.servers.api();
        if self.servers.are_several() {
            self.tell(NetworkEvent::Server(api.address()));
        }
        self.tell(NetworkEvent::Connecting);
        self.opened_with = self.attention;
        let (resume, last, attention) = (self.feed.resume_point(), self.last, self.attention);
        let opening = async move { Socket::open(&api, resume, last, attention).await.map(Box::new) };
        self.link = Link::Opening(opening.boxed());
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

    fn step(&mut self, event: LinkEvent) {
        if let LinkEvent::Opened(opened) = &event {
            self.is_reached = !matches!(opened, Err(ApiError::Unreachable(_) | ApiError::Unheard(_)));
        }
        if let LinkEvent::Opened(Err(error @ (ApiError::Busy { .. } | ApiError::TooOften { .. }))) = &event {
            self.tell(NetworkEvent::NotLetIn(error.clone()));
        }
        match event {
            LinkEvent::Due => self.connect(),
            LinkEvent::SeatDue => self.ask_for_seat(),
            LinkEvent::Seats(answer) => self.seats(answer),
            LinkEvent::Opened(Ok(socket)) => self.link = Link::Open(socket),
            LinkEvent::Opened(Err(ApiError::Unreachable(words))) => self.lose(words, None),
            LinkEvent::Opened(Err(ApiError::Busy { words, retry_after, .. })) => self.lose(words, retry_after),
            LinkEvent::Opened(Err(ApiError::TooOften { retry_after, .. })) => self.slow_down(retry_after),
            LinkEvent::Opened(Err(ApiError::Token(_))) => self.lose("token refused".to_owned(), None),
            LinkEvent::Opened(Err(ApiError::Unheard(_))) if self.servers.are_several() => {
                self.lose("no Duet server".to_owned(), None);
            }
            LinkEvent::Opened(Err(
                ApiError::Unheard(sentence) | ApiError::Uninvited(sentence) | ApiError::Refused(sentence),
            )) => self.park(NetworkEvent::Refused(sentence)),
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
                self.posts.follow(&self.servers);
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
            ServerFrame::TokenExpiring(remaining) => {
                self.renewal.begin(self.servers.api(), Duration::from_millis(remaining.expires_in_ms));
            }
            ServerFrame::TokenAccepted(_) | ServerFrame::Unknown => {}
        }
    }
}
