//! Pure. The lines of a message: fenced blocks, quotes, and text.

use std::collections::VecDeque;
use std::ops::Range;

use crate::app::markup::{Ink, Kind, Page, Role, inline, syntax};

/// The fewest marks that make a fence.
const FENCE: usize = 3;

/// How far into a message code has the colours of its language.
const MAX_COLOURED_BYTES: usize = 16 * 1024;

/// The line that begins a fenced block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: u8,
    length: usize,
}

pub(super) fn read(page: &mut Page<'_>) {
    let source = page.source;
    let mut ends = Ends::of(source);
    let mut start = 0;
    let mut after_code = false;
    while start <= source.len() {
        let line = line_at(source, start);
        let opening = opening(source, &line);
        if let Some((language, end)) =
            opening.and_then(|(fence, language)| Some((language, ends.of_block(&line, fence)?)))
        {
            // Without the newline before the end.
            let code = line.end + 1..(end.start - 1).max(line.end + 1);
            block(page, language, code, after_code);
            after_code = true;
            start = end.end + 1;
            continue;
        }
        text(page, &line);
        after_code = false;
        start = line.end + 1;
    }
}

/// The lines that may end a fenced block.
struct Ends {
    /// In order; none twice, for the next block begins behind the last one's end.
    lines: VecDeque<End>,
}

struct End {
    line: Range<usize>,
    fence: Fence,
    /// The longest fence of the same mark from here on, so that none is looked for where there is none.
    longest: usize,
}

impl Ends {
    fn of(source: &str) -> Self {
        let mut lines = VecDeque::new();
        if !source.contains("```") && !source.contains("~~~") {
            return Self { lines };
        }
        let mut start = 0;
        while start <= source.len() {
            let line = line_at(source, start);
            let text = source.get(line.clone()).unwrap_or_default();
            let ends_with_it = |(indent, fence): &(usize, Fence)| {
                text.get(indent + fence.length..).is_some_and(|rest| rest.trim().is_empty())
            };
            start = line.end + 1;
            if let Some((_, fence)) = fence(text).filter(ends_with_it) {
                lines.push_back(End { line, fence, longest: fence.length });
            }
        }
        let (mut backticks, mut tildes) = (0, 0);
        for end in lines.iter_mut().rev() {
            let longest = if end.fence.mark == b'~' { &mut tildes } else { &mut backticks };
            *longest = end.fence.length.max(*longest);
            end.longest = *longest;
        }
        Self { lines }
    }

    /// The line that ends the block which begins with this one.
    fn of_block(&mut self, opening: &Range<usize>, fence: Fence) -> Option<Range<usize>> {
        while self.lines.pop_front_if(|end| end.line.start <= opening.start).is_some() {}
        let first = self.lines.iter().find(|end| end.fence.mark == fence.mark)?;
        if first.longest < fence.length {
            return None;
        }
        let ends = |end: &End| end.fence.mark == fence.mark && end.fence.length >= fence.length;
        let at = self.lines.iter().position(ends)?;
        self.lines.drain(..=at).next_back().map(|end| end.line)
    }
}

/// The line that begins at `start`, without its newline.
fn line_at(source: &str, start: usize) -> Range<usize> {
    let length = source.get(start..).and_then(|rest| rest.find('\n'));
    start..length.map_or(source.len(), |length| start + length)
}

fn text(page: &mut Page<'_>, line: &Range<usize>) {
    let source = page.source.get(line.clone()).unwrap_or_default();
    let (kind, hidden) = match source.strip_prefix('>') {
        Some(rest) => (Kind::Quote, 1 + usize::from(rest.starts_with(' '))),
        None => (Kind::Text, 0),
    };
    page.line(kind, true);
    inline::read(page, line.start + hidden..line.end);
    page.end_line();
}

/// A fence at the beginning of this line, and the language behind it.
fn opening(source: &str, line: &Range<usize>) -> Option<(Fence, Range<usize>)> {
    let text = source.get(line.clone())?;
    let (indent, fence) = fence(text)?;
    let behind = line.start + indent + fence.length;
    let language = source.get(behind..line.end)?;
    let blank = language.len() - language.trim_start().len();
    // What has its end in the same line is code within a text.
    (!language.contains('`')).then(|| (fence, behind + blank..behind + language.trim_end().len().max(blank)))
}

/// The indent and the fence that a line begins with.
fn fence(line: &str) -> Option<(usize, Fence)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let rest = line.get(indent..).filter(|_| indent < 4)?;
    let mark = *rest.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
    let length = rest.bytes().take_while(|byte| *byte == mark).count();
    (length >= FENCE).then_some((indent, Fence { mark, length }))
}

/// A block shows its language in a line of its own; without one the line of the fence is gone.
fn block(page: &mut Page<'_>, language: Range<usize>, code: Range<usize>, after_code: bool) {
    let name = page.source.get(language.clone()).unwrap_or_default();
    // Two blocks that follow each other stay two.
    let mut goes_on = !after_code;
    if !name.is_empty() {
        page.line(Kind::Code, false);
        page.show(language, Ink::of(Role::Note));
        page.end_line();
        goes_on = true;
    }
    // What is longer is drawn with each frame and read by nobody: colours would take more time than all the rest.
    let mut lexer = syntax::Lexer::of(if code.end < MAX_COLOURED_BYTES { name } else { "" });
    let mut start = code.start;
    while start <= code.end {
        let line = line_at(page.source, start);
        let line = line.start..line.end.min(code.end);
        page.line(Kind::Code, goes_on);
        goes_on = true;
        lexer.line(page.source.get(line.clone()).unwrap_or_default(), |bytes, role| {
            page.show(line.start + bytes.start..line.start + bytes.end, Ink::of(role));
        });
        page.end_line();
        start = line.end + 1;
    }
    page.shown.code.push(code);
}
