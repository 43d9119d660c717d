//! SYN cookies: what a listener must know of a SYN, kept in the sequence number of its answer (RFC 4987, section 3.6).
//!
//! The number is `base(4-tuple) + ISN of the peer + (interval << 24) + (data(4-tuple, interval) + index) mod 2^24`: it
//! says in which interval of 64 s it was made and which entry of the table below the peer's MSS was rounded down to.
//! What else the SYN offered fits into the low bits of the timestamp that the peer echoes, and is not negotiated
//! without timestamps. Hiatus needs no bit: the third segment brings its CAPABLE again (draft, {#syn-cookies}).

use hiatus_codec::{
    Capable, Flags, KnownOptions, Message, OptionWriter, Segment, SequenceNumber, TcpOption, Timestamps,
};

use crate::arrived::known_options;
use crate::config::{DEFAULT_SEND_MSS_OCTETS, Timestamping, WINDOW_SCALE_MAX};
use crate::endpoint::secrets::EndpointSecrets;
use crate::endpoint::tuple::Tuple;
use crate::path::PEER_MSS_MIN;
use crate::time::Time;
use crate::timestamps;

/// The MSS of the peer is rounded down to one of these: those of common links and tunnels, and the defaults.
const MSS_OCTETS: [u16; 8] = [PEER_MSS_MIN, 216, 536, 1_220, 1_360, 1_440, 1_460, 8_940];
/// How long one interval lasts, in microseconds.
const INTERVAL_US: u64 = 64_000_000;
/// A cookie of this many intervals or fewer is believed: for one to two minutes.
const AGE_MAX: u64 = 1;
/// Bits of the cookie below the interval.
const DATA_BITS: u32 = 24;
const DATA_MASK: u32 = (1 << DATA_BITS) - 1;
/// In the timestamp: the window scale, or [`NO_SCALE`].
const SCALE_MASK: u32 = 0b1111;
const NO_SCALE: u32 = 0b1111;
const SACK_BIT: u32 = 0b01_0000;
const ECN_BIT: u32 = 0b10_0000;
/// Low bits of the timestamp that say something.
const KEPT_MASK: u32 = 0b11_1111;

/// What is kept of a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// ISS of the peer.
    irs: SequenceNumber,
    /// Index into [`MSS_OCTETS`].
    mss: u8,
    /// What is kept if both ends use timestamps.
    timed: Option<Timed>,
    /// The offer of Hiatus, in its short form.
    capable: Option<Capable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timed {
    /// TSval of the peer.
    value: u32,
    scale: Option<u8>,
    sack: bool,
    ecn: bool,
}

impl Timed {
    /// The low bits of the timestamp.
    fn bits(&self) -> u32 {
        let scale = self.scale.map_or(NO_SCALE, u32::from) & SCALE_MASK;
        scale | if self.sack { SACK_BIT } else { 0 } | if self.ecn { ECN_BIT } else { 0 }
    }

    fn of_bits(value: u32, bits: u32) -> Self {
        let scale = u8::try_from(bits & SCALE_MASK).ok().filter(|scale| u32::from(*scale) != NO_SCALE);
        Self { value, scale, sack: bits & SACK_BIT != 0, ecn: bits & ECN_BIT != 0 }
    }
}

impl Kept {
    /// What is kept of `syn`. `own` tells whether this end uses timestamps.
    pub(crate) fn of_syn(syn: &Segment<'_>, own: Timestamping) -> Self {
        let options = known_options(syn);
        let mss = options.mss.unwrap_or(DEFAULT_SEND_MSS_OCTETS);
        let ecn = syn.flags.contains(Flags::ECE.union(Flags::CWR));
        Self {
            irs: syn.seq,
            mss: index_of(mss),
            timed: options.timestamps.filter(|_| own == Timestamping::On).map(|theirs| Timed {
                value: theirs.value,
                scale: options.window_scale.map(|scale| scale.min(WINDOW_SCALE_MAX)),
                sack: options.sack_permitted,
                ecn,
            }),
            capable: short_capable(&options),
        }
    }

    /// The initial sequence number that keeps it.
    pub(crate) fn isn(&self, secrets: &EndpointSecrets, now: Time, tuple: &Tuple) -> SequenceNumber {
        let interval = now.micros() / INTERVAL_US;
        let data = secrets.cookie_data(tuple, interval).wrapping_add(u32::from(self.mss)) & DATA_MASK;
        let interval = u32::try_from(interval & 0xff).unwrap_or(0) << DATA_BITS;
        let base = secrets.cookie_base(tuple).wrapping_add(self.irs.0);
        SequenceNumber(base.wrapping_add(interval).wrapping_add(data))
    }

