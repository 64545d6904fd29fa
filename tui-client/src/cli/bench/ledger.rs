//! What was sent to a room and what each listener heard of it. Pure.

/// How many listeners a room has: as many as it has seats.
pub(crate) const LISTENERS: u32 = 2;

/// What a message carries to be known again: `run sender counter due`, and filling up to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which of the room's senders.
    pub(crate) sender: u32,
    /// The sender's messages, counted from 0.
    pub(crate) counter: u32,
    /// When it was due, in nanoseconds since the start.
    pub(crate) due: u64,
}

impl Stamp {
    /// The longest stamp: 8 digits of the run, three numbers, spaces between.
    pub(crate) const MAX_BYTES: usize = 8 + 1 + 10 + 1 + 10 + 1 + 20 + 1;

    /// Writes the content of a message.
    pub(crate) fn content(self, run: &str, size: usize) -> String {
        let Self { sender, counter, due } = self;
        let mut content = format!("{run} {sender} {counter} {due} ");
        // Not by a format width, which ends at 65535.
        let missing = size.saturating_sub(content.len());
        content.extend(std::iter::repeat_n('x', missing));
        content
    }

    /// Reads the content of a message; nothing when it is not one of this run.
    pub(crate) fn read(content: &str, run: &str) -> Option<Self> {
        let mut fields = content.strip_prefix(run)?.strip_prefix(' ')?.split(' ');
        let sender = fields.next()?.parse().ok()?;
        let counter = fields.next()?.parse().ok()?;
        let due = fields.next()?.parse().ok()?;
        Some(Self { sender, counter, due })
    }
}

/// The book of one room.
#[derive(Debug)]
pub(crate) struct Ledger {
    senders: Vec<Vec<Entry>>,
    /// By sender and listener: the highest counter heard, plus one.
    heard: Vec<[u32; LISTENERS as usize]>,
    repeated: u64,
    disordered: u64,
    foreign: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    is_accepted: bool,
    heard: [bool; LISTENERS as usize],
}

/// What a frame is to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There are listeners that have not heard it.
    One,
    /// All listeners have heard it now.
    All,
    /// This listener had heard it before.
    Again,
    /// It was never sent.
    Foreign,
}

/// The sums. All but `accepted` count frames: one message is due once at each listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages that the server answered with 200.
    pub(crate) accepted: u64,
    /// Heard for the first time.
    pub(crate) heard: u64,
    /// Accepted and never heard.
    pub(crate) lost: u64,
    /// Heard again.
    pub(crate) repeated: u64,
    /// Heard for the first time after a later message of the same sender.
    pub(crate) disordered: u64,
    /// Never sent.
    pub(crate) foreign: u64,
}

impl Ledger {
    pub(crate) fn new(senders: u32) -> Self {
        let (senders, heard) = (0..senders).map(|_| (vec![], [0; LISTENERS as usize])).unzip();
        Self { senders, heard, repeated: 0, disordered: 0, foreign: 0 }
    }

    /// The counter of a sender's next message.
    pub(crate) fn post(&mut self, sender: u32) -> u32 {
        let Some(entries) = self.senders.get_mut(sender as usize) else { return 0 };
        entries.push(Entry::default());
        u32::try_from(entries.len() - 1).unwrap_or(u32::MAX)
    }

    /// The server has answered that it takes the message.
    pub(crate) fn accept(&mut self, sender: u32, counter: u32) {
        if let Some(entry) = self.entry(sender, counter) {
            entry.is_accepted = true;
        }
    }

    pub(crate) fn hear(&mut self, listener: u32, stamp: Option<Stamp>) -> Heard {
        let what = stamp.map_or(Heard::Foreign, |stamp| self.hear_stamp(listener as usize, stamp));
        match what {
            Heard::Again => self.repeated += 1,
            Heard::Foreign => self.foreign += 1,
            Heard::One | Heard::All => {}
        }
        what
    }

    fn hear_stamp(&mut self, listener: usize, Stamp { sender, counter, .. }: Stamp) -> Heard {
        let Some(entry) = self.entry(sender, counter) else { return Heard::Foreign };
        let Some(heard) = entry.heard.get_mut(listener) else { return Heard::Foreign };
        if std::mem::replace(heard, true) {
            return Heard::Again;
        }
        let what = if entry.heard.iter().all(|heard| *heard) { Heard::All } else { Heard::One };
        if let Some(highest) = self.heard.get_mut(sender as usize).and_then(|heard| heard.get_mut(listener)) {
            if counter < *highest {
                self.disordered += 1;
            }
            *highest = counter.saturating_add(1).max(*highest);
        }
        what
    }

