//! The connection under test: its addresses, and what the script's numbers are on the wire.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hiatus_codec::{
    Flags, OptionKind, OptionWriter, RawOption, SackBlock, SackBlocks, Segment, SequenceNumber, TcpOption,
    Timestamps,
};
use hiatus_engine::{IpVersion, Time};

use super::Mismatch;
use super::observed::Observed;
use crate::script::{EcnPattern, Icmp, OptionPattern, Packet};
use crate::wire::{self, IcmpError};

/// Address of this end.
pub(super) const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
/// Address of this end (RFC 4193).
pub(super) const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xa0b, 0x17d6, 0, 0, 0, 0, 1);
const REMOTE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const REMOTE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Where sockets are bound to and connect to.
pub(super) const PORT: u16 = 8080;
/// Port of a peer that opens.
const REMOTE_PORT_FIRST: u16 = 40_000;

/// The octet at a position of a stream; the first octet after the SYN is at 1. A prime period: no size divides it.
pub(super) fn pattern(position: u64) -> u8 {
    u8::try_from(position % 251).unwrap_or(0)
}

/// Which connection the script's segments belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Under {
    /// The next SYN that arrives makes one.
    Listening,
    /// The next SYN that leaves makes one.
    Connecting,
    /// It is known.
    Known,
}

#[derive(Debug)]
pub(super) struct Flow {
    version: IpVersion,
    under: Under,
    local_port: u16,
    remote_port: u16,
    remote_port_next: u16,
    /// ISS on the wire, and in the script's SYN.
    local_isn: u32,
    local_isn_script: u32,
    /// IRS on the wire, which is that of the script.
    remote_isn: u32,
    /// TSval as the script has it, and on the wire.
    timestamps: BTreeMap<u32, u32>,
    timestamp_first: Option<(u32, u32)>,
}

impl Flow {
    pub(super) fn new(version: IpVersion) -> Self {
        Self {
            version,
            under: Under::Listening,
            local_port: PORT,
            remote_port: 0,
            remote_port_next: REMOTE_PORT_FIRST,
            local_isn: 0,
            local_isn_script: 0,
            remote_isn: 0,
            timestamps: BTreeMap::new(),
            timestamp_first: None,
        }
    }

    /// A socket listens, or a new one is made: the next SYN that arrives is another connection.
    pub(super) fn listens(&mut self) {
        self.under = Under::Listening;
    }

    /// A socket connects: the next SYN that leaves is another connection.
    pub(super) fn connects(&mut self) {
        self.under = Under::Connecting;
        self.remote_port = PORT;
        self.remote_isn = 0;
        self.forget_timestamps();
    }

    fn forget_timestamps(&mut self) {
        self.timestamps.clear();
        self.timestamp_first = None;
    }

    fn local_ip(&self) -> IpAddr {
        match self.version {
            IpVersion::V4 => LOCAL_V4.into(),
            IpVersion::V6 => LOCAL_V6.into(),
        }
    }

    fn remote_ip(&self) -> IpAddr {
        match self.version {
            IpVersion::V4 => REMOTE_V4.into(),
            IpVersion::V6 => REMOTE_V6.into(),
        }
    }

    /// Where a socket is bound to if the script leaves it open.
    pub(super) fn bind_address(&self) -> SocketAddr {
        SocketAddr::new(self.local_ip(), PORT)
    }

    /// Where a socket connects to if the script leaves it open.
    pub(super) fn connect_address(&self) -> SocketAddr {
        SocketAddr::new(self.remote_ip(), PORT)
    }

    /// The domain of a socket if the script leaves it open.
    pub(super) fn domain(&self) -> i32 {
        match self.version {
            IpVersion::V4 => libc::AF_INET,
            IpVersion::V6 => libc::AF_INET6,
        }
    }

