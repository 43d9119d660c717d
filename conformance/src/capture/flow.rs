//! Which connection a segment belongs to, and where in it.
//!
//! A connection is a pair of endpoints until a SYN with another initial sequence number opens a new one between the
//! same two (RFC 9293, section 3.5). The table is bounded: see [`CONNECTIONS_MAX`].

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hiatus_codec::{Flags, SequenceNumber};

use super::fields::as_usize;
use super::segment::{Endpoint, Segment};

/// Connections followed at once. One more, and the quarter that was silent longest is closed early.
pub const CONNECTIONS_MAX: usize = 65_536;

/// An end of a connection, as it is called in transcripts and diagnoses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The end that sent the SYN; where the capture begins later, the one that sent the first segment seen.
    A,
    /// The other one.
    B,
}

impl Side {
    /// Both, A first.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other end.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 for A, 1 for B.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// How the initial sequence number of a direction is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was seen of this direction.
    #[default]
    Unknown,
    /// Taken to lie one below the first number seen: the SYN is not in the capture.
    Assumed,
    /// Its SYN was seen.
    Syn,
}

/// The sequence numbers of one direction, as positions: octets from the initial sequence number, SYN 0, first octet 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direction {
    origin: Origin,
    isn: u32,
    highest: i64,
}

impl Direction {
    /// How position 0 is known.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Position of `number`, the one within 2^31 of the highest seen. Negative: before the first one seen.
    #[must_use]
    pub fn position(&self, number: SequenceNumber) -> i64 {
        let reference = self.isn.wrapping_add(low_32_bits(self.highest));
        self.highest.saturating_add(i64::from(number.0.wrapping_sub(reference).cast_signed()))
    }

    fn begin(&mut self, origin: Origin, isn: u32) {
        *self = Self { origin, isn, highest: 0 };
    }

    fn reach(&mut self, number: SequenceNumber) {
        self.highest = self.highest.max(self.position(number));
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "modulo 2^32 is what is asked for"
)]
fn low_32_bits(position: i64) -> u32 {
    position as u32
}

/// A connection, and what its owner keeps about it.
#[derive(Clone, Debug)]
pub struct Flow<X> {
    /// Its number in the capture, from 0, in the order of first segments (tshark's `tcp.stream`).
    pub number: u64,
    /// Its ends: A, B.
    pub endpoints: [Endpoint; 2],
    /// What A sends, what B sends.
    pub directions: [Direction; 2],
    /// Its first frame, from 1.
    pub first_frame: u64,
    /// Its latest frame.
    pub last_frame: u64,
    /// What the owner of the table keeps.
    pub extra: X,
}

/// Where a segment belongs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Index for [`FlowTable::flow`], until the next call of [`FlowTable::place`].
    pub slot: usize,
    /// Who sent it.
    pub sender: Side,
    /// True for the first segment of a connection.
    pub is_first: bool,
}

/// The connections of a capture.
#[derive(Debug)]
pub struct FlowTable<X> {
    flows: Vec<Flow<X>>,
    /// Indices into `flows`, by the hash of their endpoints: four octets a connection, the endpoints stand in the flow.
    slots: HashTable<u32>,
    latest: usize,
    connections: u64,
    evicted: u64,
    max_count: usize,
}

impl<X: Default> Default for FlowTable<X> {
    fn default() -> Self {
        Self::with_max_count(CONNECTIONS_MAX)
    }
}

impl<X: Default> FlowTable<X> {
    /// An empty table that follows `max_count` connections at once (at least 4).
    #[must_use]
    pub fn with_max_count(max_count: usize) -> Self {
        Self {
            flows: Vec::new(),
            slots: HashTable::new(),
            latest: 0,
            connections: 0,
            evicted: 0,
            max_count: max_count.max(4),
        }
    }

    /// Connections seen so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// Connections closed early for want of room so far.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The flow at `slot`.
    pub fn flow(&mut self, slot: usize) -> &mut Flow<X> {
        &mut self.flows[slot]
    }

    /// Finds or opens the connection of `segment`. Flows that end by that are given to `ended`.
    pub fn place(&mut self, segment: &Segment<'_>, frame: u64, mut ended: impl FnMut(Flow<X>)) -> Place {
        let pair = [segment.source, segment.destination];
        let known = match self.flows.get(self.latest) {
            Some(flow) if is_between(flow, pair) => Some(self.latest),
            _ => self.find(pair),
        };
        let place = match known {
            None => {
                if self.flows.len() >= self.max_count {
                    self.evict(&mut ended);
                }
                let slot = self.flows.len();
                let flow = self.open(segment, frame);
                self.flows.push(flow);
                self.list(slot);
                Place { slot, sender: self.sender(slot, segment), is_first: true }
            }
            Some(slot) if self.reopens(slot, segment) => {
                let flow = self.open(segment, frame);
                ended(std::mem::replace(&mut self.flows[slot], flow));
                Place { slot, sender: self.sender(slot, segment), is_first: true }
            }
            Some(slot) => Place { slot, sender: self.sender(slot, segment), is_first: false },
        };
        self.latest = place.slot;
        let flow = &mut self.flows[place.slot];
        flow.last_frame = frame;
        note_numbers(&mut flow.directions, place.sender, segment);
        place
    }

