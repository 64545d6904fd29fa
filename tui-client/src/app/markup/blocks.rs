//! Pure. The lines of a message: fenced blocks, quotes, and text.

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
    let mut start = 0;
    let mut after_code = false;
    while start <= source.len() {
        let line = line_at(source, start);
        let opening = opening(source, &line);
        if let Some((language, (code, end))) =
            opening.and_then(|(fence, name)| Some((name, block_behind(source, &line, fence)?)))
        {
            if after_code {
                // Two blocks that follow each other stay two.
                page.line(Kind::Text, false);
                page.end_line();
            }
            block(page, language, code);
            after_code = true;
            start = end + 1;
            continue;
        }
        text(page, &line);
        after_code = false;
        start = line.end + 1;
    }
}

/// The code of the block that begins with this line, and where the block ends: with its fence, or with the message
/// (CommonMark 0.31 §4.5). A fence with nothing behind it is text, for somebody wants it to be seen.
fn block_behind(source: &str, opening: &Range<usize>, fence: Fence) -> Option<(Range<usize>, usize)> {
    let first = opening.end + 1;
    let mut start = first;
    while start <= source.len() {
        let line = line_at(source, start);
        if ends(source.get(line.clone())?, fence) {
            // Without the newline before the end.
            return Some((first..(line.start - 1).max(first), line.end));
        }
        start = line.end + 1;
    }
    let rest = source.get(first..)?.trim_end_matches('\n');
    (!rest.trim().is_empty()).then(|| (first..first + rest.len(), source.len()))
}

/// Whether a line ends a block with this fence.
fn ends(line: &str, opening: Fence) -> bool {
    fence(line).is_some_and(|(indent, Fence { mark, length })| {
        let rest = line.get(indent + length..).unwrap_or_default();
        mark == opening.mark && length >= opening.length && rest.trim().is_empty()
    })
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
fn block(page: &mut Page<'_>, language: Range<usize>, code: Range<usize>) {
    let name = page.source.get(language.clone()).unwrap_or_default();
    let mut goes_on = false;
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
