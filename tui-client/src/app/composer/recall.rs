//! Pure. What was sent in this room before, to write it anew.

use std::collections::VecDeque;

/// How many messages are remembered.
const MAX_REMEMBERED: usize = 100;

/// What was sent, and a walk through it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recall {
    /// The newest at the end.
    sent: VecDeque<String>,
    walk: Option<Walk>,
}

/// What was sent and the draft at its end, each with what was changed in it on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Walk {
    texts: Vec<String>,
    at: usize,
}

impl Recall {
    /// Remembers what was sent, and gives the draft that was left for it.
    pub(super) fn remember(&mut self, text: String) -> Option<String> {
        let left = self.walk.take().filter(|walk| walk.at + 1 < walk.texts.len());
        let draft = left.and_then(|walk| walk.texts.into_iter().next_back());
        if self.sent.back() == Some(&text) {
            return draft;
        }
        self.sent.push_back(text);
        if self.sent.len() > MAX_REMEMBERED {
            self.sent.pop_front();
        }
        draft
    }

    /// Puts these before what was sent in this run, the newest last.
    pub(super) fn found(&mut self, texts: impl DoubleEndedIterator<Item = String>) {
        for text in texts.rev().take(MAX_REMEMBERED.saturating_sub(self.sent.len())) {
            self.sent.push_front(text);
        }
    }

    /// The next draft is a new one.
    pub(super) fn end(&mut self) {
        self.walk = None;
    }

    /// What was sent before `text`, which is written now.
    pub(super) fn earlier(&mut self, text: &str) -> Option<String> {
        let walk = self.walk.get_or_insert_with(|| {
            let texts: Vec<String> = self.sent.iter().cloned().chain([String::new()]).collect();
            Walk { at: texts.len() - 1, texts }
        });
        walk.go(walk.at.checked_sub(1)?, text)
    }

    /// What was sent after `text`, which is written now; the draft in the end.
    pub(super) fn later(&mut self, text: &str) -> Option<String> {
        let walk = self.walk.as_mut()?;
        walk.go(walk.at + 1, text)
    }
}

impl Walk {
    fn go(&mut self, to: usize, from: &str) -> Option<String> {
        let found = self.texts.get(to)?.clone();
        from.clone_into(self.texts.get_mut(self.at)?);
        self.at = to;
        Some(found)
    }
}
