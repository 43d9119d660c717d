//! The path: what it loses, doubles, delays and rewrites, in octets.

use core::time::Duration;

use hiatus_engine::Time;

use crate::dice::Dice;
use crate::histories::agenda::{Agenda, Item};
use crate::histories::story::{Network, Offload};
use crate::histories::tally::{Kind, Seen};
use crate::path::{Passage, Strip};
use crate::sim::Side;

/// Octets of a slot: the longest segment here.
pub(crate) const SLOT_OCTETS: usize = 1536;
/// Octets of a TCP header without options.
const HEADER_OCTETS: usize = 20;
const FLAG_FIN: u8 = 0x01;
const FLAG_SYN: u8 = 0x02;
const FLAG_RST: u8 = 0x04;
const FLAG_PSH: u8 = 0x08;
const FLAG_ACK: u8 = 0x10;
/// The kinds of options that are walked over.
const KIND_END: u8 = 0;
const KIND_NOP: u8 = 1;
const KIND_SACK: u8 = 5;

/// A segment under way.
#[derive(Debug)]
struct Slot {
    octets: Box<[u8; SLOT_OCTETS]>,
    len_octets: usize,
}

/// The path between both hosts.
#[derive(Debug)]
pub(crate) struct Path {
    plan: Network,
    dice: Dice,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Segments of each side that will still draw an RST.
    pub(crate) forgotten: [u16; 2],
    /// Nothing passes before.
    pub(crate) cut_until: Time,
    /// From then on nothing is lost, doubled or late.
    pub(crate) calm_at: Time,
}

/// What became of a segment, for the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    Twice,
    Late,
    Lost,
    AnsweredByPath,
}

impl Path {
    pub(crate) fn new(plan: Network, dice: Dice, calm_at: Time) -> Self {
        Self {
            plan,
            dice,
            slots: Vec::new(),
            free: Vec::new(),
            forgotten: [0; 2],
            cut_until: Time::ZERO,
            calm_at,
        }
    }

    /// A slot to write a segment into.
    pub(crate) fn take_slot(&mut self) -> usize {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        self.slots.push(Slot { octets: Box::new([0; SLOT_OCTETS]), len_octets: 0 });
        self.slots.len() - 1
    }

    pub(crate) fn room(&mut self, slot: usize) -> &mut [u8] {
        self.slots.get_mut(slot).map_or(&mut [], |slot| &mut slot.octets[..])
    }

