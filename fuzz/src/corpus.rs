//! The corpora, for tests that run what is fuzzed: all of their files, and what chance makes of them.

use std::path::Path;

use proptest::prelude::*;

/// The files of a corpus; there is always one at least.
pub(crate) fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let files: Vec<_> = files.collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// A file of a corpus with some bytes of others in it.
pub(crate) fn mutated(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let files = files(target);
    let piece = prop_oneof![prop::collection::vec(any::<u8>(), 0..8), prop::sample::select(files.clone())];
    (prop::sample::select(files), any::<prop::sample::Index>(), 0..8_usize, piece).prop_map(
        |(mut file, at, gone, piece)| {
            let at = at.index(file.len() + 1);
            let end = (at + gone).min(file.len());
            file.splice(at..end, piece);
            file
        },
    )
}
