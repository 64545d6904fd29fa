//! Pure. What the others have said and the person has not read, and the line where it begins.
//!
//! The line comes when something is said that nobody sees, and stays while the person reads on from there. It goes when
//! they have seen it and turn away, and all is read, so that the next thing that is said gets a line of its own.

use jiff::Timestamp;
use shared::frames::{Resume, Welcome};
use shared::message::Seq;

use crate::app::arrivals::Picture;
use crate::app::log::{Older, Said, Slot};
use crate::app::notice::Notice;
use crate::app::times::moment;
use crate::app::{Connection, Effect, State};

/// What is not read.
#[derive(Debug, Clone, Default)]
pub struct Unread {
    /// Everything up to this place counts as read, here or at another client of ours.
    read: Seq,
    /// What was in the room when we came in is no news.
    came_in_at: Seq,
    /// How many messages of others behind it are in the log.
    in_log: usize,
    line: Option<Line>,
    /// The person waits for what is fetched, to be brought to the line.
    goes_to_line: bool,
}

/// The line before what was said while nobody saw it.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// It stands behind this place,
    after: Seq,
    /// and what was not seen goes up to this one.
    until: Seq,
    /// How many messages of others in the log are between both.
    count: usize,
    /// The first of them.
    first: Option<Seq>,
    /// When the person turned away, if that is known.
    since: Option<Timestamp>,
    /// The person has seen it.
    was_seen: bool,
}

impl Line {
    fn note(&mut self, place: Seq) {
        self.count += 1;
        self.first = Some(self.first.map_or(place, |first| first.min(place)));
    }
}