    /// The packet that a segment of the script is.
    pub(super) fn inbound(&mut self, packet: &Packet) -> Result<Vec<u8>, Mismatch> {
        let is_syn = packet.flags.contains(Flags::SYN);
        let has_ack = packet.flags.contains(Flags::ACK);
        match self.under {
            Under::Listening => {
                self.remote_port = self.remote_port_next;
                self.remote_port_next += 1;
                self.local_port = PORT;
                self.remote_isn = packet.seq;
                self.local_isn = 0;
                self.local_isn_script = 0;
                self.forget_timestamps();
                self.under = Under::Known;
            }
            Under::Known if is_syn && has_ack => self.remote_isn = packet.seq,
            Under::Known => {}
            Under::Connecting => {
                return Err(Mismatch::new("a SYN that leaves before this arrives", "none"));
            }
        }
        let seq = if is_syn { packet.seq } else { packet.seq.wrapping_add(self.remote_isn) };
        let local_offset =
            if is_syn { self.local_isn.wrapping_sub(self.local_isn_script) } else { self.local_isn };
        let ack = if has_ack { packet.ack.wrapping_add(local_offset) } else { packet.ack };
        let options =
            self.inbound_options(packet.options.as_deref().unwrap_or(&[]), local_offset, has_ack)?;
        let first = u64::from(packet.seq) + u64::from(is_syn);
        let payload: Vec<u8> = (0..u64::from(packet.len_octets))
            .map(|index| pattern(if is_syn { 1 + index } else { first + index }))
            .collect();
        let (source_port, destination_port) = packet.ports.unwrap_or((self.remote_port, self.local_port));
        let segment = Segment {
            source_port,
            destination_port,
            seq: SequenceNumber(seq),
            ack: SequenceNumber(ack),
            flags: packet.flags,
            window: packet.window.unwrap_or(0),
            checksum: 0,
            urgent: packet.urgent,
            options: options.as_slice(),
            payload: &payload,
        };
        let mut octets = vec![0; segment.wire_len_octets()];
        segment.emit(&mut octets).map_err(|error| Mismatch::new("a segment", error.to_string()))?;
        octets.truncate(segment.wire_len_octets());
        octets[segment.wire_len_octets() - payload.len()..].copy_from_slice(&payload);
        let traffic_class = match packet.ecn {
            EcnPattern::Is(codepoint) => codepoint,
            EcnPattern::Open | EcnPattern::Capable => 0,
        };
        Ok(wire::emit(self.remote_ip(), self.local_ip(), traffic_class, wire::PROTOCOL_TCP, &octets))
    }

    fn inbound_options(
        &self,
        options: &[OptionPattern],
        local_offset: u32,
        has_ack: bool,
    ) -> Result<OptionWriter, Mismatch> {
        let mut writer = OptionWriter::new();
        for option in options {
            let mut storage = [0; 32];
            let written = match option {
                OptionPattern::EndOfList => writer.push(&TcpOption::EndOfList),
                OptionPattern::NoOperation => writer.push(&TcpOption::NoOperation),
                OptionPattern::MaximumSegmentSize(size) => writer.push(&TcpOption::MaximumSegmentSize(*size)),
                OptionPattern::WindowScale(shift) => writer.push(&TcpOption::WindowScale(*shift)),
                OptionPattern::SackPermitted => writer.push(&TcpOption::SackPermitted),
                OptionPattern::Sack(blocks) => {
                    let edge = |edge: u32| SequenceNumber(edge.wrapping_add(local_offset));
                    let blocks: Vec<SackBlock> = blocks
                        .iter()
                        .map(|(left, right)| SackBlock { left: edge(*left), right: edge(*right) })
                        .collect();
                    let blocks = SackBlocks::write(&blocks, &mut storage)
                        .ok_or_else(|| Mismatch::new("1 to 4 blocks of SACK", blocks.len().to_string()))?;
                    writer.push(&TcpOption::Sack(blocks))
                }
                OptionPattern::Timestamps { value, echo_reply } => {
                    let echo_reply = if has_ack { self.timestamp_on_wire(*echo_reply) } else { *echo_reply };
                    writer.push(&TcpOption::Timestamps(Timestamps { value: *value, echo_reply }))
                }
                OptionPattern::Generic { kind, body } => writer.push(&TcpOption::Unknown(RawOption {
                    kind: OptionKind(*kind),
                    offset_octets: 0,
                    body,
                })),
            };
            written.map_err(|error| Mismatch::new("options that fit", error.to_string()))?;
        }
        let _padded = writer.finish();
        Ok(writer)
    }

