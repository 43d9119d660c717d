//! Numbers at fixed places of a slice, in the byte order the file gives.

use pcap_file::Endianness;

pub(super) fn u16_at(octets: &[u8], at: usize, order: Endianness) -> Option<u16> {
    let field = octets.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if order.is_big() { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
}

pub(super) fn u32_at(octets: &[u8], at: usize, order: Endianness) -> Option<u32> {
    let field = octets.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if order.is_big() { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}

pub(super) fn u64_at(octets: &[u8], at: usize, order: Endianness) -> Option<u64> {
    let field = octets.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(if order.is_big() { u64::from_be_bytes(field) } else { u64::from_le_bytes(field) })
}

/// Lossless on every target Rust has; saturating says so without `as`.
pub(super) fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Lossless from 32-bit targets on.
pub(super) fn as_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
