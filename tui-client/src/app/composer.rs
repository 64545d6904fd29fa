//! Pure. What is being written: a text of several lines, a caret, and what was cut last.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::app::commands::Draft;
use crate::app::{sanitize, wrap};

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
    /// The caret one row up.
    Up,
    /// The caret one row down.
    Down,
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
    /// Cuts back to the beginning of the line.
    CutToLineStart,
    /// Cuts on to the end of the line, or joins it with the next one.
    CutToLineEnd,
    /// Brings back what was cut or cleared last.
    BringBack,
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
            self.text.insert(self.caret, c);
            self.caret += c.len_utf8();
            self.goal = None;
        }
    }

    /// Takes a text at the caret, as it is.
    pub fn insert(&mut self, text: &str) {
        self.text.insert_str(self.caret, text);
        self.caret += text.len();
        self.goal = None;
    }

    /// Empties the draft and keeps it for [`Edit::BringBack`].
    pub fn clear(&mut self) {
        self.cut = self.take();
    }

    /// Keeps a text for [`Edit::BringBack`].
    pub fn keep_cut(&mut self, text: String) {
        self.cut = text;
    }

    /// Empties the draft and gives it away.
    pub fn take(&mut self) -> String {
        self.caret = 0;
        self.goal = None;
        self.top = 0;
        std::mem::take(&mut self.text)
    }

    /// Does what a key asks for, in a composer `width` columns wide.
    pub fn edit(&mut self, edit: Edit, width: usize) {
        match edit {
            Edit::Up => return self.move_rows(-1, width),
            Edit::Down => return self.move_rows(1, width),
            Edit::Left => self.caret = self.before(),
            Edit::Right => self.caret = self.behind(),
            Edit::WordLeft => self.caret = self.word_start(),
            Edit::WordRight => self.caret = self.word_end(),
            Edit::LineStart => self.caret = self.line_start(),
            Edit::LineEnd => self.caret = self.line_end(),
            Edit::Backspace => drop(self.remove(self.before()..self.caret)),
            Edit::Delete => drop(self.remove(self.caret..self.behind())),
            Edit::CutWord => self.cut_out(self.word_start()..self.caret),
            Edit::CutToLineStart => self.cut_out(self.line_start()..self.caret),
            Edit::CutToLineEnd if self.line_end() == self.caret => drop(self.remove(self.caret..self.behind())),
            Edit::CutToLineEnd => self.cut_out(self.caret..self.line_end()),
            Edit::BringBack => self.insert(&self.cut.clone()),
        }
        self.goal = None;
    }

    /// The rows of the draft at `width` columns, as ranges of its text.
    #[must_use]
    pub fn rows(&self, width: usize) -> Vec<Range<usize>> {
        wrap::rows(&self.text, width)
    }

    /// The row and the column of the caret. The column is `width` at the most, one past the last of the text.
    #[must_use]
    pub fn caret(&self, rows: &[Range<usize>], width: usize) -> (usize, usize) {
        // The end of a row that goes on without a newline is the beginning of the next one.
        let row = rows.iter().rposition(|row| row.start <= self.caret).unwrap_or(0);
        let start = rows.get(row).map_or(0, |row| row.start);
        (row, self.column(start, self.caret).min(width))
    }

    /// The first of the rows that are in view.
    #[must_use]
    pub fn top(&self) -> usize {
        self.top
    }

    /// Scrolls so that the caret is among the `height` rows in view.
    pub fn follow_caret(&mut self, width: usize, height: usize) {
        let rows = self.rows(width);
        let (caret_row, _) = self.caret(&rows, width);
        let lowest_top = rows.len().saturating_sub(height);
        let at_least = (caret_row + 1).saturating_sub(height);
        self.top = self.top.clamp(at_least, caret_row.max(at_least)).min(lowest_top.max(at_least));
    }

    fn move_rows(&mut self, by: isize, width: usize) {
        let rows = self.rows(width);
        let (row, column) = self.caret(&rows, width);
        let goal = self.goal.unwrap_or(column);
        let Some(target) = row.checked_add_signed(by).and_then(|row| rows.get(row)) else {
            self.caret = if by < 0 { 0 } else { self.text.len() };
            self.goal = None;
            return;
        };
        let text = self.text.get(target.clone()).unwrap_or_default();
        let goes_on = rows.iter().any(|row| row.start == target.end && row.start > target.start);
        let mut at = 0;
        self.caret = target.start;
        for piece in wrap::pieces(text) {
            at += piece.columns(at);
            let end = target.start + piece.end();
            if at > goal || (goes_on && end == target.end) {
                break;
            }
            self.caret = end;
        }
        self.goal = Some(goal);
    }

    fn column(&self, from: usize, to: usize) -> usize {
        wrap::columns(self.text.get(from..to).unwrap_or_default())
    }

    fn head(&self) -> &str {
        self.text.get(..self.caret).unwrap_or_default()
    }

    fn tail(&self) -> &str {
        self.text.get(self.caret..).unwrap_or_default()
    }

    fn before(&self) -> usize {
        self.caret - self.head().graphemes(true).next_back().map_or(0, str::len)
    }

    fn behind(&self) -> usize {
        self.caret + self.tail().graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let word = self.head().trim_end();
        word.rfind(char::is_whitespace).map_or(0, |at| at + word.get(at..).and_then(first_len).unwrap_or(0))
    }

    fn word_end(&self) -> usize {
        let blank = self.tail().len() - self.tail().trim_start().len();
        let word = self.tail().trim_start();
        self.caret + blank + word.find(char::is_whitespace).unwrap_or(word.len())
    }

    fn line_start(&self) -> usize {
        self.head().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.tail().find('\n').map_or(self.text.len(), |at| self.caret + at)
    }

    fn cut_out(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.cut = self.remove(range);
        }
    }

    fn remove(&mut self, range: Range<usize>) -> String {
        self.caret = range.start;
        self.text.drain(range).collect()
    }
}

