//! Pure. What was changed in the draft, word by word, so that it can be taken back and made again.

use std::collections::VecDeque;
use std::ops::Range;

/// How many steps can be taken back.
const MAX_STEPS: usize = 500;
/// How much they may hold; of one step, whatever it holds. Clearing and bringing back a long text each hold all of it.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How the text was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// By a typed character.
    Typed,
    /// By deleting a character.
    Deleted,
    /// In one go, which is a step of its own.
    AtOnce,
}

/// The changes that can be taken back, and those that were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Undo {
    past: VecDeque<Step>,
    future: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    change: Change,
    at: usize,
    removed: String,
    inserted: String,
    caret_before: usize,
}

impl Undo {
    /// Puts `with` in the place of what stands at `range` in `text`, and gives that.
    pub(super) fn replace(
        &mut self,
        text: &mut String,
        caret: usize,
        range: Range<usize>,
        with: &str,
        change: Change,
    ) -> String {
        if range.is_empty() && with.is_empty() {
            return String::new();
        }
        let removed = text.get(range.clone()).unwrap_or_default().to_owned();
        text.replace_range(range.clone(), with);
        self.future.clear();
        let is_joined = self.past.back_mut().is_some_and(|last| last.joins(range.start, &removed, with, change));
        if !is_joined {
            let step = Step {
                change,
                at: range.start,
                removed: removed.clone(),
                inserted: with.to_owned(),
                caret_before: caret,
            };
            self.past.push_back(step);
            self.forget_what_is_too_much();
        }
        removed
    }

    fn forget_what_is_too_much(&mut self) {
        let mut bytes: usize = self.past.iter().map(Step::bytes).sum();
        while self.past.len() > MAX_STEPS || bytes > MAX_BYTES && self.past.len() > 1 {
            bytes -= self.past.pop_front().map_or(0, |step| step.bytes());
        }
    }

    /// Takes back the last step, and says where the caret was.
    pub(super) fn back(&mut self, text: &mut String) -> Option<usize> {
        let step = self.past.pop_back()?;
        text.replace_range(step.at..step.at + step.inserted.len(), &step.removed);
        let caret = step.caret_before;
        self.future.push(step);
        Some(caret)
    }

    /// Does the step again that was taken back last, and says where the caret is then.
    pub(super) fn again(&mut self, text: &mut String) -> Option<usize> {
        let step = self.future.pop()?;
        text.replace_range(step.at..step.at + step.removed.len(), &step.inserted);
        let caret = step.at + step.inserted.len();
        self.past.push_back(step);
        Some(caret)
    }
}

impl Step {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }

    /// Takes a further change into this step where both are of one kind, side by side, and within one word.
    fn joins(&mut self, at: usize, removed: &str, inserted: &str, change: Change) -> bool {
        if self.change != change {
            return false;
        }
        match change {
            Change::Typed if at == self.at + self.inserted.len() && !begins_word(&self.inserted, inserted) => {
                self.inserted.push_str(inserted);
                true
            }
            Change::Deleted if at + removed.len() == self.at && !begins_word(removed, &self.removed) => {
                self.removed.insert_str(0, removed);
                self.at = at;
                true
            }
            Change::Deleted if at == self.at && self.caret_before == at && !begins_word(&self.removed, removed) => {
                self.removed.push_str(removed);
                true
            }
            Change::Typed | Change::Deleted | Change::AtOnce => false,
        }
    }
}

/// Whether a word begins between these two.
fn begins_word(before: &str, behind: &str) -> bool {
    before.ends_with(char::is_whitespace) && !behind.starts_with(char::is_whitespace)
}
