//! A form of postcard in which zeros in a row take two octets: a 0, and how many more follow.
//!
//! A third of what a quiet connection is made of is zero: timers that do not run, counts of what did not happen.

use postcard::{Error, Result, de_flavors, ser_flavors};

/// Writes into a slice.
#[derive(Debug)]
pub(super) struct Writer<'b> {
    room: &'b mut [u8],
    len_octets: usize,
    /// Zeros before what comes next.
    zeros: u16,
}

impl<'b> Writer<'b> {
    pub(super) fn new(room: &'b mut [u8]) -> Self {
        Self { room, len_octets: 0, zeros: 0 }
    }

    fn put(&mut self, octet: u8) -> Result<()> {
        *self.room.get_mut(self.len_octets).ok_or(Error::SerializeBufferFull)? = octet;
        self.len_octets += 1;
        Ok(())
    }

    fn put_zeros(&mut self) -> Result<()> {
        if let Some(more) = self.zeros.checked_sub(1) {
            self.put(0)?;
            self.put(u8::try_from(more).unwrap_or(u8::MAX))?;
            self.zeros = 0;
        }
        Ok(())
    }
}

impl<'b> ser_flavors::Flavor for Writer<'b> {
    type Output = &'b [u8];

    #[inline]
    fn try_push(&mut self, octet: u8) -> Result<()> {
        if octet == 0 {
            self.zeros += 1;
            return if self.zeros > u16::from(u8::MAX) { self.put_zeros() } else { Ok(()) };
        }
        self.put_zeros()?;
        self.put(octet)
    }

    fn finalize(mut self) -> Result<Self::Output> {
        self.put_zeros()?;
        let Self { room, len_octets, zeros: _ } = self;
        room.get(..len_octets).ok_or(Error::SerializeBufferFull)
    }
}

/// Reads what [`Writer`] wrote.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    rest: &'b [u8],
    /// Zeros before the rest.
    zeros: u8,
}

impl<'b> Reader<'b> {
    pub(super) fn new(octets: &'b [u8]) -> Self {
        Self { rest: octets, zeros: 0 }
    }
}

impl<'b> de_flavors::Flavor<'b> for Reader<'b> {
    type Remainder = ();
    type Source = &'b [u8];

    #[inline]
    fn pop(&mut self) -> Result<u8> {
        if let Some(zeros) = self.zeros.checked_sub(1) {
            self.zeros = zeros;
            return Ok(0);
        }
        match self.rest {
            [0, zeros, rest @ ..] => {
                (self.zeros, self.rest) = (*zeros, rest);
                Ok(0)
            }
            [octet, rest @ ..] if *octet != 0 => {
                self.rest = rest;
                Ok(*octet)
            }
            _ => Err(Error::DeserializeUnexpectedEnd),
        }
    }

    /// Nothing of a connection borrows from what it was packed into.
    fn try_take_n(&mut self, _count: usize) -> Result<&'b [u8]> {
        Err(Error::WontImplement)
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}
