//! Packets to be dissected: segments behind several headers, cut or whole, and the capture that holds them.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header};
use hiatus_codec::{Flags, SequenceNumber};
use hiatus_conformance::capture::Reader;
use hiatus_conformance::record::{BENCH_ADDRESS, CONNECT_PORT, LISTEN_PORT, TARGET_ADDRESS, packet};
use hiatus_conformance::seed::Seed;
use hiatus_conformance::wire::{OwnedSegment, Side};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, Endianness};

/// LINKTYPE values of tcpdump.org's list.
pub(crate) const LINK_ETHERNET: u16 = 1;
pub(crate) const LINK_RAW: u16 = 101;

/// A captured packet.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// Where it comes from, for messages.
    pub(crate) name: String,
    pub(crate) link_type: u16,
    pub(crate) octets: Vec<u8>,
    /// Octets on the wire.
    pub(crate) original_octets: u32,
}

impl Packet {
    pub(crate) fn new(name: impl Into<String>, link_type: u16, octets: Vec<u8>) -> Self {
        let original_octets = u32::try_from(octets.len()).unwrap();
        Self { name: name.into(), link_type, octets, original_octets }
    }

    /// `segment` in an IPv4 packet without a link header.
    pub(crate) fn of_segment(name: impl Into<String>, segment: &OwnedSegment) -> Self {
        Self::new(name, LINK_RAW, packet(Side::Bench, segment).unwrap())
    }

    /// As a capture with this snap length would hold it.
    pub(crate) fn cut(&self, len_octets: usize) -> Self {
        let mut cut = self.clone();
        cut.octets.truncate(len_octets);
        cut
    }

    /// The IPv4 packet behind Ethernet, in another IPv4 packet, and its segment in an IPv6 packet.
    pub(crate) fn wrapped(&self) -> [Self; 3] {
        const ETHERNET_IPV4: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
        let ethernet = [&ETHERNET_IPV4, self.octets.as_slice()].concat();
        let len = u16::try_from(self.octets.len()).unwrap();
        let addresses = (BENCH_ADDRESS.octets(), TARGET_ADDRESS.octets());
        let mut outer = Ipv4Header::new(len, 64, IpNumber::IPV4, addresses.0, addresses.1).unwrap();
        outer.header_checksum = outer.calc_header_checksum();
        let tunnel = [&outer.to_bytes(), self.octets.as_slice()].concat();
        let tcp = &self.octets[Ipv4Header::MIN_LEN..];
        let mut ipv6 = vec![0x60, 0, 0, 0];
        ipv6.extend(u16::try_from(tcp.len()).unwrap().to_be_bytes());
        ipv6.extend([6, 64]);
        // fe80::1 to fe80::2
        for last in [1, 2] {
            ipv6.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        ipv6.extend(tcp);
        let name = |how: &str| format!("{} {how}", self.name);
        [
            Self::new(name("behind Ethernet"), LINK_ETHERNET, ethernet),
            Self::new(name("in a tunnel"), LINK_RAW, tunnel),
            Self::new(name("in IPv6"), LINK_RAW, ipv6),
        ]
    }
}

/// A segment of the bench with `options`, padded with zeros to a multiple of 4 octets.
pub(crate) fn segment(flags: Flags, options: &[u8]) -> OwnedSegment {
    let mut options = options.to_vec();
    options.resize(options.len().next_multiple_of(4), 0);
    OwnedSegment {
        source_port: CONNECT_PORT,
        destination_port: LISTEN_PORT,
        seq: SequenceNumber(1000),
        ack: SequenceNumber(2000),
        flags,
        window: 65_535,
        options,
        payload: vec![],
    }
}

/// Every packet of the capture at `path`.
pub(crate) fn read(path: &Path) -> Vec<Packet> {
    let mut reader = Reader::open(path).unwrap();
    let mut packets = Vec::new();
    let file = path.file_name().unwrap().to_string_lossy();
    while let Some(record) = reader.next_record() {
        packets.push(Packet {
            name: format!("{file} frame {}", record.frame),
            link_type: record.link_type,
            octets: record.octets.to_vec(),
            original_octets: record.original_octets,
        });
    }
    packets
}

/// The capture of `packets`, in their order, a millisecond apart.
pub(crate) fn pcapng(packets: &[Packet]) -> Vec<u8> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), Endianness::Little).unwrap();
    let mut link_types: Vec<u16> = packets.iter().map(|packet| packet.link_type).collect();
    link_types.sort_unstable();
    link_types.dedup();
    for link_type in &link_types {
        let linktype = DataLink::from(u32::from(*link_type));
        // Nanoseconds: what the writer's time stamps are.
        let options = vec![InterfaceDescriptionOption::IfTsResol(9)];
        writer.write_pcapng_block(InterfaceDescriptionBlock { linktype, snaplen: 0, options }).unwrap();
    }
    for (packet, at) in packets.iter().zip(0..) {
        let interface = link_types.iter().position(|link_type| *link_type == packet.link_type).unwrap();
        let block = EnhancedPacketBlock {
            interface_id: u32::try_from(interface).unwrap(),
            timestamp: Duration::from_secs(1_767_225_600) + Duration::from_millis(at),
            original_len: packet.original_octets,
            data: Cow::Borrowed(&packet.octets),
            options: vec![],
        };
        writer.write_pcapng_block(block).unwrap();
    }
    writer.into_inner()
}

