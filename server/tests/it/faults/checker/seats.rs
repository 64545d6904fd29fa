//! Pure. Never a third user: by what the server says of who is there, and by what it does.

use crate::faults::checker::{Checker, Wrong};
use crate::faults::event::{At, Listener, Room, User};

/// Who certainly had a seat when a third user was let in.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// When each listener's open connection was made, by its place among [`crate::faults::event::ROLES`].
    joined: [Option<At>; 3],
    intruders: Vec<Intruder>,
}

/// A third user who was let in. Seats may just have been free. They were not when both users have a connection that
/// was made before the third one asked, and on which something is sent that was posted after the third one was in.
#[derive(Debug)]
struct Intruder {
    asked: At,
    is_in: At,
    /// Alice, Bob.
    had_a_seat: [bool; 2],
}

/// An intruder is kept for so many later ones.
const KEPT: usize = 4;

fn role(listener: Listener) -> usize {
    listener.index() % 3
}

impl Checker {
    pub(super) fn seat_taken(&mut self, at: At, listener: Listener) {
        self.room(listener.room()).seats.joined[role(listener)] = Some(at);
    }

    pub(super) fn left(&mut self, listener: Listener) {
        self.room(listener.room()).seats.joined[role(listener)] = None;
        self.plain_left(listener);
    }

    pub(super) fn seated(&mut self, at: At, room: Room, occupants: usize) {
        if occupants > 2 {
            self.wrong(
                at,
                Wrong::ThirdUser,
                Some(room),
                None,
                format!("{occupants} users hold a seat in room {}", room.0),
            );
        }
    }

    pub(super) fn intruded(&mut self, at: At, room: Room, asked: At, occupants: usize) {
        self.counts.let_in += 1;
        self.seated(at, room, occupants);
        let intruders = &mut self.room(room).seats.intruders;
        if intruders.len() == KEPT {
            intruders.remove(0);
        }
        intruders.push(Intruder { asked, is_in: at, had_a_seat: [false; 2] });
    }

    /// A message that was first posted at `began` was sent to a listener.
    pub(super) fn seat_proved(&mut self, at: At, listener: Listener, began: At) {
        let room = listener.room();
        let seats = &mut self.room(room).seats;
        let Some(joined) = seats.joined[role(listener)] else { return };
        let mut thirds = Vec::new();
        for intruder in &mut seats.intruders {
            if joined < intruder.asked && intruder.is_in < began && intruder.had_a_seat != [true; 2] {
                intruder.had_a_seat[usize::from(listener.user() == User::Bob)] = true;
                if intruder.had_a_seat == [true; 2] {
                    thirds.push(intruder.is_in);
                }
            }
        }
        for third in thirds {
            let what = format!("a third user was let into room {} at {third}, when both users had their seats", room.0);
            self.wrong(at, Wrong::ThirdUser, Some(room), None, what);
        }
    }
}
