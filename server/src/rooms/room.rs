//! Pure. One room: its sessions, their cursors, and its two seats.

use std::sync::Arc;
use std::time::Instant;

use shared::frames::{Gap, Presence, PresenceState, Reached, Receipt};
use shared::message::{Message, Seq};
use shared::names::{RoomId, Username};

use crate::rooms::receipts::Receipts;
use crate::rooms::seats::{Seats, Taking};
use crate::rooms::session::{Missed, Progress, Session, begin};
use crate::rooms::{Entry, Frame, GRACE, Join, Leaving, Now, Output, Page, READS_IN_VAIN, SessionId, Voice};

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
    /// How many reads in a row have failed.
    failed_reads: u32,
    /// The last change of who is here, for those who missed it.
    presence: Option<Presence>,
    receipts: Receipts,
}

impl Room {
    pub(super) fn new(id: RoomId, epoch: Arc<str>) -> Self {
        Self {
            id,
            epoch,
            seats: Seats::default(),
            sessions: Vec::new(),
            head: None,
            is_reading: false,
            failed_reads: 0,
            presence: None,
            receipts: Receipts::default(),
        }
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
            missed: Missed::default(),
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
            let (occupants, receipts) = (occupants.clone(), self.receipts.all().to_vec());
            out.push(Output::Enter(session.id, Entry { head, occupants, receipts, resume }));
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
            if session.hears_frames() && Some(session.id) != except {
                out.push(Output::Send(session.id, Frame::Presence(presence.clone())));
            }
        }
        self.presence = Some(presence);
    }

    /// A connection says how far its user has come.
    pub(super) fn reached(&mut self, id: SessionId, said: Reached, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter().find(|session| session.id == id) else { return };
        // Before it is in, it has nothing to have come to.
        let (Progress::In(_), Some(head)) = (&session.progress, self.head) else { return };
        let Some(receipt) = self.receipts.take(&session.user, said, head) else { return };
        self.tell_receipt(&receipt, Some(id), out);
        out.push(Output::Keep(self.id.clone(), receipt));
    }

    fn tell_receipt(&self, receipt: &Receipt, except: Option<SessionId>, out: &mut Vec<Output>) {
        for session in self.sessions.iter().filter(|session| session.hears_frames() && Some(session.id) != except) {
            out.push(Output::Send(session.id, Frame::Receipt(receipt.clone())));
        }
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
        self.failed_reads = 0;
        let head = self.head.unwrap_or_default().max(page.head);
        self.head = Some(head);
        for receipt in self.receipts.recall(&page.receipts, head) {
            self.tell_receipt(&receipt, None, out);
        }
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
        // However short it is, a page that has more after it tells nothing of that.
        if page.messages.last().is_none_or(|last| last.seq == page.head) {
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

    /// A read has failed: those who wait to come in cannot, and those who have waited for messages for long hear of it.
    /// Says whether the read is to be made again.
    pub(super) fn read_failed(&mut self, now: Now, out: &mut Vec<Output>) -> bool {
        self.is_reading = false;
        self.failed_reads += 1;
        let (head, is_in_vain) = (self.head, self.failed_reads >= READS_IN_VAIN);
        let is_failed = |session: &&Session| match session.progress {
            Progress::Entering(..) => true,
            Progress::In(_) => is_in_vain && session.cursor().is_some_and(|cursor| Some(cursor) < head),
        };
        let failed: Vec<SessionId> = self.sessions.iter().filter(is_failed).map(|session| session.id).collect();
        for id in failed {
            // They were never in, or are sent away: nothing is kept for them.
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
            Frame::Presence(_) => {
                session.missed.presence = true;
                return;
            }
            Frame::Receipt(receipt) => {
                if !session.missed.receipts.contains(&receipt.user) {
                    session.missed.receipts.push(receipt.user.clone());
                }
                return;
            }
        };
        if let Progress::In(cursor) = &mut session.progress {
            *cursor = before.min(*cursor);
        }
    }

    /// A queue that was full is empty.
    pub(super) fn drained(&mut self, id: SessionId, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        session.is_stalled = false;
        let missed = std::mem::take(&mut session.missed);
        let presence = self.presence.clone().filter(|_| missed.presence).map(Frame::Presence);
        let receipts = self.receipts.all().iter().filter(|receipt| missed.receipts.contains(&receipt.user));
        let frames = presence.into_iter().chain(receipts.cloned().map(Frame::Receipt));
        out.extend(frames.map(|frame| Output::Send(id, frame)));
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
