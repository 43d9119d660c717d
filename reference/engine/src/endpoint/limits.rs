//! The bounds of an endpoint: every queue that the wire or the application can fill.

use serde::{Deserialize, Serialize};

use crate::endpoint::packet::ChecksumWriter;

/// How much an endpoint takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointLimits {
    /// Connections in any state. Beyond it a SYN is dropped and `connect` refused.
    pub connections_max: u32,
    /// Connections in TIME-WAIT. Beyond it one ends at once instead.
    pub time_wait_max: u32,
    /// Connections kept for peers that are away: in HELD, PRESUMED and LINGER (draft, {#bounds}). Beyond it a SUSPEND is
    /// granted nothing, a silent peer is not presumed away, and nobody lingers.
    pub held_max: u32,
    /// The same for one peer: an IPv4 address, or an IPv6 prefix of 64 bits.
    pub held_per_peer_max: u32,
    /// Octets that peers have acknowledged and that are kept for those who may come back older, counted in pieces of 4096 a
    /// connection. Beyond it the connection that grows gives up what it retains.
    pub retained_octets_max: u64,
    /// The same for one peer.
    pub retained_octets_per_peer_max: u64,
    /// Events that nobody has polled. Beyond it packets are dropped and timers wait, so that no event is lost.
    pub events_max: usize,
    /// Answers to segments of no connection that wait to be sent; beyond it none is made.
    pub answers_max: usize,
    /// RSTs to segments of no connection in one second (as RFC 5961, section 7, bounds challenge ACKs).
    pub resets_per_second: u32,
    /// Connections of a host that was restored that send RESUME in one second, unless a segment or the application asks for
    /// one (draft, HIA-SHOULD-7). At least 1 counts.
    pub resumes_per_second: u32,
    /// Packets that one connection sends before the next one's turn. Answers to segments of no connection have a turn
    /// too, between any two.
    pub packets_per_turn: u32,
    /// Segments in one packet, for a driver that cuts it (TCP segmentation offload); 1 for one that does not.
    pub segments_per_packet: u16,
    /// Who writes the TCP checksum of packets that leave.
    pub checksum: ChecksumWriter,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self {
            connections_max: 1 << 22,
            time_wait_max: 1 << 18,
            held_max: 1 << 22,
            held_per_peer_max: 1 << 16,
            retained_octets_max: 1 << 33,
            retained_octets_per_peer_max: 1 << 29,
            events_max: 1 << 20,
            answers_max: 1 << 10,
            resets_per_second: 1_000,
            resumes_per_second: 20_000,
            packets_per_turn: 16,
            segments_per_packet: 1,
            checksum: ChecksumWriter::Endpoint,
        }
    }
}

/// Whether segments that meet no connection are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strays {
    /// By RST, or by ABORT with reason LOST (draft, {#resume-received}).
    Answered,
    /// They are not: the host is restoring its connections, and may restore the one that they belong to.
    Silenced,
}
