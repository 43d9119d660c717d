//! The standard options that carry more than one number.

use core::fmt;

use crate::SequenceNumber;
use crate::field::{self, Parsed};
use crate::option::{OptionKind, length};

/// NOP, NOP, and Kind and Length of Timestamps: how the option area of most segments begins (RFC 7323, appendix A).
pub(crate) const TIMESTAMPS_HEAD: [u8; 4] =
    [OptionKind::NO_OPERATION.0, OptionKind::NO_OPERATION.0, OptionKind::TIMESTAMPS.0, length::TIMESTAMPS];

/// Timestamps (RFC 7323, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamps {
    /// TSval: the sender's timestamp clock, in its own ticks.
    pub value: u32,
    /// TSecr: the echo of the peer's; 0 on a SYN.
    pub echo_reply: u32,
}

impl Timestamps {
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, value) = field::u32(input)?;
        let (input, echo_reply) = field::u32(input)?;
        Ok((input, Self { value, echo_reply }))
    }

    /// The timestamps of an option area that holds NOP, NOP, Timestamps and nothing else, as that of most segments does
    /// (RFC 7323, appendix A).
    #[must_use]
    #[inline]
    pub fn alone_in(area: &[u8]) -> Option<Self> {
        let (head, body) = area.split_first_chunk::<4>()?;
        let body: &[u8; 8] = body.try_into().ok()?;
        if *head != TIMESTAMPS_HEAD {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = *body;
        Some(Self { value: u32::from_be_bytes([a, b, c, d]), echo_reply: u32::from_be_bytes([e, f, g, h]) })
    }
}

impl fmt::Display for Timestamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TS val {} ecr {}", self.value, self.echo_reply)
    }
}

/// One block of a SACK option: octets `left` up to, not including, `right` arrived (RFC 2018, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: SequenceNumber,
    /// Sequence number right after its last octet.
    pub right: SequenceNumber,
}

const BLOCK_LEN_OCTETS: usize = length::SACK_BLOCK as usize;

/// The blocks of a SACK option, 1 to 4, in wire order (RFC 2018, section 3). Zero-copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SackBlocks<'a> {
    octets: &'a [u8],
}

impl<'a> SackBlocks<'a> {
    /// Most blocks that an option area has room for.
    pub const COUNT_MAX: usize = 4;

    /// The body of a SACK option; `None` unless it holds 1 to 4 whole blocks.
    #[must_use]
    pub fn from_octets(octets: &'a [u8]) -> Option<Self> {
        let whole = octets.len().is_multiple_of(BLOCK_LEN_OCTETS);
        let count = octets.len() / BLOCK_LEN_OCTETS;
        (whole && (1..=Self::COUNT_MAX).contains(&count)).then_some(Self { octets })
    }

    /// Writes the first four of `blocks` into `storage`; `None` if there is none.
    #[must_use]
    pub fn write(blocks: &[SackBlock], storage: &'a mut [u8; 32]) -> Option<Self> {
        for (room, block) in storage.chunks_exact_mut(BLOCK_LEN_OCTETS).zip(blocks) {
            let (left, right) = room.split_at_mut(BLOCK_LEN_OCTETS / 2);
            left.copy_from_slice(&block.left.0.to_be_bytes());
            right.copy_from_slice(&block.right.0.to_be_bytes());
        }
        let len = blocks.len().min(Self::COUNT_MAX) * BLOCK_LEN_OCTETS;
        storage.get(..len).and_then(Self::from_octets)
    }

    /// The blocks as octets, 8 each.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The blocks in wire order.
    pub fn iter(&self) -> impl Iterator<Item = SackBlock> + 'a {
        self.octets.chunks_exact(BLOCK_LEN_OCTETS).filter_map(|octets| {
            let (rest, left) = field::u32(octets).ok()?;
            let (_, right) = field::u32(rest).ok()?;
            Some(SackBlock { left: SequenceNumber(left), right: SequenceNumber(right) })
        })
    }
}

impl fmt::Display for SackBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sack")?;
        self.iter().try_for_each(|block| write!(f, " {}-{}", block.left, block.right))
    }
}
