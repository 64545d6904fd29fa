//! Pure. Who of a room writes, so that the others are told no more often than it is of use to them.

use std::time::{Duration, Instant};

use shared::frames::{Activity, TYPING_LASTS, Typing, TypingState};
use shared::names::Username;

use crate::nodes::NodeId;
use crate::rooms::SessionId;

/// A connection that says sooner than this that its user still writes is not heard.
const NO_OFTENER: Duration = Duration::from_secs(1);

/// The connections whose users have written of late. Those that are idle are not in it and cost nothing.
#[derive(Debug, Default)]
pub(super) struct Writers(Vec<Writer>);

/// Where a user writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a connection of this node.
    Session(SessionId),
    /// On another node, which tells no oftener than is of use.
    Node(NodeId),
}

#[derive(Debug)]
struct Writer {
    origin: Origin,
    user: Username,
    /// When it said so last, of what was told.
    active_at: Instant,
    /// Whether it has not said since then that they have stopped.
    is_active: bool,
}

impl Writers {
    /// It is said whether a user writes. What the others are to be told, if anything.
    pub(super) fn say(&mut self, now: Instant, origin: Origin, user: &Username, state: TypingState) -> Option<Typing> {
        let said = self.0.iter_mut().find(|writer| writer.origin == origin && writer.user == *user);
        let is_limited = matches!(origin, Origin::Session(_));
        match (state, said) {
            (TypingState::Active, Some(writer)) if is_limited && now < writer.active_at + NO_OFTENER => None,
            (TypingState::Active, Some(writer)) => {
                (writer.active_at, writer.is_active) = (now, true);
                Some(typing(user, state))
            }
            (TypingState::Active, None) => {
                self.0.push(Writer { origin, user: user.clone(), active_at: now, is_active: true });
                Some(typing(user, state))
            }
            (TypingState::Stopped, Some(writer)) => {
                let was_active = writer.is_active_at(now);
                writer.is_active = false;
                self.stopped(now, user, was_active)
            }
            (TypingState::Stopped, None) => None,
        }
    }

    /// A message of this user is there: that is what they wrote, in whichever connection.
    pub(super) fn sent(&mut self, now: Instant, user: &Username) -> Option<Typing> {
        let was_active = self.0.iter().any(|writer| writer.user == *user && writer.is_active_at(now));
        self.0.retain(|writer| writer.user != *user);
        self.stopped(now, user, was_active)
    }

    /// A connection has ended.
    pub(super) fn left(&mut self, now: Instant, session: SessionId) -> Option<Typing> {
        let at = self.0.iter().position(|writer| writer.origin == Origin::Session(session))?;
        let writer = self.0.swap_remove(at);
        self.stopped(now, &writer.user, writer.is_active_at(now))
    }

    /// Only these other nodes are left. What was told of the rest ends by itself.
    pub(super) fn keep_nodes(&mut self, nodes: &[NodeId]) {
        self.0.retain(|writer| match writer.origin {
            Origin::Session(_) => true,
            Origin::Node(node) => nodes.contains(&node),
        });
    }

    /// Tells only what the others do not know: not of one who never began, and not while another connection of the same
    /// user goes on.
    fn stopped(&self, now: Instant, user: &Username, was_active: bool) -> Option<Typing> {
        let goes_on = self.0.iter().any(|writer| writer.user == *user && writer.is_active_at(now));
        (was_active && !goes_on).then(|| typing(user, TypingState::Stopped))
    }
}

impl Writer {
    /// Whether the others take it for active, which ends by itself.
    fn is_active_at(&self, now: Instant) -> bool {
        self.is_active && now < self.active_at + TYPING_LASTS
    }
}

fn typing(user: &Username, state: TypingState) -> Typing {
    Typing { user: user.clone(), activity: Activity { state } }
}

#[cfg(test)]
mod tests {
    use TypingState::{Active, Stopped};

    use super::*;

    /// Says these, each at a time in milliseconds in a session of the same user, and gives what was told.
    #[track_caller]
    fn check(said: &[(u64, u64, TypingState)], expected: &[Option<TypingState>]) {
        let (mut writers, began, bob) = (Writers::default(), Instant::now(), Username::new("bob").unwrap());
        let told: Vec<_> = said
            .iter()
            .map(|(at, session, state)| {
                writers.say(began + Duration::from_millis(*at), Origin::Session(SessionId(*session)), &bob, *state)
            })
            .map(|typing| typing.map(|typing| typing.activity.state))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_said_again_within_a_second_is_dropped() {
        let said = [(0, 1, Active), (999, 1, Active), (1_000, 1, Active), (1_500, 1, Stopped), (1_600, 1, Stopped)];
        check(&said, &[Some(Active), None, Some(Active), Some(Stopped), None]);
        // However it alternates, a second has no more than two.
        check(
            &[(0, 1, Active), (10, 1, Stopped), (20, 1, Active), (30, 1, Stopped)],
            &[Some(Active), Some(Stopped), None, None],
        );
    }

    #[test]
    fn nobody_is_told_the_end_of_what_they_were_not_told_or_what_ended_by_itself() {
        check(&[(0, 1, Stopped)], &[None]);
        check(&[(0, 1, Active), (6_000, 1, Stopped)], &[Some(Active), None]);
    }

    #[test]
    fn a_user_goes_on_while_any_connection_of_theirs_does() {
        check(
            &[(0, 1, Active), (500, 2, Active), (600, 1, Stopped), (700, 2, Stopped)],
            &[Some(Active), Some(Active), None, Some(Stopped)],
        );
    }

    #[test]
    fn a_message_ends_it_and_the_next_is_heard_at_once() {
        let (mut writers, now, bob) = (Writers::default(), Instant::now(), Username::new("bob").unwrap());
        let said = |writers: &mut Writers| writers.say(now, Origin::Session(SessionId(1)), &bob, Active).is_some();
        assert_eq!(writers.sent(now, &bob), None);
        assert!(said(&mut writers) && !said(&mut writers));
        assert_eq!(writers.sent(now, &bob), Some(typing(&bob, Stopped)));
        assert!(said(&mut writers));
        assert_eq!(writers.left(now, SessionId(2)), None);
        assert_eq!(writers.left(now, SessionId(1)), Some(typing(&bob, Stopped)));
    }
}
