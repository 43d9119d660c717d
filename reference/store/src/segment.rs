//! Segments: records packed one behind the other, because one row for each is eight times slower to write.
//!
//! A segment never changes once it is written. Which of its records are live, a row of bits says.

use crate::epoch::RecordId;
use crate::error::{Damage, Place};
use crate::octets::{CRC_OCTETS, checksum, length, sealed, u32_of, u64_of, unsealed};

/// Octets of a segment, unless a single record is longer. With the 16 octets that redb puts before the only value of a
/// page, it fills a page of 64 KiB.
pub const SEGMENT_OCTETS_MAX: usize = (64 << 10) - 16;
/// Number of the record, and its length.
const ENTRY_HEADER_OCTETS: usize = 12;
/// Count of the records, and the checksum.
const TRAILER_OCTETS: usize = 4 + CRC_OCTETS;

/// A segment that is being filled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segment {
    entries: Vec<u8>,
    count: u32,
}

/// One record in a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) record: RecordId,
    pub(crate) octets: &'a [u8],
}

impl Entry<'_> {
    /// Octets that it takes in a segment.
    pub(crate) fn stored_octets(&self) -> u64 {
        length(ENTRY_HEADER_OCTETS + self.octets.len())
    }
}

impl Segment {
    /// Appends a record to the last segment, or to a new one if it is full.
    pub(crate) fn append_to(segments: &mut Vec<Self>, record: RecordId, len_octets: u32, octets: &[u8]) {
        let needed = ENTRY_HEADER_OCTETS + octets.len() + TRAILER_OCTETS;
        let has_room = segments.last().is_some_and(|last| last.entries.len() + needed <= SEGMENT_OCTETS_MAX);
        if !has_room {
            // The first of an epoch may stay small; behind a full one comes as much again.
            let capacity = if segments.is_empty() { needed } else { SEGMENT_OCTETS_MAX };
            segments.push(Self { entries: Vec::with_capacity(capacity), count: 0 });
        }
        if let Some(last) = segments.last_mut() {
            last.entries.extend_from_slice(&record.0.to_le_bytes());
            last.entries.extend_from_slice(&len_octets.to_le_bytes());
            last.entries.extend_from_slice(octets);
            last.count += 1;
        }
    }

    /// Appends what was read from another segment.
    pub(crate) fn append_entry(segments: &mut Vec<Self>, entry: Entry<'_>) {
        // It was as short when it was put.
        let len_octets = u32::try_from(entry.octets.len()).unwrap_or(u32::MAX);
        Self::append_to(segments, entry.record, len_octets, entry.octets);
    }

    /// The records, in their order.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { left: &self.entries }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn entry_octets(&self) -> u64 {
        length(self.entries.len())
    }

    /// Octets of the row.
    pub(crate) fn row_octets(&self) -> usize {
        self.entries.len() + TRAILER_OCTETS
    }

    /// Writes the row of the segment with this number: entries, count, checksum.
    pub(crate) fn write_row(&self, number: u64, row: &mut [u8]) {
        let count = self.count.to_le_bytes();
        let crc = checksum(Place::Segment(number), &[&self.entries, &count]).to_le_bytes();
        let mut left = row;
        for part in [&self.entries[..], &count, &crc] {
            let Some((here, rest)) = left.split_at_mut_checked(part.len()) else { return };
            here.copy_from_slice(part);
            left = rest;
        }
    }
}

/// Reads a row: the entries without what stands behind them, and how many there are.
pub(crate) fn read_row(number: u64, row: &[u8]) -> Result<(&[u8], u32), Damage> {
    let place = Place::Segment(number);
    let octets = unsealed(place, row)?;
    let Some((entries, count)) = octets.split_last_chunk::<4>() else {
        return Err(Damage::Length {
            place,
            expected_octets: length(TRAILER_OCTETS),
            found_octets: length(row.len()),
        });
    };
    let expected = u32::from_le_bytes(*count);
    let mut walk = Entries { left: entries };
    let found = walk.by_ref().fold(0_u64, |found, _| found + 1);
    if !walk.left.is_empty() || found != u64::from(expected) {
        return Err(Damage::Number { place, what: "count of records", expected: u64::from(expected), found });
    }
    Ok((entries, expected))
}

/// The records of a segment. It ends at the end, or where no record can be read.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a> {
    left: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(crate) fn of(entries: &'a [u8]) -> Self {
        Self { left: entries }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mut rest = self.left;
        let record = RecordId(u64_of(&mut rest)?);
        let len_octets = usize::try_from(u32_of(&mut rest)?).ok()?;
        let (octets, rest) = rest.split_at_checked(len_octets)?;
        self.left = rest;
        Some(Entry { record, octets })
    }
}

/// Which records of a segment are live: bit `n % 8` of octet `n / 8` is the `n`th record, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live {
    bits: Vec<u8>,
}

impl Live {
    /// None of them.
    pub(crate) fn none_of(count: u32) -> Self {
        Self { bits: vec![0; octet(count.div_ceil(8))] }
    }

    pub(crate) fn has(&self, index: u32) -> bool {
        self.bits.get(octet(index / 8)).is_some_and(|bits| bits & bit(index) != 0)
    }

    pub(crate) fn set(&mut self, index: u32) {
        if let Some(bits) = self.bits.get_mut(octet(index / 8)) {
            *bits |= bit(index);
        }
    }

    pub(crate) fn clear(&mut self, index: u32) {
        if let Some(bits) = self.bits.get_mut(octet(index / 8)) {
            *bits &= !bit(index);
        }
    }

    pub(crate) fn to_row(&self, number: u64) -> Vec<u8> {
        sealed(Place::Live(number), self.bits.clone())
    }

    pub(crate) fn from_row(number: u64, count: u32, row: &[u8]) -> Result<Self, Damage> {
        let place = Place::Live(number);
        let bits = unsealed(place, row)?;
        let expected = octet(count.div_ceil(8));
        if bits.len() != expected {
            return Err(Damage::Length {
                place,
                expected_octets: length(expected),
                found_octets: length(bits.len()),
            });
        }
        Ok(Self { bits: bits.to_vec() })
    }
}

fn bit(index: u32) -> u8 {
    1 << (index % 8)
}

fn octet(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
