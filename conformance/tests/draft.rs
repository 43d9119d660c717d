//! What the draft shows of the reference: one connection with every octet of every segment.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hiatus-conformance --test draft` rewrites `spec/generated/worked-connection.md`;
//! `spec/vectors.py` recomputes every octet of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "draft/page.rs"]
mod page;
#[path = "draft/story.rs"]
mod story;

use std::fs;
use std::path::PathBuf;

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p hiatus-conformance --test draft";

#[test]
fn the_worked_connection_is_an_appendix_of_the_draft() {
    let wanted = page::markdown(&story::told());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/generated/worked-connection.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    assert!(
        found == wanted,
        "spec/generated/worked-connection.md is stale: {COMMAND}\nwanted, found: {differs:#?}"
    );
}
