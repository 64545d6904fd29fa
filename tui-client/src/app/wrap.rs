//! Pure. Text into rows of a given width: by grapheme, at spaces where there are some, never losing a byte.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::app::widths;

/// How far apart tab stops are, in columns.
const TAB_STOP: usize = 4;

/// One grapheme of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    /// The grapheme itself.
    pub(crate) text: &'a str,
}

impl Piece<'_> {
    /// The columns it takes when it begins at column `at`; a tab reaches to the next stop.
    #[must_use]
    pub(crate) fn columns(&self, at: usize) -> usize {
        if self.text == "\t" {
            return TAB_STOP - at % TAB_STOP;
        }
        usize::from(widths::columns(self.text))
    }

    /// Where it ends, in bytes.
    #[must_use]
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn is_space(&self) -> bool {
        matches!(self.text, " " | "\t")
    }
}

/// The graphemes of one line.
///
/// Two ASCII characters in a row are two graphemes, and most text is such, so that the segmentation tables are asked
/// only about the rest: a visible message of 64 KiB is walked anew for every frame.
#[derive(Debug, Clone)]
pub(crate) struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

/// Walks the graphemes of `text`, which holds no newline.
#[must_use]
pub(crate) fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0 }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.text.get(self.at..)?;
        let mut bytes = rest.bytes();
        let first_is_ascii = bytes.next()?.is_ascii();
        let alone = first_is_ascii && bytes.next().is_none_or(|b| b.is_ascii());
        let text = if alone { rest.get(..1)? } else { rest.graphemes(true).next()? };
        let piece = Piece { start: self.at, text };
        self.at = piece.end();
        Some(piece)
    }
}

/// Whether every byte is one grapheme of one column, as most text is.
pub(crate) fn is_plain(text: &str) -> bool {
    // To its end, whatever is found: the compiler then looks at many bytes at once.
    text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'))
}

/// The columns of a text without newlines.
#[must_use]
pub fn columns(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    // Letters of Latin scripts, and the dots between our own words.
    if text.chars().all(|c| matches!(c, ' '..='~' | '¡'..='¬' | '®'..='\u{2ff}')) {
        return text.chars().count();
    }
    pieces(text).fold(0, |at, piece| at + piece.columns(at))
}

/// The beginning of `text` that fits into `width` columns; a cut one ends with `…`.
#[must_use]
pub fn fitted(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut at = 0;
    let mut fitted = String::new();
    for piece in pieces(text) {
        at += piece.columns(at);
        if at >= width {
            break;
        }
        fitted.push_str(piece.text);
    }
    if width > 0 {
        fitted.push('…');
    }
    fitted
}

/// Cuts `text` into rows of at most `width` columns and says which bytes each holds.
///
/// Newlines end a row and belong to none; every other byte belongs to one row. Spaces at the end of a row may stand
/// past its width, so that a word never begins with the space before it. There is at least one row.
#[must_use]
pub fn rows(text: &str, width: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap_line(line, start, width.max(1), &mut rows);
        start += line.len() + 1;
    }
    rows
}

/// Cuts `text` into rows of exactly `width` columns where its lines are longer, whatever stands there: code.
#[must_use]
pub fn rows_by_column(text: &str, width: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let (mut row_start, mut at) = (0, 0);
        for piece in pieces(line) {
            let mut wide = piece.columns(at);
            if at + wide > width.max(1) && piece.start > row_start {
                rows.push(start + row_start..start + piece.start);
                row_start = piece.start;
                at = 0;
                wide = piece.columns(at);
            }
            at += wide;
        }
        rows.push(start + row_start..start + line.len());
        start += line.len() + 1;
    }
    rows
}

