//! The fuzz corpus, inputs that once broke something, every script and every capture of the repository, replayed with a
//! stable compiler.
//!
//! `cargo xtask fuzz` looks for more; an input that it finds goes into conformance/fuzz/corpus.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../fuzz/invariants.rs"]
mod invariants;

use std::fs;
use std::path::{Path, PathBuf};

use quickcheck::{Arbitrary, Gen, QuickCheck};

/// The files below `folder`, in the order of names; a folder that does not exist holds none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    paths.into_iter().flat_map(below).collect()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn replay(folders: &[&str], files_min: usize, check: fn(&[u8])) {
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| files(&here(folder))).collect();
    assert!(files.len() >= files_min, "{} files, expected at least {files_min}", files.len());
    for file in files {
        // Shown when the check panics.
        println!("{}", file.display());
        check(&fs::read(file).unwrap());
    }
}

#[test]
fn captures() {
    let folders = ["fuzz/corpus/capture", "fuzz/artifacts/capture", "../pcaps/cases", "../pcaps/rollback"];
    replay(&folders, 200, invariants::capture);
}

#[test]
fn scripts() {
    replay(&["fuzz/corpus/script", "fuzz/artifacts/script", "cases"], 200, invariants::script);
}

#[test]
fn adapter_lines() {
    replay(&["fuzz/corpus/adapter", "fuzz/artifacts/adapter"], 4, invariants::adapter);
}

/// A script of the repository with some octets changed, left out or doubled.
#[derive(Debug, Clone)]
struct Changed(Vec<u8>);

impl Arbitrary for Changed {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(changed(g, "cases"))
    }
}

/// Lines of a target, changed likewise.
#[derive(Debug, Clone)]
struct ChangedLines(Vec<u8>);

impl Arbitrary for ChangedLines {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(changed(g, "fuzz/corpus/adapter"))
    }
}

/// A file below `folder` with some octets changed, left out or doubled.
fn changed(g: &mut Gen, folder: &str) -> Vec<u8> {
    let files = files(&here(folder));
    let mut octets = fs::read(g.choose(&files).unwrap()).unwrap();
    for _ in 0..=u8::arbitrary(g) % 4 {
        let at = usize::arbitrary(g) % octets.len().max(1);
        let len = (usize::arbitrary(g) % 8).min(octets.len().saturating_sub(at));
        let piece: Vec<u8> = octets.drain(at..at + len).collect();
        match u8::arbitrary(g) % 3 {
            0 => {}
            1 => octets.splice(at..at, [piece.as_slice(), &piece].concat()).for_each(drop),
            _ => octets.splice(at..at, piece.into_iter().map(|octet| octet ^ 1)).for_each(drop),
        }
    }
    octets
}

#[test]
fn changed_scripts() {
    #[expect(clippy::needless_pass_by_value, reason = "quickcheck gives values")]
    fn property(changed: Changed) -> bool {
        invariants::script(&changed.0);
        true
    }
    QuickCheck::new().tests(300).quickcheck(property as fn(Changed) -> bool);
}

#[test]
fn changed_adapter_lines() {
    #[expect(clippy::needless_pass_by_value, reason = "quickcheck gives values")]
    fn property(changed: ChangedLines) -> bool {
        invariants::adapter(&changed.0);
        true
    }
    QuickCheck::new().tests(2_000).quickcheck(property as fn(ChangedLines) -> bool);
}
