//! Pure. The lines of a message: fenced blocks, quotes, quotes and blocks within quotes, and text.

use std::ops::Range;
use std::slice;

use crate::app::markup::fence::Fence;
use crate::app::markup::{Code, Form, Ink, Kind, MAX_QUOTES, Page, Role, inline, syntax};

/// How far into a message code has the colours of its language.
const MAX_COLOURED_BYTES: usize = 16 * 1024;

/// A line without its newline.
#[derive(Debug)]
struct Line {
    /// In how many quotes it stands.
    quotes: u8,
    /// What stands behind the marks of those.
    text: Range<usize>,
}

/// A fenced block.
struct Block {
    quotes: u8,
    language: Range<usize>,
    /// Its lines; none where nothing stands between the fences.
    lines: Vec<Range<usize>>,
    /// Where it ends: with its fence, with the quote it stands in, or with the message.
    end: usize,
}

pub(super) fn read(page: &mut Page<'_>) {
    let source = page.source;
    let mut start = 0;
    let mut block_before = None;
    while start <= source.len() {
        let line = Line::at(source, start);
        let Some(block) = Block::begun_by(source, &line) else {
            page.line(Kind { quotes: line.quotes, form: Form::Text }, true);
            inline::read(page, line.text.clone());
            page.end_line();
            block_before = None;
            start = line.text.end + 1;
            continue;
        };
        if block_before == Some(block.quotes) {
            // Two blocks that follow each other stay two.
            page.line(Kind { quotes: block.quotes, form: Form::Text }, false);
            page.end_line();
        }
        block_before = Some(block.quotes);
        start = block.end + 1;
        block.show(page);
    }
}

impl Line {
    /// The line that begins at `start`.
    fn at(source: &str, start: usize) -> Self {
        let mut text = whole_line(source, start);
        let mut quotes = 0;
        while quotes < MAX_QUOTES
            && let Some(behind) = behind_mark(source, &text)
        {
            (text, quotes) = (behind, quotes + 1);
        }
        Self { quotes, text }
    }

    /// The line that begins at `start`, where it stands in so many quotes at the least: what stands behind the marks of those.
    fn within(source: &str, start: usize, quotes: u8) -> Option<Range<usize>> {
        (0..quotes).try_fold(whole_line(source, start), |text, _| behind_mark(source, &text))
    }
}

fn whole_line(source: &str, start: usize) -> Range<usize> {
    let length = source.get(start..).and_then(|rest| rest.find('\n'));
    start..length.map_or(source.len(), |length| start + length)
}

/// What stands behind the mark of a quote, where one is at the beginning.
fn behind_mark(source: &str, text: &Range<usize>) -> Option<Range<usize>> {
    let rest = source.get(text.clone())?.strip_prefix('>')?;
    Some(text.start + 1 + usize::from(rest.starts_with(' '))..text.end)
}

impl Block {
    /// The block that begins with this line. A fence with nothing behind it is text, for somebody wants it to be seen.
    fn begun_by(source: &str, opening: &Line) -> Option<Self> {
        let (fence, language) = Fence::opened_by(source.get(opening.text.clone())?)?;
        let quotes = opening.quotes;
        let language = opening.text.start + language.start..opening.text.start + language.end;
        let mut lines: Vec<Range<usize>> = Vec::new();
        let mut end = opening.text.end;
        while end < source.len()
            && let Some(line) = Line::within(source, end + 1, quotes)
        {
            end = line.end;
            if fence.is_closed_by(source.get(line.clone())?) {
                return Some(Self { quotes, language, lines, end });
            }
            lines.push(line);
        }
        while lines.pop_if(|line| Range::is_empty(line)).is_some() {}
        let is_blank = |line: &Range<usize>| source.get(line.clone()).is_none_or(|line| line.trim().is_empty());
        (!lines.iter().all(is_blank)).then_some(Self { quotes, language, lines, end })
    }

    /// Shows the language in a line of its own; without one the line of the fence is gone.
    fn show(self, page: &mut Page<'_>) {
        let kind = Kind { quotes: self.quotes, form: Form::Code };
        let name = page.source.get(self.language.clone()).unwrap_or_default();
        let mut goes_on = false;
        if !name.is_empty() {
            page.line(kind, false);
            page.show(self.language, Ink::of(Role::Note));
            page.end_line();
            goes_on = true;
        }
        // What is longer is drawn with each frame and read by nobody: colours would take more time than all the rest.
        let mut lexer = syntax::Lexer::of(if self.end < MAX_COLOURED_BYTES { name } else { "" });
        // A block of nothing is seen as one.
        let nothing = self.end..self.end;
        for line in if self.lines.is_empty() { slice::from_ref(&nothing) } else { &self.lines } {
            page.line(kind, goes_on);
            goes_on = true;
            lexer.line(page.source.get(line.clone()).unwrap_or_default(), |bytes, role| {
                page.show(line.start + bytes.start..line.start + bytes.end, Ink::of(role));
            });
            page.end_line();
        }
        page.shown.code.push(Code::of(self.lines, self.quotes));
    }
}
