//! Fixed rows: little-endian fields, then the CRC-32 of the row's name and the fields.

use crate::error::{Damage, Place};

/// Octets of the checksum at the end of every row.
pub(crate) const CRC_OCTETS: usize = 4;

/// CRC-32 (IEEE 802.3) of what a row is about, then of its octets: a row that stands in another's place does not fit.
pub(crate) fn checksum(place: Place, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[place.tag()]);
    hasher.update(&place.number().to_le_bytes());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Appends the checksum.
pub(crate) fn sealed(place: Place, mut row: Vec<u8>) -> Vec<u8> {
    let crc = checksum(place, &[&row]);
    row.extend_from_slice(&crc.to_le_bytes());
    row
}

/// Checks the checksum and gives what stands before it.
pub(crate) fn unsealed(place: Place, row: &[u8]) -> Result<&[u8], Damage> {
    let Some((octets, stored)) = row.split_last_chunk::<CRC_OCTETS>() else {
        return Err(Damage::Length {
            place,
            expected_octets: length(CRC_OCTETS),
            found_octets: length(row.len()),
        });
    };
    let (expected, found) = (u32::from_le_bytes(*stored), checksum(place, &[octets]));
    if expected == found { Ok(octets) } else { Err(Damage::Checksum { place, expected, found }) }
}

/// The octets of a row of fixed length, checked.
pub(crate) fn fixed<const N: usize>(place: Place, row: &[u8]) -> Result<[u8; N], Damage> {
    let octets = unsealed(place, row)?;
    octets.try_into().map_err(|_| Damage::Length {
        place,
        expected_octets: length(N),
        found_octets: length(octets.len()),
    })
}

/// Takes a little-endian u32 off the front.
pub(crate) fn u32_of(octets: &mut &[u8]) -> Option<u32> {
    let (field, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(u32::from_le_bytes(*field))
}

/// Takes a little-endian u64 off the front.
pub(crate) fn u64_of(octets: &mut &[u8]) -> Option<u64> {
    let (field, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(u64::from_le_bytes(*field))
}

/// A length as a field says it.
pub(crate) fn length(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}
