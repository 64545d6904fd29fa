//! Pure. Words on their way to other nodes: what waits together goes to each node in one letter, for what RabbitMQ has to do for
//! a letter does not depend on how much stands in it.

use std::collections::BTreeMap;

use tracing::warn;

use crate::nodes::{NodeId, Word};

/// From which length on a letter is full, in bytes.
const FULL_BYTES: usize = 256 * 1024;

/// A word, and who is to hear it.
#[derive(Debug)]
pub(super) struct Addressed {
    pub(super) to: Vec<NodeId>,
    pub(super) word: Word,
}

/// Words as JSON, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// Each once, and at least one.
    pub(super) to: Vec<NodeId>,
    pub(super) body: Vec<u8>,
}

/// As few letters as bring each node its words in their order.
pub(super) fn pack(words: impl IntoIterator<Item = Addressed>) -> Vec<Letter> {
    let mut letters = Letters::default();
    let mut open: BTreeMap<NodeId, Vec<u8>> = BTreeMap::new();
    for Addressed { to, word } in words {
        let word = match serde_json::to_vec(&word) {
            Ok(word) => word,
            Err(error) => {
                warn!(%error, "what was to be told to other nodes cannot be written");
                continue;
            }
        };
        for node in to {
            let body = open.entry(node).or_default();
            body.extend_from_slice(&word);
            if body.len() >= FULL_BYTES {
                letters.close(node, std::mem::take(body));
            }
        }
    }
    open.into_iter().filter(|(_, body)| !body.is_empty()).for_each(|(node, body)| letters.close(node, body));
    letters.0
}

/// The words of a letter, up to one that cannot be read.
pub(super) fn unpack(body: &[u8]) -> impl Iterator<Item = Result<Word, serde_json::Error>> {
    serde_json::Deserializer::from_slice(body).into_iter()
}

#[derive(Default)]
struct Letters(Vec<Letter>);

impl Letters {
    /// Nodes that are told the same get one letter together.
    fn close(&mut self, node: NodeId, body: Vec<u8>) {
        match self.0.iter_mut().find(|letter| letter.body == body && !letter.to.contains(&node)) {
            Some(letter) => letter.to.push(node),
            None => self.0.push(Letter { to: vec![node], body }),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::frames::{Activity, Typing, TypingState};
    use shared::names::{RoomId, Username};

    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId(uuid::Uuid::from_u128(number))
    }

    fn word(room: &str) -> Word {
        let typing =
            Typing { user: Username::new("alice").unwrap(), activity: Activity { state: TypingState::Active } };
        Word::Typing { room: RoomId::new(room).unwrap(), from: node(9), typing }
    }

    fn to(nodes: &[u128], room: &str) -> Addressed {
        Addressed { to: nodes.iter().copied().map(node).collect(), word: word(room) }
    }

    /// Which nodes get a letter together, and of which rooms they are told in it.
    #[track_caller]
    fn check(words: Vec<Addressed>, expected: &[(&[u128], &[&str])]) {
        let told: Vec<(Vec<NodeId>, Vec<Word>)> = pack(words)
            .into_iter()
            .map(|Letter { to, body }| (to, unpack(&body).collect::<Result<_, _>>().unwrap()))
            .collect();
        let expected: Vec<(Vec<NodeId>, Vec<Word>)> = expected
            .iter()
            .map(|(nodes, rooms)| {
                (nodes.iter().copied().map(node).collect(), rooms.iter().copied().map(word).collect())
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn each_node_gets_one_letter_with_its_words_in_their_order() {
        check(
            vec![to(&[1, 2], "a"), to(&[2], "b"), to(&[1, 2], "a"), to(&[1], "c")],
            &[(&[1], &["a", "a", "c"]), (&[2], &["a", "b", "a"])],
        );
    }

    #[test]
    fn nodes_that_are_told_the_same_share_a_letter() {
        check(vec![to(&[1, 2], "a"), to(&[2, 1], "b"), to(&[3], "b")], &[(&[1, 2], &["a", "b"]), (&[3], &["b"])]);
        check(vec![], &[]);
    }

    #[test]
    fn a_letter_that_is_full_is_followed_by_another() {
        let written = serde_json::to_vec(&word("a")).unwrap().len();
        let count = FULL_BYTES.div_ceil(written);
        let full = vec!["a"; count];
        let words = (0..=2 * count).map(|_| to(&[1], "a")).collect();
        check(words, &[(&[1], &full), (&[1], &full), (&[1], &["a"])]);
    }

    #[test]
    fn what_cannot_be_read_ends_a_letter_and_a_word_of_a_later_version_does_not() {
        let mut body = serde_json::to_vec(&word("a")).unwrap();
        body.extend_from_slice(br#"{"type":"later","a":[{}]} "#);
        body.extend_from_slice(&serde_json::to_vec(&word("b")).unwrap());
        body.extend_from_slice(b"}{");
        let words: Vec<Option<Word>> = unpack(&body).map(Result::ok).collect();
        assert_eq!(words, [Some(word("a")), Some(Word::Unknown), Some(word("b")), None]);
    }
}
