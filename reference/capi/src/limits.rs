//! Secrets and bounds.

use hiatus_engine::{Backlog, ChecksumWriter, EndpointLimits, EndpointSecrets};

use crate::refusal::Refusal;

/// What must not be guessed of an endpoint. All that is unpredictable of its connections follows from it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Secrets {
    /// Kept for days, beyond a restart of the host and where nothing is rolled back: a host without state can still tell
    /// its peers so.
    pub host: [u8; 16],
    /// Drawn anew for every endpoint.
    pub instance: [u8; 16],
}

impl Secrets {
    pub(crate) fn of_engine(&self) -> EndpointSecrets {
        EndpointSecrets { host: self.host, instance: self.instance }
    }
}

/// How much an endpoint takes on. hiatus_limits_default() fills it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Octets that peers have acknowledged and that are kept for those who may come back older. Beyond it the connection
    /// that grows gives up what it retains.
    pub retained_octets_max: u64,
    /// The same for one peer.
    pub retained_octets_per_peer_max: u64,
    /// Connections in any state. Beyond it a SYN is dropped and hiatus_connect() refused.
    pub connections_max: u32,
    /// Connections in TIME-WAIT. Beyond it one ends at once instead.
    pub time_wait_max: u32,
    /// Connections kept for peers that are away.
    pub held_max: u32,
    /// The same for one peer: an IPv4 address, or an IPv6 prefix of 64 bits.
    pub held_per_peer_max: u32,
    /// Events that nobody has polled. Beyond it packets are dropped and timers wait, so that no event is lost.
    pub events_max: u32,
    /// Answers to segments of no connection that wait to be sent; beyond it none is made.
    pub answers_max: u32,
    /// RSTs to segments of no connection in one second.
    pub resets_per_second: u32,
    /// Restored connections that send RESUME in one second, unless a segment or the application asks for one.
    pub resumes_per_second: u32,
    /// Packets that one connection sends before the next one's turn.
    pub packets_per_turn: u32,
    /// Segments in one packet, for a driver that cuts it (TCP segmentation offload); 1 for one that does not.
    pub segments_per_packet: u16,
    /// 0: packets leave with their TCP checksum. 1: with the sum of the pseudo header in its place; the driver finishes it.
    pub checksum_by_driver: u8,
    /// 0.
    pub reserved: u8,
}

/// A count as C has it; what does not fit is as good as no bound.
fn width(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Limits {
    pub(crate) fn of(limits: &EndpointLimits) -> Self {
        let EndpointLimits {
            connections_max,
            time_wait_max,
            held_max,
            held_per_peer_max,
            retained_octets_max,
            retained_octets_per_peer_max,
            events_max,
            answers_max,
            resets_per_second,
            resumes_per_second,
            packets_per_turn,
            segments_per_packet,
            checksum,
        } = *limits;
        Self {
            retained_octets_max,
            retained_octets_per_peer_max,
            connections_max,
            time_wait_max,
            held_max,
            held_per_peer_max,
            events_max: width(events_max),
            answers_max: width(answers_max),
            resets_per_second,
            resumes_per_second,
            packets_per_turn,
            segments_per_packet,
            checksum_by_driver: u8::from(checksum == ChecksumWriter::Driver),
            reserved: 0,
        }
    }

    pub(crate) fn of_engine(&self) -> Result<EndpointLimits, Refusal> {
        let one_up = (1, u64::from(u32::MAX));
        Refusal::unless_within("limits.connections_max", self.connections_max, one_up)?;
        Refusal::unless_within("limits.events_max", self.events_max, one_up)?;
        Refusal::unless_within("limits.packets_per_turn", self.packets_per_turn, one_up)?;
        Refusal::unless_within(
            "limits.segments_per_packet",
            self.segments_per_packet,
            (1, u64::from(u16::MAX)),
        )?;
        Refusal::unless_within("limits.checksum_by_driver", self.checksum_by_driver, (0, 1))?;
        Ok(EndpointLimits {
            connections_max: self.connections_max,
            time_wait_max: self.time_wait_max,
            held_max: self.held_max,
            held_per_peer_max: self.held_per_peer_max,
            retained_octets_max: self.retained_octets_max,
            retained_octets_per_peer_max: self.retained_octets_per_peer_max,
            events_max: size(self.events_max),
            answers_max: size(self.answers_max),
            resets_per_second: self.resets_per_second,
            resumes_per_second: self.resumes_per_second,
            packets_per_turn: self.packets_per_turn,
            segments_per_packet: self.segments_per_packet,
            checksum: if self.checksum_by_driver == 0 {
                ChecksumWriter::Endpoint
            } else {
                ChecksumWriter::Driver
            },
        })
    }
}

/// Bounds of one listener. NULL in its place takes 1,024 and 4,096.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Connections in SYN-RECEIVED. Beyond it a SYN is answered with a cookie, and nothing of it is kept.
    pub half_open_max: u32,
    /// Connections that wait for hiatus_accept(). Beyond it the third segment of a handshake is dropped, and comes again.
    pub accept_max: u32,
}

impl Queue {
    pub(crate) fn of_engine(&self) -> Backlog {
        Backlog { half_open_max: self.half_open_max, accept_max: size(self.accept_max) }
    }
}
