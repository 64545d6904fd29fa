//! What is fuzzed of the server, in the ordinary run: every corpus, and what chance makes of it.

use proptest::prelude::*;

use self::corpus::{files, mutated};

#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../../fuzz/src/server/mod.rs"]
mod checks;

#[path = "../../../fuzz/src/corpus.rs"]
mod corpus;

#[test]
fn every_corpus_holds() {
    files("bodies").iter().for_each(|data| checks::bodies::check(data));
    files("invites").iter().for_each(|data| checks::invites::check(data));
    files("queue").iter().for_each(|data| checks::queue::check(data));
    files("tokens").iter().for_each(|data| checks::tokens::check(data));
}

proptest! {
    #[test]
    fn any_body_holds(data in mutated("bodies")) {
        checks::bodies::check(&data);
    }

    #[test]
    fn any_invite_holds(data in mutated("invites")) {
        checks::invites::check(&data);
    }

    #[test]
    fn any_message_of_the_queue_holds(data in mutated("queue")) {
        checks::queue::check(&data);
    }

    #[test]
    fn any_token_holds(data in mutated("tokens")) {
        checks::tokens::check(&data);
    }
}
