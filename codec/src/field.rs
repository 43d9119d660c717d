//! The nom parsers for single fields, and their mirror image. Nothing here is public: nom stays inside.
//!
//! `complete` parsers only: an option is all there, so `Incomplete` can never be right.

use nom::IResult;
use nom::number::complete;

/// A parser's result. The walker knows why a field is missing, so the error carries nothing.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

pub(crate) fn u8(input: &[u8]) -> Parsed<'_, u8> {
    complete::u8(input)
}

pub(crate) fn u16(input: &[u8]) -> Parsed<'_, u16> {
    complete::be_u16(input)
}

pub(crate) fn u32(input: &[u8]) -> Parsed<'_, u32> {
    complete::be_u32(input)
}

/// Eight octets that are no number: a key or a tag.
pub(crate) fn octets8(input: &[u8]) -> Parsed<'_, [u8; 8]> {
    match input.split_first_chunk() {
        Some((octets, rest)) => Ok((rest, *octets)),
        None => Err(nom::Err::Error(())),
    }
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
