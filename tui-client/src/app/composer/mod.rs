//! Pure. What is being written: a text of several lines and a caret in it.
//!
//! `places` are where the caret may go, `rows` how the draft is wrapped and scrolled, `undo` what was changed, `recall` what
//! was sent before. Every change of the text is one of `Composer::replace`.

mod places;
mod recall;
mod rows;
#[cfg(test)]
mod tests;
mod undo;

use std::ops::Range;

use crate::app::commands::Draft;
use crate::app::composer::recall::Recall;
use crate::app::composer::rows::Wrapped;
use crate::app::composer::undo::{Change, Undo};
use crate::app::sanitize;

/// The draft and the caret in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composer {
    text: String,
    /// In bytes.
    caret: usize,
    /// The column that Up and Down aim at, while nothing else moves the caret.
    goal: Option<usize>,
    /// The first row in view.
    top: usize,
    /// What was cut or cleared last.
    cut: String,
    /// Whether the last edit has cut, so that the next one adds to it.
    is_cutting: bool,
    undo: Undo,
    recall: Recall,
    /// How the text is wrapped, until it changes.
    wrapped: Wrapped,
}

/// What a key may do to the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The caret one grapheme back.
    Left,
    /// The caret one grapheme on.
    Right,
    /// The caret to the beginning of this word, or of the one before.
    WordLeft,
    /// The caret behind this word, or behind the next one.
    WordRight,
    /// The caret one row up; from the first, what was sent before. Where nothing was, the caret to the beginning.
    Earlier,
    /// The caret one row down; from the last, what was sent after it, and the draft in the end. Behind that, the caret to the end.
    Later,
    /// The caret to the beginning of the line.
    LineStart,
    /// The caret to the end of the line.
    LineEnd,
    /// Deletes the grapheme before the caret.
    Backspace,
    /// Deletes the grapheme behind the caret.
    Delete,
    /// Cuts the word before the caret.
    CutWord,
    /// Cuts the word behind the caret.
    CutWordRight,
    /// Cuts back to the beginning of the line.
    CutToLineStart,
    /// Cuts on to the end of the line, or joins it with the next one.
    CutToLineEnd,
    /// Brings back what was cut or cleared last.
    BringBack,
    /// Takes back the last change.
    Undo,
    /// Makes the change again that was taken back last.
    Redo,
}

impl Composer {
    /// What is written so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What of the draft tells what a key means.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { is_empty: self.is_empty(), ends_at_caret: self.tail().is_empty() }
    }

    /// Takes a typed character.
    pub fn type_char(&mut self, c: char) {
        if let Some(c) = sanitize::typed(c) {
            self.replace(self.caret..self.caret, c.encode_utf8(&mut [0; 4]), Change::Typed);
            self.settle();
        }
    }

    /// Takes a text at the caret, as it is.
    pub fn insert(&mut self, text: &str) {
        self.replace(self.caret..self.caret, text, Change::AtOnce);
        self.settle();
    }

    /// Puts `with` in the place of so many bytes before the caret.
    pub(crate) fn replace_before(&mut self, bytes: usize, with: &str) {
        self.replace(self.caret.saturating_sub(bytes)..self.caret, with, Change::AtOnce);
        self.settle();
    }

    /// Empties the draft and keeps it for [`Edit::BringBack`].
    pub fn clear(&mut self) {
        self.cut.clone_from(&self.text);
        self.replace(0..self.text.len(), "", Change::AtOnce);
        self.settle();
        self.recall.end();
    }

    /// Keeps a text for [`Edit::BringBack`].
    pub fn keep_cut(&mut self, text: String) {
        self.cut = text;
    }

    /// The draft was sent, and is remembered. If it was one of those sent before, the one that was left for it comes back.
    pub fn sent(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.text = self.recall.remember(text).unwrap_or_default();
        self.caret = self.text.len();
        self.top = 0;
        self.undo = Undo::default();
        self.wrapped = Wrapped::default();
        self.settle();
    }

    /// These were sent in earlier runs, the newest last.
    pub fn sent_earlier(&mut self, texts: impl DoubleEndedIterator<Item = String>) {
        self.recall.found(texts);
    }

    /// Does what a key asks for, in a composer `width` columns wide.
    pub fn edit(&mut self, edit: Edit, width: usize) {
        let goes_on_cutting = std::mem::take(&mut self.is_cutting);
        match edit {
            Edit::Earlier if self.row(width) > 0 => return self.move_rows(-1, width),
            Edit::Later if self.row(width) + 1 < self.rows(width).len() => return self.move_rows(1, width),
            Edit::Earlier => match self.recall.earlier(&self.text) {
                None => self.move_rows(-1, width),
                Some(text) => self.put(&text),
            },
            Edit::Later => match self.recall.later(&self.text) {
                None => self.move_rows(1, width),
                Some(text) => self.put(&text),
            },
            Edit::Left => self.caret = self.before(),
            Edit::Right => self.caret = self.behind(),
            Edit::WordLeft => self.caret = self.word_start(),
            Edit::WordRight => self.caret = self.word_end(),
            Edit::LineStart => self.caret = self.line_start(),
            Edit::LineEnd => self.caret = self.line_end(),
            Edit::Backspace => drop(self.replace(self.before()..self.caret, "", Change::Deleted)),
            Edit::Delete => drop(self.replace(self.caret..self.behind(), "", Change::Deleted)),
            Edit::CutWord => self.cut_out(self.word_start()..self.caret, goes_on_cutting),
            Edit::CutWordRight => self.cut_out(self.caret..self.word_end(), goes_on_cutting),
            Edit::CutToLineStart => self.cut_out(self.line_start()..self.caret, goes_on_cutting),
            Edit::CutToLineEnd if self.line_end() == self.caret => {
                self.replace(self.caret..self.behind(), "", Change::Deleted);
            }
            Edit::CutToLineEnd => self.cut_out(self.caret..self.line_end(), goes_on_cutting),
            Edit::BringBack => self.insert(&self.cut.clone()),
            Edit::Undo => {
                self.caret = self.undo.back(&mut self.text).unwrap_or(self.caret);
                self.wrapped = Wrapped::default();
            }
            Edit::Redo => {
                self.caret = self.undo.again(&mut self.text).unwrap_or(self.caret);
                self.wrapped = Wrapped::default();
            }
        }
        self.goal = None;
    }

    /// Puts `with` in the place of what stands at `range`, and gives that. The caret stands behind it.
    fn replace(&mut self, range: Range<usize>, with: &str, change: Change) -> String {
        let removed = self.undo.replace(&mut self.text, self.caret, range.clone(), with, change);
        self.caret = range.start + with.len();
        self.wrapped = Wrapped::default();
        removed
    }

    /// What was done is no cut and no move between rows.
    fn settle(&mut self) {
        self.goal = None;
        self.is_cutting = false;
    }

    fn put(&mut self, text: &str) {
        self.replace(0..self.text.len(), text, Change::AtOnce);
    }

    /// Cuts. What is cut in a row comes back as a whole.
    fn cut_out(&mut self, range: Range<usize>, goes_on: bool) {
        self.is_cutting = goes_on || !range.is_empty();
        if range.is_empty() {
            return;
        }
        let is_behind = range.start == self.caret;
        let cut = self.replace(range, "", Change::AtOnce);
        self.cut = match (goes_on, is_behind) {
            (false, _) => cut,
            (true, true) => std::mem::take(&mut self.cut) + &cut,
            (true, false) => cut + &self.cut,
        };
    }
}
