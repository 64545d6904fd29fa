//! Pure. The two seats of a room: those that this node's users hold, and what other nodes hold.

use std::cmp::Ordering;
use std::time::Instant;

use jiff::Timestamp;
use shared::frames::{Idle, PresenceState};
use shared::names::Username;
use shared::rest::Occupant;

use crate::nodes::{HeldSeat, NodeId, SeatsVersion, View};
use crate::rooms::{Judge, Now, SEATS};

/// Who sits in a room.
#[derive(Debug)]
pub(super) struct Seats {
    judge: Judge,
    /// Of users of this node; each of another user.
    own: Vec<Seat>,
    /// What other nodes hold, by the newest view.
    elsewhere: Vec<HeldSeat>,
    version: Option<SeatsVersion>,
}

#[derive(Debug)]
struct Seat {
    /// Whose it is and what they are: `away` also until their first connection is in.
    occupant: Occupant,
    standing: Standing,
    /// What a shared judge knows of it, or is being told.
    noted: PresenceState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A user with a connection has it.
    Held,
    /// A user with no connection has it until then. A shared judge gives it up as soon as they are on another node.
    Kept(Instant),
    /// A shared judge is asked for it; until when it was kept before, if it was.
    Asked(Option<Instant>),
}

/// What came of asking for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// It is theirs.
    Granted,
    /// Two others have them.
    Full,
    /// The shared judge is to say.
    Ask,
    /// The shared judge has been asked already.
    Asked,
}

/// What a view says of this node's own seats that is not so here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Amiss {
    /// They have a seat there, and nobody here knows of it.
    pub(super) forgotten: Vec<Username>,
    /// They are here, and have no seat there.
    pub(super) lost: Vec<Username>,
}

impl Seats {
    /// No seat taken.
    pub(super) fn new(judge: Judge) -> Self {
        Self { judge, own: Vec::new(), elsewhere: Vec::new(), version: None }
    }

    /// A connection of `user` comes and needs a seat. `arriving` is what a shared judge will be told they are.
    pub(super) fn take(&mut self, user: &Username, arriving: PresenceState, now: Timestamp) -> Asking {
        let judge = self.judge;
        if let Some(seat) = self.of(user) {
            let kept_until = match seat.standing {
                Standing::Held => return Asking::Granted,
                Standing::Asked(_) => return Asking::Asked,
                Standing::Kept(until) => until,
            };
            if judge == Judge::Own {
                seat.standing = Standing::Held;
                return Asking::Granted;
            }
            (seat.standing, seat.noted) = (Standing::Asked(Some(kept_until)), arriving);
            return Asking::Ask;
        }
        let (standing, asking) = match judge {
            Judge::Own if self.own.len() >= SEATS => return Asking::Full,
            Judge::Own => (Standing::Held, Asking::Granted),
            Judge::Shared(_) => (Standing::Asked(None), Asking::Ask),
        };
        let occupant = Occupant { user: user.clone(), state: PresenceState::Away, since: now };
        self.own.push(Seat { occupant, standing, noted: arriving });
        asking
    }

    /// A shared judge has given a user the seat they asked for.
    pub(super) fn granted(&mut self, user: &Username) {
        if let Some(seat) = self.of(user)
            && let Standing::Asked(_) = seat.standing
        {
            seat.standing = Standing::Held;
        }
    }

    /// A shared judge could not be asked, or has done what nobody heard of: whoever had a seat kept for them still has it,
    /// if there is time left, and everybody else has none. What the judge is to be told.
    pub(super) fn not_asked(&mut self, user: &Username, now: Now) -> Option<Occupant> {
        let seat = self.of(user)?;
        match seat.standing {
            Standing::Asked(Some(until)) if until > now.instant => {
                (seat.standing, seat.noted) = (Standing::Kept(until), PresenceState::Away);
                Some(seat.occupant.clone())
            }
            Standing::Asked(_) => self.free(user, now.wall),
            Standing::Held | Standing::Kept(_) => None,
        }
    }

    /// Whether a connection of `user` may come in.
    pub(super) fn is_granted(&self, user: &Username) -> bool {
        self.own.iter().any(|seat| seat.occupant.user == *user && seat.standing == Standing::Held)
    }

    /// Whether a shared judge is being asked for a seat for `user`.
    pub(super) fn is_asked(&self, user: &Username) -> bool {
        self.own.iter().any(|seat| seat.occupant.user == *user && matches!(seat.standing, Standing::Asked(_)))
    }

    /// Notes what a user of this node is now. What a shared judge is to be told of it, if anything.
    pub(super) fn note(&mut self, user: &Username, state: PresenceState, now: Timestamp) -> Option<Occupant> {
        let judge = self.judge;
        let seat = self.of(user)?;
        if seat.occupant.state != state {
            (seat.occupant.state, seat.occupant.since) = (state, now);
        }
        let is_news = seat.noted != state;
        seat.noted = state;
        (judge != Judge::Own && is_news).then(|| seat.occupant.clone())
    }

