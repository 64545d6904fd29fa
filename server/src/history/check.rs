//! What a look at a history has found, and what to do about it.

use std::fmt;

/// How many findings of one kind are named. Where there are so many, more would not help.
pub(super) const NAMED: u32 = 20;

/// What is looked at. It decides what to do about damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The history of a server.
    History,
    /// A backup of one.
    Backup,
    /// The history of one or several servers in PostgreSQL.
    Database,
}

/// What a history holds, and what is wrong with it.
#[derive(Debug)]
pub struct Report {
    pub(super) subject: Subject,
    pub(super) rooms: i64,
    pub(super) messages: i64,
    pub(super) findings: Vec<Finding>,
}

/// Something that should not be, in a sentence.
#[derive(Debug)]
pub(super) enum Finding {
    /// Messages are lost or cannot be read.
    Damage(String),
    /// It will be right again by itself.
    Passing(String),
}

impl Report {
    /// Nothing seen yet.
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, rooms: 0, messages: 0, findings: Vec::new() }
    }

    /// Notes what is wrong with the places of a room: up to where it has come, the first and the last of its messages, and how
    /// many there are.
    pub(super) fn places(&mut self, name: &str, head: i64, [first, last]: [i64; 2], count: i64) {
        if last != head {
            let what = format!("room {name:?} has come to place {head}, but its newest message is at {last}");
            self.findings.push(Finding::Damage(what));
        }
        if count != last - first + 1 {
            let what = format!("room {name:?} has {count} messages at the places {first} to {last}");
            self.findings.push(Finding::Damage(what));
        }
    }

    /// Notes somebody who has come further than their room.
    pub(super) fn beyond(&mut self, user: &str, reached: i64, name: &str, head: i64) {
        let what = format!("{user:?} has come to place {reached} of room {name:?}, which has come to {head} only");
        self.findings.push(Finding::Passing(what));
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    /// What was found, line by line, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, rooms, messages, findings } = self;
        if self.is_good() {
            return write!(f, "All is well. Rooms: {rooms}, messages: {messages}.");
        }
        writeln!(f, "This is wrong:")?;
        for Finding::Damage(what) | Finding::Passing(what) in findings {
            writeln!(f, "- {what}")?;
        }
        let is_damaged = findings.iter().any(|finding| matches!(finding, Finding::Damage(_)));
        f.write_str(match (is_damaged, subject) {
            (true, Subject::History) => {
                "What to do: stop the server, put its data folder aside as it is, and restore the newest backup, as \
                 docs/operations.md says. Without a backup, keep a copy of the folder before anything else is tried."
            }
            (true, Subject::Backup) => {
                "What to do: this copy is no good. Make a new one with duet-server backup, or take an older one."
            }
            (true, Subject::Database) => {
                "What to do: stop all servers, keep a copy of the database as it is, and restore the newest backup, as \
                 docs/operations.md says. pg_amcheck tells whether its files are damaged."
            }
            (false, _) => {
                "What to do: nothing. It is right again when the rooms have come that far; until then people may be shown \
                 as having read what is not there yet."
            }
        })
    }
}
