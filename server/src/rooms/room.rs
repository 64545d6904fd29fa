//! Pure. One room: its sessions, their cursors, and its two seats.

use std::sync::Arc;
use std::time::Instant;

use shared::frames::{AttentionState, ClientFrame, Gap, Presence, PresenceState, Reached, Receipt, Resume};
use shared::message::{Message, Seq};
use shared::names::RoomId;
use shared::rest::Occupant;

use crate::rooms::input::{Join, Leaving, Page};
use crate::rooms::output::{Entry, Frame, Output};
use crate::rooms::receipts::Receipts;
use crate::rooms::seats::{Asking, Seats};
use crate::rooms::session::{Door, Progress, Read, Session, begin};
use crate::rooms::typing::Writers;
use crate::rooms::{Judge, Now, READS_IN_VAIN, SessionId, Voice};

/// A place after every other (and within `i64`, which databases count in): a read after it tells the head alone.
const AFTER_ALL: Seq = Seq(i64::MAX.unsigned_abs());

/// A room that somebody is in, or whose seat is kept for somebody.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: RoomId,
    epoch: Arc<str>,
    pub(super) seats: Seats,
    pub(super) sessions: Vec<Session>,
    /// The place of the newest message, as far as history has said; `None` until it has.
    pub(super) head: Option<Seq>,
    /// What is known of the head until the read under way says it, which may have begun before that.
    pub(super) head_at_least: Seq,
    /// Whether a read is under way.
    is_reading: bool,
    /// How many reads in a row have failed.
    failed_reads: u32,
    pub(super) writers: Writers,
    pub(super) receipts: Receipts,
}

impl Room {
    pub(super) fn new(id: RoomId, epoch: Arc<str>, judge: Judge) -> Self {
        Self {
            id,
            epoch,
            seats: Seats::new(judge),
            sessions: Vec::new(),
            head: None,
            head_at_least: Seq::START,
            is_reading: false,
            failed_reads: 0,
            writers: Writers::default(),
            receipts: Receipts::default(),
        }
    }

