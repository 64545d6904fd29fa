//! Pure. How the connection is, and what a welcome changes.

use jiff::Timestamp;
use shared::frames::Welcome;

use crate::app::State;

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// The first attempt is under way.
    Connecting,
    /// We are in.
    Live,
    /// It broke off, or an attempt failed.
    Lost {
        /// In a few words.
        reason: String,
        /// When the next attempt starts.
        retry_at: Timestamp,
    },
    /// A later attempt is under way.
    Reconnecting,
    /// The room holds two others, and we wait for a seat.
    Full {
        /// Since when.
        since: Timestamp,
        /// Who holds the seats, harmless; nobody while that is not known.
        holders: Vec<String>,
    },
    /// The server will not have us: a sentence that says what to do.
    Refused(String),
}

impl State {
    /// Whether no attempt has found a server yet.
    #[must_use]
    pub fn never_got_through(&self) -> bool {
        let is_trying = matches!(self.connection, Connection::Lost { .. } | Connection::Reconnecting);
        is_trying && !self.was_reached && self.head.is_none() && self.log.is_empty()
    }

    pub(crate) fn welcome(&mut self, welcome: &Welcome) {
        self.connection = Connection::Live;
        self.head = Some(welcome.head);
        self.max_content_bytes = welcome.max_content_bytes;
        self.welcome_people(welcome);
        self.receipts.welcome(welcome, &self.user);
        self.welcome_unread(welcome);
    }
}
