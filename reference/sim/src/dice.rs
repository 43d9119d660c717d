//! Decisions that a seed makes.

use core::time::Duration;

use oorandom::Rand64;

/// The smallest bound that [`Dice::duration_up_to`] draws below, in bits of microseconds: about a millisecond.
const DURATION_BITS_MIN: u32 = 10;

/// A stream of decisions: the same seed makes the same ones.
#[derive(Debug, Clone)]
pub struct Dice(Rand64);

impl Dice {
    /// The decisions of `seed`; `stream` tells several uses of one seed apart.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Rand64::new(u128::from(seed) << 64 | u128::from(stream)))
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.rand_range(0..bound)
    }

    /// The same for lengths.
    pub fn size_below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// The same for a field of 16 bits.
    pub fn u16_below(&mut self, bound: u16) -> u16 {
        u16::try_from(self.below(u64::from(bound))).unwrap_or(0)
    }

    /// The same for a field of 32 bits.
    pub fn u32_below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap_or(0)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// True `count` times in a thousand.
    pub fn per_mille(&mut self, count: u16) -> bool {
        self.below(1000) < u64::from(count)
    }

    /// Up to `longest`, evenly on a logarithmic scale, so that milliseconds count as much as minutes.
    pub fn duration_up_to(&mut self, longest: Duration) -> Duration {
        let longest_us = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        let bits = (u64::BITS - longest_us.leading_zeros()).max(DURATION_BITS_MIN + 1);
        let bound = 1 << (DURATION_BITS_MIN + self.u32_below(bits - DURATION_BITS_MIN));
        Duration::from_micros(self.below(bound)).min(longest)
    }

    /// From 1 up to `most`, evenly on a logarithmic scale.
    pub fn size_up_to(&mut self, most: usize) -> usize {
        let bits = usize::BITS - most.leading_zeros();
        let bound = 1_usize << self.u32_below(bits);
        (bound + self.size_below(bound)).min(most)
    }
}
