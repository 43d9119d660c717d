//! The fuzz corpus, and inputs that once broke something, replayed with a stable compiler.
//!
//! `cargo xtask fuzz` looks for more; an input that it finds goes into codec/fuzz/corpus.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "../fuzz/invariants.rs"]
mod invariants;

use std::path::Path;

use quickcheck::quickcheck;

/// Fewest files that a committed corpus has: an empty folder must not pass.
const FILES_MIN: usize = 3;

fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let replayed = replay_folder(&fuzz.join("corpus").join(target), check);
    assert!(replayed >= FILES_MIN, "corpus of {target}: {replayed} files, expected at least {FILES_MIN}");
    replay_folder(&fuzz.join("artifacts").join(target), check);
}

/// Replays each file in the order of names; a folder that does not exist holds none.
fn replay_folder(folder: &Path, check: fn(&[u8])) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    files.sort();
    for file in &files {
        let octets = std::fs::read(file).expect("a corpus file can be read");
        // Shown when the check panics.
        println!("{}", file.display());
        check(&octets);
    }
    files.len()
}

#[test]
fn options_corpus() {
    replay("options", invariants::options);
}

#[test]
fn segment_corpus() {
    replay("segment", invariants::segment);
}

quickcheck! {
    fn any_octets_as_options(octets: Vec<u8>) -> bool {
        invariants::options(&octets);
        true
    }

    fn any_octets_as_segment(octets: Vec<u8>) -> bool {
        invariants::segment(&octets);
        true
    }
}
