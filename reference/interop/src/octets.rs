//! What is sent: pseudo-random octets from a seed, made on one side and made again on the other to compare with.

use oorandom::Rand64;

use hiatus_interop::trouble::Trouble;

/// Octets that one number of the generator gives.
const WORD_OCTETS: usize = 8;

/// An endless stream of octets; the same seed gives the same stream.
pub(crate) struct Octets {
    random: Rand64,
    word: [u8; WORD_OCTETS],
    /// Octets of `word` that were given already.
    given: usize,
}

impl Octets {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Rand64::new(u128::from(seed)), word: [0; WORD_OCTETS], given: WORD_OCTETS }
    }

    /// The next octets of the stream.
    pub(crate) fn fill(&mut self, room: &mut [u8]) {
        for octet in room {
            if self.given == WORD_OCTETS {
                self.word = self.random.rand_u64().to_le_bytes();
                self.given = 0;
            }
            *octet = self.word[self.given];
            self.given += 1;
        }
    }
}

/// Compares what arrives with what it should be, octet by octet.
pub(crate) struct Expected {
    octets: Octets,
    /// Octets compared so far.
    pub(crate) received: u64,
    total: u64,
    chunk: Vec<u8>,
}

impl Expected {
    /// `total` octets of the stream of `seed`.
    pub(crate) fn new(seed: u64, total: u64) -> Self {
        Self { octets: Octets::new(seed), received: 0, total, chunk: Vec::new() }
    }

    /// The next octets arrived.
    pub(crate) fn take(&mut self, found: &[u8]) -> Result<(), Trouble> {
        self.chunk.resize(found.len(), 0);
        self.octets.fill(&mut self.chunk);
        let differs = self.chunk.iter().zip(found).position(|(expected, found)| expected != found);
        if let Some(at) = differs {
            return Err(Trouble::Octet {
                offset: self.received.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)),
                expected: self.chunk[at],
                found: found[at],
            });
        }
        self.received = self.received.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
        if self.received > self.total {
            return Err(Trouble::PastEnd { expected: self.total, found: self.received });
        }
        Ok(())
    }

    /// The peer said that nothing more comes.
    pub(crate) fn end(&self) -> Result<(), Trouble> {
        if self.received == self.total {
            Ok(())
        } else {
            Err(Trouble::EndsEarly { expected: self.total, found: self.received })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, Octets};
    use hiatus_interop::trouble::Trouble;

    #[test]
    fn a_stream_is_the_same_in_any_pieces() {
        let mut whole = [0; 1000];
        Octets::new(7).fill(&mut whole);
        let mut octets = Octets::new(7);
        let mut expected = Expected::new(7, 1000);
        let mut at = 0;
        for len in [1, 7, 8, 9, 500, 475] {
            let mut piece = vec![0; len];
            octets.fill(&mut piece);
            assert_eq!(piece, whole[at..at + len]);
            assert!(expected.take(&piece).is_ok());
            at += len;
        }
        assert!(expected.end().is_ok());
    }

    #[test]
    fn another_octet_too_many_and_too_few_are_told() {
        let mut octets = [0; 100];
        Octets::new(8).fill(&mut octets);
        let mut expected = Expected::new(8, 99);
        assert!(expected.take(&octets[..50]).is_ok());
        assert!(matches!(expected.end(), Err(Trouble::EndsEarly { expected: 99, found: 50 })));
        assert!(matches!(expected.take(&octets[50..]), Err(Trouble::PastEnd { expected: 99, found: 100 })));

        let mut expected = Expected::new(8, 99);
        octets[60] ^= 1;
        assert!(expected.take(&octets[..50]).is_ok());
        assert!(matches!(expected.take(&octets[50..99]), Err(Trouble::Octet { offset: 60, .. })));
    }
}
