//! The disk itself: one write behind the other, then a sync.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Octets of a write.
const CHUNK_OCTETS: usize = 1 << 20;

pub(crate) fn write(path: &Path, octets: &[u8]) {
    write_to(File::create(path).expect("it can be created"), octets);
}

pub(crate) fn append(path: &Path, octets: &[u8]) {
    write_to(OpenOptions::new().create(true).append(true).open(path).expect("it can be opened"), octets);
}

fn write_to(mut file: File, octets: &[u8]) {
    for chunk in octets.chunks(CHUNK_OCTETS) {
        file.write_all(chunk).expect("the disk takes it");
    }
    file.sync_data().expect("the disk takes it");
}
