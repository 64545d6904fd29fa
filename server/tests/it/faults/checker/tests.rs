//! The checker, checked: a history that is wrong in each way, and right ones.

use shared::frames::{Reached, Resume};
use shared::message::Seq;

use crate::faults::checker::{Checker, Wrong};
use crate::faults::event::{At, Author, Entry, Event, Id, Listener, Number, Placed, Role, Room, User};

const ROOM: Room = Room(0);
const ALICE: Author = Author::User(User::Alice);
const BOB: Author = Author::User(User::Bob);

/// A history, written by hand. Each line takes a millisecond.
struct History {
    checker: Checker,
    now: At,
}

fn alice() -> Listener {
    Listener::of(ROOM, Role::Duet(User::Alice))
}

fn bob() -> Listener {
    Listener::of(ROOM, Role::Duet(User::Bob))
}

fn plain() -> Listener {
    Listener::of(ROOM, Role::Plain)
}

fn reached(delivered: u64, read: u64) -> Reached {
    Reached { delivered: Seq(delivered), read: Seq(read) }
}

impl History {
    /// Everybody is there.
    fn begin() -> Self {
        let mut history = Self { checker: Checker::new(1), now: At(0) };
        history.enter(alice(), 0, Resume::Live);
        history.enter(bob(), 0, Resume::Live);
        history.note(Event::PlainEntered(plain()));
        history
    }

    fn note(&mut self, event: Event) {
        self.now.0 += 1000;
        self.checker.note(self.now, event);
    }

    fn post(&mut self, author: Author) -> Number {
        self.now.0 += 1000;
        self.checker.begin(self.now, ROOM, author)
    }

    fn accept(&mut self, number: Number) {
        self.note(Event::Accepted(number));
    }

    fn enter(&mut self, listener: Listener, head: u64, resume: Resume) {
        let asked = self.now;
        let entry = Entry { asked, head, resume, same_epoch: true, occupants: 2, receipts: Vec::new() };
        self.note(Event::Entered(listener, entry));
    }

    fn leave(&mut self, listener: Listener) {
        self.note(Event::Left(listener, "cut".to_owned()));
    }

    /// As it was posted.
    fn placed(&self, seq: u64, number: Number) -> Placed {
        let author = self.checker.posts[number.0 as usize].author;
        let id = if author == Author::Outside { Id::Other(number.0.into()) } else { Id::Key(number) };
        Placed { seq, id, sender: author.sender(), number: Some(number) }
    }

    fn hear(&mut self, listener: Listener, seq: u64, number: Number) {
        let placed = self.placed(seq, number);
        self.note(Event::Heard(listener, placed));
    }

    fn hear_plain(&mut self, number: Number) {
        self.note(Event::PlainHeard(plain(), Some(number)));
    }

    fn all_hear(&mut self, seq: u64, number: Number) {
        self.hear(alice(), seq, number);
        self.hear(bob(), seq, number);
        self.hear_plain(number);
    }

    /// Posts, accepts and delivers one.
    fn message(&mut self, seq: u64, author: Author) -> Number {
        let number = self.post(author);
        self.accept(number);
        self.all_hear(seq, number);
        number
    }

    #[track_caller]
    fn is(mut self, expected: &[Wrong]) {
        self.checker.finish(self.now);
        let found: Vec<_> = self.checker.violations.iter().map(|violation| violation.wrong).collect();
        assert_eq!(found, expected, "{:#?}", self.checker.violations);
    }
}

#[test]
fn a_history_in_which_all_goes_well_is_right() {
    let mut history = History::begin();
    for seq in 1..=4 {
        history.message(seq, [ALICE, BOB, Author::Outside, Author::Producer][seq as usize - 1]);
    }
    assert!(history.checker.is_drained());
    history.is(&[]);
}

#[test]
fn a_post_that_is_repeated_after_a_crash_and_clients_that_resume_are_right() {
    let mut history = History::begin();
    history.message(1, ALICE);
    let (first, second) = (history.post(ALICE), history.post(BOB));
    history.hear(alice(), 2, first);
    history.note(Event::Fault("the server is killed".to_owned()));
    for listener in [alice(), bob(), plain()] {
        history.leave(listener);
    }
    history.note(Event::Unanswered(first));
    history.note(Event::Repeated(first));
    history.enter(alice(), 2, Resume::Complete);
    history.accept(first);
    history.enter(bob(), 2, Resume::Complete);
    history.hear(bob(), 2, first);
    history.note(Event::PlainEntered(plain()));
    history.hear(bob(), 3, second);
    history.hear(alice(), 3, second);
    history.accept(second);
    assert!(history.checker.is_drained(), "what was posted before it connected, a plain client may miss");
    history.message(4, BOB);
    history.is(&[]);
}

