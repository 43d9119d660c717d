//! A window onto a file: as many octets as one record needs, and where in the file they lie.

use std::io::{ErrorKind, Read};

/// Octets asked of the file at once.
const READ_OCTETS: usize = 256 * 1024;

/// Buffered octets of a [`Read`], with their offset in it.
///
/// Memory: [`READ_OCTETS`], or as much as one [`Source::require`] asked for and the file could give.
#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset_octets: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; READ_OCTETS], start: 0, end: 0, offset_octets: 0, ended: false }
    }

    /// Where the first of [`Source::octets`] lies in the file.
    pub(super) fn offset_octets(&self) -> u64 {
        self.offset_octets
    }

    /// What has been read and not passed over.
    pub(super) fn octets(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads until `len_octets` are there. `false`: the file ends before that.
    pub(super) fn require(&mut self, len_octets: usize) -> std::io::Result<bool> {
        while self.end - self.start < len_octets {
            if self.ended {
                return Ok(false);
            }
            self.read_on(len_octets)?;
        }
        Ok(true)
    }

    /// Passes over `len_octets`, at most all that is there.
    pub(super) fn consume(&mut self, len_octets: usize) {
        let len_octets = len_octets.min(self.end - self.start);
        self.start += len_octets;
        self.offset_octets += u64::try_from(len_octets).unwrap_or(u64::MAX);
    }

    fn read_on(&mut self, len_octets: usize) -> std::io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        // Doubling, so that a length the file does not keep cannot make us reserve it.
        if self.end == self.buffer.len() {
            let wanted = (self.buffer.len() * 2).min(len_octets.max(READ_OCTETS));
            self.buffer.resize(wanted, 0);
        }
        match self.reader.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{READ_OCTETS, Source};

    #[test]
    fn grows_only_as_far_as_the_file_goes() {
        let octets = vec![7_u8; READ_OCTETS + 10];
        let mut source = Source::new(&octets[..]);
        assert!(source.require(READ_OCTETS + 10).unwrap());
        assert!(!source.require(1 << 30).unwrap());
        assert!(source.buffer.len() <= 4 * READ_OCTETS);
        source.consume(READ_OCTETS + 9);
        assert_eq!((source.octets(), source.offset_octets()), (&[7_u8][..], 262_153));
    }
}
