//! Pure. The words of messages and of questions as an index holds them: `shared::search` folds them, and the number of their
//! room stands before each, so that a question never meets the words of other rooms.
//!
//! An index only proposes: whether a message answers a question, `shared::search` decides.

use std::collections::BTreeSet;

use shared::search::{Query, Script, Word, words};

/// How much of a word is kept, in characters. Of longer ones the beginning proposes.
const WORD_CHARS: usize = 32;

/// How many words of a question an index is asked for, the longest: for each it gathers all the places of all words that
/// begin with it, and it only proposes.
const ASKED: usize = 3;

/// The words of a message as they are indexed, each followed by a space.
pub(super) fn indexed(room: i64, content: &str) -> String {
    let mut keys = String::with_capacity(content.len() * 2);
    let mut push = |part: &str, chars| {
        keys.push_str(&key(room, part, chars));
        keys.push(' ');
    };
    for Word { folded, script, .. } in words(content) {
        match script {
            Script::Spaced => push(&folded, WORD_CHARS),
            // Any part of a run of two or more is found by its pairs, and one character as the beginning of a pair.
            Script::Unspaced => {
                folded.char_indices().for_each(|(from, _)| push(folded.get(from..).unwrap_or(""), 2));
            }
        }
    }
    keys
}

/// How the words begin that messages must hold to answer a question; none where its words are single letters or digits, which
/// begin so much that looking is as good. Nothing of what a person wrote but letters and digits comes into it.
pub(super) fn asked(room: i64, query: &Query) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for Word { folded, script, .. } in query.words() {
        let mut insert = |part: &str, chars| keys.extend([key(room, part, chars)]);
        match script {
            Script::Spaced if folded.chars().nth(1).is_none() => {}
            Script::Spaced => insert(folded, WORD_CHARS),
            Script::Unspaced if folded.chars().count() == 1 => insert(folded, 1),
            Script::Unspaced => {
                let last = folded.char_indices().next_back().map_or(0, |(at, _)| at);
                let pairs = folded.char_indices().filter(|(from, _)| *from < last);
                pairs.for_each(|(from, _)| insert(folded.get(from..).unwrap_or(""), 2));
            }
        }
    }
    let mut keys: Vec<String> = keys.into_iter().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    keys.truncate(ASKED);
    keys
}

fn key(room: i64, word: &str, chars: usize) -> String {
    let end = word.char_indices().nth(chars).map_or(word.len(), |(at, _)| at);
    format!("{room:x}_{}", word.get(..end).unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_made_of_letters_and_digits_alone() {
        let ask = |text| asked(18, &Query::new(text).unwrap());
        assert_eq!(ask("Deploy"), ["12_deploy"]);
        assert_eq!(ask("b\" OR a* NEAR(c) -d a'"), ["12_near", "12_or"]);
        assert_eq!(ask("東京都"), ["12_京都", "12_東京"]);
        assert_eq!(ask("東"), ["12_東"]);
        assert_eq!(ask(&"x".repeat(99)), [format!("12_{}", "x".repeat(32))]);
    }

    #[test]
    fn an_index_is_asked_for_the_longest_words_alone_and_for_none_of_one_letter() {
        let ask = |text| asked(18, &Query::new(text).unwrap());
        assert_eq!(ask("go to every single place"), ["12_single", "12_every", "12_place"]);
        assert_eq!(ask("a z 0 9 zzzzz"), ["12_zzzzz"]);
        assert!(ask("a é 0 9").is_empty());
    }

    #[test]
    fn a_run_is_indexed_by_its_pairs() {
        assert_eq!(indexed(1, "Im 東京都, ja"), "1_im 1_東京 1_京都 1_都 1_ja ");
    }
}