#[test]
fn a_post_without_a_key_and_without_an_answer_may_be_lost_or_arrive() {
    let mut history = History::begin();
    let (lost, arrived) = (history.post(Author::Outside), history.post(Author::Outside));
    history.note(Event::Unanswered(lost));
    history.note(Event::Unanswered(arrived));
    history.all_hear(1, arrived);
    history.is(&[]);
}

#[test]
fn what_was_accepted_and_reached_nobody_is_lost() {
    let mut history = History::begin();
    let lost = history.post(ALICE);
    history.accept(lost);
    assert!(!history.checker.is_drained());
    history.message(1, BOB);
    history.is(&[Wrong::Lost]);
}

#[test]
fn what_was_accepted_before_all_was_well_again_is_lost_without_waiting_for_the_end() {
    let mut history = History::begin();
    let lost = history.post(ALICE);
    history.accept(lost);
    let healed = At(history.now.0 + 1);
    let under_way = history.post(BOB);
    history.accept(under_way);
    history.checker.settle(history.now, healed);
    assert_eq!(history.checker.counts.wrong.get(&Wrong::Lost), Some(&1));
    assert_eq!(history.checker.under_way(), 1);
}

#[test]
fn what_only_one_of_both_heard_is_lost() {
    let mut history = History::begin();
    let number = history.post(ALICE);
    history.accept(number);
    history.hear(alice(), 1, number);
    history.hear_plain(number);
    assert!(!history.checker.is_drained());
    history.is(&[Wrong::Lost]);
}

#[test]
fn a_place_that_comes_to_one_client_twice_is_repeated_even_over_two_connections() {
    let mut history = History::begin();
    let number = history.message(1, ALICE);
    history.leave(bob());
    history.enter(bob(), 1, Resume::Complete);
    history.hear(bob(), 1, number);
    history.is(&[Wrong::Repeated]);
}

#[test]
fn a_message_at_two_places_is_repeated_with_a_key_or_without() {
    for author in [ALICE, Author::Outside] {
        let mut history = History::begin();
        let number = history.message(1, author);
        let mut again = history.placed(2, number);
        if author == Author::Outside {
            again.id = Id::Other(99);
        }
        history.leave(plain());
        history.note(Event::Heard(alice(), again));
        history.note(Event::Heard(bob(), again));
        history.is(&[Wrong::Repeated]);
    }
}

#[test]
fn two_messages_with_one_id_are_repeated() {
    let mut history = History::begin();
    let first = history.message(1, Author::Outside);
    let second = history.post(Author::Outside);
    let id = history.placed(1, first).id;
    let placed = Placed { id, ..history.placed(2, second) };
    history.note(Event::Heard(alice(), placed));
    history.note(Event::Heard(bob(), placed));
    history.hear_plain(second);
    history.is(&[Wrong::Repeated]);
}

#[test]
fn a_place_that_is_left_out_is_disorder() {
    let mut history = History::begin();
    let (first, second) = (history.post(ALICE), history.post(BOB));
    history.hear(alice(), 1, first);
    history.hear(alice(), 2, second);
    history.hear(bob(), 2, second);
    history.leave(plain());
    history.is(&[Wrong::Disordered]);
}

#[test]
fn what_was_posted_after_an_answer_and_stands_before_it_is_disorder_whoever_posted_it() {
    for second_author in [ALICE, BOB] {
        let mut history = History::begin();
        let first = history.post(ALICE);
        history.accept(first);
        let second = history.post(second_author);
        history.accept(second);
        history.all_hear(1, second);
        history.all_hear(2, first);
        history.is(&[Wrong::Disordered]);
    }
}

#[test]
fn what_lay_in_a_queue_that_was_deleted_may_come_behind_what_was_posted_later_and_nothing_else_may() {
    let mut history = History::begin();
    let first = history.post(ALICE);
    history.accept(first);
    history.checker.queue_is_deleted();
    let (second, third) = (history.post(BOB), history.post(ALICE));
    history.accept(second);
    let fourth = history.post(BOB);
    for (seq, number) in [(1, fourth), (2, first), (3, third), (4, second)] {
        history.accept(number);
        history.all_hear(seq, number);
    }
    history.is(&[Wrong::Disordered]);
}

#[test]
fn two_posts_at_once_may_stand_either_way() {
    let mut history = History::begin();
    let (first, second) = (history.post(ALICE), history.post(BOB));
    history.accept(first);
    history.accept(second);
    history.all_hear(1, second);
    history.all_hear(2, first);
    history.is(&[]);
}

#[test]
fn two_clients_that_were_sent_different_messages_at_a_place_disagree() {
    let mut history = History::begin();
    let (first, second) = (history.post(ALICE), history.post(BOB));
    history.hear(alice(), 1, first);
    history.hear(alice(), 2, second);
    history.hear(bob(), 1, second);
    history.hear(bob(), 2, first);
    history.leave(plain());
    history.is(&[Wrong::Disordered, Wrong::Disordered]);
}

