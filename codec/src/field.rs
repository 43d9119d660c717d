//! The nom parsers for single fields, and their mirror image. Nothing here is public: nom stays inside.
//!
//! An option is all there, so a field that is missing is an error and never `Incomplete`. nom's own number parsers go
//! octet by octet; these take a whole array at once, which the compiler turns into one load.

use nom::IResult;

/// A parser's result. The walker knows why a field is missing, so the error carries nothing.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// `N` octets as they are: a key, a tag, a whole header.
#[inline]
pub(crate) fn octets<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk() {
        Some((octets, rest)) => Ok((rest, *octets)),
        None => Err(nom::Err::Error(())),
    }
}

#[inline]
pub(crate) fn u8(input: &[u8]) -> Parsed<'_, u8> {
    octets(input).map(|(rest, [octet])| (rest, octet))
}

#[inline]
pub(crate) fn u16(input: &[u8]) -> Parsed<'_, u16> {
    octets(input).map(|(rest, octets)| (rest, u16::from_be_bytes(octets)))
}

#[inline]
pub(crate) fn u32(input: &[u8]) -> Parsed<'_, u32> {
    octets(input).map(|(rest, octets)| (rest, u32::from_be_bytes(octets)))
}

/// Writes fields one after another into a fixed array: what a parser reads, this puts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<const N: usize> {
    octets: [u8; N],
    len: usize,
}

impl<const N: usize> Fields<N> {
    pub(crate) const fn new() -> Self {
        Self { octets: [0; N], len: 0 }
    }

    /// Appends `octets`; the callers' sizes are constants that fit, and what would not fit is left off.
    pub(crate) fn put(&mut self, octets: &[u8]) -> &mut Self {
        if let Some(room) = self.octets.get_mut(self.len..self.len + octets.len()) {
            room.copy_from_slice(octets);
            self.len += octets.len();
        } else {
            debug_assert!(false, "fields of {N} octets overflow");
        }
        self
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }
}
