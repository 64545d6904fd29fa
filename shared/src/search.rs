//! Pure. What a search finds: the words of a text, and the question that they answer. The server looks through history with
//! it and the client marks what was found, so that both mean the same.
//!
//! A word is found by its beginning, whatever its case and its accents. Chinese and Japanese are written without spaces; a
//! run of their characters is found by any part of it.

use std::ops::Range;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// The longest question, in bytes.
pub const MAX_QUERY_BYTES: usize = 256;

/// How many different words a question may have.
pub const MAX_QUERY_WORDS: usize = 8;

/// How much of a message is searched, in bytes: all of it, unless the server takes longer ones than by default.
const SEARCHED_BYTES: usize = 64 * 1024;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// It without case and accents: letters and digits alone, at least one.
    pub folded: String,
    /// How it is written.
    pub script: Script,
}

/// How words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// With something between them.
    Spaced,
    /// Without; then a word here is a run of characters, each folded to itself.
    Unspaced,
}

/// The words of a text, in order.
pub fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, first) = rest.next()?;
            if !first.is_alphanumeric() {
                continue;
            }
            let script = script(first);
            let (mut folded, mut end) = (String::new(), start + first.len_utf8());
            fold(first, script, &mut folded);
            while let Some((at, c)) = rest.next_if(|(_, c)| goes_on(*c, script)) {
                fold(c, script, &mut folded);
                end = at + c.len_utf8();
            }
            if !folded.is_empty() {
                return Some(Word { range: start..end, folded, script });
            }
        }
    })
}

/// What is looked for: texts in which each of its words occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    words: Vec<Word>,
}

impl Query {
    /// The question that a person wrote; `None` when there is no letter and no digit in it.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut different: Vec<Word> = Vec::new();
        for word in words(text) {
            if different.iter().all(|other| other.folded != word.folded) {
                different.push(word);
            }
        }
        let words = different;
        (!words.is_empty()).then_some(Self { words })
    }

    /// Its words, each once.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Whether the content of a message answers it.
    #[must_use]
    pub fn is_in(&self, content: &str) -> bool {
        let mut missing: Vec<&Word> = self.words.iter().collect();
        for word in words(searched(content)) {
            missing.retain(|wanted| found(wanted, &word).next().is_none());
            if missing.is_empty() {
                return true;
            }
        }
        false
    }

    /// What of a text answers it, in bytes and in order: words from beginning to end, and parts of runs. They may overlap.
    #[must_use]
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for word in words(searched(text)) {
            ranges.extend(self.words.iter().flat_map(|wanted| found(wanted, &word)));
        }
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        ranges.dedup();
        ranges
    }
}

/// The part of a message that is searched.
#[must_use]
pub fn searched(content: &str) -> &str {
    content.get(..content.floor_char_boundary(SEARCHED_BYTES)).unwrap_or(content)
}

/// Where a word answers what is wanted.
fn found(wanted: &Word, word: &Word) -> impl Iterator<Item = Range<usize>> {
    let is_word = wanted.script == word.script && word.folded.starts_with(&wanted.folded);
    let whole = (is_word && word.script == Script::Spaced).then(|| word.range.clone());
    let is_run = wanted.script == word.script && word.script == Script::Unspaced;
    let start = word.range.start;
    let parts = is_run.then(|| word.folded.match_indices(&wanted.folded)).into_iter().flatten();
    whole.into_iter().chain(parts.map(move |(at, part)| start + at..start + at + part.len()))
}

fn script(c: char) -> Script {
    match c {
        // Hiragana and katakana, and what belongs to them; ideographs.
        '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{323af}' => Script::Unspaced,
        _ => Script::Spaced,
    }
}

/// Whether a word goes on with this character.
fn goes_on(c: char, of: Script) -> bool {
    c.is_alphanumeric() && script(c) == of || is_mark(c)
}

/// Whether it is written over or under the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && CanonicalCombiningClassMapBorrowed::new().get_u8(c) != 0
}

fn fold(c: char, script: Script, folded: &mut String) {
    match (c, script) {
        (c, Script::Unspaced) => folded.push(c),
        (c, Script::Spaced) if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
        // Parts of a syllable would be found in the midst of it.
        ('\u{ac00}'..='\u{d7a3}', Script::Spaced) => folded.push(c),
        (c, Script::Spaced) => {
            let parts = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(c));
            let kept = parts.filter(|c| c.is_alphanumeric() && !is_mark(*c)).flat_map(char::to_lowercase);
            // A sigma at the end of a word is the same letter.
            folded.extend(kept.filter(|c| !is_mark(*c)).map(|c| if c == 'ς' { 'σ' } else { c }));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(query: &str, text: &str, marked: &[&str]) {
        let query = Query::new(query).unwrap();
        let ranges = query.ranges(text);
        let found: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, marked);
    }

    #[test]
    fn a_word_is_found_by_its_beginning_whatever_its_case_and_accents() {
        check("dep", "Did the DEPLOY depend on redeploying?", &["DEPLOY", "depend"]);
        check("MUN", "grüße aus mün\u{303}chen, München", &["mün\u{303}chen", "München"]);
        check("strom", "Ström ｓｔｒｏｍ storm", &["Ström", "ｓｔｒｏｍ"]);
        check("οδος", "ΟΔΟΣ οδός", &["ΟΔΟΣ", "οδός"]);
        check("812", "build-812, 8123 18123", &["812", "8123"]);
        check("й", "йод иод", &["йод", "иод"]);
        check("한국", "한국어 대한국", &["한국어"]);
    }

    #[test]
    fn a_run_without_spaces_is_found_by_any_part_of_it() {
        check("京都", "東京都と京都", &["京都", "京都"]);
        check("テスト", "負荷テスト中", &["テスト"]);
        check("版本2", "新版本2.0 版本20", &["版本", "2", "版本", "20"]);
    }

    #[test]
    fn all_words_must_occur() {
        let query = Query::new("build, green!").unwrap();
        assert!(query.is_in("Green is the build"));
        assert!(!query.is_in("the build is red"));
        assert!(Query::new("東京 都").unwrap().is_in("京都 東京"));
        assert!(!Query::new("東京").unwrap().is_in("東 京"));
    }

    #[test]
    fn a_word_that_is_asked_for_twice_counts_once() {
        let folded =
            |text| Query::new(text).unwrap().words().iter().map(|word| word.folded.clone()).collect::<Vec<_>>();
        assert_eq!(folded("Build büild 東京 build 東京 bui"), ["build", "東京", "bui"]);
    }

    #[test]
    fn there_is_no_question_without_a_letter_or_a_digit() {
        for text in ["", "  ", "\"*", "🎉", "\u{301}"] {
            assert_eq!(Query::new(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_word_of_a_text_finds_the_text_and_itself(text in "\\PC{0,40}") {
            for word in words(&text) {
                prop_assert!(word.folded.chars().all(char::is_alphanumeric) || word.script == Script::Unspaced);
                let query = Query { words: vec![word.clone()] };
                prop_assert!(query.is_in(&text));
                prop_assert!(query.ranges(&text).contains(&word.range), "{:?}", word);
                let again = Query::new(&text[word.range.clone()]).unwrap();
                prop_assert!(again.is_in(&text), "{:?}", again);
            }
        }
    }
}
