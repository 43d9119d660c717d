//! What is measured, in terms that all contenders share.

use std::time::Duration;

/// One write of an application, and one read.
pub(crate) const CHUNK_OCTETS: usize = 64 * 1024;
/// What the clock moves on in one round of both ends.
pub(crate) const ROUND: Duration = Duration::from_micros(10);
/// Data of the one segment that a connection among many gets.
pub(crate) const SEGMENT_OCTETS: usize = 100;

/// Whether TCP and IP checksums are written and verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksums {
    On,
    Off,
}

/// Whether both ends use timestamps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timestamps {
    On,
    Off,
}

/// Whether both ends negotiate Hiatus, and then say no more of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hiatus {
    On,
    Off,
}

/// When the receiver may send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// After every packet: every second segment is acknowledged, as RFC 9293, SHLD-19, has it.
    EachPacket,
    /// After all that waited in the ring: one ACK for them, as the peer does it.
    AllPackets,
}

/// A transfer over one connection, one way.
#[derive(Clone, Copy)]
pub(crate) struct Bulk {
    pub(crate) mtu_octets: usize,
    pub(crate) buffer_octets: usize,
    pub(crate) checksums: Checksums,
    pub(crate) timestamps: Timestamps,
    pub(crate) hiatus: Hiatus,
    /// Segments that may lie behind one header, as on a device that cuts them up and puts them together.
    pub(crate) segments_per_packet: u16,
    /// Of ours; the peer has one way.
    pub(crate) answers: Answers,
}

impl Bulk {
    /// 256 KiB of buffer at each end, checksums on, nothing else.
    pub(crate) const fn at_mtu(mtu_octets: usize) -> Self {
        Self {
            mtu_octets,
            buffer_octets: 256 * 1024,
            checksums: Checksums::On,
            timestamps: Timestamps::Off,
            hiatus: Hiatus::Off,
            segments_per_packet: 1,
            answers: Answers::EachPacket,
        }
    }
}