/// Wraps one line that begins at byte `offset` of its text.
fn wrap_line(line: &str, offset: usize, width: usize, rows: &mut Vec<Range<usize>>) {
    if line.len() <= width && is_plain(line) {
        return rows.push(offset..offset + line.len());
    }
    let mut row_start = 0;
    let mut at = 0;
    // The last place in this row where a new one may begin, and its column.
    let mut chance: Option<(usize, usize)> = None;
    for piece in pieces(line) {
        let mut wide = piece.columns(at);
        if !piece.is_space() && at + wide > width {
            let (cut, cut_column) = match chance {
                // Wide graphemes (Chinese, Japanese, emoji) may be parted anywhere.
                Some(chance) if wide < 2 => chance,
                _ => (piece.start, at),
            };
            if cut > row_start {
                rows.push(offset + row_start..offset + cut);
                row_start = cut;
                at -= cut_column;
                chance = None;
                wide = piece.columns(at);
            }
            if at + wide > width && piece.start > row_start {
                rows.push(offset + row_start..offset + piece.start);
                row_start = piece.start;
                at = 0;
                wide = piece.columns(at);
            }
        }
        at += wide;
        if piece.is_space() || wide >= 2 {
            chance = Some((piece.end(), at));
        }
    }
    rows.push(offset + row_start..offset + line.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        let rows: Vec<&str> = rows(text, width).into_iter().map(|row| &text[row]).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn words_stay_whole_where_they_fit() {
        check("the quick brown fox", 10, &["the quick ", "brown fox"]);
        check("the quick brown fox", 9, &["the quick ", "brown fox"]);
        check("the quick brown fox", 8, &["the ", "quick ", "brown ", "fox"]);
    }

    #[test]
    fn a_word_longer_than_the_row_is_cut_where_it_must() {
        check("see https://example.org/abc ok", 10, &["see ", "https://ex", "ample.org/", "abc ok"]);
        check("abcdef", 1, &["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn code_is_cut_where_the_row_ends_and_keeps_its_spaces() {
        let text = "let a  = 1;\n\n    b";
        let rows: Vec<&str> = rows_by_column(text, 6).into_iter().map(|row| &text[row]).collect();
        assert_eq!(rows, ["let a ", " = 1;", "", "    b"]);
    }

    #[test]
    fn newlines_end_rows_and_empty_lines_are_rows() {
        check("", 10, &[""]);
        check("a\n\nb\n", 10, &["a", "", "b", ""]);
    }

    #[test]
    fn a_tab_reaches_to_the_next_stop() {
        assert_eq!(columns("\tx"), 5);
        assert_eq!(columns("ab\tx"), 5);
        check("\tabc def", 8, &["\tabc ", "def"]);
    }

    #[test]
    fn wide_graphemes_are_never_halved() {
        check("你好世界", 3, &["你", "好", "世", "界"]);
        check("你好世界", 4, &["你好", "世界"]);
        check("a你好", 2, &["a", "你", "好"]);
        check("👩‍👩‍👧‍👦👍🏽", 2, &["👩‍👩‍👧‍👦", "👍🏽"]);
        check("你", 1, &["你"]);
    }

    #[test]
    fn what_does_not_fit_ends_with_an_ellipsis() {
        assert_eq!(fitted("alice", 5), "alice");
        assert_eq!(fitted("alice", 4), "ali…");
        assert_eq!(fitted("你好", 3), "你…");
        assert_eq!(fitted("alice", 1), "…");
        assert_eq!(fitted("alice", 0), "");
    }

    proptest! {
        #[test]
        fn what_is_measured_at_once_is_what_is_measured_piece_by_piece(text in "[ -~¡-\u{2ff}é👍🏽\u{301}]{0,20}") {
            prop_assert_eq!(columns(&text), pieces(&text).fold(0, |at, piece| at + piece.columns(at)));
        }

        #[test]
        fn no_byte_is_lost_and_no_row_is_too_wide(text in "[a-c \t\n你é👍🏽]{0,60}", width in 1_usize..12) {
            let rows = rows(&text, width);
            let mut joined = String::new();
            let mut end = 0;
            for (i, row) in rows.iter().enumerate() {
                if i > 0 && row.start > end {
                    joined.push('\n');
                }
                joined.push_str(&text[row.clone()]);
                end = row.end;
                let visible = text[row.clone()].trim_end_matches([' ', '\t']);
                prop_assert!(columns(visible) <= width || pieces(visible).count() == 1, "{row:?} of {text:?}");
            }
            prop_assert_eq!(joined, text);
        }
    }
}
