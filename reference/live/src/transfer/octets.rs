//! The octets of a transfer: what stands at a position follows from the seed, the direction and the position alone.

/// Octets that are made at once.
const WORD_OCTETS: u64 = 8;

/// The octets of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Octets {
    key: u64,
}

impl Octets {
    /// Those that the end sends that connects, or that listens.
    pub(crate) fn of(seed: u64, sender: Sender) -> Self {
        let direction = match sender {
            Sender::Connects => 1,
            Sender::Listens => 2,
        };
        Self { key: mixed(seed.wrapping_mul(4).wrapping_add(direction)) }
    }

    /// Fills `into` with what stands from `position` on.
    pub(crate) fn fill(self, position: u64, into: &mut [u8]) {
        let mut at = position;
        let mut rest = into;
        while !rest.is_empty() {
            let word = mixed(self.key ^ (at / WORD_OCTETS)).to_le_bytes();
            let skipped = usize::try_from(at % WORD_OCTETS).unwrap_or_default();
            let from = word.get(skipped..).unwrap_or_default();
            let count = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&from[..count]);
            at += u64::try_from(count).unwrap_or_default();
            rest = later;
        }
    }

    /// The first position from `position` on at which `found` is something else.
    pub(crate) fn first_wrong(self, position: u64, found: &[u8]) -> Option<u64> {
        let mut expected = vec![0; found.len()];
        self.fill(position, &mut expected);
        let index = expected.iter().zip(found).position(|(expected, found)| expected != found)?;
        Some(position + u64::try_from(index).unwrap_or_default())
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The end that connects.
    Connects,
    /// The end that listens.
    Listens,
}

/// The finalizer of SplitMix64: each bit of the result depends on each of the number.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Octets, Sender};

    #[test]
    fn the_cut_does_not_matter() {
        let octets = Octets::of(7, Sender::Connects);
        let mut whole = [0; 100];
        octets.fill(1000, &mut whole);
        for cut in 0..100 {
            let mut parts = [0; 100];
            let (first, second) = parts.split_at_mut(cut);
            octets.fill(1000, first);
            octets.fill(1000 + u64::try_from(cut).unwrap_or_default(), second);
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }

    #[test]
    fn another_octet_shows() {
        let octets = Octets::of(7, Sender::Connects);
        let mut found = [0; 100];
        octets.fill(5, &mut found);
        assert_eq!(octets.first_wrong(5, &found), None);
        found[42] ^= 1;
        assert_eq!(octets.first_wrong(5, &found), Some(47));
        assert!(octets.first_wrong(6, &found).is_some());
        assert!(Octets::of(7, Sender::Listens).first_wrong(5, &found).is_some());
        assert!(Octets::of(8, Sender::Connects).first_wrong(5, &found).is_some());
    }
}
