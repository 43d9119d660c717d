//! The packed form of a connection on which Hiatus is on and whose buffers are empty: what its record says, and the rest.
//!
//! A snapshot takes the record as it lies, without unpacking the connection.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::Deserialize;

use super::PACKED_OCTETS_MAX;
use super::zeros::{Reader, Writer};
use crate::record::{self, FIXED_OCTETS, Fixed, Source};
use crate::state::State;

/// Parts of a record that a packed connection keeps: how far the negotiation is, state, role and flags; everything behind the
/// addresses and before the counts of octets, which are 0.
const KEPT: [core::ops::Range<usize>; 3] = [6..8, 13..16, 56..216];
/// Octets of them, and of the mark before them, rounded up to whole eights.
const KEPT_OCTETS: usize = 168;
/// A bit for each: whether it is there. Zeros are not.
const MAP_OCTETS: usize = KEPT_OCTETS / 8;

/// The map, the octets that are not 0, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split(pub(super) Box<[u8]>);

/// Whether the peer is to know something when the next epoch is DURABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    No,
    Yes,
}

impl News {
    /// Of what a record is made of.
    pub(crate) fn of(source: &Source<'_>) -> Self {
        let Some(parts) = source.waiting() else { return Self::No };
        let is_told = match parts.hiatus.session() {
            Some(session) => session.epochs.as_deref().is_some_and(|epochs| epochs.stable >= parts.rcv.nxt),
            None => parts.rcv.is_acknowledged(),
        };
        if !is_told || parts.snd.lim < parts.snd.end { Self::Yes } else { Self::No }
    }
}

impl Split {
    /// Packs `state`, if it is of that kind. It is as before afterwards.
    pub(super) fn of(state: &mut State) -> Option<Self> {
        let news = News::of(&Source::of(state));
        let fixed = record::take_out(state)?;
        let mut room = [0; PACKED_OCTETS_MAX];
        let packed = postcard::serialize_with_flavor(&*state, Writer::new(&mut room)).ok().map(|rest| {
            let kept = kept(&fixed, news);
            let there = kept.iter().filter(|octet| **octet != 0);
            let mut octets = Vec::with_capacity(MAP_OCTETS + there.clone().count() + rest.len());
            for eight in kept.chunks_exact(8) {
                let bit = |(at, octet): (usize, &u8)| u8::from(*octet != 0) << at;
                octets.push(eight.iter().enumerate().map(bit).sum());
            }
            octets.extend(there);
            octets.extend_from_slice(rest);
            Self(octets.into())
        });
        record::put_back(state, &fixed);
        packed
    }

    /// What the record says, and what follows it.
    fn open(&self) -> Option<([u8; KEPT_OCTETS], &[u8])> {
        let (map, mut octets) = self.0.split_first_chunk::<MAP_OCTETS>()?;
        let mut kept = [0; KEPT_OCTETS];
        for (bits, eight) in map.iter().zip(kept.chunks_exact_mut(8)) {
            let mut left = *bits;
            while left != 0 {
                let at = usize::try_from(left.trailing_zeros()).ok()?;
                let (first, after) = octets.split_first()?;
                *eight.get_mut(at)? = *first;
                octets = after;
                left &= left - 1;
            }
        }
        Some((kept, octets))
    }

    /// What [`record::take_out`] took, and whether there is news.
    pub(crate) fn taken_out(&self) -> Option<(Fixed, News)> {
        let (kept, _) = self.open()?;
        Some((fixed_of(&kept), if kept.first() == Some(&0) { News::No } else { News::Yes }))
    }

    /// The state that was packed.
    pub(super) fn awake(&self) -> Option<State> {
        let (kept, rest) = self.open()?;
        let mut reader = postcard::Deserializer::from_flavor(Reader::new(rest));
        let mut state = State::deserialize(&mut reader).ok()?;
        record::put_back(&mut state, &fixed_of(&kept));
        Some(state)
    }
}

fn kept(fixed: &Fixed, news: News) -> [u8; KEPT_OCTETS] {
    let mut kept = [0; KEPT_OCTETS];
    kept[0] = u8::from(news == News::Yes);
    let mut at = 1;
    for range in KEPT {
        let end = at + range.len();
        kept[at..end].copy_from_slice(&fixed[range]);
        at = end;
    }
    kept
}

fn fixed_of(kept: &[u8; KEPT_OCTETS]) -> Fixed {
    let mut fixed = [0; FIXED_OCTETS];
    let mut at = 1;
    for range in KEPT {
        let end = at + range.len();
        fixed[range].copy_from_slice(&kept[at..end]);
        at = end;
    }
    fixed
}