impl State {
    /// How many messages of others the person has not read. What is not loaded yet counts as theirs.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread.in_log.saturating_add(self.not_loaded_behind(self.unread.read))
    }

    /// What stands in the title of the terminal: the room, or how much is not read and of whom.
    #[must_use]
    pub fn title(&self) -> String {
        match (self.unread(), &self.peer) {
            (0, _) => self.room.clone(),
            (unread, Some(peer)) => format!("({unread}) {}", peer.name),
            (unread, None) => format!("({unread}) {}", self.room),
        }
    }

    /// What the line says that stands before this message, if one does.
    #[must_use]
    pub fn line_before(&self, said: &Said) -> Option<String> {
        let line = self.unread.line.filter(|line| line.first == Some(said.seq) && self.is_loaded_behind(line.after))?;
        let since = line.since.map_or_else(String::new, |since| format!(" since {}", moment(self, since)));
        Some(format!("{} new{since}", line.count))
    }

    /// How many messages there are from the line on, while the line is above the window and was not seen.
    #[must_use]
    pub fn unread_above(&self) -> Option<usize> {
        let line = self.unread.line.filter(|line| !line.was_seen && !self.is_in_view(line))?;
        let count = line.count.saturating_add(self.not_loaded_behind(line.after));
        Some(count).filter(|count| *count > 0)
    }

    /// Goes to the line, and fetches what is between it and what is loaded.
    pub(crate) fn go_to_unread(&mut self, effects: &mut Vec<Effect>) {
        self.unread.goes_to_line = false;
        let line = self.unread.line.filter(|line| line.count > 0 || !self.is_loaded_behind(line.after));
        let Some(line) = line else {
            self.notice = Some(Notice::news("Nothing is new.", self.now));
            return;
        };
        if let Some(slot) = self.slot_of(&line) {
            self.scroll_to(slot);
        } else if self.connection == Connection::Live {
            self.unread.goes_to_line = true;
            self.fetch_older(effects);
        } else {
            self.notice =
                Some(Notice::trouble("Where it begins is not loaded, and there is no connection to fetch it by."));
        }
    }

    /// A page has come, or there is none.
    pub(crate) fn go_on_to_unread(&mut self, effects: &mut Vec<Effect>) {
        if self.unread.goes_to_line {
            self.go_to_unread(effects);
        }
    }

    /// Whoever does something else meanwhile is not to be torn away from it.
    pub(crate) fn go_no_more_to_unread(&mut self) {
        self.unread.goes_to_line = false;
    }

    /// Takes from a welcome how far we had come elsewhere. Who was never here has missed nothing.
    pub(crate) fn welcome_unread(&mut self, welcome: &Welcome) {
        let ours = welcome.receipts.iter().find(|receipt| receipt.user == self.user);
        let read = ours.map(|receipt| receipt.reached.read);
        if welcome.resume == Resume::Complete {
            return self.has_read(read.unwrap_or_default());
        }
        let read = read.unwrap_or(welcome.head);
        let line = Line { after: read, until: welcome.head, count: 0, first: None, since: None, was_seen: false };
        let line = (read < welcome.head).then_some(line);
        self.unread = Unread { read, came_in_at: welcome.head, line, ..Unread::default() };
        self.count_unread();
    }

    /// The person has read everything up to this place.
    pub(crate) fn has_read(&mut self, place: Seq) {
        if place > self.unread.read {
            self.unread.read = place;
            self.unread.in_log = self.log.of_others_behind(place).count();
            self.unseen = self.unseen.min(self.unread.in_log);
        }
    }

    /// Whether a message was said since we came in, and not read at another client of ours.
    pub(crate) fn is_news(&self, place: Seq) -> bool {
        place > self.unread.read && place > self.unread.came_in_at
    }

    /// A message of others has come in.
    pub(crate) fn note_unread(&mut self, place: Seq) {
        let (is_seen, since) = (self.sees_what_comes(), self.away_since());
        let Unread { read, in_log, line, .. } = &mut self.unread;
        if place > *read {
            *in_log += 1;
        }
        match line {
            Some(line) if line.after < place && place <= line.until => line.note(place),
            _ if is_seen || place <= *read => {}
            Some(line) if line.until > *read => {
                line.until = place;
                line.note(place);
            }
            Some(_) | None => {
                let first = Some(place);
                *line = Some(Line { after: place.back(1), until: place, count: 1, first, since, was_seen: false });
            }
        }
    }

    /// Counts anew, after the log has changed in another way than by one message.
    pub(crate) fn count_unread(&mut self) {
        self.unread.in_log = self.log.of_others_behind(self.unread.read).count();
        if let Some(line) = &mut self.unread.line {
            let (after, until) = (line.after, line.until);
            (line.count, line.first) = (0, None);
            for said in self.log.of_others_behind(after).filter(|said| said.seq <= until) {
                line.note(said.seq);
            }
        }
    }

    /// What stood on the screen was seen.
    pub(crate) fn note_line_in_view(&mut self) {
        let is_seen = self.away_since().is_none();
        if is_seen && self.unread.line.is_some_and(|line| !line.was_seen && self.is_in_view(&line)) {
            self.unread.line = self.unread.line.map(|line| Line { was_seen: true, ..line });
        }
    }

    /// The person turns away: a line that was seen, before what is read, has done its work.
    pub(crate) fn take_off_line(&mut self) -> Picture {
        let read = self.unread.read;
        match self.unread.line.take_if(|line| line.was_seen && line.until <= read) {
            Some(line) if line.count > 0 => Picture::Changed,
            Some(_) | None => Picture::Same,
        }
    }

    fn is_in_view(&self, line: &Line) -> bool {
        self.slot_of(line).is_some_and(|slot| self.is_in_window(slot))
    }

    /// The entry that the line stands before, once it is loaded.
    fn slot_of(&self, line: &Line) -> Option<Slot> {
        let first = line.first.filter(|_| self.is_loaded_behind(line.after))?;
        self.log.slot_of(first)
    }

    fn is_loaded_behind(&self, place: Seq) -> bool {
        self.log.older == Older::None || self.not_loaded_behind(place) == 0
    }

    fn not_loaded_behind(&self, place: Seq) -> usize {
        let not_loaded_up_to = match self.log.first_seq() {
            Some(first) => first.back(1),
            None => self.head.unwrap_or_default(),
        };
        usize::try_from(not_loaded_up_to.0.saturating_sub(place.0)).unwrap_or(usize::MAX)
    }
}
