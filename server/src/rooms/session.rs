//! Pure. One connection as its room sees it: where it began and how far it has been sent.

use std::time::Instant;

use shared::frames::{AttentionState, Presence, Resume};
use shared::message::Seq;
use shared::names::Username;

use crate::rooms::input::Start;
use crate::rooms::{Judge, SessionId, Voice};

/// A connection that is in the room or at its door.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) user: Username,
    pub(super) voice: Voice,
    pub(super) progress: Progress,
    /// Whether somebody is at it, by what it said last.
    pub(super) said: AttentionState,
    /// What of that was passed on last.
    pub(super) attention: AttentionState,
    /// Until when it is not passed on that nobody is at it.
    pub(super) rests_until: Option<Instant>,
    /// Its queue is full: it is sent nothing until it is drained. What it was not told meanwhile, messages aside.
    pub(super) stalled: Option<Box<Missed>>,
}

/// What a stalled session was not told. Only what had no room, for telling everything anew could fill the queue again;
/// and not who was writing, which is over soon.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// What those who are here have become, and the one who went last. The latest stands last.
    pub(super) presence: Vec<Presence>,
    /// How far these have come.
    pub(super) receipts: Vec<Username>,
}

impl Missed {
    /// A change of who is here.
    pub(super) fn presence(&mut self, presence: &Presence) {
        let Presence { user, occupants, .. } = presence;
        self.presence.retain(|missed| missed.user != *user && occupants.contains(&missed.user));
        self.presence.push(presence.clone());
    }

    /// Somebody has come further.
    pub(super) fn receipt(&mut self, user: &Username) {
        if !self.receipts.contains(user) {
            self.receipts.push(user.clone());
        }
    }
}

#[derive(Debug)]
pub(super) enum Progress {
    /// It waits for its seat and for the head of the room.
    Entering(Box<Door>),
    /// It has been sent everything up to this place.
    In(Seq),
}

/// Somebody at the door.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) start: Start,
    pub(super) read: Read,
    pub(super) judge: Judge,
}

/// How far a read is that began after somebody came to the door: what it knows of the room is as new as what they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Wanted,
    UnderWay,
    Done,
}

impl Session {
    /// How far it has come, if it can be sent anything now.
    pub(super) fn cursor(&self) -> Option<Seq> {
        match self.progress {
            Progress::In(cursor) if self.stalled.is_none() => Some(cursor),
            Progress::In(_) | Progress::Entering(..) => None,
        }
    }

    /// Whether it is in the room.
    pub(super) fn is_in(&self) -> bool {
        matches!(self.progress, Progress::In(_))
    }

    /// Until when it is not passed on what it says of its user, if that is so.
    pub(super) fn rests(&self, now: Instant) -> Option<Instant> {
        let is_idle_now = self.said == AttentionState::Idle && self.attention == AttentionState::Here;
        self.rests_until.filter(|until| is_idle_now && now < *until)
    }

    /// Whether it is to be passed on what it says of its user.
    pub(super) fn has_news(&self, now: Instant) -> bool {
        self.said != self.attention && self.rests(now).is_none()
    }

    /// Whether it is at the door until a room with this head has been read: a place beyond the head is either another
    /// history's, or newer than the last thing we heard. Where there are other nodes any head may be older than what these have
    /// delivered.
    pub(super) fn waits_for(&self, read: Read, head: Option<Seq>) -> bool {
        let Progress::Entering(door) = &self.progress else { return false };
        door.read == read && (door.judge != Judge::Own || head.is_none_or(|head| self.after() > Some(head)))
    }

    /// A read begins, for this one too.
    pub(super) fn is_read_for(&mut self) {
        if let Progress::Entering(door) = &mut self.progress
            && door.read == Read::Wanted
        {
            door.read = Read::UnderWay;
        }
    }

    /// A read has ended.
    pub(super) fn has_been_read_for(&mut self) {
        if let Progress::Entering(door) = &mut self.progress
            && door.read == Read::UnderWay
        {
            door.read = Read::Done;
        }
    }

    /// After which place it wants to begin, if it is at the door.
    pub(super) fn after(&self) -> Option<Seq> {
        let Progress::Entering(door) = &self.progress else { return None };
        door.start.after.as_ref().map(|(after, _)| *after)
    }

    /// Whether it is sent more than messages.
    pub(super) fn hears_frames(&self) -> bool {
        self.is_in() && self.voice == Voice::DuetV1
    }
}

/// Where a session begins, given what it asked for.
pub(super) fn begin(start: &Start, head: Seq, epoch: &str) -> (Seq, Resume) {
    let recent = start.last.map(|n| head.back(n));
    match &start.after {
        Some((after, of)) if of == epoch && *after <= head => (*after, Resume::Complete),
        Some(_) => (recent.unwrap_or(head), Resume::Reset),
        None => recent.map_or((head, Resume::Live), |cursor| (cursor, Resume::Recent)),
    }
}
