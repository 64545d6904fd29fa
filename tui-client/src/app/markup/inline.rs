//! Pure. Marks within a line: bold, italics, struck out, code, links.
//!
//! A mark counts where it stands at the edge of a word and has its counterpart in the same line; so `2*3*4`,
//! `snake_case_name` and a list of `* stars` stay what they are.

use std::collections::HashMap;
use std::ops::Range;

use crate::app::markup::links::{self, Found, Link};
use crate::app::markup::{Ink, Page, Role};

/// The longest run of marks that means something: three are bold and italics at once.
const MAX_RUN: usize = 3;

/// A place in the line where something is hidden, or of another kind. In bytes of the line.
#[derive(Debug)]
struct Cut {
    at: Range<usize>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Marks, which are hidden.
    Marks(Marks),
    /// Code, with the marks around it.
    Code,
    /// A link, and the text that is shown for it.
    Link(Found),
}

/// So many of a mark.
#[derive(Debug, Clone, Copy)]
struct Marks {
    mark: u8,
    count: usize,
}

/// Shows a line of the source.
pub(super) fn read(page: &mut Page<'_>, bytes: Range<usize>) {
    let line = page.source.get(bytes.clone()).unwrap_or_default();
    let cuts = cuts(line);
    let mut ink = Ink::PLAIN;
    let mut at = 0;
    for Cut { at: cut, what } in cuts {
        page.show(bytes.start + at..bytes.start + cut.start, ink);
        at = cut.end;
        match what {
            What::Marks(marks) => ink = marks.turn(ink),
            What::Code => page.show(bytes.start + cut.start..bytes.start + cut.end, Ink { role: Role::Code, ..ink }),
            What::Link(found) => link(page, &found, bytes.start, ink),
        }
    }
    page.show(bytes.start + at..bytes.end, ink);
}

/// A link with a text of its own is followed by its host, so that no text can lie about it.
fn link(page: &mut Page<'_>, found: &Found, offset: usize, ink: Ink) {
    let ink = Ink { role: Role::Link, ..ink };
    if found.text.is_empty() {
        page.write("image", ink);
    }
    page.show(offset + found.text.start..offset + found.text.end, ink);
    if let Some(host) = &found.host {
        page.write(&format!(" ({host})"), Ink::of(Role::Note));
    }
    page.write(" [#]", Ink::of(Role::Note));
    let number = page.shown.text.len() - "#]".len();
    let address = page.source.get(offset + found.address.start..offset + found.address.end).unwrap_or_default();
    page.shown.links.push(Link { address: address.to_owned(), number });
}

/// Everything in a line that is not plain, in order.
fn cuts(line: &str) -> Vec<Cut> {
    let bytes = line.as_bytes();
    let code = CodeEnds::of(bytes);
    let mut bare = links::bare(line).into_iter().peekable();
    let mut cuts = Vec::new();
    let mut openers = Openers::default();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        while bare.next_if(|found| found.text.start < at).is_some() {}
        if let Some(found) = bare.next_if(|found| found.text.start == at) {
            at = found.end;
            cuts.push(Cut { at: found.text.clone(), what: What::Link(found) });
            continue;
        }
        match byte {
            // What follows means itself. The backslash stays: in a room of programmers it is more often a backslash.
            b'\\' => at += if bytes.get(at + 1).is_some_and(u8::is_ascii_punctuation) { 2 } else { 1 },
            b'`' => match code.end(at, run(bytes, at)) {
                Some(end) => {
                    cuts.push(Cut { at: at..end, what: What::Code });
                    at = end;
                }
                None => at += run(bytes, at),
            },
            b'[' | b'!' => match links::written(line.get(at..).unwrap_or_default()) {
                Some(mut found) => {
                    found.text = at + found.text.start..at + found.text.end;
                    found.address = at + found.address.start..at + found.address.end;
                    found.end += at;
                    let end = found.end;
                    cuts.push(Cut { at: at..end, what: What::Link(found) });
                    at = end;
                }
                None => at += 1,
            },
            b'*' | b'_' | b'~' => {
                let count = run(bytes, at);
                openers.meet(&mut cuts, line, at, Marks { mark: *byte, count });
                at += count;
            }
            _ => at += 1,
        }
    }
    // Those that found no counterpart are text.
    cuts.retain(|cut| !matches!(cut.what, What::Marks(Marks { count: 0, .. })));
    cuts
}

