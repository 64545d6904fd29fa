//! Pure. What is wrong in a configuration file, shown with its place.

use std::ops::Range;

use crate::app::{sanitize, wrap};

/// Below this likeness, from 0 to 1, a word was not meant by another.
const MIN_LIKENESS: f64 = 0.75;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Which bytes of the file.
    pub(crate) at: Range<usize>,
    /// What is wrong with them, and what to write instead.
    pub(crate) words: String,
}

impl Problem {
    /// `FILE:LINE:COLUMN: what is wrong`. Lines and columns count from 1.
    #[must_use]
    pub(crate) fn headline(&self, file: &str, text: &str) -> String {
        let (number, column, _) = self.place(text);
        sanitize::line(&format!("{file}:{number}:{column}: {}", self.words))
    }

    /// The headline, and below it the line with a mark under what is wrong.
    #[must_use]
    pub(crate) fn show(&self, file: &str, text: &str) -> String {
        let (number, column, line) = self.place(text);
        let before: String = line.chars().take(column - 1).collect();
        let wrong: String = line.get(before.len()..).unwrap_or_default().chars().take(self.length(text)).collect();
        // As it is shown, a tab or a control character is one column.
        let [line, before, wrong] = [line, &before, &wrong].map(|part| sanitize::line(&part.replace('\t', " ")));
        let margin = " ".repeat(number.to_string().len());
        let indent = " ".repeat(wrap::columns(&before));
        let mark = "^".repeat(wrap::columns(&wrong).max(1));
        format!("{}\n {number} | {line}\n {margin} | {indent}{mark}", self.headline(file, text))
    }

    /// The number of the line, the number of the character in it, and the line.
    fn place<'a>(&self, text: &'a str) -> (usize, usize, &'a str) {
        let before = text.get(..self.at.start).unwrap_or(text);
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
        (before.matches('\n').count() + 1, before.get(begin..).unwrap_or_default().chars().count() + 1, line)
    }

    /// How many characters are wrong.
    fn length(&self, text: &str) -> usize {
        text.get(self.at.clone()).unwrap_or_default().lines().next().unwrap_or_default().chars().count()
    }

    /// The line, counted from 0, in which it begins.
    pub(crate) fn row(&self, text: &str) -> usize {
        self.place(text).0 - 1
    }
}

/// The candidate that is most like a word, if one is like it at all.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), candidate);
    let near = candidates.map(|candidate| (likeness(candidate), candidate)).filter(|(near, _)| *near >= MIN_LIKENESS);
    near.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_line_and_a_mark() {
        let text = "[screen]\n\ttheme = \"drak\" # 字\nascii = 字字 x\n";
        let at = |what: &str| text.find(what).map(|start| start..start + what.len()).unwrap();
        let show = |what| Problem { at: at(what), words: "wrong".to_owned() }.show("c.toml", text);
        assert_eq!(show("\"drak\""), "c.toml:2:10: wrong\n 2 |  theme = \"drak\" # 字\n   |          ^^^^^^");
        assert_eq!(show("字 x"), "c.toml:3:10: wrong\n 3 | ascii = 字字 x\n   |           ^^^^");
    }

    #[test]
    fn a_problem_at_the_end_of_the_file_has_a_place_too() {
        let problem = Problem { at: 8..8, words: "wrong".to_owned() };
        assert_eq!(problem.show("c.toml", "[screen\n"), "c.toml:2:1: wrong\n 2 | \n   | ^");
        assert_eq!(problem.show("c.toml", ""), "c.toml:1:1: wrong\n 1 | \n   | ^");
    }

    #[test]
    fn what_is_like_nothing_gets_no_suggestion() {
        let candidates = || ["theme", "times", "ascii"].into_iter();
        assert_eq!(nearest("teme", candidates()), Some("theme"));
        assert_eq!(nearest("Theme", candidates()), Some("theme"));
        assert_eq!(nearest("volume", candidates()), None);
    }
}
