//! etherparse and smoltcp, by their own option iterators.

use etherparse::{TcpOptionElement, TcpSlice};
use smoltcp::wire::{TcpOption, TcpPacket};

use crate::seen::Seen;

/// `TcpSlice`, then its option iterator. It ends at kind 253, so it does less than the others there.
pub(crate) fn etherparse_header_and_options(octets: &[u8]) -> Seen<'_> {
    let Ok(slice) = TcpSlice::from_slice(octets) else { return Seen::default() };
    let mut seen = Seen {
        seq: slice.sequence_number(),
        ack: slice.acknowledgment_number(),
        // It has one accessor per flag; its slice is quicker.
        flags: slice.slice()[13],
        window: slice.window_size(),
        ..Seen::default()
    };
    for element in slice.options_iterator() {
        match element {
            Ok(TcpOptionElement::MaximumSegmentSize(size)) => seen.mss = Some(size),
            Ok(TcpOptionElement::WindowScale(shift)) => seen.window_scale = Some(shift),
            Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => seen.sack_permitted = true,
            Ok(TcpOptionElement::SelectiveAcknowledgement(first, [second, third, _])) => {
                seen.sack = [Some(first), second, third];
            }
            Ok(TcpOptionElement::Timestamp(value, echo_reply)) => seen.timestamps = Some((value, echo_reply)),
            Ok(TcpOptionElement::Noop) => {}
            Err(_) => return seen,
        }
    }
    seen
}

/// The same work: etherparse has one way only.
pub(crate) fn etherparse_walk(octets: &[u8]) -> Seen<'_> {
    etherparse_header_and_options(octets)
}

/// `TcpPacket::new_checked`, then `TcpOption::parse` in a loop; `TcpRepr` cannot express kind 253. No checksum.
pub(crate) fn smoltcp_header_and_options(octets: &[u8]) -> Seen<'_> {
    let Ok(packet) = TcpPacket::new_checked(octets) else { return Seen::default() };
    let mut seen = Seen {
        seq: u32::from_ne_bytes(packet.seq_number().0.to_ne_bytes()),
        ack: u32::from_ne_bytes(packet.ack_number().0.to_ne_bytes()),
        // It has one accessor per flag; the octet itself is quicker.
        flags: octets[13],
        window: packet.window_len(),
        ..Seen::default()
    };
    let mut rest = octets.get(20..usize::from(packet.header_len())).unwrap_or_default();
    while !rest.is_empty() {
        let Ok((next, option)) = TcpOption::parse(rest) else { return seen };
        match option {
            TcpOption::EndOfList => return seen,
            TcpOption::NoOperation => {}
            TcpOption::MaxSegmentSize(size) => seen.mss = Some(size),
            TcpOption::WindowScale(shift) => seen.window_scale = Some(shift),
            TcpOption::SackPermitted => seen.sack_permitted = true,
            TcpOption::SackRange(blocks) => seen.sack = blocks,
            TcpOption::TimeStamp { tsval, tsecr } => seen.timestamps = Some((tsval, tsecr)),
            TcpOption::Unknown { kind: 253, data: [0x48, 0x49, body @ ..] } => seen.experiment = Some(body),
            TcpOption::Unknown { .. } => {}
        }
        rest = next;
    }
    seen
}

/// The same work: smoltcp has one way only.
pub(crate) fn smoltcp_walk(octets: &[u8]) -> Seen<'_> {
    smoltcp_header_and_options(octets)
}
