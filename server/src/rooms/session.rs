//! Pure. One connection as its room sees it: where it began and how far it has been sent.

use shared::frames::Resume;
use shared::message::Seq;
use shared::names::Username;

use crate::rooms::seats::Taking;
use crate::rooms::{SessionId, Start, Voice};

/// A connection that is in the room or at its door.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) user: Username,
    pub(super) voice: Voice,
    pub(super) progress: Progress,
    /// Its queue is full: it is sent nothing until it is drained.
    pub(super) is_stalled: bool,
    /// What it was not told while it was stalled, messages aside.
    pub(super) missed: Missed,
}

/// What a stalled session was not told. Only what had no room, for telling everything anew could fill the queue again.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Who is here.
    pub(super) presence: bool,
    /// How far these have come.
    pub(super) receipts: Vec<Username>,
}

#[derive(Debug)]
pub(super) enum Progress {
    /// It waits for the head of the room. Whether its user came with it is told to the others when it is in.
    Entering(Box<(Start, Taking)>),
    /// It has been sent everything up to this place.
    In(Seq),
}

impl Session {
    /// How far it has come, if it can be sent anything now.
    pub(super) fn cursor(&self) -> Option<Seq> {
        match self.progress {
            Progress::In(cursor) if !self.is_stalled => Some(cursor),
            Progress::In(_) | Progress::Entering(..) => None,
        }
    }

    /// Whether it is sent more than messages.
    pub(super) fn hears_frames(&self) -> bool {
        matches!(self.progress, Progress::In(_)) && self.voice == Voice::DuetV1
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
