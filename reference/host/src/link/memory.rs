//! Two hosts in one process.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hiatus_engine::ChecksumStatus;
use mio::Waker;

use crate::link::{Received, Sent};

/// Packets that wait in one direction; beyond it the link has no room.
const QUEUED_MAX: usize = 1024;

/// One direction.
#[derive(Debug, Default)]
struct Wire {
    packets: VecDeque<Vec<u8>>,
    /// Who waits for packets.
    waker: Option<Arc<Waker>>,
    /// Whether packets are lost: the cable is out.
    cut: Cut,
}

/// Whether a wire carries anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    /// It does.
    #[default]
    No,
    /// Packets are lost in both directions.
    Yes,
}

/// One end of a link in memory.
#[derive(Debug, Clone)]
pub struct MemoryLink {
    out: Arc<Mutex<Wire>>,
    into: Arc<Mutex<Wire>>,
    mtu_octets: u16,
}

fn locked(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLink {
    /// Both ends of a new link.
    #[must_use]
    pub fn pair(mtu_octets: u16) -> (Self, Self) {
        let (one, other) = (Arc::default(), Arc::default());
        let far = Self { out: Arc::clone(&other), into: Arc::clone(&one), mtu_octets };
        (Self { out: one, into: other, mtu_octets }, far)
    }

    /// A link that gives back what was sent: connections of one host to itself.
    #[must_use]
    pub fn looped(mtu_octets: u16) -> Self {
        let wire: Arc<Mutex<Wire>> = Arc::default();
        Self { out: Arc::clone(&wire), into: wire, mtu_octets }
    }

    /// Pulls the cable, or puts it back. What is under way is lost.
    pub fn set_cut(&self, cut: Cut) {
        for wire in [&self.out, &self.into] {
            let mut wire = locked(wire);
            wire.packets.clear();
            wire.cut = cut;
        }
    }

    pub(crate) fn set_waker(&self, waker: Arc<Waker>) {
        locked(&self.into).waker = Some(waker);
    }

    pub(crate) fn mtu_octets(&self) -> u16 {
        self.mtu_octets
    }

    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<Received> {
        let packet = locked(&self.into).packets.pop_front()?;
        let room = buffer.get_mut(..packet.len())?;
        room.copy_from_slice(&packet);
        Some(Received { len_octets: packet.len(), checksum: ChecksumStatus::ToVerify })
    }

    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<Sent> {
        let mut wire = locked(&self.out);
        if wire.cut == Cut::Yes {
            return Ok(Sent::Taken);
        }
        if wire.packets.len() >= QUEUED_MAX {
            return Ok(Sent::Full);
        }
        wire.packets.push_back(packet.to_vec());
        if let Some(waker) = &wire.waker
            && wire.packets.len() == 1
        {
            waker.wake()?;
        }
        Ok(Sent::Taken)
    }
}
