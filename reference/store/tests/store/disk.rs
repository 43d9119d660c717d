//! A disk that keeps only what was synced: at a power cut, what was written since stays, goes, tears or is reordered.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oorandom::Rand64;
use redb::StorageBackend;

/// What happens to the disk at one of its next operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The power goes: this operation and all later ones fail.
    PowerCut,
    /// One write fails, and nothing of it is written.
    WriteError,
    /// One sync fails: what was written since the last one may or may not be on disk.
    SyncError,
    /// No operation may make it longer than it is.
    Full,
}

#[derive(Debug, Clone)]
enum Op {
    Write { offset: usize, octets: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Default)]
struct State {
    /// What is read: every write shows at once.
    live: Vec<u8>,
    synced: Vec<u8>,
    /// Since the last sync, in order.
    pending: Vec<Op>,
    /// After how many operations of its kind it happens.
    armed: Option<(u64, Trouble)>,
    is_off: bool,
    is_full: bool,
    written_octets: u64,
    syncs: u64,
}

impl State {
    /// Counts one operation down to the trouble.
    fn meet(&mut self, kind: Trouble) -> Result<(), Error> {
        if let Some((left, trouble)) = &mut self.armed {
            let counts = *trouble == kind || *trouble == Trouble::PowerCut;
            if counts && *left > 0 {
                *left -= 1;
            } else if counts {
                match trouble {
                    Trouble::PowerCut => self.is_off = true,
                    Trouble::Full => self.is_full = true,
                    Trouble::WriteError | Trouble::SyncError => {
                        self.armed = None;
                        return Err(Error::other("armed"));
                    }
                }
            }
        }
        if self.is_off { Err(Error::new(ErrorKind::NotConnected, "no power")) } else { Ok(()) }
    }
}

fn apply(image: &mut Vec<u8>, op: &Op) {
    match op {
        Op::SetLen(len) => image.resize(*len, 0),
        Op::Write { offset, octets } => {
            let end = offset + octets.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(octets);
        }
    }
}

/// A handle; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn holding(image: Vec<u8>) -> Self {
        let state = State { live: image.clone(), synced: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn arm(&self, after_operations: u64, trouble: Trouble) {
        self.state().armed = Some((after_operations, trouble));
    }

    /// The trouble is over; the power stays off if it went.
    pub(crate) fn disarm(&self) {
        let mut state = self.state();
        state.armed = None;
        state.is_full = false;
    }

    /// Octets written so far, and syncs.
    pub(crate) fn written(&self) -> (u64, u64) {
        let state = self.state();
        (state.written_octets, state.syncs)
    }

    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().live.clone()
    }

    /// The process dies, the machine does not: what was written shows, what was not synced is not safe yet.
    pub(crate) fn after_process_death(&self) -> Self {
        let mut state = self.state();
        state.is_off = true;
        let (live, synced, pending) = (state.live.clone(), state.synced.clone(), state.pending.clone());
        Self(Arc::new(Mutex::new(State { live, synced, pending, ..State::default() })))
    }

    /// The power goes: what is left of it when it comes back.
    pub(crate) fn after_power_cut(&self, random: &mut Rand64) -> Self {
        let mut state = self.state();
        state.is_off = true;
        let mut image = state.synced.clone();
        let kept_of_8 = random.rand_range(0..9);
        let mut kept: Vec<Op> = Vec::new();
        for op in &state.pending {
            for piece in torn(op, random) {
                if random.rand_range(0..8) < kept_of_8 {
                    kept.push(piece);
                }
            }
        }
        if random.rand_range(0..2) == 0 {
            shuffle(&mut kept, random);
        }
        kept.iter().for_each(|op| apply(&mut image, op));
        Self::holding(image)
    }
}

/// The op in pieces, cut at any octets.
fn torn(op: &Op, random: &mut Rand64) -> Vec<Op> {
    let Op::Write { offset, octets } = op else { return vec![op.clone()] };
    let mut cuts = vec![0, octets.len()];
    for _ in 0..random.rand_range(0..4) {
        cuts.push(usize::try_from(random.rand_range(0..octets.len() as u64 + 1)).unwrap());
    }
    cuts.sort_unstable();
    let piece =
        |ends: &[usize]| Op::Write { offset: offset + ends[0], octets: octets[ends[0]..ends[1]].to_vec() };
    cuts.windows(2).filter(|ends| ends[0] < ends[1]).map(piece).collect()
}

fn shuffle(ops: &mut [Op], random: &mut Rand64) {
    for last in (1..ops.len()).rev() {
        ops.swap(last, usize::try_from(random.rand_range(0..last as u64 + 1)).unwrap());
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        let state = self.state();
        if state.is_off {
            Err(Error::new(ErrorKind::NotConnected, "no power"))
        } else {
            Ok(state.live.len() as u64)
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state();
        if state.is_off {
            return Err(Error::new(ErrorKind::NotConnected, "no power"));
        }
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let found = offset.checked_add(out.len()).and_then(|end| state.live.get(offset..end));
        out.copy_from_slice(found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.state();
        state.meet(Trouble::Full)?;
        let len = usize::try_from(len).map_err(Error::other)?;
        if state.is_full && len > state.live.len() {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        state.live.resize(len, 0);
        state.pending.push(Op::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.meet(Trouble::SyncError)?;
        state.syncs += 1;
        let State { synced, pending, .. } = &mut *state;
        for op in pending.drain(..) {
            apply(synced, &op);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.meet(Trouble::WriteError)?;
        let offset = usize::try_from(offset).map_err(Error::other)?;
        if state.is_full && offset + data.len() > state.live.len() {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let op = Op::Write { offset, octets: data.to_vec() };
        apply(&mut state.live, &op);
        state.written_octets += data.len() as u64;
        state.pending.push(op);
        Ok(())
    }
}