/// Segments with options at random, most of them near to something that Hiatus means: the same for the same seed.
#[derive(Debug)]
pub(crate) struct RandomSegments(Seed);

impl RandomSegments {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Seed::new(seed))
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.0.next_u32() % limit
    }

    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        // Zeros and ones are likelier than chance: nonces, windows, End of Option List.
        (0..count).map(|_| if self.below(4) == 0 { 0 } else { self.octet() }).collect()
    }

    /// A Hiatus option, or nearly one.
    fn hiatus(&mut self) -> Vec<u8> {
        const LEAST: [usize; 8] = [8, 21, 9, 15, 15, 27, 27, 14];
        let subtype = usize::try_from(self.below(10)).unwrap();
        let least = LEAST.get(subtype).copied().unwrap_or(5);
        let longer = [0, 0, 0, 1, 3, 8].get(usize::try_from(self.below(6)).unwrap()).copied().unwrap();
        let mut len = least + longer;
        if self.below(6) == 0 {
            len = 4 + usize::try_from(self.below(u32::try_from(least).unwrap())).unwrap();
        }
        let kind = if self.below(12) == 0 { 254 } else { 253 };
        let flags = if self.below(8) == 0 { self.octet() & 0x0f } else { 0 };
        let mut option = vec![kind, u8::try_from(len).unwrap(), 0x48, 0x49];
        if len > 4 {
            option.push(u8::try_from(subtype).unwrap() << 4 | flags);
            option.extend(self.octets(len - 5));
        }
        if subtype == 5 && len >= 15 && self.below(6) == 0 {
            option[11..15].fill(0);
        }
        match self.below(30) {
            0 => option[1] = self.octet(),
            1 => option[2] = self.octet(),
            2 => option.truncate(3),
            _ => {}
        }
        option
    }

    fn piece(&mut self) -> Vec<u8> {
        match self.below(16) {
            0..=7 => self.hiatus(),
            8 | 9 => vec![1],
            10 => vec![8, 10, 0, 0, 0, 5, 0, 0, 0, 4],
            11 => vec![2, 4, 5, 0xb4],
            12 => vec![[29, 30, 5, 99][usize::try_from(self.below(4)).unwrap()], 4, 0, 0],
            13 => vec![0],
            14 => vec![253, [2, 3, 4, 0, 1][usize::try_from(self.below(5)).unwrap()]],
            _ => {
                let count = usize::try_from(self.below(6)).unwrap();
                self.octets(count)
            }
        }
    }

    pub(crate) fn next_segment(&mut self) -> OwnedSegment {
        let mut options = Vec::new();
        for _ in 0..=self.below(4) {
            options.extend(self.piece());
        }
        options.truncate(40);
        let rest = options.len().next_multiple_of(4) - options.len();
        if self.below(4) == 0 {
            let more = self.octets(rest);
            options.extend(more);
        }
        let flags = match self.below(8) {
            0..=3 => Flags::ACK,
            4 => Flags::SYN,
            5 => Flags::SYN.union(Flags::ACK),
            6 => Flags::RST.union(Flags::ACK),
            _ => Flags(u16::try_from(self.below(0x200)).unwrap()),
        };
        let mut made = segment(flags, &options);
        made.seq = SequenceNumber(self.0.next_u32());
        made.window = if self.below(8) == 0 { 0 } else { 512 };
        made.payload = if self.below(8) == 0 { vec![b'x'; 3] } else { vec![] };
        made
    }
}
