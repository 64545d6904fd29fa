//! Pure. A sentence for the person: that something is wrong, or news, which go by themselves.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::arrivals::Picture;
use crate::app::times::{again, later, next_second, seconds_left};
use crate::app::{Connection, State, layout};

/// How long news stay.
const NEWS_FOR: Duration = Duration::from_secs(10);

/// A sentence for the person, until the next key at the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence; of a delay without its end, which tells how long there is to wait.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// What a sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something went wrong, or needs the person.
    Trouble,
    /// Something did not work, and is tried again by itself.
    Delay {
        /// When.
        retry_at: Timestamp,
    },
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

    pub(crate) fn delay(text: impl Into<String>, retry_at: Timestamp) -> Self {
        Self { text: text.into(), kind: Kind::Delay { retry_at } }
    }

    pub(crate) fn news(text: impl Into<String>, now: Timestamp) -> Self {
        Self { text: text.into(), kind: Kind::News { until: later(now, NEWS_FOR) } }
    }

    /// The sentence as it is now.
    pub(crate) fn sentence(&self, now: Timestamp) -> String {
        match self.kind {
            Kind::Delay { retry_at } => format!("{} {}.", self.text, again(retry_at, now)),
            Kind::Trouble | Kind::News { .. } => self.text.clone(),
        }
    }
}

impl State {
    /// When news go, and when a delay is told in another way.
    pub(crate) fn next_notice_tick(&self) -> Option<Timestamp> {
        match self.notice.as_ref().filter(|_| self.is_seen())?.kind {
            Kind::News { until } => Some(until),
            Kind::Delay { retry_at } => next_second(retry_at, self.now).filter(|_| self.shows_notice_to_its_end()),
            Kind::Trouble => None,
        }
    }

    /// The event before it was at `before`.
    pub(crate) fn notice_tick(&mut self, before: Timestamp) -> Picture {
        match self.notice.as_ref().filter(|_| self.is_seen()).map(|notice| notice.kind) {
            Some(Kind::News { until }) if until <= self.now => self.notice = None,
            Some(Kind::Delay { retry_at }) if seconds_left(retry_at, before) != seconds_left(retry_at, self.now) => {}
            Some(Kind::News { .. } | Kind::Delay { .. } | Kind::Trouble) | None => return Picture::Same,
        }
        // The rows it took are the conversation's again.
        self.settle_scroll();
        Picture::Changed
    }

    /// Whether nothing stands in the place of what is said, and there is room for all of it.
    fn shows_notice_to_its_end(&self) -> bool {
        let is_covered = layout::covers_notices(self) || self.question().is_some();
        !is_covered && layout::notice_rows(self).len() <= usize::from(layout::areas(self).notice.height)
    }

    /// Whether what stands above the composer says that something is wrong, or asks what must not be overlooked.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        match (&self.notice, layout::covers_notices(self)) {
            (_, true) => false,
            _ if self.question().is_some() => true,
            (Some(notice), false) => !matches!(notice.kind, Kind::News { .. }),
            (None, false) => matches!(self.connection, Connection::Refused(_)),
        }
    }
}
