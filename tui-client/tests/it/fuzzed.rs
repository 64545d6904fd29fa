//! What is fuzzed of the client, in the ordinary run: every corpus, and what chance makes of it.

use proptest::prelude::*;

use self::corpus::{files, mutated};

#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../../fuzz/src/client/mod.rs"]
mod checks;

#[path = "../../../fuzz/src/corpus.rs"]
mod corpus;

#[test]
fn every_corpus_holds() {
    files("frames").iter().for_each(|data| checks::frames::check(data));
    files("keys").iter().for_each(|data| checks::keys::check(data));
    files("links").iter().for_each(|data| checks::links::check(data));
    files("names").iter().for_each(|data| checks::names::check(data));
    files("text").iter().for_each(|data| checks::text::check(data));
}

proptest! {
    #[test]
    fn any_frame_holds(data in mutated("frames")) {
        checks::frames::check(&data);
    }

    #[test]
    fn any_keys_hold(data in mutated("keys")) {
        checks::keys::check(&data);
    }

    #[test]
    fn any_link_holds(data in mutated("links")) {
        checks::links::check(&data);
    }

    #[test]
    fn any_name_holds(data in mutated("names")) {
        checks::names::check(&data);
    }

    #[test]
    fn any_text_holds(data in mutated("text")) {
        checks::text::check(&data);
    }
}