    /// Keeps the seat of a user with no connection until then. `false` when they have none yet.
    pub(super) fn keep(&mut self, user: &Username, until: Instant) -> bool {
        let Some(seat) = self.of(user) else { return false };
        let is_theirs = seat.standing != Standing::Asked(None);
        if is_theirs {
            seat.standing = Standing::Kept(until);
        }
        is_theirs
    }

    /// Frees a seat of this node. What a shared judge is to be told of it.
    pub(super) fn free(&mut self, user: &Username, now: Timestamp) -> Option<Occupant> {
        let taken = self.own.len();
        self.own.retain(|seat| seat.occupant.user != *user);
        let is_news = self.judge != Judge::Own && self.own.len() < taken;
        is_news.then(|| Occupant { user: user.clone(), state: PresenceState::Gone, since: now })
    }

    /// Whose seats are kept no longer.
    pub(super) fn expired(&self, now: Instant) -> Vec<Username> {
        let is_over = |seat: &&Seat| matches!(seat.standing, Standing::Kept(until) if until <= now);
        self.own.iter().filter(is_over).map(|seat| seat.occupant.user.clone()).collect()
    }

    /// Takes over a view, unless a newer one has come already.
    pub(super) fn learn(&mut self, view: &View) -> Amiss {
        let Judge::Shared(me) = self.judge else { return Amiss::default() };
        if self.version >= Some(view.version) {
            return Amiss::default();
        }
        self.version = Some(view.version);
        let (ours, elsewhere): (Vec<_>, Vec<_>) = view.seats.iter().cloned().partition(|seat| Some(seat.node) == me);
        self.elsewhere = elsewhere;
        let is_ours = |user: &Username| ours.iter().any(|seat| seat.occupant.user == *user);
        // What was kept is kept no longer: they are on another node, or have been.
        self.own.retain(|seat| !matches!(seat.standing, Standing::Kept(_)) || is_ours(&seat.occupant.user));
        for seat in self.own.iter_mut().filter(|seat| !is_ours(&seat.occupant.user)) {
            if let Standing::Asked(kept_until) = &mut seat.standing {
                *kept_until = None;
            }
        }
        let is_lost = |seat: &&Seat| seat.standing == Standing::Held && !is_ours(&seat.occupant.user);
        let lost = self.own.iter().filter(is_lost).map(|seat| seat.occupant.user.clone()).collect();
        let is_known = |user: &Username| self.own.iter().any(|seat| seat.occupant.user == *user);
        let forgotten = ours.into_iter().map(|seat| seat.occupant.user).filter(|user| !is_known(user)).collect();
        Amiss { forgotten, lost }
    }

    /// Who decides on them.
    pub(super) fn judge(&self) -> Judge {
        self.judge
    }

    /// Which view was taken over last.
    pub(super) fn version(&self) -> Option<SeatsVersion> {
        self.version
    }

    /// The other nodes that hold seats here, each once.
    pub(super) fn other_nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.elsewhere.iter().map(|seat| seat.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Who sits here, by name.
    pub(super) fn occupants(&self) -> Vec<Username> {
        self.all().into_iter().map(|occupant| occupant.user).collect()
    }

    /// Who sits here, by name, and what they are: of a user on several nodes, what they are most.
    pub(super) fn all(&self) -> Vec<Occupant> {
        let own = self.own.iter().filter(|seat| seat.standing != Standing::Asked(None)).map(|seat| &seat.occupant);
        let elsewhere = self.elsewhere.iter().map(|seat| &seat.occupant);
        merged(own.chain(elsewhere).cloned())
    }

    /// Those at whose clients nobody is, by name.
    pub(super) fn idle(&self) -> Vec<Idle> {
        let is_idle = |occupant: &Occupant| occupant.state == PresenceState::Idle;
        let idle = |Occupant { user, since, .. }| Idle { user, since };
        self.all().into_iter().filter(is_idle).map(idle).collect()
    }

    /// Whether this node holds none and asks for none.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    fn of(&mut self, user: &Username) -> Option<&mut Seat> {
        self.own.iter_mut().find(|seat| seat.occupant.user == *user)
    }
}

/// Of each user what they are most, by name.
pub(super) fn merged(occupants: impl Iterator<Item = Occupant>) -> Vec<Occupant> {
    let mut all: Vec<Occupant> = occupants.collect();
    all.sort_unstable_by(|one, other| one.user.cmp(&other.user).then(most_there(one, other)));
    all.dedup_by(|other, one| other.user == one.user);
    all
}

/// Whoever is here is not away, for as long as they have been; whoever is away on two nodes has been since they left
/// the second.
fn most_there(one: &Occupant, other: &Occupant) -> Ordering {
    let rank = |occupant: &Occupant| match occupant.state {
        PresenceState::Here => 0,
        PresenceState::Idle => 1,
        PresenceState::Away => 2,
        PresenceState::Gone => 3,
    };
    let by_time = one.since.cmp(&other.since);
    let by_time = if one.state == PresenceState::Away { by_time.reverse() } else { by_time };
    rank(one).cmp(&rank(other)).then(by_time)
}
