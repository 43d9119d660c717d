//! Packets that leave.

use crate::SEGMENT_LEN_OCTETS_MIN;
use crate::config::PathMtuDiscovery;
use crate::endpoint::Endpoint;
use crate::endpoint::packet::{ChecksumWriter, Envelope, V6_HEADER_OCTETS, header_octets, seal};
use crate::endpoint::slot::Marks;
use crate::endpoint::tuple::Tuple;
use crate::outgoing::{Burst, Room};
use crate::tcb::Context;
use crate::time::Time;

/// A packet that was written into the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    /// Octets from the start of the buffer, the IP header included.
    pub len_octets: usize,
    /// Where the TCP header begins: a driver that finishes the checksum sums from there on.
    pub tcp_at: usize,
    /// Octets of the headers, IP and TCP.
    pub header_octets: usize,
    /// Data octets of one segment at most. If the packet has more, the driver cuts it into pieces of that many; FIN and
    /// PSH belong to the last one.
    pub segment_octets: u16,
}

/// No packet of IPv4 is longer.
const PACKET_OCTETS_MAX: usize = 65_535;

/// Room for the longest packet without data.
const PACKET_OCTETS_MIN: usize = V6_HEADER_OCTETS + SEGMENT_LEN_OCTETS_MIN;

/// A segment of no connection that waits to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    tuple: Tuple,
    burst: Burst,
    octets: [u8; SEGMENT_LEN_OCTETS_MIN],
}

impl Answer {
    /// Has `write` write a segment without data; `None` if it writes none.
    pub(crate) fn written(tuple: &Tuple, write: impl FnOnce(&mut [u8]) -> Option<Burst>) -> Option<Self> {
        let mut octets = [0; SEGMENT_LEN_OCTETS_MIN];
        let burst = write(&mut octets)?;
        Some(Self { tuple: *tuple, burst, octets })
    }
}

impl Endpoint {
    /// Queues an answer, if the bound allows.
    pub(crate) fn answer(&mut self, answer: Option<Answer>) {
        if self.answers.len() < self.limits.answers_max {
            self.answers.extend(answer);
        }
    }

    /// Whether one more answer may be made.
    pub(crate) fn may_answer(&self) -> bool {
        self.answers.len() < self.limits.answers_max
    }

    /// The next packet to send, written from the start of `buffer`; `None` if there is none.
    ///
    /// `buffer` holds one packet of the link's MTU: data is cut to what fits. With less than 100 octets, the longest
    /// packet without data, nothing is written.
    pub fn poll_packet(&mut self, now: Time, buffer: &mut [u8]) -> Option<Packet> {
        if buffer.len() < PACKET_OCTETS_MIN {
            // Nobody's turn passes.
            return None;
        }
        // Answers have a turn like a connection: who sends much that draws them keeps no connection from sending.
        if self.answers_left > 0
            && let Some(packet) = self.poll_answer(buffer)
        {
            self.answers_left -= 1;
            return Some(packet);
        }
        self.poll_ready(now, buffer).or_else(|| self.poll_answer(buffer))
    }

    /// The next answer to a segment of no connection.
    fn poll_answer(&mut self, buffer: &mut [u8]) -> Option<Packet> {
        let Answer { tuple, burst, octets } = self.answers.front()?;
        let tcp_at = header_octets(tuple);
        let room = buffer.get_mut(tcp_at..tcp_at + burst.len_octets)?;
        room.copy_from_slice(octets.get(..burst.len_octets)?);
        let packet = sealed(buffer, tuple, burst, None, self.limits.checksum);
        self.answers.pop_front();
        packet
    }

    /// The next packet of a connection.
    fn poll_ready(&mut self, now: Time, buffer: &mut [u8]) -> Option<Packet> {
        while let Some(index) = self.ready.front().copied() {
            if let Some(packet) = self.transmit(now, index, buffer) {
                self.turn_left = self.turn_left.saturating_sub(1);
                if self.turn_left == 0 {
                    self.ready.rotate_left(1);
                    self.end_turn();
                }
                return Some(packet);
            }
            self.ready.pop_front();
            self.end_turn();
            if let Some(slot) = self.slots.at_mut(index) {
                slot.marks.clear(Marks::READY);
                self.rest(now, index);
            }
        }
        None
    }

    fn end_turn(&mut self) {
        self.turn_left = self.limits.packets_per_turn;
        self.answers_left = self.limits.packets_per_turn.max(1);
    }

    /// Writes the next packet of slot `index`.
    fn transmit(&mut self, now: Time, index: u32, buffer: &mut [u8]) -> Option<Packet> {
        let slot = self.slots.at_mut(index).filter(|slot| slot.state().is_some())?;
        let tuple = slot.tuple.unpacked();
        let tcp_at = header_octets(&tuple);
        let config = self.configs.at(slot.config);
        let may_be_fragmented = config.path_mtu_discovery == PathMtuDiscovery::Off;
        let mut cx = Context { now, ip: slot.tuple.ip(), config, events: &mut self.told };
        let buffer = buffer.get_mut(..buffer.len().min(PACKET_OCTETS_MAX))?;
        let segments_max = self.limits.segments_per_packet;
        let mut room = Room { buffer: buffer.get_mut(tcp_at..)?, segments_max };
        let burst = slot.awake()?.transmit(&mut cx, &mut room)?;
        self.epochs.touch(index);
        self.publish(now, index);
        let identification = may_be_fragmented.then_some(self.identification);
        self.identification = self.identification.wrapping_add(u16::from(may_be_fragmented));
        sealed(buffer, &tuple, &burst, identification, self.limits.checksum)
    }
}

/// The packet around what was written behind the room for its IP header.
fn sealed(
    buffer: &mut [u8],
    tuple: &Tuple,
    burst: &Burst,
    identification: Option<u16>,
    writer: ChecksumWriter,
) -> Option<Packet> {
    let tcp_at = header_octets(tuple);
    let envelope = Envelope { mark: burst.ecn, identification, writer };
    let len_octets = seal(buffer, tuple, burst.len_octets, &envelope)?;
    let header_octets = tcp_at + burst.header_octets;
    Some(Packet { len_octets, tcp_at, header_octets, segment_octets: burst.segment_octets })
}