    /// The offset of the timestamp clock whose value at `now` keeps the rest: not above the one with `offset`.
    pub(crate) fn timestamp_offset(&self, now: Time, offset: u32) -> u32 {
        let Some(timed) = &self.timed else { return offset };
        let value = timestamps::ticks(now).wrapping_add(offset);
        let marked = value & !KEPT_MASK | timed.bits();
        // A value of the future would let the next one be old.
        let marked = if marked > value { marked.wrapping_sub(KEPT_MASK + 1) } else { marked };
        marked.wrapping_sub(timestamps::ticks(now))
    }

    /// Reads the cookie that `segment` acknowledges.
    ///
    /// `None` if it acknowledges none of this endpoint, or one that is too old.
    pub(crate) fn of_ack(
        secrets: &EndpointSecrets,
        now: Time,
        tuple: &Tuple,
        segment: &Segment<'_>,
        own: Timestamping,
    ) -> Option<Self> {
        let irs = SequenceNumber(segment.seq.0.wrapping_sub(1));
        let cookie = segment.ack.0.wrapping_sub(1);
        let rest = cookie.wrapping_sub(secrets.cookie_base(tuple)).wrapping_sub(irs.0);
        let interval_now = now.micros() / INTERVAL_US;
        let age = (interval_now.wrapping_sub(u64::from(rest >> DATA_BITS))) & 0xff;
        let interval = interval_now.checked_sub(age).filter(|_| age <= AGE_MAX)?;
        let index = rest.wrapping_sub(secrets.cookie_data(tuple, interval)) & DATA_MASK;
        let mss = u8::try_from(index).ok().filter(|mss| usize::from(*mss) < MSS_OCTETS.len())?;
        let options = known_options(segment);
        let timed = options
            .timestamps
            .filter(|_| own == Timestamping::On)
            .map(|theirs| Timed::of_bits(theirs.value, theirs.echo_reply));
        Some(Self { irs, mss, timed, capable: short_capable(&options) })
    }

    /// The options of a SYN that says no more than what is kept.
    pub(crate) fn options(&self) -> OptionWriter {
        let mut writer = OptionWriter::new();
        let mss = MSS_OCTETS.get(usize::from(self.mss)).copied().unwrap_or(DEFAULT_SEND_MSS_OCTETS);
        // 27 octets at most: all of them fit.
        writer.push(&TcpOption::MaximumSegmentSize(mss)).ok();
        if let Some(Timed { value, scale, sack, ecn: _ }) = self.timed {
            writer.push(&TcpOption::Timestamps(Timestamps { value, echo_reply: 0 })).ok();
            if let Some(scale) = scale {
                writer.push(&TcpOption::WindowScale(scale)).ok();
            }
            if sack {
                writer.push(&TcpOption::SackPermitted).ok();
            }
        }
        if let Some(capable) = self.capable {
            writer.message(&Message::Capable(capable)).ok();
        }
        let _padded = writer.finish();
        writer
    }

    /// That SYN, between the ports of `segment` and with its window.
    pub(crate) fn syn<'o>(&self, segment: &Segment<'_>, options: &'o OptionWriter) -> Segment<'o> {
        let ecn = self.timed.is_some_and(|timed| timed.ecn);
        let flags = if ecn { Flags::SYN.union(Flags::ECE).union(Flags::CWR) } else { Flags::SYN };
        Segment {
            source_port: segment.source_port,
            destination_port: segment.destination_port,
            seq: self.irs,
            ack: SequenceNumber(0),
            flags,
            window: segment.window,
            checksum: 0,
            urgent: 0,
            options: options.as_slice(),
            payload: &[],
        }
    }
}

/// The last entry that is not above `mss`; the first if all are.
fn index_of(mss: u16) -> u8 {
    let above = MSS_OCTETS.partition_point(|entry| *entry <= mss);
    u8::try_from(above.saturating_sub(1)).unwrap_or(0)
}

/// The CAPABLE of a segment as a SYN would carry it.
fn short_capable(options: &KnownOptions<'_>) -> Option<Capable> {
    match options.hiatus?.message() {
        Message::Capable(capable) => Some(Capable { key: None, ..capable }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
