//! Pure. A sentence for the person: that something is wrong, or news, which go by themselves.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::arrivals::Picture;
use crate::app::times::later;
use crate::app::{Connection, State, layout};

/// How long news stay.
const NEWS_FOR: Duration = Duration::from_secs(10);

/// A sentence for the person, until the next key at the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// What a sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong, or needs the person.
    Trouble,
    /// Something is so, or was done.
    News {
        /// When it goes by itself.
        until: Timestamp,
    },
}

impl Notice {
    pub(crate) fn trouble(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Trouble }
    }

    pub(crate) fn news(text: impl Into<String>, now: Timestamp) -> Self {
        Self { text: text.into(), kind: Kind::News { until: later(now, NEWS_FOR) } }
    }
}

impl State {
    /// When news go.
    pub(crate) fn next_notice_tick(&self) -> Option<Timestamp> {
        match self.notice.as_ref().filter(|_| self.is_seen())?.kind {
            Kind::News { until } => Some(until),
            Kind::Trouble => None,
        }
    }

    pub(crate) fn notice_tick(&mut self) -> Picture {
        if self.next_notice_tick().is_none_or(|until| until > self.now) {
            return Picture::Same;
        }
        self.notice = None;
        // The rows it took are the conversation's again.
        self.settle_scroll();
        Picture::Changed
    }

    /// Whether what stands above the composer says that something is wrong, or asks what must not be overlooked.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        match (&self.notice, layout::covers_notices(self)) {
            (_, true) => false,
            _ if self.question().is_some() => true,
            (Some(notice), false) => notice.kind == Kind::Trouble,
            (None, false) => matches!(self.connection, Connection::Refused(_)),
        }
    }
}
