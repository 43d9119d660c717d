//! The real captures of foreign stacks that lie beside the checkout, not in it (their licences differ).
//!
//! Where they are absent the tests say so and pass; with `HIATUS_REQUIRE_SHARED=1` they fail instead.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The directory of shared captures, or `None` after saying that it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures").join(name);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("HIATUS_REQUIRE_SHARED").is_none(), "{} is not there", path.display());
    // Past libtest's capture, in the form that `cargo xtask test` collects.
    let mut stderr = std::io::stderr();
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    writeln!(stderr, "SKIPPED: {test}: no captures of other stacks beside the checkout")
        .expect("standard error is open");
    None
}

/// Rows of a tab-separated file with a header line, as maps from column to field.
pub(crate) fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header line").split('\t').collect();
    lines
        .map(|line| header.iter().map(ToString::to_string).zip(line.split('\t').map(String::from)).collect())
        .collect()
}

/// File and sha256 of every capture.
pub(crate) fn manifest(wild: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(wild.join("MANIFEST.tsv")).expect("MANIFEST.tsv");
    let files: Vec<_> = table(&text).iter().map(|row| (row["file"].clone(), row["sha256"].clone())).collect();
    assert_eq!(files.len(), 361, "captures");
    files
}
