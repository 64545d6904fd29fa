//! Pure. Who is in a room, whether anybody is at their clients, and who writes: what the others are told of it.

use std::time::{Duration, Instant};

use shared::frames::{Activity, Attention, AttentionState, Presence, PresenceState, Typing};
use shared::names::Username;
use shared::rest::Occupant;

use crate::rooms::input::Leaving;
use crate::rooms::output::{Frame, Output};
use crate::rooms::room::Room;
use crate::rooms::session::Session;
use crate::rooms::typing::Origin;
use crate::rooms::{GRACE, Now, SessionId, Voice};

/// That nobody is at a connection is passed on no sooner than this after its last change: each is told to everybody.
pub(super) const ATTENTION_RESTS: Duration = Duration::from_secs(1);

impl Room {
    /// A connection has ended. Says until when the seat is kept, if it is.
    pub(super) fn left(&mut self, now: Now, id: SessionId, leaving: Leaving, out: &mut Vec<Output>) -> Option<Instant> {
        let index = self.sessions.iter().position(|session| session.id == id)?;
        let Session { user, voice, .. } = self.sessions.swap_remove(index);
        if let Some(stopped) = self.writers.left(now.instant, id) {
            self.tell_typing(&stopped, out);
            self.relay(Frame::Typing(stopped), out);
        }
        if self.sessions.iter().any(|session| session.user == user) {
            self.see(now, &user, None, out);
            return None;
        }
        let until = now.instant + GRACE;
        let is_kept = leaving == Leaving::Vanished && voice == Voice::DuetV1 && self.seats.keep(&user, until);
        if is_kept {
            self.note(now, &user, PresenceState::Away, None, out);
            return Some(until);
        }
        self.free(now, &user, out);
        None
    }

    /// The time of a kept seat has run out, unless its user is back.
    pub(super) fn grace_over(&mut self, now: Now, out: &mut Vec<Output>) {
        for user in self.seats.expired(now.instant) {
            self.free(now, &user, out);
        }
    }

    fn free(&mut self, now: Now, user: &Username, out: &mut Vec<Output>) {
        let before = self.seats.all();
        let freed = self.seats.free(user, now.wall);
        self.note_seat(freed, out);
        self.tell_changes(now, &before, None, out);
    }

    /// A connection says whether somebody is at it. Says when that is to be passed on, if it is too soon.
    pub(super) fn attended(
        &mut self,
        now: Now,
        id: SessionId,
        said: Attention,
        out: &mut Vec<Output>,
    ) -> Option<Instant> {
        let session = self.sessions.iter_mut().find(|session| session.id == id)?;
        session.said = said.state;
        let later = session.rests(now.instant);
        self.pass_on(now, out);
        later
    }

    /// Passes on what connections have said of their users, but for what is too soon.
    pub(super) fn pass_on(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(session) = self.sessions.iter_mut().find(|session| session.has_news(now.instant)) {
            session.attention = session.said;
            session.rests_until = Some(now.instant + ATTENTION_RESTS);
            let user = session.user.clone();
            self.see(now, &user, None, out);
        }
    }

    /// A connection says whether its user writes.
    pub(super) fn wrote(&mut self, now: Now, id: SessionId, said: Activity, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.iter().find(|session| session.id == id && session.is_in()) else { return };
        if let Some(typing) = self.writers.say(now.instant, Origin::Session(id), &session.user, said.state) {
            self.tell_typing(&typing, out);
            self.relay(Frame::Typing(typing), out);
        }
    }

    /// Tells the other user. A session that is stalled needs no repeat of it.
    pub(super) fn tell_typing(&self, typing: &Typing, out: &mut Vec<Output>) {
        let is_told =
            |session: &&Session| session.hears_frames() && session.stalled.is_none() && session.user != typing.user;
        let told = self.sessions.iter().filter(is_told);
        out.extend(told.map(|session| Output::Send(session.id, Frame::Typing(typing.clone()))));
    }

    /// Sees from the connections of a user that are in whether anybody is at them. One that only takes messages cannot
    /// say so; it counts where there is no other.
    pub(super) fn see(&mut self, now: Now, user: &Username, except: Option<SessionId>, out: &mut Vec<Output>) {
        let of_user = || self.sessions.iter().filter(|session| session.user == *user && session.is_in());
        if of_user().next().is_none() {
            return;
        }
        let mut speaking = of_user().filter(|session| session.voice == Voice::DuetV1).peekable();
        let is_idle = speaking.peek().is_some() && speaking.all(|session| session.attention == AttentionState::Idle);
        let state = if is_idle { PresenceState::Idle } else { PresenceState::Here };
        self.note(now, user, state, except, out);
    }

    /// Notes what a user is now and tells everybody but `except`, if that is news.
    fn note(
        &mut self,
        now: Now,
        user: &Username,
        state: PresenceState,
        except: Option<SessionId>,
        out: &mut Vec<Output>,
    ) {
        let before = self.seats.all();
        let noted = self.seats.note(user, state, now.wall);
        self.note_seat(noted, out);
        self.tell_changes(now, &before, except, out);
    }

    /// Tells a shared judge.
    pub(super) fn note_seat(&self, noted: Option<Occupant>, out: &mut Vec<Output>) {
        out.extend(noted.map(|occupant| Output::NoteSeat(self.id.clone(), occupant)));
    }

    /// Tells everybody but `except` what is no longer as it was `before`.
    pub(super) fn tell_changes(&self, now: Now, before: &[Occupant], except: Option<SessionId>, out: &mut Vec<Output>) {
        let after = self.seats.all();
        let of = |occupants: &[Occupant], user: &Username| {
            occupants.iter().find(|occupant| occupant.user == *user).map(|occupant| occupant.state)
        };
        let gone = before.iter().filter(|occupant| of(&after, &occupant.user).is_none());
        let gone = gone.map(|occupant| (&occupant.user, PresenceState::Gone, now.wall));
        let changed = after.iter().filter(|occupant| of(before, &occupant.user) != Some(occupant.state));
        let changed = changed.map(|occupant| (&occupant.user, occupant.state, occupant.since));
        for (user, state, since) in gone.chain(changed) {
            let occupants = after.iter().map(|occupant| occupant.user.clone()).collect();
            let presence = Presence { user: user.clone(), state, since, occupants };
            let told = self.sessions.iter().filter(|session| session.hears_frames() && Some(session.id) != except);
            out.extend(told.map(|session| Output::Send(session.id, Frame::Presence(presence.clone()))));
        }
    }
}
