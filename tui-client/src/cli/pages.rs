//! The history of a room over HTTP, page by page, and the places that times stand for.

use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned, civil};
use shared::message::{Message, Seq};
use shared::rest::{HistoryPage, MAX_FOUND, MAX_PAGE, SearchPage};

use crate::cli::exit::{Exit, Failure};
use crate::cli::stubborn::until_answered;
use crate::network::api::Range;
use crate::network::fleet::Fleet;

/// Which part of the history is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct Span {
    /// The messages after this place
    #[arg(long, value_name = "SEQ", conflicts_with = "since")]
    pub(crate) after: Option<u64>,

    /// The messages before this place
    #[arg(long, value_name = "SEQ", conflicts_with = "until")]
    before: Option<u64>,

    /// The messages from this time on: 14:00, 2026-11-22, "2026-11-22 14:00", 2026-11-22T13:00:00Z, or 2h ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,

    /// The messages before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
}

/// The history of one room.
pub(crate) struct Pages {
    pub(crate) servers: Fleet,
    /// How long a page is tried for.
    pub(crate) timeout: Duration,
}

impl Pages {
    pub(crate) async fn page(&self, range: Range, limit: u32) -> Result<HistoryPage, Failure> {
        until_answered(&self.servers, self.timeout, async |api| api.page(range, limit).await).await
    }

    /// The newest messages with these words, before a place where one is named.
    pub(crate) async fn search(&self, words: &str, before: Option<Seq>, limit: u32) -> Result<SearchPage, Failure> {
        let limit = limit.min(MAX_FOUND);
        until_answered(&self.servers, self.timeout, async |api| api.search(words, before, limit).await).await
    }

    /// After which place a span begins, and with which it ends, where it says so.
    pub(crate) async fn places(&self, span: &Span) -> Result<(Option<Seq>, Option<Seq>), Failure> {
        let after = match (span.after, span.since) {
            (Some(seq), _) => Some(Seq(seq)),
            (None, Some(time)) => Some(self.last_before(time).await?),
            (None, None) => None,
        };
        let to = match (span.before, span.until) {
            (Some(seq), _) => Some(Seq(seq.saturating_sub(1))),
            (None, Some(time)) => Some(self.last_before(time).await?),
            (None, None) => None,
        };
        Ok((after, to))
    }

    /// The place of the last message before a time. Places rise with time, so a few looks find it in any history.
    pub(crate) async fn last_before(&self, time: Timestamp) -> Result<Seq, Failure> {
        let (mut before, mut up_to) = (0, self.page(Range::Newest, 1).await?.head.0);
        while before < up_to {
            let middle = before + (up_to - before) / 2;
            match self.page(Range::After(Seq(middle)), 1).await?.messages.first() {
                Some(message) if message.sent_at < time && message.seq.0 > middle => before = message.seq.0,
                Some(_) | None => up_to = middle,
            }
        }
        Ok(Seq(before))
    }

    /// Goes forward through the messages after a place, to another one or to the newest.
    pub(crate) fn walk(&self, after: Seq, to: Option<Seq>) -> Walk<'_> {
        Walk { pages: self, after, to: to.unwrap_or(Seq(u64::MAX)), head: None, epoch: None }
    }
}

pub(crate) struct Walk<'a> {
    pages: &'a Pages,
    pub(crate) after: Seq,
    to: Seq,
    /// The room's newest place when the last page was read.
    pub(crate) head: Option<Seq>,
    epoch: Option<String>,
}

impl Walk<'_> {
    /// The next messages, none at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, Failure> {
        let is_at_the_end = self.head.is_some_and(|head| self.after >= head);
        if is_at_the_end || self.after >= self.to {
            return Ok(vec![]);
        }
        let HistoryPage { mut messages, head, epoch, .. } = self.pages.page(Range::After(self.after), MAX_PAGE).await?;
        if self.epoch.get_or_insert_with(|| epoch.clone()) != &epoch {
            return Err(Failure::new(Exit::Unexpected, "the server has another history now: begin again"));
        }
        messages.retain(|message| message.seq > self.after && message.seq <= self.to);
        self.head = Some(head);
        // A page without one it was asked for is the last one.
        self.after = messages.last().map_or(self.after.max(head), |message| message.seq);
        Ok(messages)
    }
}

/// Reads a time as people write it, in the time zone of this machine.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    moment_at(text.trim(), &Zoned::now())
}

fn moment_at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let explain = || "write it like 14:00, 2026-11-22, \"2026-11-22 14:00\", 2026-11-22T13:00:00Z, or 2h".to_owned();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local = |at: civil::DateTime| {
        TimeZone::to_zoned(now.time_zone(), at).map(|zoned| zoned.timestamp()).map_err(|_| explain())
    };
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return local(at);
    }
    // What is left of a date with a time is read as a time as well, so this comes after it.
    if text.contains(':')
        && let Ok(time) = text.parse::<civil::Time>()
    {
        return local(now.date().to_datetime(time));
    }
    let span: jiff::Span = text.trim_end_matches("ago").trim_end().parse().map_err(|_| explain())?;
    now.checked_sub(span.abs()).map(|at| at.timestamp()).map_err(|_| explain())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_people_write_it() {
        let now: Zoned = "2026-11-25T20:00:00+01:00[Europe/Berlin]".parse().unwrap();
        for (written, meant) in [
            ("14:00", "2026-11-25T13:00:00Z"),
            ("14:00:30", "2026-11-25T13:00:30Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("2026-07-22", "2026-07-21T22:00:00Z"),
            ("2026-11-22 14:00", "2026-11-22T13:00:00Z"),
            ("2026-11-22T14:00", "2026-11-22T13:00:00Z"),
            ("2026-11-22T13:00:00Z", "2026-11-22T13:00:00Z"),
            ("2h", "2026-11-25T17:00:00Z"),
            ("90 minutes ago", "2026-11-25T17:30:00Z"),
            ("2d", "2026-11-23T19:00:00Z"),
        ] {
            assert_eq!(moment_at(written, &now), Ok(meant.parse().unwrap()), "{written}");
        }
        for written in ["", "soon", "17", "25:00", "2026-13-01"] {
            assert!(moment_at(written, &now).unwrap_err().contains("write it like"), "{written}");
        }
    }
}