    /// Whether nobody is here and no seat is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.seats.is_empty()
    }

    pub(super) fn join(&mut self, now: Now, join: Join, out: &mut Vec<Output>) {
        let attention = join.start.attention.unwrap_or(AttentionState::Here);
        let arriving = match (join.voice, attention) {
            (Voice::DuetV1, AttentionState::Idle) => PresenceState::Idle,
            (Voice::DuetV1, AttentionState::Here) | (Voice::Plain, _) => PresenceState::Here,
        };
        match self.seats.take(&join.user, arriving, now.wall) {
            Asking::Full => return out.push(Output::Refuse(join.session)),
            Asking::Ask => {
                let occupant = Occupant { user: join.user.clone(), state: arriving, since: now.wall };
                out.push(Output::TakeSeat(self.id.clone(), occupant));
            }
            Asking::Asked | Asking::Granted => {}
        }
        self.sessions.push(Session {
            id: join.session,
            user: join.user,
            voice: join.voice,
            progress: Progress::Entering(Box::new(Door {
                start: join.start,
                read: Read::Wanted,
                judge: self.seats.judge(),
            })),
            said: attention,
            attention,
            rests_until: None,
            stalled: None,
        });
        self.let_in(now, out);
        self.catch_up(out);
    }

    /// Lets in all who wait for nothing more.
    pub(super) fn let_in(&mut self, now: Now, out: &mut Vec<Output>) {
        let Some(head) = self.head else { return };
        let mut came = Vec::new();
        for session in &mut self.sessions {
            let is_waiting = [Read::Wanted, Read::UnderWay].iter().any(|read| session.waits_for(*read, Some(head)));
            let Progress::Entering(door) = &session.progress else { continue };
            if is_waiting || !self.seats.is_granted(&session.user) {
                continue;
            }
            let (cursor, resume) = begin(&door.start, head, &self.epoch);
            session.progress = Progress::In(cursor);
            came.push((session.id, session.user.clone(), resume));
        }
        let mut told = Vec::new();
        for (session, user, _) in &came {
            self.see(now, user, Some(*session), &mut told);
        }
        for (session, _, resume) in came {
            out.push(Output::Enter(session, self.entry(head, resume)));
        }
        out.append(&mut told);
    }

    fn entry(&self, head: Seq, resume: Resume) -> Entry {
        let (occupants, idle) = (self.seats.occupants(), self.seats.idle());
        Entry { head, occupants, idle, receipts: self.receipts.all().to_vec(), resume }
    }

    /// Who holds a seat.
    pub(super) fn occupants(&self) -> Vec<Occupant> {
        self.seats.all()
    }

    /// A connection says something. Says when some of it is to be passed on, if that is later.
    pub(super) fn said(
        &mut self,
        now: Now,
        id: SessionId,
        frame: &ClientFrame,
        out: &mut Vec<Output>,
    ) -> Option<Instant> {
        match *frame {
            ClientFrame::Receipt(reached) => self.reached(id, reached, out),
            ClientFrame::Typing(activity) => self.wrote(now, id, activity, out),
            ClientFrame::Presence(attention) => return self.attended(now, id, attention, out),
            // A token is the session's business.
            ClientFrame::Token(_) | ClientFrame::Unknown => {}
        }
        None
    }

    /// A connection says how far its user has come.
    fn reached(&mut self, id: SessionId, said: Reached, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter().find(|session| session.id == id) else { return };
        // Before it is in, it has nothing to have come to.
        let (Progress::In(_), Some(head)) = (&session.progress, self.head) else { return };
        let Some(receipt) = self.receipts.take(&session.user, said, head) else { return };
        self.tell_receipt(&receipt, Some(id), out);
        self.relay(Frame::Receipt(receipt.clone()), out);
        out.push(Output::Keep(self.id.clone(), receipt));
    }

    pub(super) fn tell_receipt(&self, receipt: &Receipt, except: Option<SessionId>, out: &mut Vec<Output>) {
        for session in self.sessions.iter().filter(|session| session.hears_frames() && Some(session.id) != except) {
            out.push(Output::Send(session.id, Frame::Receipt(receipt.clone())));
        }
    }

    /// History has given messages their places.
    pub(super) fn heard(&mut self, now: Now, messages: Vec<Arc<Message>>, out: &mut Vec<Output>) {
        for message in messages {
            self.raise_head(message.seq);
            for session in &mut self.sessions {
                if session.cursor().is_some_and(|cursor| message.seq == cursor.next()) {
                    session.progress = Progress::In(message.seq);
                    out.push(Output::Send(session.id, Frame::Message(Arc::clone(&message))));
                }
            }
            if let Some(stopped) = message.sender.as_ref().and_then(|user| self.writers.sent(now.instant, user)) {
                self.tell_typing(&stopped, out);
            }
        }
        self.catch_up(out);
    }

    /// A page has come that was asked for as everything after `after`.
    pub(super) fn read(&mut self, now: Now, after: Seq, page: &Page, out: &mut Vec<Output>) {
        self.is_reading = false;
        self.failed_reads = 0;
        let head = self.head.unwrap_or(self.head_at_least).max(page.head);
        self.head = Some(head);
        for session in &mut self.sessions {
            session.has_been_read_for();
        }
        self.recall(&page.receipts, head, out);
        self.let_in(now, out);
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

    /// History says how far users have come.
    pub(super) fn recall(&mut self, kept: &[Receipt], head: Seq, out: &mut Vec<Output>) {
        for receipt in self.receipts.recall(kept, head) {
            self.tell_receipt(&receipt, None, out);
        }
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
            // The read that has failed may have begun before it came; the next would hardly fare better.
            Progress::Entering(..) => [Read::Wanted, Read::UnderWay].iter().any(|read| session.waits_for(*read, head)),
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
        let missed = session.stalled.get_or_insert_default();
        let before = match frame {
            Frame::Message(message) => message.seq.back(1),
            Frame::Gap(gap) => gap.from.back(1),
            Frame::Presence(presence) => return missed.presence(presence),
            Frame::Receipt(receipt) => return missed.receipt(&receipt.user),
            Frame::Typing(_) => return,
        };
        if let Progress::In(cursor) = &mut session.progress {
            *cursor = before.min(*cursor);
        }
    }

    /// A queue that was full is empty.
    pub(super) fn drained(&mut self, id: SessionId, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        let missed = session.stalled.take().unwrap_or_default();
        let occupants = self.seats.occupants();
        let presence = missed.presence.into_iter().map(|missed| Presence { occupants: occupants.clone(), ..missed });
        let receipts = self.receipts.all().iter().filter(|receipt| missed.receipts.contains(&receipt.user));
        let frames = presence.map(Frame::Presence).chain(receipts.cloned().map(Frame::Receipt));
        out.extend(frames.map(|frame| Output::Send(id, frame)));
        self.catch_up(out);
    }

    /// Reads on while anybody is behind.
    pub(super) fn catch_up(&mut self, out: &mut Vec<Output>) {
        if let Some(after) = self.furthest_behind().or_else(|| self.wanted_at_the_door()) {
            self.begin_read(after, out);
        }
    }

    /// After which place to read for those who cannot come in before that. Once the room is known that waits for their seats, for
    /// many may be turned away.
    fn wanted_at_the_door(&self) -> Option<Seq> {
        let is_waiting = |session: &&Session| {
            session.waits_for(Read::Wanted, self.head) && (self.head.is_none() || self.seats.is_granted(&session.user))
        };
        let after = self.sessions.iter().find(is_waiting)?.after();
        Some(self.head.or(after).unwrap_or(AFTER_ALL))
    }

    fn furthest_behind(&self) -> Option<Seq> {
        self.sessions.iter().filter_map(Session::cursor).filter(|cursor| Some(*cursor) < self.head).min()
    }

    fn begin_read(&mut self, after: Seq, out: &mut Vec<Output>) {
        if !self.is_reading {
            self.is_reading = true;
            for session in &mut self.sessions {
                session.is_read_for();
            }
            out.push(Output::Read(self.id.clone(), after));
        }
    }
}