fn first_len(text: &str) -> Option<usize> {
    text.chars().next().map(char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 20;

    /// `|` marks the caret.
    fn composer(marked: &str) -> Composer {
        let caret = marked.find('|').expect("a caret");
        Composer { text: marked.replace('|', ""), caret, ..Composer::default() }
    }

    fn marked(composer: &Composer) -> String {
        let mut text = composer.text.clone();
        text.insert(composer.caret, '|');
        text
    }

    #[track_caller]
    fn check(before: &str, edits: &[Edit], after: &str) {
        let mut composer = composer(before);
        for edit in edits {
            composer.edit(*edit, WIDTH);
        }
        assert_eq!(marked(&composer), after);
    }

    #[test]
    fn the_caret_moves_by_grapheme() {
        check("a👩‍👩‍👧‍👦é|", &[Edit::Left], "a👩‍👩‍👧‍👦|é");
        check("a👩‍👩‍👧‍👦é|", &[Edit::Left, Edit::Left], "a|👩‍👩‍👧‍👦é");
        check("|👍🏽b", &[Edit::Right], "👍🏽|b");
        check("|a", &[Edit::Left], "|a");
        check("a|", &[Edit::Right], "a|");
    }

    #[test]
    fn the_caret_moves_by_word_and_to_the_ends_of_a_line() {
        check("ship it  today|", &[Edit::WordLeft], "ship it  |today");
        check("ship it  |today", &[Edit::WordLeft], "ship |it  today");
        check("ship |it  today", &[Edit::WordRight], "ship it|  today");
        check("ship it|  today", &[Edit::WordRight], "ship it  today|");
        check("one\ntw|o\nthree", &[Edit::LineStart], "one\n|two\nthree");
        check("one\ntw|o\nthree", &[Edit::LineEnd], "one\ntwo|\nthree");
    }

    #[test]
    fn up_and_down_keep_the_column_across_short_rows() {
        check("a long line\nno\nanother li|ne", &[Edit::Up], "a long line\nno|\nanother line");
        check("a long line\nno\nanother li|ne", &[Edit::Up, Edit::Up], "a long lin|e\nno\nanother line");
        check("a long l|ine\nno\nanother", &[Edit::Down, Edit::Down], "a long line\nno\nanother|");
        check("on|e", &[Edit::Up], "|one");
        check("on|e", &[Edit::Down], "one|");
    }

    #[test]
    fn up_and_down_move_by_what_is_seen_not_by_lines() {
        check("twelve columns and some mo|re", &[Edit::Up], "twelve |columns and some more");
    }

    #[test]
    fn what_is_cut_can_be_brought_back() {
        check("ship it today|", &[Edit::CutWord], "ship it |");
        check("ship it today|", &[Edit::CutWord, Edit::LineStart, Edit::BringBack], "today|ship it ");
        check("one\ntwo th|ree", &[Edit::CutToLineStart], "one\n|ree");
        check("on|e\ntwo", &[Edit::CutToLineEnd], "on|\ntwo");
        check("on|e\ntwo", &[Edit::CutToLineEnd, Edit::CutToLineEnd], "on|two");
        check("on|e\ntwo", &[Edit::CutToLineEnd, Edit::CutToLineEnd, Edit::BringBack], "one|two");
    }

    #[test]
    fn backspace_and_delete_take_whole_graphemes() {
        check("a👍🏽|b", &[Edit::Backspace], "a|b");
        check("a|👍🏽b", &[Edit::Delete], "a|b");
        check("a\n|b", &[Edit::Backspace], "a|b");
    }

    #[test]
    fn the_caret_at_the_end_of_a_full_row_stands_on_the_next_one() {
        let composer = composer("0123456789012345678 |next");
        let rows = composer.rows(WIDTH);
        assert_eq!(composer.caret(&rows, WIDTH), (1, 0));
    }

    #[test]
    fn a_tall_draft_scrolls_only_when_the_caret_leaves_the_rows_in_view() {
        let mut composer = composer("1\n2\n3\n4\n5|");
        composer.follow_caret(WIDTH, 3);
        assert_eq!(composer.top(), 2);
        composer.edit(Edit::Up, WIDTH);
        composer.edit(Edit::Up, WIDTH);
        composer.follow_caret(WIDTH, 3);
        assert_eq!(composer.top(), 2);
        composer.edit(Edit::Up, WIDTH);
        composer.follow_caret(WIDTH, 3);
        assert_eq!(composer.top(), 1);
    }

    const EDITS: [Edit; 14] = [
        Edit::Left,
        Edit::Right,
        Edit::WordLeft,
        Edit::WordRight,
        Edit::Up,
        Edit::Down,
        Edit::LineStart,
        Edit::LineEnd,
        Edit::Backspace,
        Edit::Delete,
        Edit::CutWord,
        Edit::CutToLineStart,
        Edit::CutToLineEnd,
        Edit::BringBack,
    ];

    proptest! {
        #[test]
        fn no_edit_leaves_the_text_or_its_rows(
            text in "[a-c \n\t你é👍🏽\u{301}\u{200d}🇦]{0,20}",
            edits in prop::collection::vec(0_usize..EDITS.len() + 1, 0..40),
            width in 1_usize..9,
            height in 1_usize..4,
        ) {
            let mut composer = Composer::default();
            for edit in edits {
                match EDITS.get(edit) {
                    Some(edit) => composer.edit(*edit, width),
                    None => composer.insert(&text),
                }
                composer.follow_caret(width, height);
                let rows = composer.rows(width);
                let (row, column) = composer.caret(&rows, width);
                prop_assert!(column <= width);
                prop_assert!((composer.top()..composer.top() + height).contains(&row));
            }
        }
    }
}