    /// What a TSecr of the script is on the wire: the TSval that went by that number, or one as far from the first.
    fn timestamp_on_wire(&self, echo_reply: u32) -> u32 {
        let first = self.timestamp_first;
        let scaled = first.map(|(script, wire)| echo_reply.wrapping_sub(script).wrapping_add(wire));
        self.timestamps.get(&echo_reply).copied().or(scaled).unwrap_or(echo_reply)
    }

    /// The ICMP error that quotes the segment the script names.
    pub(super) fn inbound_icmp(&self, icmp: &Icmp) -> Result<Vec<u8>, Mismatch> {
        if self.version == IpVersion::V6 {
            return Err(Mismatch::new("IPv4 for an ICMP error by these names", "IPv6"));
        }
        let segment = Segment {
            source_port: self.local_port,
            destination_port: self.remote_port,
            seq: SequenceNumber(icmp.seq.wrapping_add(self.local_isn)),
            ack: SequenceNumber(0),
            flags: Flags::ACK,
            window: 0,
            checksum: 0,
            urgent: 0,
            options: &[],
            payload: &vec![0; usize::from(icmp.len_octets)],
        };
        let mut octets = vec![0; segment.wire_len_octets()];
        segment.emit(&mut octets).map_err(|error| Mismatch::new("a segment", error.to_string()))?;
        let quoted = wire::emit(self.local_ip(), self.remote_ip(), 0, wire::PROTOCOL_TCP, &octets);
        let message = IcmpError::emit(icmp.kind, icmp.code, icmp.mtu_octets.unwrap_or(0).into(), &quoted);
        Ok(wire::emit(self.remote_ip(), self.local_ip(), 0, wire::PROTOCOL_ICMP, &message))
    }

    /// Reads a packet that left in the script's numbers; `None` if it is of another connection.
    ///
    /// `expected` is what the script waits for: its SYN says what the script's ISS is, its TSval what the script calls
    /// the one on the wire.
    pub(super) fn outbound(&mut self, at: Time, octets: &[u8], expected: &Packet) -> Option<Observed> {
        let packet = wire::Packet::parse(octets).ok()?;
        let segment = Segment::parse(packet.payload).ok()?;
        let is_syn = segment.flags.contains(Flags::SYN);
        if self.under == Under::Connecting && is_syn && segment.destination_port == self.remote_port {
            self.under = Under::Known;
            self.local_port = segment.source_port;
            self.local_isn = segment.seq.0;
            self.local_isn_script = expected.seq;
        }
        let (source_port, destination_port) = expected.ports.unwrap_or((self.local_port, self.remote_port));
        let is_ours = packet.source == self.local_ip()
            && packet.destination == self.remote_ip()
            && segment.source_port == source_port
            && segment.destination_port == destination_port;
        if self.under != Under::Known || !is_ours {
            return None;
        }
        if is_syn && segment.flags.contains(Flags::ACK) && expected.flags.contains(Flags::SYN) {
            self.local_isn = segment.seq.0;
            self.local_isn_script = expected.seq;
        }
        let local_offset =
            if is_syn { self.local_isn.wrapping_sub(self.local_isn_script) } else { self.local_isn };
        let remote_offset = if is_syn { 0 } else { self.remote_isn };
        let mut observed = Observed::new(at, packet.traffic_class & 3, &segment, local_offset, remote_offset);
        self.map_timestamps(&mut observed, expected);
        Some(observed)
    }

    fn map_timestamps(&mut self, observed: &mut Observed, expected: &Packet) {
        let script = expected.options.iter().flatten().find_map(|option| match option {
            OptionPattern::Timestamps { value, .. } => Some(*value),
            _ => None,
        });
        for option in &mut observed.options {
            let OptionPattern::Timestamps { value, .. } = option else { continue };
            let Some(script) = script else { continue };
            self.timestamps.insert(script, *value);
            let (first_script, first_wire) = *self.timestamp_first.get_or_insert((script, *value));
            *value = value.wrapping_sub(first_wire).wrapping_add(first_script);
        }
    }
}