    pub(crate) fn set_len(&mut self, slot: usize, len_octets: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.len_octets = len_octets.min(SLOT_OCTETS);
        }
    }

    pub(crate) fn octets(&self, slot: usize) -> &[u8] {
        self.slots.get(slot).map_or(&[], |slot| slot.octets.get(..slot.len_octets).unwrap_or(&[]))
    }

    fn octets_mut(&mut self, slot: usize) -> &mut [u8] {
        self.slots.get_mut(slot).map_or(&mut [], |slot| {
            let len_octets = slot.len_octets;
            slot.octets.get_mut(..len_octets).unwrap_or(&mut [])
        })
    }

    pub(crate) fn give_back(&mut self, slot: usize) {
        self.free.push(slot);
    }

    /// Takes the segment in `slot` from the host at `from` and plans what comes of it.
    pub(crate) fn carry(
        &mut self,
        now: Time,
        from: Side,
        slot: usize,
        agenda: &mut Agenda,
        seen: &mut Seen,
    ) -> Fate {
        let is_rough = now < self.calm_at;
        if self.is_answered(from, slot) {
            seen.note(Kind::PathReset);
            agenda.plan(now + self.plan.delay, Item::Arrival { to: from, slot });
            return Fate::AnsweredByPath;
        }
        let is_lost = is_rough && self.dice_per_mille(self.plan.loss_per_mille);
        if now < self.cut_until || is_lost || self.rewrite(now, from, slot, seen) == Passage::Dropped {
            if is_lost {
                seen.note(Kind::Loss);
            }
            self.give_back(slot);
            return Fate::Lost;
        }
        let to = from.peer();
        let mut fate = Fate::Passes;
        if is_rough && self.dice_per_mille(self.plan.duplicates_per_mille) {
            let copy = self.copy(slot);
            let at = self.arrival(now, is_rough);
            agenda.plan(at, Item::Arrival { to, slot: copy });
            seen.note(Kind::Duplicate);
            fate = Fate::Twice;
        }
        let mut late = Duration::ZERO;
        if is_rough && self.dice_per_mille(self.plan.stragglers_per_mille) {
            late = self.dice.duration_up_to(self.plan.straggle);
            seen.note(Kind::Straggler);
            fate = Fate::Late;
        }
        if self.plan.offload == Offload::Cuts
            && let Some(half) = self.cut(slot)
        {
            seen.note(Kind::OptionsCopied);
            let at = self.arrival(now, is_rough) + late;
            agenda.plan(at, Item::Arrival { to, slot: half });
        }
        let at = self.arrival(now, is_rough) + late;
        agenda.plan(at, Item::Arrival { to, slot });
        fate
    }

    fn dice_per_mille(&mut self, count: u16) -> bool {
        count > 0 && self.dice.per_mille(count)
    }

    fn arrival(&mut self, now: Time, is_rough: bool) -> Time {
        let jitter_us = u64::try_from(self.plan.jitter.as_micros()).unwrap_or(0);
        let jitter_us = if is_rough && jitter_us > 0 { self.dice.below(jitter_us) } else { 0 };
        now + self.plan.delay + Duration::from_micros(jitter_us)
    }

    fn copy(&mut self, slot: usize) -> usize {
        let copy = self.take_slot();
        let octets = self.octets(slot).to_vec();
        if let Some(room) = self.room(copy).get_mut(..octets.len()) {
            room.copy_from_slice(&octets);
        }
        self.set_len(copy, octets.len());
        copy
    }

    /// A path element that has forgotten the connection answers in the name of the other end, with the right number.
    fn is_answered(&mut self, from: Side, slot: usize) -> bool {
        let octets = self.octets_mut(slot);
        let Some(flags) = octets.get(13).copied() else { return false };
        let is_candidate = flags & FLAG_ACK != 0 && flags & (FLAG_SYN | FLAG_RST) == 0;
        let Some(left) = self.forgotten.get_mut(from.index()).filter(|left| is_candidate && **left > 0)
        else {
            return false;
        };
        *left -= 1;
        let octets = self.octets_mut(slot);
        let Some(header) = octets.first_chunk_mut::<HEADER_OCTETS>() else { return false };
        header.swap(0, 2);
        header.swap(1, 3);
        header.copy_within(8..12, 4);
        header[8..12].fill(0);
        header[12] = 0x50;
        header[13] = FLAG_RST;
        self.set_len(slot, HEADER_OCTETS);
        true
    }

    /// What middleboxes do to the octets.
    fn rewrite(&mut self, now: Time, from: Side, slot: usize, seen: &mut Seen) -> Passage {
        let (strip, shift) = (self.plan.strip, self.plan.isn_shift);
        let octets = self.octets_mut(slot);
        if shift != [0; 2] {
            seen.note(Kind::NumbersRewritten);
            let [own, peer] = [shift[from.index()], shift[from.peer().index()]];
            shift_numbers(octets, own, peer);
        }
        if strip == Strip::Nothing {
            return Passage::Through;
        }
        if !matches!(strip, Strip::From(from) if now < from) {
            seen.note(Kind::OptionsStripped);
        }
        strip.apply(now, octets)
    }

    /// Cuts the segment in `slot` in two; gives the second half.
    fn cut(&mut self, slot: usize) -> Option<usize> {
        let octets = self.octets(slot);
        let header_octets = usize::from(octets.get(12)? >> 4) * 4;
        let half_octets = octets.len().checked_sub(header_octets)? / 2;
        if half_octets == 0 {
            return None;
        }
        let second = self.copy(slot);
        let octets = self.octets_mut(second);
        let len_octets = octets.len();
        octets.copy_within(header_octets + half_octets.., header_octets);
        add(octets, 4, u32::try_from(half_octets).ok()?);
        self.set_len(second, len_octets - half_octets);
        if let Some(flags) = self.octets_mut(slot).get_mut(13) {
            *flags &= !(FLAG_FIN | FLAG_PSH);
        }
        self.set_len(slot, header_octets + half_octets);
        Some(second)
    }
}

/// Adds to the 32-bit number at `at`.
fn add(octets: &mut [u8], at: usize, count: u32) {
    if let Some(field) = octets.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *field = u32::from_be_bytes(*field).wrapping_add(count).to_be_bytes();
    }
}

/// What a firewall does that hides initial sequence numbers: `own` is added to those of the sender, `peer` to those of
/// the receiver, so it is taken off what acknowledges them.
fn shift_numbers(octets: &mut [u8], own: u32, peer: u32) {
    let Some([offset, flags]) = octets.get(12..14).and_then(|pair| pair.first_chunk().copied()) else {
        return;
    };
    add(octets, 4, own);
    if flags & FLAG_ACK != 0 {
        add(octets, 8, peer.wrapping_neg());
    }
    let end = (usize::from(offset >> 4) * 4).min(octets.len());
    let mut at = HEADER_OCTETS;
    while at < end {
        match octets.get(at).copied() {
            None | Some(KIND_END) => break,
            Some(KIND_NOP) => at += 1,
            Some(kind) => {
                let len = octets.get(at + 1).copied().map_or(0, usize::from);
                if kind == KIND_SACK {
                    let edges = (at + 2..(at + len).min(end)).step_by(4);
                    edges.for_each(|edge| add(octets, edge, peer.wrapping_neg()));
                }
                at += len.max(2);
            }
        }
    }
}

/// TSval of a segment as an engine writes it: the option stands first, behind two NOPs or none.
pub(crate) fn timestamp(octets: &[u8]) -> Option<u32> {
    let options = octets.get(HEADER_OCTETS..)?;
    let option = match options {
        [KIND_NOP, KIND_NOP, 8, 10, rest @ ..] | [8, 10, rest @ ..] => rest,
        _ => return find_timestamp(octets),
    };
    option.first_chunk().copied().map(u32::from_be_bytes)
}

/// The same where other options stand before it.
fn find_timestamp(octets: &[u8]) -> Option<u32> {
    let segment = hiatus_codec::Segment::parse(octets).ok()?;
    let timestamps = hiatus_codec::KnownOptions::parse(&segment).timestamps?;
    Some(timestamps.value)
}
