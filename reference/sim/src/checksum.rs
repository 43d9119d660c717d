//! The TCP checksum (RFC 9293, section 3.1), written apart from the engine so that it can tell on it.

use core::net::Ipv4Addr;

/// The protocol number of TCP in the pseudo header.
const PROTOCOL: u16 = 6;
/// Where the checksum stands in a header.
const FIELD: core::ops::Range<usize> = 16..18;

/// Both addresses of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
}

impl Addresses {
    /// Those of a segment the other way.
    pub(crate) fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }

    /// The ones' complement sum of the pseudo header and `octets`.
    fn sum(self, octets: &[u8]) -> u16 {
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let addresses = [self.source, self.destination].map(|address| words(&address.octets()));
        let mut sum = u64::from(PROTOCOL) + length + addresses.iter().sum::<u64>() + words(octets);
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap_or(u16::MAX)
    }

    /// Writes the checksum of a whole segment, whose field may hold anything.
    pub(crate) fn write(self, octets: &mut [u8]) {
        if let Some(field) = octets.get_mut(FIELD) {
            field.fill(0);
        }
        let checksum = !self.sum(octets);
        if let Some(field) = octets.get_mut(FIELD) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
    }

    /// Whether the checksum of an arriving segment is right.
    pub(crate) fn is_right(self, octets: &[u8]) -> bool {
        self.sum(octets) == 0xffff
    }
}

/// The sum of the 16-bit words; an octet that stands alone at the end is the high half of one.
fn words(octets: &[u8]) -> u64 {
    let (pairs, rest) = octets.as_chunks::<2>();
    let sum: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    sum + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::Addresses;

    #[test]
    fn checksum_is_the_one_worked_out_by_hand() {
        // Pseudo header: c000 + 0201 + c000 + 0202 + 0006 + 0014 = 1841d. Header: 9c40 + 0050 + 0001 + 5002 + ffff =
        // 1ec92. Together 370af, with the carry folded in 70b2; its complement is 8f4d.
        let addresses =
            Addresses { source: Ipv4Addr::new(192, 0, 2, 1), destination: Ipv4Addr::new(192, 0, 2, 2) };
        let mut octets = [0x9c, 0x40, 0, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 7, 7, 0, 0];
        addresses.write(&mut octets);
        assert_eq!(octets[16..18], [0x8f, 0x4d]);
        assert!(addresses.is_right(&octets));
        octets[5] ^= 0x10;
        assert!(!addresses.is_right(&octets));
    }
}
