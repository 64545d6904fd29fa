//! Posts the messages of one sender, one after the other.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use shared::names::RoomId;
use shared::rest::Post;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::cli::bench::book::Book;
use crate::cli::bench::http::{Bearer, Http};
use crate::cli::bench::plan::{Plan, Times};

/// After a failure, so that a server that is away is not asked a million times.
const PAUSE: Duration = Duration::from_millis(50);

/// What was due in time is still sent for so long after the end, so that a server that fell behind shows by how much.
const CATCH_UP: Duration = Duration::from_secs(5);

/// One sender, with a connection of its own.
pub(crate) struct Sender {
    address: String,
    /// Absent after a failure.
    http: Option<Http>,
    book: Rc<RefCell<Book>>,
    pub(crate) room: u32,
    room_id: RoomId,
    number: u32,
    token: Bearer,
}

/// In which room a sender sends, and as whom.
pub(crate) struct Place {
    pub(crate) room: u32,
    pub(crate) room_id: RoomId,
    pub(crate) number: u32,
    pub(crate) token: Bearer,
}

impl Sender {
    pub(crate) async fn connect(plan: &Plan, book: Rc<RefCell<Book>>, place: Place) -> std::io::Result<Self> {
        let Place { room, room_id, number, token } = place;
        let address = plan.address(room + number).to_owned();
        let http = Some(Http::connect(&address).await?);
        Ok(Self { address, http, book, room, room_id, number, token })
    }

    /// Sends a message when the last one was answered.
    pub(crate) async fn closed_loop(mut self, times: Times) {
        sleep(times.start.saturating_duration_since(Instant::now())).await;
        loop {
            let now = Instant::now();
            if now >= self.book.borrow().last() {
                break;
            }
            self.post(now).await;
        }
    }

    /// Sends a message when one is due, or as soon after as the last one was answered.
    pub(crate) async fn open_loop(mut self, mut dues: mpsc::Receiver<Instant>) {
        while let Some(due) = dues.recv().await {
            if Instant::now() < self.book.borrow().last() + CATCH_UP {
                self.post(due).await;
            } else {
                self.book.borrow_mut().leave_unsent();
            }
        }
    }

    async fn post(&mut self, due: Instant) {
        let (counter, content) = self.book.borrow_mut().post(self.room, self.number, due);
        let sent = Instant::now();
        let post = Post { room_id: self.room_id.clone(), content };
        match self.try_post(&post).await {
            Ok(200) => {
                let moments = [due, sent, Instant::now()];
                self.book.borrow_mut().accept(self.room, self.number, counter, moments);
            }
            Ok(status) => self.fail(&format!("status {status}")).await,
            Err(kind) => {
                self.http = None;
                self.fail(&kind.to_string()).await;
            }
        }
    }

    async fn try_post(&mut self, post: &Post) -> Result<u16, ErrorKind> {
        let http = match &mut self.http {
            Some(http) => http,
            absent @ None => absent.insert(Http::connect(&self.address).await.map_err(|e| e.kind())?),
        };
        let (status, _) = http.post("/message", Some(&self.token), post).await.map_err(|e| e.kind())?;
        Ok(status)
    }

    async fn fail(&self, words: &str) {
        self.book.borrow_mut().fail(words);
        sleep(PAUSE).await;
    }
}
