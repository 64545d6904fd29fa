//! Pure. The lease of a node, as the node counts it: from before it asked, so that it gives up before the judge would.

use std::time::{Duration, Instant};

use crate::nodes::NodeId;

/// How long a lease is, by the clock of the judge.
pub const LEASE: Duration = Duration::from_secs(15);

/// How much earlier the node gives up: for clocks that do not run alike, and to close what it has.
const MARGIN: Duration = Duration::from_secs(2);

/// How often it is renewed, and how soon it is tried again where that failed.
const RENEW_EVERY: Duration = Duration::from_secs(5);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What there is to ask of the judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A new lease under this name.
    Begin(NodeId),
    /// To renew this one.
    Renew(NodeId),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// There is a lease, from when it was asked.
    Held,
    /// There is none, and this name gets none.
    Lost,
    /// Nobody knows.
    Unknown,
}

/// The lease, or none.
#[derive(Debug)]
pub struct Lease {
    held: Option<(NodeId, Instant)>,
    /// When to ask; `None` while an answer is awaited.
    ask_at: Option<Instant>,
}

impl Lease {
    /// None yet; it is time to ask.
    #[must_use]
    pub fn none(now: Instant) -> Self {
        Self { held: None, ask_at: Some(now) }
    }

    /// The name under which there is a lease.
    #[must_use]
    pub fn name(&self) -> Option<NodeId> {
        self.held.map(|(name, _)| name)
    }

    /// When [`Lease::request`] or [`Lease::is_over`] is next of use.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        [self.ask_at, self.held.map(|(_, until)| until)].into_iter().flatten().min()
    }

    /// Whether it has just run out. Then nothing may be held any more.
    pub fn is_over(&mut self, now: Instant) -> bool {
        self.held.take_if(|(_, until)| *until <= now).is_some()
    }

    /// What to ask now, if it is time. `name` is a new one.
    pub fn request(&mut self, now: Instant, name: NodeId) -> Option<Request> {
        self.ask_at.take_if(|at| *at <= now)?;
        Some(self.held.map_or(Request::Begin(name), |(held, _)| Request::Renew(held)))
    }

    /// The answer to what was asked at that time. Says whether the name has changed.
    pub fn answered(&mut self, now: Instant, asked_at: Instant, request: Request, answer: Answer) -> bool {
        let before = self.name();
        let until = asked_at + LEASE.saturating_sub(MARGIN);
        let pause = if answer == Answer::Held { RENEW_EVERY } else { TRY_AGAIN };
        self.ask_at = Some((asked_at + pause).max(now));
        match (request, answer) {
            (Request::Begin(name), Answer::Held) if until > now => self.held = Some((name, until)),
            (Request::Renew(name), Answer::Held) if before == Some(name) => self.held = Some((name, until)),
            (Request::Renew(name), Answer::Lost) if before == Some(name) => self.give_up(now),
            // Of a name that was given up meanwhile, or nothing new.
            (Request::Begin(_) | Request::Renew(_), _) => {}
        }
        self.name() != before
    }

    /// The judge says that there is no lease.
    pub fn give_up(&mut self, now: Instant) {
        self.held = None;
        self.ask_at = self.ask_at.map(|_| now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u128) -> NodeId {
        NodeId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_lease_is_counted_from_before_it_was_asked_and_given_up_before_the_judge_would() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut lease = Lease::none(began);
        let begin = lease.request(began, name(1)).unwrap();
        assert_eq!((begin, lease.next()), (Request::Begin(name(1)), None));
        assert!(lease.answered(at(3), began, begin, Answer::Held));
        assert_eq!((lease.name(), lease.next()), (Some(name(1)), Some(at(5))));
        let renew = lease.request(at(5), name(2)).unwrap();
        assert_eq!(renew, Request::Renew(name(1)));
        assert!(!lease.is_over(at(12)) && lease.is_over(at(13)));
        // What comes too late is of no use, and the next is under another name.
        assert!(!lease.answered(at(13), at(5), renew, Answer::Held));
        assert_eq!(lease.request(at(13), name(2)), Some(Request::Begin(name(2))));
    }

    #[test]
    fn a_lease_that_the_judge_does_not_know_is_lost_at_once() {
        let began = Instant::now();
        let mut lease = Lease::none(began);
        let begin = lease.request(began, name(1)).unwrap();
        assert!(lease.answered(began, began, begin, Answer::Held));
        let later = began + RENEW_EVERY;
        let renew = lease.request(later, name(2)).unwrap();
        assert!(lease.answered(later, later, renew, Answer::Lost));
        assert_eq!(lease.name(), None);
        assert_eq!(lease.request(later, name(2)), Some(Request::Begin(name(2))));
    }
}
