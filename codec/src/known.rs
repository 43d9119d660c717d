//! The walk folded into what a TCP needs of one segment.

use crate::error::OptionError;
use crate::message::HiatusOption;
use crate::option::TcpOption;
use crate::segment::Segment;
use crate::standard::{SackBlocks, Timestamps};
use crate::walk::options;

/// The options of one segment, each kind once.
///
/// Of a kind that stands more than once the first counts. Of several Hiatus messages it is the first one that no rule
/// of the draft's {#opt-head} and {#opt-capable} tells a receiver to ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KnownOptions<'a> {
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
    /// Maximum segment size in octets.
    pub mss: Option<u16>,
    /// Window scale as sent.
    pub window_scale: Option<u8>,
    /// True if SACK is permitted.
    pub sack_permitted: bool,
    /// Selective acknowledgments.
    pub sack: Option<SackBlocks<'a>>,
    /// The Hiatus message; never one of an unknown subtype, or one that this segment cannot carry.
    pub hiatus: Option<HiatusOption<'a>>,
    /// The first error of the walk.
    pub error: Option<OptionError>,
}

impl<'a> KnownOptions<'a> {
    /// Walks the options of `segment` once; see [`options`] for what ends the walk.
    #[must_use]
    #[inline]
    pub fn parse(segment: &Segment<'a>) -> Self {
        if let Some(timestamps) = Timestamps::alone_in(segment.options) {
            return Self { timestamps: Some(timestamps), ..Self::default() };
        }
        let mut known = Self::default();
        for item in options(segment.options) {
            match item {
                Ok(TcpOption::Hiatus(option)) if !option.is_carried_on(segment) => {}
                Ok(option) => known.take(option),
                Err(error) => known.error = known.error.or(Some(error)),
            }
        }
        known
    }

    fn take(&mut self, option: TcpOption<'a>) {
        match option {
            TcpOption::MaximumSegmentSize(size) => self.mss = self.mss.or(Some(size)),
            TcpOption::WindowScale(shift) => self.window_scale = self.window_scale.or(Some(shift)),
            TcpOption::SackPermitted => self.sack_permitted = true,
            TcpOption::Sack(blocks) => self.sack = self.sack.or(Some(blocks)),
            TcpOption::Timestamps(timestamps) => self.timestamps = self.timestamps.or(Some(timestamps)),
            TcpOption::Hiatus(option) => self.hiatus = self.hiatus.or(Some(option)),
            _ => {}
        }
    }
}
