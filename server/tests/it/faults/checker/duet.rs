//! Pure. What a client that resumes may be sent: every place once, one after the other, and what was posted.

use shared::frames::Resume;

use crate::faults::checker::{Checker, Place, Wrong};
use crate::faults::event::{At, Entry, Id, Listener, Number, Placed};

/// A `duet.v1` client over all its connections.
#[derive(Debug, Default)]
pub(super) struct Duet {
    /// The place it was sent last; `None` before its first welcome.
    pub(super) cursor: Option<u64>,
}

impl Checker {
    pub(super) fn entered(&mut self, at: At, listener: Listener, entry: &Entry) {
        self.counts.connections += 1;
        let room = listener.room();
        let known = self.rooms[usize::from(room.0)].order.partition_point(|place| place.heard <= entry.asked) as u64;
        if entry.head < known {
            let what = format!("{listener} was told of {} messages, when {known} had been delivered", entry.head);
            self.wrong(at, Wrong::Reset, Some(room), None, what);
        }
        let cursor = self.duets[listener.index()].cursor;
        if !entry.same_epoch || (cursor.is_some() && entry.resume != Resume::Complete) {
            let what = format!("{listener} came back after place {cursor:?} and was told {:?}", entry.resume);
            self.wrong(at, Wrong::Reset, Some(room), None, what);
        }
        self.duets[listener.index()].cursor = Some(cursor.unwrap_or(entry.head));
        self.seat_taken(at, listener);
        self.seated(at, room, entry.occupants);
        self.room(room).receipts.begin(listener);
        for (user, reached) in &entry.receipts {
            self.told(at, listener, *user, *reached);
        }
    }

    pub(super) fn heard(&mut self, at: At, listener: Listener, placed: Placed) {
        self.counts.delivered += 1;
        let room = listener.room();
        let number = placed.number;
        let cursor = self.duets[listener.index()].cursor.unwrap_or_default();
        if placed.seq != cursor + 1 {
            let wrong = if placed.seq <= cursor { Wrong::Repeated } else { Wrong::Disordered };
            let what = format!("{listener} was sent place {} after place {cursor}", placed.seq);
            self.wrong(at, wrong, Some(room), number, what);
        }
        self.duets[listener.index()].cursor = Some(cursor.max(placed.seq));
        let Some(number) = self.posted_so(at, listener, placed) else { return };
        self.place(at, listener, placed, number);
        let began = self.posts[number.0 as usize].began;
        self.seat_proved(at, listener, began);
        if began >= self.fresh.since {
            self.fresh.first.get_or_insert(at);
            self.fresh.heard[listener.index()] = true;
            self.fresh.slowest = self.fresh.slowest.max((at.0 - began.0, number));
        }
    }

    /// The message, if it was posted in this room, by this sender, under this id.
    fn posted_so(&mut self, at: At, listener: Listener, placed: Placed) -> Option<Number> {
        let room = listener.room();
        let post = placed.number.and_then(|number| self.posts.get(number.0 as usize));
        let what = match (placed.number, post) {
            (Some(number), Some(post)) => {
                let keyed = post.author != crate::faults::event::Author::Outside;
                let id_fits = match placed.id {
                    Id::Key(key) => keyed && key == number,
                    Id::Other(_) => !keyed,
                };
                if post.room == room && post.author.sender() == placed.sender && id_fits {
                    return Some(number);
                }
                format!(
                    "{listener} was sent message {} as {placed:?}, posted by {:?} in room {}",
                    number.0, post.author, post.room.0
                )
            }
            _ => format!("{listener} was sent at place {} what nobody has posted: {placed:?}", placed.seq),
        };
        self.wrong(at, Wrong::Phantom, Some(room), placed.number, what);
        None
    }

    /// Writes the message down at its place, or compares it with what is there.
    fn place(&mut self, at: At, listener: Listener, placed: Placed, number: Number) {
        let room = listener.room();
        let order = &self.rooms[usize::from(room.0)].order;
        let index = placed.seq as usize - 1;
        if let Some(there) = order.get(index) {
            if (there.number, there.id) != (number, placed.id) {
                let what = format!(
                    "{listener} was sent message {} at place {}, where others were sent message {}",
                    number.0, placed.seq, there.number.0
                );
                self.wrong(at, Wrong::Disordered, Some(room), Some(number), what);
            }
            return;
        }
        if index > order.len() {
            // A place was left out, which was said already.
            return;
        }
        let (latest, latest_of) = order.last().map_or((At::default(), number), |place| (place.latest, place.latest_of));
        let post = &mut self.posts[number.0 as usize];
        let (earlier_place, began, accepted) = (post.place, post.began, post.accepted);
        let may_come_late = post.was_in_a_deleted_queue;
        if earlier_place == 0 {
            post.place = placed.seq as u32;
        }
        self.open.remove(&number);
        if earlier_place != 0 {
            let what = format!("message {} is at place {earlier_place} and again at {}", number.0, placed.seq);
            self.wrong(at, Wrong::Repeated, Some(room), Some(number), what);
        } else if accepted < latest && !may_come_late {
            let what = format!(
                "message {} was accepted at {accepted}; message {}, which was first posted at {latest}, stands before it",
                number.0, latest_of.0
            );
            self.wrong(at, Wrong::Disordered, Some(room), Some(number), what);
        }
        if let Id::Other(id) = placed.id
            && let Some(other) = self.room(room).made.insert(id, placed.seq as u32)
        {
            let what = format!("places {other} and {} have one id", placed.seq);
            self.wrong(at, Wrong::Repeated, Some(room), Some(number), what);
        }
        let (latest, latest_of) = if began > latest { (began, number) } else { (latest, latest_of) };
        self.room(room).order.push(Place { number, id: placed.id, heard: at, latest, latest_of });
        self.resolve_plain(at, room);
    }

    /// At the end it has all there is.
    pub(super) fn duet_finished(&mut self, at: At, listener: Listener) {
        let (cursor, head) = (self.duets[listener.index()].cursor.unwrap_or_default(), self.head(listener.room()));
        if cursor < head {
            let first = self.rooms[usize::from(listener.room().0)].order[cursor as usize].number;
            let what = format!("{listener} was sent nothing after place {cursor} of {head}");
            self.wrong(at, Wrong::Lost, Some(listener.room()), Some(first), what);
        }
    }
}