    fn entry(&mut self, sender: u32, counter: u32) -> Option<&mut Entry> {
        self.senders.get_mut(sender as usize)?.get_mut(counter as usize)
    }

    pub(crate) fn tally(&self) -> Tally {
        let (repeated, disordered, foreign) = (self.repeated, self.disordered, self.foreign);
        let mut tally = Tally { repeated, disordered, foreign, ..Tally::default() };
        for entry in self.senders.iter().flatten() {
            let heard = entry.heard.iter().map(|heard| u64::from(*heard)).sum::<u64>();
            tally.heard += heard;
            if entry.is_accepted {
                tally.accepted += 1;
                tally.lost += u64::from(LISTENERS) - heard;
            }
        }
        tally
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.heard += other.heard;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.disordered += other.disordered;
        self.foreign += other.foreign;
    }
}

#[cfg(test)]
mod tests {
    use shared::rest::MAX_CONTENT_BYTES;

    use super::*;

    /// One sender posts five messages, all accepted; each listener hears the given counters.
    #[track_caller]
    fn check(heard: [&[u32]; 2], expected: Tally) {
        let mut ledger = Ledger::new(1);
        for _ in 0..5 {
            let counter = ledger.post(0);
            ledger.accept(0, counter);
        }
        for (listener, counters) in (0..).zip(heard) {
            for counter in counters {
                ledger.hear(listener, Some(Stamp { sender: 0, counter: *counter, due: 0 }));
            }
        }
        assert_eq!(ledger.tally(), expected);
    }

    const ALL: Tally = Tally { accepted: 5, heard: 10, lost: 0, repeated: 0, disordered: 0, foreign: 0 };

    #[test]
    fn all_is_well_when_each_listener_heard_each_message_once_in_order() {
        check([&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]], ALL);
    }

    #[test]
    fn a_message_that_one_listener_missed_is_lost_once() {
        check([&[0, 1, 2, 3, 4], &[0, 1, 3, 4]], Tally { heard: 9, lost: 1, ..ALL });
        check([&[], &[]], Tally { heard: 0, lost: 10, ..ALL });
    }

    #[test]
    fn a_repeat_is_no_disorder_and_makes_up_for_no_loss() {
        check([&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 0, 4]], Tally { repeated: 2, ..ALL });
        check([&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 3]], Tally { heard: 9, lost: 1, repeated: 1, ..ALL });
    }

    #[test]
    fn each_message_that_was_overtaken_is_out_of_order() {
        check([&[0, 1, 2, 3, 4], &[1, 0, 2, 4, 3]], Tally { disordered: 2, ..ALL });
        check([&[0, 1, 2, 3, 4], &[4, 0, 1, 2, 3]], Tally { disordered: 4, ..ALL });
    }

    #[test]
    fn what_was_not_accepted_cannot_be_lost() {
        let mut ledger = Ledger::new(1);
        ledger.post(0);
        assert_eq!(ledger.tally(), Tally::default());
    }

    #[test]
    fn a_message_is_everywhere_when_the_last_listener_has_it() {
        let mut ledger = Ledger::new(2);
        let counter = ledger.post(1);
        let stamp = Some(Stamp { sender: 1, counter, due: 0 });
        let heard: Vec<_> = [0, 0, 1, 1].map(|listener| ledger.hear(listener, stamp)).into();
        assert_eq!(heard, [Heard::One, Heard::Again, Heard::All, Heard::Again]);
        assert_eq!(ledger.hear(0, Some(Stamp { sender: 1, counter: 7, due: 0 })), Heard::Foreign);
        assert_eq!(ledger.hear(0, Some(Stamp { sender: 9, counter: 0, due: 0 })), Heard::Foreign);
        assert_eq!(ledger.hear(0, None), Heard::Foreign);
        assert_eq!(ledger.tally().foreign, 3);
    }

    #[test]
    fn a_stamp_is_read_from_the_content_it_was_written_to() {
        let stamp = Stamp { sender: u32::MAX, counter: u32::MAX, due: u64::MAX };
        let content = stamp.content("0badcafe", 128);
        assert_eq!(content.len(), 128);
        assert_eq!(stamp.content("0badcafe", MAX_CONTENT_BYTES).len(), MAX_CONTENT_BYTES);
        assert_eq!(Stamp::read(&content, "0badcafe"), Some(stamp));
        assert_eq!(stamp.content("0badcafe", 0).len(), Stamp::MAX_BYTES);
        for foreign in ["", "hello", "0badcafe", "0badcafe 1 x 3 ", "11111111 1 2 3 "] {
            assert_eq!(Stamp::read(foreign, "0badcafe"), None, "{foreign}");
        }
    }
}
