//! Pure. What a room hears of other nodes and of the judge they share.

use shared::frames::PresenceState;
use shared::message::Seq;
use shared::names::Username;
use shared::rest::Occupant;

use crate::nodes::{NodeId, SeatsVersion, View};
use crate::rooms::input::{Compared, SeatAnswer};
use crate::rooms::output::{Frame, Output};
use crate::rooms::room::Room;
use crate::rooms::session::Session;
use crate::rooms::typing::Origin;
use crate::rooms::{Now, SessionId};

/// Further than any room has come: the other node has seen to it that a receipt is not beyond the room.
const ANY_HEAD: Seq = Seq(u64::MAX);

impl Room {
    /// The shared judge has decided on the seat that a user asked for.
    pub(super) fn seat_answered(&mut self, now: Now, user: &Username, answer: &SeatAnswer, out: &mut Vec<Output>) {
        match answer {
            SeatAnswer::Taken(view) => {
                self.seats.granted(user);
                self.learn(now, view, out);
                self.let_in(now, out);
                self.catch_up(out);
            }
            SeatAnswer::Full(view) => {
                self.learn(now, view, out);
                if self.seats.is_asked(user) {
                    // Nothing is to be told to the judge, who gave them none.
                    self.seats.free(user, now.wall);
                    out.extend(self.remove(user).into_iter().map(Output::Refuse));
                }
            }
            SeatAnswer::Unavailable => {
                if self.seats.is_asked(user) {
                    let noted = self.seats.not_asked(user, now);
                    self.note_seat(noted, out);
                    out.extend(self.remove(user).into_iter().map(Output::Fail));
                }
            }
        }
    }

    /// Who sits here is known anew.
    pub(super) fn learn(&mut self, now: Now, view: &View, out: &mut Vec<Output>) {
        self.raise_head(view.head);
        let before = self.seats.all();
        let amiss = self.seats.learn(view);
        self.writers.keep_nodes(&self.seats.other_nodes());
        for user in amiss.forgotten {
            self.note_seat(Some(Occupant { user, state: PresenceState::Gone, since: now.wall }), out);
        }
        for user in amiss.lost {
            // The judge may give it to somebody else.
            self.seats.free(&user, now.wall);
            self.dismiss(Some(&user), out);
        }
        self.tell_changes(now, &before, None, out);
        self.catch_up(out);
    }

    /// How it stands as far as is known.
    pub(super) fn standing(&self) -> Option<(Seq, SeatsVersion)> {
        Some((self.head?, self.seats.version().unwrap_or_default()))
    }

    /// History has been asked how this room stands.
    pub(super) fn compared(&mut self, compared: &Compared, out: &mut Vec<Output>) {
        self.raise_head(compared.head);
        if let Some(head) = self.head {
            self.recall(&compared.receipts, head, out);
        }
        if self.seats.version() < Some(compared.seats) {
            out.push(Output::LookAtSeats(self.id.clone()));
        }
        self.catch_up(out);
    }

    /// Another node passes on what one of its users says.
    pub(super) fn relayed(&mut self, now: Now, from: NodeId, frame: Frame, out: &mut Vec<Output>) {
        match frame {
            Frame::Typing(typing) => {
                let origin = Origin::Node(from);
                if let Some(typing) = self.writers.say(now.instant, origin, &typing.user, typing.activity.state) {
                    self.tell_typing(&typing, out);
                }
            }
            Frame::Receipt(receipt) => {
                if let Some(receipt) = self.receipts.take(&receipt.user, receipt.reached, ANY_HEAD) {
                    self.tell_receipt(&receipt, None, out);
                }
            }
            // Each node makes these itself.
            Frame::Message(_) | Frame::Presence(_) | Frame::Gap(_) => {}
        }
    }

    /// Passes on to the other nodes of this room what a user of this one says.
    pub(super) fn relay(&self, frame: Frame, out: &mut Vec<Output>) {
        let nodes = self.seats.other_nodes();
        if !nodes.is_empty() {
            out.push(Output::Relay(self.id.clone(), nodes, frame));
        }
    }

    /// Sends a user, or everybody, to another node.
    pub(super) fn dismiss(&mut self, user: Option<&Username>, out: &mut Vec<Output>) {
        let is_meant = |session: &Session| user.is_none_or(|user| session.user == *user);
        for session in self.sessions.extract_if(.., |session| is_meant(session)) {
            out.push(if session.is_in() { Output::Dismiss(session.id) } else { Output::Fail(session.id) });
        }
    }

    /// Forgets the connections of a user.
    fn remove(&mut self, user: &Username) -> Vec<SessionId> {
        self.sessions.extract_if(.., |session| session.user == *user).map(|session| session.id).collect()
    }

    /// History has come to this place at least.
    pub(super) fn raise_head(&mut self, head: Seq) {
        match &mut self.head {
            Some(known) => *known = head.max(*known),
            None => self.head_at_least = head.max(self.head_at_least),
        }
    }
}