#[test]
fn what_nobody_posted_or_not_so_is_a_phantom() {
    let changes: [fn(&mut Placed); 5] = [
        |placed| placed.number = None,
        |placed| placed.number = Some(Number(7)),
        |placed| placed.sender = Some(User::Bob),
        |placed| placed.sender = None,
        |placed| placed.id = Id::Other(3),
    ];
    for change in changes {
        let mut history = History::begin();
        let number = history.post(ALICE);
        let mut placed = history.placed(1, number);
        change(&mut placed);
        history.note(Event::Heard(alice(), placed));
        assert_eq!(history.checker.violations.first().map(|v| v.wrong), Some(Wrong::Phantom), "{placed:?}");
    }
}

#[test]
fn a_message_of_another_room_is_a_phantom() {
    let mut history = History { checker: Checker::new(2), now: At(0) };
    let number = history.checker.begin(At(1), Room(1), ALICE);
    history.hear(alice(), 1, number);
    history.hear_plain(number);
    let found: Vec<_> = history.checker.violations.iter().map(|violation| violation.wrong).collect();
    assert_eq!(found, [Wrong::Phantom, Wrong::Phantom]);
}

#[test]
fn a_gap_where_nothing_expires_is_wrong() {
    let mut history = History::begin();
    history.note(Event::Gap(alice(), 3, 7));
    history.is(&[Wrong::Gap]);
}

#[test]
fn a_reset_another_epoch_and_a_history_that_went_back_are_wrong() {
    let mut history = History::begin();
    history.message(1, ALICE);
    history.enter(alice(), 1, Resume::Reset);
    let asked = history.now;
    let entry =
        Entry { asked, head: 1, resume: Resume::Complete, same_epoch: false, occupants: 2, receipts: Vec::new() };
    history.note(Event::Entered(alice(), entry));
    history.enter(bob(), 0, Resume::Complete);
    history.is(&[Wrong::Reset; 3]);
}

#[test]
fn a_welcome_that_was_delayed_does_not_go_back() {
    let mut history = History::begin();
    let asked = history.now;
    history.leave(bob());
    let number = history.post(ALICE);
    history.hear(alice(), 1, number);
    let entry =
        Entry { asked, head: 0, resume: Resume::Complete, same_epoch: true, occupants: 2, receipts: Vec::new() };
    history.note(Event::Entered(bob(), entry));
    history.hear(bob(), 1, number);
    history.hear_plain(number);
    history.is(&[]);
}

#[test]
fn three_occupants_are_a_third_user_whoever_is_told() {
    let mut history = History::begin();
    history.note(Event::Occupants(alice(), 3));
    history.note(Event::Intruded(ROOM, At(1), 3));
    history.is(&[Wrong::ThirdUser, Wrong::ThirdUser]);
}

#[test]
fn a_third_user_between_two_who_stayed_is_seen_without_the_servers_word() {
    let mut history = History::begin();
    let asked = history.now;
    history.now.0 += 1000;
    history.note(Event::Intruded(ROOM, At(asked.0 + 500), 2));
    history.message(1, ALICE);
    history.is(&[Wrong::ThirdUser]);
}

#[test]
fn a_third_user_who_finds_a_free_seat_is_right() {
    let mut history = History::begin();
    history.leave(bob());
    let asked = history.now;
    history.note(Event::Intruded(ROOM, asked, 2));
    history.enter(bob(), 0, Resume::Complete);
    history.message(1, ALICE);
    history.is(&[]);
}

#[test]
fn frames_from_before_a_third_user_prove_nothing() {
    let mut history = History::begin();
    let number = history.post(ALICE);
    history.now.0 += 1000;
    let asked = history.now;
    history.note(Event::Intruded(ROOM, asked, 2));
    // Sent long ago, and held back by the wire.
    history.all_hear(1, number);
    history.is(&[]);
}

#[test]
fn a_plain_connection_that_misses_something_between_two_is_wrong() {
    let mut history = History::begin();
    let numbers: Vec<_> = (0..3).map(|_| history.post(ALICE)).collect();
    for (seq, number) in (1..).zip(&numbers) {
        history.hear(alice(), seq, *number);
        history.hear(bob(), seq, *number);
    }
    history.hear_plain(numbers[0]);
    history.hear_plain(numbers[2]);
    history.is(&[Wrong::Missed]);
}

#[test]
fn a_plain_connection_that_hears_something_twice_is_wrong() {
    let mut history = History::begin();
    let number = history.message(1, ALICE);
    history.hear_plain(number);
    history.is(&[Wrong::Repeated]);
}

