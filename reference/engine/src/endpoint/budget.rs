//! What is kept for peers that are away, or may come back older: counted for each peer and in all (draft, {#bounds}).

use alloc::vec::Vec;
use core::hash::Hasher;
use core::net::IpAddr;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::endpoint::Endpoint;
use crate::endpoint::limits::EndpointLimits;
use crate::endpoint::slot::Body;
use crate::endpoint::tuple::Tuple;
use crate::event::{Event, PeerState, TcpState};
use crate::state::State;
use crate::tcb::{Context, Tcb};
use crate::time::Time;

/// Retained octets are counted in pieces of so many: what a peer holds is not looked up for every segment.
const PIECE_OCTETS: u64 = 4096;

/// A peer: an IPv4 address or an IPv6 prefix of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer([u8; 9]);

impl Peer {
    pub(crate) fn of(tuple: &Tuple) -> Self {
        let mut key = [0; 9];
        match tuple.remote().ip() {
            IpAddr::V4(address) => {
                key[0] = 4;
                key[1..5].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                key[0] = 6;
                let octets = address.octets();
                key[1..].copy_from_slice(octets.first_chunk::<8>().unwrap_or(&[0; 8]));
            }
        }
        Self(key)
    }
}

/// As what a connection counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Its peer is there.
    #[default]
    None,
    /// In HELD or PRESUMED.
    Held,
    /// The same, and its own application has closed it.
    Closed,
    /// In LINGER.
    Lingers,
}

/// What a slot counts: 8 octets of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Charge {
    /// When it began to count, in the order of those that did, modulo 2^32.
    nth: u32,
    class: Class,
    /// Pieces of retained octets, big-endian.
    pieces: [u8; 3],
}

/// More pieces than a connection can retain.
const PIECES_MAX: u32 = (1 << 24) - 1;

impl Charge {
    fn count(self) -> u32 {
        u32::from(self.class != Class::None)
    }

    fn pieces(self) -> u32 {
        let [a, b, c] = self.pieces;
        u32::from_be_bytes([0, a, b, c])
    }
}

/// What one peer, or all of them, count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    held: u32,
    pieces: u64,
}

impl Sum {
    fn change(&mut self, from: Charge, to: Charge) {
        self.held = self.held.saturating_sub(from.count()).saturating_add(to.count());
        self.pieces = self.pieces.saturating_sub(from.pieces().into()).saturating_add(to.pieces().into());
    }
}

/// The sums.
#[derive(Debug, Clone)]
pub(crate) struct Budgets {
    peers: HashTable<(Peer, Sum)>,
    key: [u8; 16],
    all: Sum,
    /// How many began to count.
    count: u32,
}

/// Whether one more fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Enough,
    Full,
}

impl Budgets {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self { peers: HashTable::new(), key, all: Sum::default(), count: 0 }
    }

    /// Peers come from the wire: nobody is to choose those that fall together.
    fn hash(key: &[u8; 16], peer: &Peer) -> u64 {
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(&peer.0);
        hasher.finish()
    }

    fn sum(&self, peer: &Peer) -> Sum {
        let found = self.peers.find(Self::hash(&self.key, peer), |(found, _)| found == peer);
        found.map(|(_, sum)| *sum).unwrap_or_default()
    }

    fn change(&mut self, peer: &Peer, from: Charge, to: Charge) {
        self.all.change(from, to);
        let key = self.key;
        let hash = Self::hash(&key, peer);
        let is_it = |(found, _): &(Peer, Sum)| found == peer;
        let again = |(peer, _): &(Peer, Sum)| Self::hash(&key, peer);
        let mut entry = self.peers.entry(hash, is_it, again).or_insert((*peer, Sum::default()));
        entry.get_mut().1.change(from, to);
        if entry.get().1 == Sum::default() {
            entry.remove();
        }
    }

    /// Whether a connection may count as `to` in place of `from`.
    fn held_room(&self, limits: &EndpointLimits, peer: &Peer) -> Room {
        let is_full = self.all.held >= limits.held_max || self.sum(peer).held >= limits.held_per_peer_max;
        if is_full { Room::Full } else { Room::Enough }
    }

    fn octets_room(&self, limits: &EndpointLimits, peer: &Peer, more: u64) -> Room {
        let fits = |sum: Sum, octets_max: u64| {
            sum.pieces.saturating_add(more).saturating_mul(PIECE_OCTETS) <= octets_max
        };
        let all_fit = fits(self.all, limits.retained_octets_max)
            && fits(self.sum(peer), limits.retained_octets_per_peer_max);
        if all_fit { Room::Enough } else { Room::Full }
    }
}

