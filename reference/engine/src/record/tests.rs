//! The document and the code name the same places.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec::Vec;

use super::field::{self, Field};
use super::{FIXED_OCTETS, RECORD_LEN_OCTETS_MIN};

const DOCUMENT: &str = include_str!("../../docs/record.md");

/// Name, first octet and width of each row of the table of fields.
fn rows() -> Vec<(&'static str, usize, usize)> {
    let row = |line: &'static str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (name, at, width) = (cells.next()?, cells.next()?, cells.next()?);
        Some((name, at.parse().ok()?, width.parse().ok()?))
    };
    DOCUMENT.lines().filter_map(row).collect()
}

#[test]
fn the_document_names_every_field_in_its_place() {
    let fields: Vec<_> =
        field::ALL.iter().map(|Field { name, at, width_octets }| (*name, *at, *width_octets)).collect();
    assert_eq!(rows(), fields);
}

#[test]
fn nothing_lies_between_two_fields() {
    let mut end = 0;
    for Field { name, at, width_octets } in field::ALL {
        assert_eq!(*at, end, "{name}");
        end += width_octets;
    }
    assert_eq!(end, FIXED_OCTETS);
    assert_eq!(RECORD_LEN_OCTETS_MIN, 228);
}

#[test]
fn the_checksum_is_that_of_ieee_802_3() {
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
}