#[test]
fn a_plain_connection_that_misses_what_was_posted_after_it_was_made_is_wrong() {
    let mut history = History::begin();
    let (first, second) = (history.post(ALICE), history.post(BOB));
    // It may hear before those who resume.
    history.hear_plain(second);
    for listener in [alice(), bob()] {
        history.hear(listener, 1, first);
        history.hear(listener, 2, second);
    }
    history.is(&[Wrong::Missed]);
}

#[test]
fn a_plain_connection_that_is_there_at_the_end_has_heard_the_last() {
    let mut history = History::begin();
    history.message(1, ALICE);
    let last = history.post(BOB);
    history.hear(alice(), 2, last);
    history.hear(bob(), 2, last);
    assert!(!history.checker.is_drained());
    history.is(&[Wrong::Missed]);
}

#[test]
fn what_a_plain_client_alone_was_sent_is_a_phantom() {
    let mut history = History::begin();
    let number = history.post(Author::Outside);
    history.hear_plain(number);
    history.is(&[Wrong::Phantom]);
}

#[test]
fn a_receipt_that_goes_further_than_its_user_has_said_is_wrong() {
    let mut history = History::begin();
    history.message(1, ALICE);
    history.note(Event::Said(bob(), reached(1, 0)));
    history.note(Event::Told(alice(), User::Bob, reached(1, 1)));
    history.note(Event::Said(alice(), reached(1, 1)));
    history.note(Event::Told(bob(), User::Alice, reached(1, 1)));
    history.is(&[Wrong::Receipt]);
}

#[test]
fn a_receipt_that_goes_back_on_one_connection_is_wrong() {
    let mut history = History::begin();
    for seq in 1..=2 {
        history.message(seq, ALICE);
        history.note(Event::Said(alice(), reached(seq, 0)));
        history.note(Event::Said(bob(), reached(seq, 0)));
    }
    history.note(Event::Told(bob(), User::Alice, reached(2, 0)));
    history.note(Event::Told(alice(), User::Bob, reached(2, 0)));
    history.note(Event::Told(alice(), User::Bob, reached(1, 0)));
    history.note(Event::Told(alice(), User::Bob, reached(2, 0)));
    history.is(&[Wrong::Receipt]);
}

#[test]
fn a_server_that_was_killed_may_have_forgotten_the_last_receipts() {
    let mut history = History::begin();
    for seq in 1..=2 {
        history.message(seq, ALICE);
        history.note(Event::Said(alice(), reached(seq, 0)));
        history.note(Event::Said(bob(), reached(seq, 0)));
        history.note(Event::Told(bob(), User::Alice, reached(seq, 0)));
        history.note(Event::Told(alice(), User::Bob, reached(seq, 0)));
    }
    history.leave(alice());
    history.enter(alice(), 2, Resume::Complete);
    history.note(Event::Told(alice(), User::Bob, reached(1, 0)));
    assert!(!history.checker.receipts_agree());
    history.note(Event::Told(alice(), User::Bob, reached(2, 0)));
    history.is(&[]);
}

#[test]
fn receipts_that_do_not_come_to_the_last_place_are_wrong() {
    let mut history = History::begin();
    for seq in 1..=2 {
        history.message(seq, ALICE);
        history.note(Event::Said(alice(), reached(seq, 0)));
        history.note(Event::Said(bob(), reached(seq, 0)));
    }
    history.note(Event::Told(bob(), User::Alice, reached(2, 0)));
    history.note(Event::Told(alice(), User::Bob, reached(1, 0)));
    assert!(!history.checker.receipts_agree());
    history.is(&[Wrong::Receipt]);
}

#[test]
fn a_story_tells_of_its_message_and_the_faults_around_it_and_of_nothing_else() {
    let mut history = History::begin();
    history.message(1, BOB);
    history.now.0 += 60_000_000;
    history.note(Event::Fault("the queue is deleted".to_owned()));
    let lost = history.post(ALICE);
    history.note(Event::Unanswered(lost));
    history.note(Event::Repeated(lost));
    history.accept(lost);
    history.now.0 += 60_000_000;
    history.note(Event::Fault("much later".to_owned()));
    history.checker.finish(history.now);
    let story = history.checker.tell(&history.checker.violations[0]);
    let lines: Vec<_> = story.lines().map(|line| line.split_once(" s  ").unwrap().1).collect();
    assert_eq!(
        lines,
        [
            "message 0: first posted in room 0 by User(Bob)",
            "message 0: accepted",
            "message 0: first heard, at place 1",
            "* the queue is deleted",
            "message 1: first posted in room 0 by User(Alice)",
            "message 1: an attempt ended without a 200",
            "message 1: posted again",
            "message 1: accepted",
            &format!("FOUND Lost: message 1 was accepted at {} and delivered to nobody", At(60_013_000)),
        ]
    );
}
