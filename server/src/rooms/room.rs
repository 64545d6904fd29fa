//! Pure. One room: its sessions, their cursors, and its two seats.

use std::sync::Arc;
use std::time::Instant;

use shared::frames::{Gap, Presence, PresenceState, Resume};
use shared::message::{Message, Seq};
use shared::names::{RoomId, Username};

use crate::rooms::seats::{Seats, Taking};
use crate::rooms::{Entry, Frame, GRACE, Join, Leaving, Now, Output, PAGE_MESSAGES, Page, SessionId, Start, Voice};

/// A place after every other (and within `i64`, which databases count in): a read after it tells the head alone.
const AFTER_ALL: Seq = Seq(i64::MAX.unsigned_abs());

/// A room that somebody is in, or whose seat is kept for somebody.
#[derive(Debug)]
pub(super) struct Room {
    id: RoomId,
    epoch: Arc<str>,
    seats: Seats,
    sessions: Vec<Session>,
    /// The place of the newest message, as far as history has said; `None` until it has.
    head: Option<Seq>,
    /// Whether a read is under way.
    is_reading: bool,
    /// The last change of who is here, for those who missed it.
    presence: Option<Presence>,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    user: Username,
    voice: Voice,
    progress: Progress,
    /// Its queue is full: it is sent nothing until it is drained.
    is_stalled: bool,
}

#[derive(Debug)]
enum Progress {
    /// It waits for the head of the room. Whether its user came with it is told to the others when it is in.
    Entering(Box<(Start, Taking)>),
    /// It has been sent everything up to this place.
    In(Seq),
}

impl Session {
    /// How far it has come, if it can be sent anything now.
    fn cursor(&self) -> Option<Seq> {
        match self.progress {
            Progress::In(cursor) if !self.is_stalled => Some(cursor),
            Progress::In(_) | Progress::Entering(..) => None,
        }
    }
}

impl Room {
    pub(super) fn new(id: RoomId, epoch: Arc<str>) -> Self {
        Self { id, epoch, seats: Seats::default(), sessions: Vec::new(), head: None, is_reading: false, presence: None }
    }

