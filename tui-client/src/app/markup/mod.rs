//! Pure. Light Markdown: what of a message is shown, in which ink, and what can be done with its parts.
//!
//! Bold, italics, struck out, code, fenced blocks, quotes and links; all else is shown as it was written, for a message
//! is a text before it is a document. Only the characters of marks that have their counterpart are hidden, and every
//! step is linear in the length of the text, whatever is in it.

mod blocks;
pub(crate) mod fence;
mod inline;
mod links;
mod syntax;

use std::borrow::Cow;
use std::ops::Range;
use std::slice;

pub use links::{Link, Target};

/// A message as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup<'a> {
    /// What is seen. Between two parts stands a newline that belongs to neither.
    pub text: Cow<'a, str>,
    /// Where the ink is another than plain, in order. Bytes of [`Markup::text`], as all ranges here but one.
    pub spans: Vec<Span>,
    /// The parts of the text from its beginning to its end.
    pub parts: Vec<Part>,
    /// Where one can go from here.
    pub links: Vec<Link>,
    /// What stands in the fenced blocks.
    pub code: Vec<Code>,
}

/// What stands in a fenced block, in bytes of the message as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// All of it.
    Whole(Range<usize>),
    /// Line by line, for the marks of a quote stand between.
    Lines(Vec<Range<usize>>),
}

/// Some lines of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub bytes: Range<usize>,
    /// What they are.
    pub kind: Kind,
}

/// What lines are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kind {
    /// In how many quotes they stand, one in the other; [`MAX_QUOTES`] at the most.
    pub quotes: u8,
    /// What they are apart from that.
    pub form: Form,
}

/// What lines are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Text, wrapped at its spaces.
    #[default]
    Text,
    /// Code, wrapped where the row ends.
    Code,
}

/// So many quotes within each other are told apart; the marks of further ones are text.
pub const MAX_QUOTES: u8 = 5;
/// The bars of all these, and behind them that of code. Each takes two columns.
const BARS: &str = "> > > > > │ ";
/// Where fewer columns would be left for the text, inner bars go. One stays.
const LEAST_TEXT: usize = 8;

impl Kind {
    /// What stands at the left of each of its rows, of so many columns in all.
    #[must_use]
    pub fn bar(self, width: usize) -> &'static str {
        let room = (width.saturating_sub(LEAST_TEXT) / 2).max(1);
        let (quotes, most) = (usize::from(self.quotes), usize::from(MAX_QUOTES));
        let bar = match self.form {
            Form::Text => BARS.get(..2 * quotes.min(room)),
            Form::Code => BARS.get(2 * (most - quotes.min(room - 1).min(most))..),
        };
        bar.unwrap_or_default()
    }
}

impl Code {
    fn of(lines: Vec<Range<usize>>, quotes: u8) -> Self {
        match (quotes, lines.first(), lines.last()) {
            (0, Some(first), Some(last)) => Self::Whole(first.start..last.end),
            (_, _, _) => Self::Lines(lines),
        }
    }

    /// What stands there, in the message that it is from.
    #[must_use]
    pub fn in_message(&self, source: &str) -> String {
        let pieces = match self {
            Self::Whole(all) => slice::from_ref(all),
            Self::Lines(lines) => lines,
        };
        let pieces = pieces.iter().filter_map(|piece| source.get(piece.clone()));
        pieces.collect::<Vec<_>>().join("\n")
    }
}

/// A stretch of text in one ink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which.
    pub bytes: Range<usize>,
    /// In which.
    pub ink: Ink,
}

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ink {
    /// In bold.
    pub bold: bool,
    /// In italics.
    pub italic: bool,
    /// Struck out.
    pub struck: bool,
    /// What it is apart from that.
    pub role: Role,
}

/// What a stretch of text is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// To be read.
    #[default]
    Text,
    /// Code within a line, or a piece of a block that is nothing else.
    Code,
    /// A link.
    Link,
    /// Ours, for those who look: where a link leads, the number it opens by, the language of a block.
    Note,
    /// A word of a language.
    Keyword,
    /// A text in code.
    Literal,
    /// A number in code.
    Number,
    /// A comment in code, or what a difference says of itself.
    Comment,
    /// A line that came in.
    Added,
    /// A line that went out.
    Removed,
}

impl Ink {
    const PLAIN: Self = Self { bold: false, italic: false, struck: false, role: Role::Text };

    const fn of(role: Role) -> Self {
        Self { role, ..Self::PLAIN }
    }
}

impl<'a> Markup<'a> {
    /// The same, holding its text itself.
    #[must_use]
    pub fn into_owned(self) -> Markup<'static> {
        let Self { text, spans, parts, links, code } = self;
        Markup { text: Cow::Owned(text.into_owned()), spans, parts, links, code }
    }

    /// What `source`, which is harmless already, is shown as.
    #[must_use]
    pub fn of(source: &'a str) -> Self {
        if is_plain(source) {
            let parts = vec![Part { bytes: 0..source.len(), kind: Kind::default() }];
            return Self { text: Cow::Borrowed(source), parts, ..Self::default() };
        }
        let mut page = Page { source, shown: Markup::default() };
        blocks::read(&mut page);
        page.shown
    }
}

/// Whether nothing in it can be a mark or a link.
fn is_plain(source: &str) -> bool {
    let may_mark = |byte| matches!(byte, b'*' | b'_' | b'`' | b'~' | b'>');
    // To its end, whatever is found: the compiler then looks at many bytes at once.
    let (marks, colons) =
        source.bytes().fold((false, false), |(marks, colons), byte| (marks | may_mark(byte), colons | (byte == b':')));
    !(marks || colons && may_link(source))
}

/// Whether a link may be in it, bare or with a text of its own.
#[must_use]
pub fn may_link(source: &str) -> bool {
    source.contains("://") || source.contains("mailto:")
}

/// What is made from a source, piece by piece.
struct Page<'a> {
    source: &'a str,
    shown: Markup<'a>,
}

impl Page<'_> {
    /// Shows what stands at `bytes` of the source.
    fn show(&mut self, bytes: Range<usize>, ink: Ink) {
        let source = self.source;
        self.write(source.get(bytes).unwrap_or_default(), ink);
    }

    /// Shows what does not stand in the source.
    fn write(&mut self, text: &str, ink: Ink) {
        if text.is_empty() {
            return;
        }
        let start = self.shown.text.len();
        self.shown.text.to_mut().push_str(text);
        let end = self.shown.text.len();
        match self.shown.spans.last_mut() {
            _ if ink == Ink::PLAIN => {}
            Some(last) if last.ink == ink && last.bytes.end == start => last.bytes.end = end,
            Some(_) | None => self.shown.spans.push(Span { bytes: start..end, ink }),
        }
    }

    /// Begins a line of this kind, in the part before where that is of the same kind and is to `go_on`.
    fn line(&mut self, kind: Kind, go_on: bool) {
        if !self.shown.parts.is_empty() {
            self.shown.text.to_mut().push('\n');
        }
        let end = self.shown.text.len();
        let goes_on = go_on && self.shown.parts.last().is_some_and(|part| part.kind == kind);
        if !goes_on {
            self.shown.parts.push(Part { bytes: end..end, kind });
        }
    }

    /// Ends a line.
    fn end_line(&mut self) {
        let end = self.shown.text.len();
        if let Some(part) = self.shown.parts.last_mut() {
            part.bytes.end = end;
        }
    }
}

#[cfg(test)]
mod tests;
