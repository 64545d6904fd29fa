//! Pure. The smallest story of what went wrong: one message or room, and what was broken around it.

use crate::faults::checker::{Checker, Violation};
use crate::faults::event::{At, Event, Listener, Number, Room};

/// So much before and after is told, in seconds.
const AROUND: f64 = 2.0;
/// So long after what is told of began, it ends, however late it was seen that something is wrong.
const LONGEST: f64 = 40.0;
/// More lines are no story.
const MAX_LINES: usize = 80;

impl Checker {
    pub(crate) fn tell(&self, violation: &Violation) -> String {
        let mut lines = Vec::new();
        let (mut from, mut to) = (violation.at.minus(AROUND), violation.at);
        if let Some(number) = violation.message.filter(|number| (number.0 as usize) < self.posts.len()) {
            let post = &self.posts[number.0 as usize];
            from = post.began.minus(AROUND);
            to = violation.at.min(from.plus(LONGEST));
            self.tell_message(number, &mut lines);
            self.tell_neighbours(number, &mut lines);
        }
        for (at, event) in &self.notes {
            if *at >= from && *at <= to.plus(AROUND) && self.concerns(event, violation) {
                lines.push((*at, describe(event)));
            }
        }
        lines.push((violation.at, format!("FOUND {:?}: {}", violation.wrong, violation.what)));
        lines.sort_by_key(|(at, _)| *at);
        let left_out = lines.len().saturating_sub(MAX_LINES);
        let mut story = String::new();
        for (at, line) in lines.iter().take(MAX_LINES / 2).chain(lines.iter().skip(MAX_LINES / 2 + left_out)) {
            story += &format!("{:>16}  {line}\n", at.to_string());
        }
        if left_out > 0 {
            story += &format!("  ({left_out} lines in the middle are left out)\n");
        }
        story
    }

    fn tell_message(&self, number: Number, lines: &mut Vec<(At, String)>) {
        let post = &self.posts[number.0 as usize];
        let n = number.0;
        lines.push((post.began, format!("message {n}: first posted in room {} by {:?}", post.room.0, post.author)));
        if post.accepted < At::NEVER {
            lines.push((post.accepted, format!("message {n}: accepted")));
        }
        if post.place > 0 {
            let heard = self.rooms[usize::from(post.room.0)].order[post.place as usize - 1].heard;
            lines.push((heard, format!("message {n}: first heard, at place {}", post.place)));
        }
    }

    /// Those around its place, or those that were posted around it where it has none.
    fn tell_neighbours(&self, number: Number, lines: &mut Vec<(At, String)>) {
        let post = &self.posts[number.0 as usize];
        let order = &self.rooms[usize::from(post.room.0)].order;
        let place = match post.place {
            0 => order.partition_point(|place| place.heard < post.began),
            place => place as usize - 1,
        };
        for neighbour in order.iter().skip(place.saturating_sub(2)).take(5).filter(|n| n.number != number) {
            self.tell_message(neighbour.number, lines);
        }
    }

    fn concerns(&self, event: &Event, violation: &Violation) -> bool {
        let is_there = |room: Room| violation.room.is_some_and(|there| there == room);
        let listens_there = |listener: &Listener| is_there(listener.room());
        match event {
            Event::Fault(_) => true,
            Event::Repeated(number) | Event::Unanswered(number) => violation.message == Some(*number),
            Event::Entered(listener, _)
            | Event::Gap(listener, ..)
            | Event::PlainEntered(listener)
            | Event::Left(listener, _) => listens_there(listener),
            Event::Intruded(room, ..) | Event::TurnedAway(room) => is_there(*room),
            Event::Accepted(_)
            | Event::Heard(..)
            | Event::Occupants(..)
            | Event::Said(..)
            | Event::Told(..)
            | Event::PlainHeard(..) => false,
        }
    }
}

fn describe(event: &Event) -> String {
    match event {
        Event::Fault(what) => format!("* {what}"),
        Event::Repeated(number) => format!("message {}: posted again", number.0),
        Event::Unanswered(number) => format!("message {}: an attempt ended without a 200", number.0),
        Event::Entered(listener, entry) => {
            format!("{listener}: welcomed, {:?}, head {}, asked at {}", entry.resume, entry.head, entry.asked)
        }
        Event::PlainEntered(listener) => format!("{listener}: connected"),
        Event::Left(listener, why) => format!("{listener}: connection ended: {why}"),
        Event::Gap(listener, from, to) => format!("{listener}: gap from {from} to {to}"),
        Event::Intruded(room, asked, occupants) => {
            format!("a third user was let into room {}, asked at {asked}, {occupants} occupants", room.0)
        }
        Event::TurnedAway(room) => format!("a third user was turned away from room {}", room.0),
        other => format!("{other:?}"),
    }
}