    /// Whether nobody is here and no seat is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.seats.is_empty()
    }

    pub(super) fn join(&mut self, now: Now, join: Join, out: &mut Vec<Output>) {
        let taking = self.seats.take(&join.user);
        if taking == Taking::Full {
            out.push(Output::Refuse(join.session));
            return;
        }
        let after = join.start.after.as_ref().map(|(after, _)| *after);
        self.sessions.push(Session {
            id: join.session,
            user: join.user,
            voice: join.voice,
            progress: Progress::Entering(Box::new((join.start, taking))),
            is_stalled: false,
        });
        match self.head {
            // A place beyond what we know is either another history's, or newer than the last thing we heard.
            Some(head) if after > Some(head) => self.begin_read(head, out),
            Some(head) => self.let_in(now, head, out),
            None => self.begin_read(after.unwrap_or(AFTER_ALL), out),
        }
        self.catch_up(out);
    }

    /// Lets in all who wait, now that the head is known.
    fn let_in(&mut self, now: Now, head: Seq, out: &mut Vec<Output>) {
        let mut came = Vec::new();
        let occupants = self.seats.occupants();
        for session in &mut self.sessions {
            let Progress::Entering(entering) = &session.progress else { continue };
            let (start, taking) = &**entering;
            if *taking == Taking::Took {
                came.push((session.id, session.user.clone()));
            }
            let (cursor, resume) = begin(start, head, &self.epoch);
            session.progress = Progress::In(cursor);
            out.push(Output::Enter(session.id, Entry { head, occupants: occupants.clone(), resume }));
        }
        for (session, user) in came {
            self.tell(now, user, PresenceState::Here, Some(session), out);
        }
    }

    /// A connection has ended. Says until when the seat is kept, if it is.
    pub(super) fn left(&mut self, now: Now, id: SessionId, leaving: Leaving, out: &mut Vec<Output>) -> Option<Instant> {
        let index = self.sessions.iter().position(|session| session.id == id)?;
        let Session { user, voice, .. } = self.sessions.swap_remove(index);
        if self.sessions.iter().any(|session| session.user == user) {
            return None;
        }
        match (leaving, voice) {
            (Leaving::Vanished, Voice::DuetV1) => {
                let until = now.instant + GRACE;
                self.seats.keep(&user, until);
                self.tell(now, user, PresenceState::Away, None, out);
                Some(until)
            }
            (Leaving::Closed, _) | (Leaving::Vanished, Voice::Plain) => {
                self.seats.free(&user);
                self.tell(now, user, PresenceState::Gone, None, out);
                None
            }
        }
    }

    /// The time of a kept seat has run out, unless its user is back.
    pub(super) fn grace_over(&mut self, now: Now, out: &mut Vec<Output>) {
        for user in self.seats.free_expired(now.instant) {
            self.tell(now, user, PresenceState::Gone, None, out);
        }
    }

    /// Tells everybody but `except`.
    fn tell(
        &mut self,
        now: Now,
        user: Username,
        state: PresenceState,
        except: Option<SessionId>,
        out: &mut Vec<Output>,
    ) {
        let presence = Presence { user, state, since: now.wall, occupants: self.seats.occupants() };
        for session in &self.sessions {
            let hears = matches!(session.progress, Progress::In(_)) && session.voice == Voice::DuetV1;
            if hears && Some(session.id) != except {
                out.push(Output::Send(session.id, Frame::Presence(presence.clone())));
            }
        }
        self.presence = Some(presence);
    }

    /// History has given messages their places.
    pub(super) fn heard(&mut self, messages: Vec<Arc<Message>>, out: &mut Vec<Output>) {
        for message in messages {
            // A head that is not known yet comes with the read under way, which may have begun before this message.
            self.head = self.head.max(Some(message.seq));
            for session in &mut self.sessions {
                if session.cursor().is_some_and(|cursor| message.seq == cursor.next()) {
                    session.progress = Progress::In(message.seq);
                    out.push(Output::Send(session.id, Frame::Message(Arc::clone(&message))));
                }
            }
        }
        self.catch_up(out);
    }

    /// A page has come that was asked for as everything after `after`.
    pub(super) fn read(&mut self, now: Now, after: Seq, page: &Page, out: &mut Vec<Output>) {
        self.is_reading = false;
        let head = self.head.unwrap_or_default().max(page.head);
        self.head = Some(head);
        self.let_in(now, head, out);
        for message in &page.messages {
            self.page_reached(after, message.seq.back(1), out);
            for session in &mut self.sessions {
                if session.cursor() == Some(message.seq.back(1)) {
                    session.progress = Progress::In(message.seq);
                    out.push(Output::Send(session.id, Frame::Message(Arc::clone(message))));
                }
            }
        }
        if page.messages.len() < PAGE_MESSAGES as usize {
            self.page_reached(after, page.head, out);
        }
        self.catch_up(out);
    }

    /// A page that began after `after` has nothing up to `reached` that it has not given: what a session still lacks
    /// of that is gone for good.
    fn page_reached(&mut self, after: Seq, reached: Seq, out: &mut Vec<Output>) {
        for session in &mut self.sessions {
            let Some(cursor) = session.cursor() else { continue };
            // A session further back came in after the read began; the next read is for it.
            if cursor < after || cursor >= reached {
                continue;
            }
            session.progress = Progress::In(reached);
            if session.voice == Voice::DuetV1 {
                out.push(Output::Send(session.id, Frame::Gap(Gap { from: cursor.next(), to: reached })));
            }
        }
    }

    /// A read has failed: those who wait to come in cannot. Says whether the read is to be made again.
    pub(super) fn read_failed(&mut self, now: Now, out: &mut Vec<Output>) -> bool {
        self.is_reading = false;
        let waiting: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|session| matches!(session.progress, Progress::Entering(..)))
            .map(|session| session.id)
            .collect();
        for id in waiting {
            // They were never in, so nothing is kept for them.
            self.left(now, id, Leaving::Closed, out);
            out.push(Output::Fail(id));
        }
        self.furthest_behind().is_some()
    }

    /// A queue did not take `frame`: the session is no further than it was before it.
    pub(super) fn queue_full(&mut self, id: SessionId, frame: &Frame) {
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        session.is_stalled = true;
        let before = match frame {
            Frame::Message(message) => message.seq.back(1),
            Frame::Gap(gap) => gap.from.back(1),
            // Told again when the queue is drained.
            Frame::Presence(_) => return,
        };
        if let Progress::In(cursor) = &mut session.progress {
            *cursor = before.min(*cursor);
        }
    }

    /// A queue that was full is empty.
    pub(super) fn drained(&mut self, id: SessionId, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        session.is_stalled = false;
        if let (Voice::DuetV1, Some(presence)) = (session.voice, &self.presence) {
            out.push(Output::Send(id, Frame::Presence(presence.clone())));
        }
        self.catch_up(out);
    }

    /// Reads on while anybody is behind.
    pub(super) fn catch_up(&mut self, out: &mut Vec<Output>) {
        if let Some(cursor) = self.furthest_behind() {
            self.begin_read(cursor, out);
        }
    }

    fn furthest_behind(&self) -> Option<Seq> {
        self.sessions.iter().filter_map(Session::cursor).filter(|cursor| Some(*cursor) < self.head).min()
    }

    fn begin_read(&mut self, after: Seq, out: &mut Vec<Output>) {
        if !self.is_reading {
            self.is_reading = true;
            out.push(Output::Read(self.id.clone(), after));
        }
    }
}

/// Where a session begins, given what it asked for.
fn begin(start: &Start, head: Seq, epoch: &str) -> (Seq, Resume) {
    let recent = start.last.map(|n| head.back(n));
    match &start.after {
        Some((after, of)) if of == epoch && *after <= head => (*after, Resume::Complete),
        Some(_) => (recent.unwrap_or(head), Resume::Reset),
        None => recent.map_or((head, Resume::Live), |cursor| (cursor, Resume::Recent)),
    }
}