impl Marks {
    fn turn(self, mut ink: Ink) -> Ink {
        match (self.mark, self.count) {
            (b'~', _) => ink.struck = !ink.struck,
            (_, 1) => ink.italic = !ink.italic,
            (_, 2) => ink.bold = !ink.bold,
            (_, _) => {
                ink.bold = !ink.bold;
                ink.italic = !ink.italic;
            }
        }
        ink
    }
}

/// Marks that wait for their counterpart, by mark and number: for each its place among the cuts.
#[derive(Debug, Default)]
struct Openers {
    waiting: [Vec<usize>; 3 * MAX_RUN],
}

impl Openers {
    /// Pairs a run of marks with the ones that wait, or lets it wait.
    fn meet(&mut self, cuts: &mut Vec<Cut>, line: &str, at: usize, Marks { mark, count }: Marks) {
        let is_known = match mark {
            b'~' => count == 2,
            // Two are part of names in Python and C more often than they are bold.
            b'_' => count == 1,
            _ => count <= MAX_RUN,
        };
        if !is_known {
            return;
        }
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let behind = line.get(at + count..).and_then(|text| text.chars().next());
        let opens = behind.is_some_and(|c| !c.is_whitespace()) && !before.is_some_and(is_of_a_word);
        let closes = before.is_some_and(|c| !c.is_whitespace()) && !behind.is_some_and(is_of_a_word);
        let (mut at, mut count) = (at, count);
        while closes && count > 0 {
            let Some((opener, paired)) = self.take(mark, count) else { break };
            // Nothing is bold between two marks with nothing between them.
            if cuts.get(opener).is_some_and(|cut| cut.at.end == at) {
                break;
            }
            if let Some(Cut { what: What::Marks(marks), .. }) = cuts.get_mut(opener) {
                marks.count = paired;
            }
            cuts.push(Cut { at: at..at + paired, what: What::Marks(Marks { mark, count: paired }) });
            at += paired;
            count -= paired;
        }
        if opens && count > 0 {
            if let Some(waiting) = self.waiting.get_mut(index(mark, count)) {
                waiting.push(cuts.len());
            }
            // Of no effect until its counterpart is met.
            cuts.push(Cut { at: at..at + count, what: What::Marks(Marks { mark, count: 0 }) });
        }
    }

    /// Takes the nearest opener of `count` marks, or else of fewer; those behind it have missed their counterpart.
    fn take(&mut self, mark: u8, count: usize) -> Option<(usize, usize)> {
        let nearest = |count| Some((*self.waiting.get(index(mark, count))?.last()?, count));
        let (opener, paired) = nearest(count).or_else(|| (1..count).filter_map(nearest).max())?;
        for waiting in &mut self.waiting {
            while waiting.pop_if(|other| *other >= opener).is_some() {}
        }
        Some((opener, paired))
    }
}

fn index(mark: u8, count: usize) -> usize {
    let row = match mark {
        b'*' => 0,
        b'_' => 1,
        _ => 2,
    };
    row * MAX_RUN + count - 1
}

/// Whether a mark beside it is within a word. Scripts without spaces have none to stand at the edge of.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{2e80}'
}

/// How often the byte at `at` stands there one behind the other.
fn run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| Some(*byte) == rest.first()).count()
}

/// Where code that begins with a run of backticks ends: at the next run of the same length.
struct CodeEnds {
    /// The end of the code that begins here.
    ends: HashMap<usize, usize>,
}

impl CodeEnds {
    fn of(line: &[u8]) -> Self {
        let mut ends = HashMap::new();
        let mut last_of = HashMap::new();
        let mut at = 0;
        while at < line.len() {
            if line.get(at) != Some(&b'`') {
                at += 1;
                continue;
            }
            let length = run(line, at);
            if let Some(start) = last_of.insert(length, at) {
                ends.insert(start, at + length);
            }
            at += length;
        }
        Self { ends }
    }

    fn end(&self, start: usize, run: usize) -> Option<usize> {
        self.ends.get(&start).copied().filter(|end| *end > start + 2 * run)
    }
}
