//! The header that a TUN device with IFF_VNET_HDR puts before every packet: `struct virtio_net_hdr` of linux/virtio_net.h,
//! ten octets in the order of the machine.

use hiatus_engine::{ChecksumStatus, Packet};

/// Octets of the header.
pub(super) const HEADER_OCTETS: usize = 10;

/// The field at `csum_start + csum_offset` holds the sum of the pseudo header; the rest of the sum is to be added.
const NEEDS_CSUM: u8 = 1;
/// The checksum was verified already.
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;

/// Where the checksum stands in a TCP header (RFC 9293, section 3.1).
const CHECKSUM_AT: u16 = 16;

/// What the header before a packet that was read says of its checksum.
///
/// A packet that needs its checksum comes from the kernel of this machine and never was on a wire: that the field is half
/// done is no damage. Several segments behind one header always come like this.
pub(super) fn status(header: &[u8; HEADER_OCTETS]) -> ChecksumStatus {
    if header[0] & (NEEDS_CSUM | DATA_VALID) == 0 {
        ChecksumStatus::ToVerify
    } else {
        ChecksumStatus::Verified
    }
}

/// The header for a packet of the engine, which has left its checksum to the driver.
pub(super) fn header(packet: &[u8], layout: &Packet) -> [u8; HEADER_OCTETS] {
    // No packet of IP is longer than 65,535 octets.
    let octets = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    let data_octets = layout.len_octets.saturating_sub(layout.header_octets);
    let (gso_type, header_octets, gso_size) = if data_octets <= usize::from(layout.segment_octets) {
        // With no length of headers the kernel puts a packet that is short into one piece of memory.
        (GSO_NONE, 0, 0)
    } else {
        (if is_v6 { GSO_TCPV6 } else { GSO_TCPV4 }, octets(layout.header_octets), layout.segment_octets)
    };
    let mut header = [0; HEADER_OCTETS];
    header[..2].copy_from_slice(&[NEEDS_CSUM, gso_type]);
    let fields = [header_octets, gso_size, octets(layout.tcp_at), CHECKSUM_AT];
    for (room, field) in header[2..].chunks_exact_mut(2).zip(fields) {
        room.copy_from_slice(&field.to_ne_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use hiatus_engine::{ChecksumStatus, Packet};

    use super::{header, status};

    /// The fields as linux/virtio_net.h lays them out: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
    fn laid_out(flags: u8, gso_type: u8, fields: [u16; 4]) -> Vec<u8> {
        let fields = fields.into_iter().flat_map(u16::to_ne_bytes);
        [flags, gso_type].into_iter().chain(fields).collect()
    }

    #[test]
    fn several_segments_are_to_be_cut() {
        let v4 = Packet { len_octets: 20 + 32 + 2896, tcp_at: 20, header_octets: 52, segment_octets: 1448 };
        assert_eq!(header(&[0x45], &v4)[..], laid_out(1, 1, [52, 1448, 20, 16]));
        let v6 = Packet { len_octets: 40 + 20 + 1441, tcp_at: 40, header_octets: 60, segment_octets: 1440 };
        assert_eq!(header(&[0x60], &v6)[..], laid_out(1, 4, [60, 1440, 40, 16]));
    }

    #[test]
    fn one_segment_only_lacks_its_checksum() {
        let full = Packet { len_octets: 52 + 1448, tcp_at: 20, header_octets: 52, segment_octets: 1448 };
        assert_eq!(header(&[0x45], &full)[..], laid_out(1, 0, [0, 0, 20, 16]));
        let ack = Packet { len_octets: 60, tcp_at: 40, header_octets: 60, segment_octets: 0 };
        assert_eq!(header(&[0x60], &ack)[..], laid_out(1, 0, [0, 0, 40, 16]));
    }

    #[test]
    fn the_kernel_vouches_or_not() {
        for (flags, expected) in
            [(0, ChecksumStatus::ToVerify), (1, ChecksumStatus::Verified), (2, ChecksumStatus::Verified)]
        {
            assert_eq!(status(&[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]), expected);
        }
    }
}
