//! Pure. The places in the draft where the caret may go.

use unicode_segmentation::UnicodeSegmentation;

use crate::app::composer::Composer;

impl Composer {
    /// What is written before the caret.
    pub(crate) fn head(&self) -> &str {
        self.text.get(..self.caret).unwrap_or_default()
    }

    pub(crate) fn tail(&self) -> &str {
        self.text.get(self.caret..).unwrap_or_default()
    }

    pub(super) fn before(&self) -> usize {
        self.caret - self.head().graphemes(true).next_back().map_or(0, str::len)
    }

    pub(super) fn behind(&self) -> usize {
        self.caret + self.tail().graphemes(true).next().map_or(0, str::len)
    }

    pub(super) fn word_start(&self) -> usize {
        let word = self.head().trim_end();
        word.rfind(char::is_whitespace).map_or(0, |at| at + word.get(at..).and_then(first_len).unwrap_or(0))
    }

    pub(super) fn word_end(&self) -> usize {
        let blank = self.tail().len() - self.tail().trim_start().len();
        let word = self.tail().trim_start();
        self.caret + blank + word.find(char::is_whitespace).unwrap_or(word.len())
    }

    pub(super) fn line_start(&self) -> usize {
        self.head().rfind('\n').map_or(0, |at| at + 1)
    }

    pub(super) fn line_end(&self) -> usize {
        self.tail().find('\n').map_or(self.text.len(), |at| self.caret + at)
    }
}

fn first_len(text: &str) -> Option<usize> {
    text.chars().next().map(char::len_utf8)
}