/// As what a connection counts now.
fn class_of(tcb: &Tcb, name: TcpState) -> Class {
    match tcb.hiatus.peer_state() {
        _ if name == TcpState::Closed => Class::None,
        _ if name == TcpState::Linger => Class::Lingers,
        PeerState::Up => Class::None,
        PeerState::Held | PeerState::Presumed if tcb.is_closing() => Class::Closed,
        PeerState::Held | PeerState::Presumed => Class::Held,
    }
}

fn pieces_of(tcb: &Tcb) -> [u8; 3] {
    let pieces = tcb.snd.retained_octets().div_ceil(PIECE_OCTETS);
    let [_, pieces @ ..] = u32::try_from(pieces).unwrap_or(u32::MAX).min(PIECES_MAX).to_be_bytes();
    pieces
}

//= draft#bounds
//# A host MUST bound the number of connections that it holds and the
//# octets that it retains, for each peer and in all.
impl Endpoint {
    /// Counts what became of slot `index`, before anybody is told. What would be too much is refused, or given up.
    pub(crate) fn account(&mut self, now: Time, index: u32) {
        let Some(slot) = self.slots.at(index) else { return };
        let (Some(state), from) = (slot.state(), slot.charge) else { return };
        let mut to = match state.tcb() {
            Some(tcb) if tcb.hiatus.session().is_some() => {
                Charge { class: class_of(tcb, state.name()), pieces: pieces_of(tcb), ..from }
            }
            Some(_) | None => Charge::default(),
        };
        if to == from {
            return;
        }
        let peer = Peer::of(&slot.tuple.unpacked());
        let is_back = state.tcb().is_some_and(Tcb::is_resuming);
        if from.class == Class::None && to.class != Class::None {
            self.budgets.count = self.budgets.count.wrapping_add(1);
            to.nth = self.budgets.count;
            // What an earlier life has granted is not refused.
            if !is_back && self.budgets.held_room(&self.limits, &peer) == Room::Full {
                self.refuse(now, index);
                to.class = Class::None;
            }
        }
        let more = u64::from(to.pieces().saturating_sub(from.pieces()));
        if more > 0 && self.budgets.octets_room(&self.limits, &peer, more) == Room::Full {
            self.refuse_octets(now, index);
            to.pieces = [0; 3];
        }
        self.budgets.change(&peer, from, to);
        if let Some(slot) = self.slots.at_mut(index) {
            slot.charge = to;
        }
    }

    /// Slot `index` is about to be free.
    pub(crate) fn uncharge(&mut self, index: u32) {
        if let Some(slot) = self.slots.at(index)
            && slot.charge != Charge::default()
        {
            self.budgets.change(&Peer::of(&slot.tuple.unpacked()), slot.charge, Charge::default());
        }
    }

    //= draft#bounds
    //# A host first
    //# refuses: it answers SUSPEND with a Granted Hold of 0, closes connections
    //# instead of presuming their peers absent, and enters no LINGER.
    fn refuse(&mut self, now: Time, index: u32) {
        self.amend(now, index, State::refuse_absence);
        // Nobody is told of what was not granted.
        let is_void = |event: &Event| {
            matches!(
                event,
                Event::PeerSuspended { .. }
                    | Event::PeerPresumedSuspended { .. }
                    | Event::PeerResumed
                    | Event::Lingering { .. }
            )
        };
        self.told.retain(|event| !is_void(event));
    }

