//! The octets of a stream: each is known from its place, so that nothing has to be stored to compare with.

/// A prime: no buffer, segment or window is a multiple of it.
const PERIOD: usize = 65_521;

/// Every octet of a period, twice, so that a period from anywhere is one slice.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    pub(crate) fn new() -> Self {
        let mixed = (0..PERIOD * 2).map(|at| {
            let at = u32::try_from(at % PERIOD).unwrap_or(0);
            let [_, octet, ..] = at.wrapping_mul(0x9e37_79b1).to_be_bytes();
            octet
        });
        Self(mixed.collect())
    }

    /// Octets of the stream from `at` on, a period at most.
    pub(crate) fn from(&self, at: u64, octets_max: u64) -> &[u8] {
        let start = usize::try_from(at % u64::try_from(PERIOD).unwrap_or(1)).unwrap_or(0);
        let count = usize::try_from(octets_max).unwrap_or(PERIOD).min(PERIOD);
        self.0.get(start..start + count).unwrap_or(&[])
    }

    /// True if `octets` are those of the stream from `at` on.
    pub(crate) fn is(&self, at: u64, octets: &[u8]) -> bool {
        let mut at = at;
        octets.chunks(PERIOD).all(|chunk| {
            let count = u64::try_from(chunk.len()).unwrap_or(0);
            let is_right = self.from(at, count) == chunk;
            at += count;
            is_right
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{PERIOD, Pattern};

    #[test]
    fn pattern_goes_on_where_it_was_left() {
        let pattern = Pattern::new();
        let mut stream = Vec::new();
        let mut at = 0;
        while stream.len() < 3 * PERIOD {
            let piece = pattern.from(at, 40_000);
            at += u64::try_from(piece.len()).expect("small");
            stream.extend_from_slice(piece);
        }
        assert!(pattern.is(0, &stream));
        assert!(pattern.is(7, &stream[7..]));
        assert!(!pattern.is(8, &stream[7..]));
    }
}