    /// Ends every flow, in the order of their numbers.
    pub fn finish(mut self, ended: impl FnMut(Flow<X>)) {
        self.flows.sort_by_key(|flow| flow.number);
        self.flows.into_iter().for_each(ended);
    }

    fn sender(&self, slot: usize, segment: &Segment<'_>) -> Side {
        if self.flows[slot].endpoints[0] == segment.source { Side::A } else { Side::B }
    }

    fn open(&mut self, segment: &Segment<'_>, frame: u64) -> Flow<X> {
        let number = self.connections;
        self.connections += 1;
        let answers = segment.tcp.flags.contains(Flags::SYN.union(Flags::ACK));
        let endpoints = if answers {
            [segment.destination, segment.source]
        } else {
            [segment.source, segment.destination]
        };
        let directions = [Direction::default(); 2];
        Flow { number, endpoints, directions, first_frame: frame, last_frame: frame, extra: X::default() }
    }

    /// True for a SYN with another initial sequence number than this connection's.
    fn reopens(&self, slot: usize, segment: &Segment<'_>) -> bool {
        if segment.tcp.flags.0 & Flags::SYN.union(Flags::ACK).0 != Flags::SYN.0 {
            return false;
        }
        let direction = &self.flows[slot].directions[self.sender(slot, segment).index()];
        direction.origin != Origin::Unknown && direction.isn != segment.tcp.seq.0
    }

    /// Closes the quarter of the flows that was silent longest.
    fn evict(&mut self, ended: &mut impl FnMut(Flow<X>)) {
        let quarter = self.flows.len() / 4;
        let mut latest: Vec<u64> = self.flows.iter().map(|flow| flow.last_frame).collect();
        let (_, &mut limit, _) = latest.select_nth_unstable(quarter);
        let flows = std::mem::take(&mut self.flows);
        self.slots.clear();
        for flow in flows {
            if flow.last_frame < limit {
                self.evicted += 1;
                ended(flow);
            } else {
                self.flows.push(flow);
                self.list(self.flows.len() - 1);
            }
        }
    }

    fn find(&self, pair: [Endpoint; 2]) -> Option<usize> {
        let flows = &self.flows;
        let slot = self.slots.find(hash(pair), |slot| is_between(&flows[as_usize(*slot)], pair))?;
        Some(as_usize(*slot))
    }

    fn list(&mut self, slot: usize) {
        let flows = &self.flows;
        let Ok(entry) = u32::try_from(slot) else { return };
        self.slots
            .insert_unique(hash(flows[slot].endpoints), entry, |slot| hash(flows[as_usize(*slot)].endpoints));
    }
}

/// Begins the directions `segment` shows for the first time, and moves their highest numbers up.
fn note_numbers(directions: &mut [Direction; 2], sender: Side, segment: &Segment<'_>) {
    let tcp = &segment.tcp;
    let own = &mut directions[sender.index()];
    let syn = tcp.flags.contains(Flags::SYN);
    if own.origin == Origin::Unknown || (syn && own.origin == Origin::Assumed && own.highest == 0) {
        if syn {
            own.begin(Origin::Syn, tcp.seq.0);
        } else {
            own.begin(Origin::Assumed, tcp.seq.0.wrapping_sub(1));
        }
    }
    if !tcp.flags.contains(Flags::RST) {
        let fin_and_syn = u32::from(syn) + u32::from(tcp.flags.contains(Flags::FIN));
        own.reach(tcp.seq.advanced_by(segment.data_octets.wrapping_add(fin_and_syn)));
    }
    let peer = &mut directions[sender.peer().index()];
    if peer.origin == Origin::Unknown && tcp.flags.contains(Flags::ACK) && tcp.ack.0 != 0 {
        peer.begin(Origin::Assumed, tcp.ack.0.wrapping_sub(1));
    }
}

fn is_between<X>(flow: &Flow<X>, pair: [Endpoint; 2]) -> bool {
    flow.endpoints == pair || flow.endpoints == [pair[1], pair[0]]
}

/// The same for both directions.
fn hash([one, other]: [Endpoint; 2]) -> u64 {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut octets = [0; 36];
    octets[..16].copy_from_slice(&low.octets());
    octets[16..18].copy_from_slice(&low.port.to_be_bytes());
    octets[18..34].copy_from_slice(&high.octets());
    octets[34..].copy_from_slice(&high.port.to_be_bytes());
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(&octets);
    hasher.finish()
}