    /// The connection that grew gives up what it retains: a rollback of its peer then ends it, and nothing else does.
    fn refuse_octets(&mut self, now: Time, index: u32) {
        self.amend(now, index, State::give_up_retained);
    }

    /// Acts on the state in slot `index`, and draws no consequence.
    pub(crate) fn amend(&mut self, now: Time, index: u32, act: impl FnOnce(&mut State, &mut Context<'_>)) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        let mut cx = Context {
            now,
            ip: slot.tuple.ip(),
            config: self.configs.at(slot.config),
            events: &mut self.told,
        };
        if let Some(state) = slot.awake() {
            act(state, &mut cx);
        }
    }

    //= draft#bounds
    //# What it
    //# has granted it ends only for lack of memory, with ABORT and reason SHED:
    //# connections in LINGER first, then those that its own application has
    //# closed, then the newest of the peer that holds most.
    /// The host lacks memory: ends up to `count` connections that are kept for peers which are away, with ABORT and reason
    /// SHED. Gives how many there were.
    ///
    /// It looks at every connection once.
    pub fn shed(&mut self, now: Time, count: usize) -> usize {
        let mut order = self.shed_order();
        order.truncate(count);
        for index in &order {
            self.act_at(now, *index, State::shed);
        }
        order.len()
    }

    /// Slots of connections that may be shed, in the order in which they are.
    fn shed_order(&self) -> Vec<u32> {
        let (mut first, mut by_peer) = (Vec::new(), Vec::new());
        for (id, slot) in self.slots.iter() {
            // One that was restored and had no turn counts when it had.
            let Charge { nth, pieces: _, class } = slot.charge;
            match class {
                _ if matches!(slot.body, Body::Saved(_)) => {}
                Class::None => {}
                Class::Lingers => first.push((0, nth, id.index)),
                Class::Closed => first.push((1, nth, id.index)),
                Class::Held => by_peer.push((Peer::of(&slot.tuple.unpacked()), nth, id.index)),
            }
        }
        // The oldest of those first: they have had their time.
        first.sort_unstable();
        let mut order: Vec<u32> = first.into_iter().map(|(_, _, index)| index).collect();
        by_peer.sort_unstable();
        order.extend(newest_of_the_largest(&by_peer));
        order
    }

    /// Connections kept for peers that are away or may come back, LINGER included.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.budgets.all.held
    }

    /// The sums, or what of them is broken. For tests.
    pub(crate) fn check_budgets(&self) -> Result<(), &'static str> {
        let mut all = Sum::default();
        for (_, slot) in self.slots.iter() {
            all.change(Charge::default(), slot.charge);
        }
        let mut of_peers = Sum::default();
        for (_, sum) in &self.budgets.peers {
            of_peers.held += sum.held;
            of_peers.pieces += sum.pieces;
        }
        if all != self.budgets.all || of_peers != all {
            return Err("what is kept for peers is counted");
        }
        if all.held > self.limits.held_max {
            return Err("no more connections are held than the bound");
        }
        Ok(())
    }
}

/// From connections sorted by peer and age: always the newest of the peer that has most left.
fn newest_of_the_largest(by_peer: &[(Peer, u32, u32)]) -> Vec<u32> {
    let mut heap = alloc::collections::BinaryHeap::new();
    for group in by_peer.chunk_by(|one, other| one.0 == other.0) {
        if let Some((peer, _, _)) = group.first() {
            heap.push((group.len(), *peer, group));
        }
    }
    let mut order = Vec::with_capacity(by_peer.len());
    while let Some((_, peer, group)) = heap.pop() {
        if let Some(((_, _, index), rest)) = group.split_last() {
            order.push(*index);
            heap.push((rest.len(), peer, rest));
        }
    }
    order
}
