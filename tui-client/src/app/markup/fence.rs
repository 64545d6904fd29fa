//! Pure. The fences around a block of code (CommonMark 0.31 §4.5): what begins a block, what ends it, and how to write one.

use std::ops::Range;

/// The fewest marks that make a fence.
const LEAST: usize = 3;
/// What is indented so far is no fence.
const TOO_DEEP: usize = 4;

/// The line that begins a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fence {
    mark: u8,
    length: usize,
}

impl Fence {
    /// The fence that a line is, and where in the line the name of the language stands.
    pub(crate) fn opened_by(line: &str) -> Option<(Self, Range<usize>)> {
        let (fence, end) = Self::at_the_beginning_of(line)?;
        let behind = line.get(end..)?;
        // What has its end in the same line is code within a text.
        if fence.mark == b'`' && behind.contains('`') {
            return None;
        }
        let start = end + (behind.len() - behind.trim_start().len());
        Some((fence, start..(end + behind.trim_end().len()).max(start)))
    }

    /// Whether a line ends the block that this began.
    pub(crate) fn is_closed_by(self, line: &str) -> bool {
        Self::at_the_beginning_of(line).is_some_and(|(Self { mark, length }, end)| {
            let behind = line.get(end..).unwrap_or_default();
            mark == self.mark && length >= self.length && behind.trim().is_empty()
        })
    }

    fn at_the_beginning_of(line: &str) -> Option<(Self, usize)> {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let rest = line.get(indent..).filter(|_| indent < TOO_DEEP)?;
        let mark = *rest.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
        let length = rest.bytes().take_while(|byte| *byte == mark).count();
        (length >= LEAST).then_some((Self { mark, length }, indent + length))
    }
}

/// Whether a line begins or ends a block, taken by itself.
pub(crate) fn is_fence(line: &str) -> bool {
    Fence::opened_by(line).is_some()
}

/// Whether what stands behind these lines is within a block.
pub(crate) fn is_open_behind(lines: &str) -> bool {
    let within = |open: Option<Fence>, line: &str| match open {
        Some(fence) => Some(fence).filter(|fence| !fence.is_closed_by(line)),
        None => Fence::opened_by(line).map(|(fence, _)| fence),
    };
    lines.lines().fold(None, within).is_some()
}

/// Code between fences that nothing in it closes.
pub(crate) fn around(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(LEAST - 1) + 1);
    format!("{fence}{language}\n{code}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, language: Option<&str>) {
        assert_eq!(Fence::opened_by(line).and_then(|(_, language)| line.get(language)), language, "{line:?}");
    }

    #[test]
    fn a_fence_is_three_marks_at_the_beginning_of_a_line() {
        check("```", Some(""));
        check("   ~~~~  rust ", Some("rust"));
        check("    ```", None);
        check("``", None);
        check("a ```", None);
        check("```code``` in a line", None);
        check("~~~ a`b", Some("a`b"));
        check("``~", None);
    }

    #[test]
    fn as_many_of_the_same_marks_and_no_word_end_a_block() {
        let (fence, _) = Fence::opened_by("````rust").unwrap();
        for (line, ends) in [("````", true), (" `````  ", true), ("```", false), ("~~~~", false), ("````rust", false)] {
            assert_eq!(fence.is_closed_by(line), ends, "{line:?}");
        }
    }

    #[test]
    fn a_block_is_open_until_its_own_end() {
        for (lines, is_open) in [("", false), ("a\n```", true), ("```\n~~~", true), ("````\n```\n````", false)] {
            assert_eq!(is_open_behind(lines), is_open, "{lines:?}");
        }
        assert!(!is_open_behind(&around("sh", "```\n````")));
    }
}
