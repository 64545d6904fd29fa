//! Pure. What one plain connection may be sent: a run of the room's order without a hole, beginning no later than with
//! what was posted after it was made.

use std::collections::VecDeque;

use crate::faults::checker::{Checker, Wrong};
use crate::faults::event::{At, Listener, Number, Role, Room};

/// A plain client over all its connections, those last that are not settled.
#[derive(Debug, Default)]
pub(super) struct Plain {
    connections: VecDeque<Connection>,
}

#[derive(Debug)]
struct Connection {
    joined: At,
    /// The place of the message it was sent last.
    last: Option<u64>,
    /// Sent after that; their places are not known yet, for no `duet.v1` client was sent them.
    unplaced: VecDeque<Number>,
    is_open: bool,
}

impl Plain {
    pub(super) fn is_there(&self) -> bool {
        self.connections.back().is_some_and(|connection| connection.is_open)
    }

    /// Whether the open connection has been sent all that it must have been.
    pub(super) fn has_all(&self, checker: &Checker, room: Room) -> bool {
        let is_settled = |connection: &Connection| {
            let misses = connection.is_open && checker.first_missed(room, connection.joined, connection.last).is_some();
            connection.unplaced.is_empty() && !misses
        };
        self.is_there() && self.connections.iter().all(is_settled)
    }
}

impl Checker {
    pub(super) fn plain_entered(&mut self, at: At, listener: Listener) {
        self.counts.connections += 1;
        let connection = Connection { joined: at, last: None, unplaced: VecDeque::new(), is_open: true };
        self.plains[listener.index()].connections.push_back(connection);
        self.seat_taken(at, listener);
    }

    pub(super) fn plain_heard(&mut self, at: At, listener: Listener, number: Option<Number>) {
        self.counts.delivered += 1;
        let room = listener.room();
        let post = number.and_then(|number| self.posts.get(number.0 as usize).map(|post| (number, post)));
        let Some((number, post)) = post.filter(|(_, post)| post.room == room) else {
            let what = format!("{listener} was sent what nobody has posted there: {number:?}");
            self.wrong(at, Wrong::Phantom, Some(room), number, what);
            return;
        };
        let began = post.began;
        if let Some(connection) = self.plains[listener.index()].connections.back_mut() {
            connection.unplaced.push_back(number);
        }
        self.seat_proved(at, listener, began);
        self.resolve_plain(at, room);
    }

    pub(super) fn plain_left(&mut self, listener: Listener) {
        if let Some(connection) = self.plains[listener.index()].connections.back_mut() {
            connection.is_open = false;
        }
        self.forget_settled(listener);
    }

    /// Compares what plain connections were sent with the places that are known by now.
    pub(super) fn resolve_plain(&mut self, at: At, room: Room) {
        let listener = Listener::of(room, Role::Plain);
        let mut connections = std::mem::take(&mut self.plains[listener.index()].connections);
        for connection in &mut connections {
            while let Some(&number) = connection.unplaced.front() {
                let place = u64::from(self.posts[number.0 as usize].place);
                if place == 0 {
                    break;
                }
                connection.unplaced.pop_front();
                self.follows(at, listener, connection, number, place);
                connection.last = Some(place.max(connection.last.unwrap_or_default()));
            }
        }
        self.plains[listener.index()].connections = connections;
        self.forget_settled(listener);
    }

    fn follows(&mut self, at: At, listener: Listener, connection: &Connection, number: Number, place: u64) {
        let room = listener.room();
        match connection.last {
            Some(last) if place == last + 1 => {}
            Some(last) if place <= last => {
                let what = format!("{listener} was sent place {place} after place {last}");
                self.wrong(at, Wrong::Repeated, Some(room), Some(number), what);
            }
            Some(last) => {
                let what = format!("{listener} was sent place {place} after place {last}");
                self.wrong(at, Wrong::Missed, Some(room), Some(number), what);
            }
            None => {
                let before = place.checked_sub(2).map(|before| &self.rooms[usize::from(room.0)].order[before as usize]);
                if let Some(missed) = before.filter(|before| before.latest > connection.joined) {
                    let missed = missed.latest_of;
                    let what = format!(
                        "{listener} connected at {}; message {} was first posted after it, and the first it was sent is \
                         the later message {}",
                        connection.joined, missed.0, number.0
                    );
                    self.wrong(at, Wrong::Missed, Some(room), Some(missed), what);
                }
            }
        }
    }

    /// The first message after `last` that was posted after a connection was made.
    fn first_missed(&self, room: Room, joined: At, last: Option<u64>) -> Option<Number> {
        let order = &self.rooms[usize::from(room.0)].order;
        if order.last()?.latest <= joined {
            return None;
        }
        let after = last.unwrap_or_default() as usize;
        order.get(after..)?.iter().map(|place| place.number).find(|n| self.posts[n.0 as usize].began > joined)
    }

    pub(super) fn plain_finished(&mut self, at: At, listener: Listener) {
        let room = listener.room();
        let connections = std::mem::take(&mut self.plains[listener.index()].connections);
        for connection in &connections {
            if let Some(&number) = connection.unplaced.front() {
                let what = format!("{listener} was sent message {}, and no client that resumes was", number.0);
                self.wrong(at, Wrong::Phantom, Some(room), Some(number), what);
            }
            let missed = self.first_missed(room, connection.joined, connection.last).filter(|_| connection.is_open);
            if let Some(missed) = missed {
                let what = format!("{listener} was not sent message {} at the end", missed.0);
                self.wrong(at, Wrong::Missed, Some(room), Some(missed), what);
            }
        }
    }

    fn forget_settled(&mut self, listener: Listener) {
        let is_settled = |connection: &Connection| !connection.is_open && connection.unplaced.is_empty();
        self.plains[listener.index()].connections.retain(|connection| !is_settled(connection));
    }
}
