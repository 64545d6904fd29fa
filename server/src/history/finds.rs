//! Pure. What a search has found so far, and how much it may still look at.

use std::ops::ControlFlow;

use shared::message::{Message, Seq};
use shared::search::Query;

use crate::history::{Found, MAX_PAGE_BYTES};

/// How many of the newest messages are looked through before an index is asked. Words that are frequent are found there
/// often enough, and of those the index would have to gather more than anybody wants.
pub(super) const NEWEST: usize = 2_000;

/// How much one search looks at, in bytes of content and [`ROW_BYTES`] for each message. The rest is for the next.
const LOOKED_BYTES: usize = 4 * 1024 * 1024;

/// What a message costs beside its content.
const ROW_BYTES: usize = 100;

/// Which messages are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) query: Query,
    pub(super) before: Option<Seq>,
    pub(super) limit: u32,
}

/// What has been found so far.
#[derive(Debug)]
pub(super) struct Finds<'a> {
    wanted: &'a Wanted,
    /// The newest first, until it is given out.
    found: Found,
    /// How long the contents of those are.
    bytes: usize,
    /// How much may still be looked at.
    left: usize,
}

impl<'a> Finds<'a> {
    /// Nothing yet.
    pub(super) fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, found: Found::default(), bytes: 0, left: LOOKED_BYTES }
    }

    /// Looks at a message older than all before; `message` makes it where it is wanted. Breaks when there is enough.
    pub(super) fn look<E>(
        &mut self,
        seq: Seq,
        content: &str,
        message: impl FnOnce() -> Result<Message, E>,
    ) -> Result<ControlFlow<()>, E> {
        let cost = content.len() + ROW_BYTES;
        if self.wanted.query.is_in(content) {
            let Found { messages, earlier } = &mut self.found;
            let limit = usize::try_from(self.wanted.limit).unwrap_or(usize::MAX);
            if messages.len() >= limit || self.bytes >= MAX_PAGE_BYTES {
                *earlier = messages.last().map(|message| message.seq);
                return Ok(ControlFlow::Break(()));
            }
            self.bytes += content.len();
            messages.push(message()?);
        }
        if cost > self.left {
            return Ok(self.stop_at(seq));
        }
        self.left -= cost;
        Ok(ControlFlow::Continue(()))
    }

    /// Looks no further than this message.
    pub(super) fn stop_at(&mut self, seq: Seq) -> ControlFlow<()> {
        self.found.earlier = Some(seq);
        ControlFlow::Break(())
    }

    /// All of it, in the order of the places.
    pub(super) fn found(self) -> Found {
        let Found { mut messages, earlier } = self.found;
        messages.reverse();
        Found { messages, earlier }
    }
}
