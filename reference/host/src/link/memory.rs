//! Two hosts in one process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hiatus_engine::ChecksumStatus;

use crate::link::{Received, Sent};

/// Packets that wait in one direction; beyond it the link has no room.
const QUEUED_MAX: usize = 1024;

type Queue = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// One end of a link in memory.
#[derive(Debug, Clone)]
pub struct MemoryLink {
    out: Queue,
    into: Queue,
    mtu_octets: u16,
}

impl MemoryLink {
    /// Both ends of a new link.
    #[must_use]
    pub fn pair(mtu_octets: u16) -> (Self, Self) {
        let (one, other) = (Queue::default(), Queue::default());
        let far = Self { out: Arc::clone(&other), into: Arc::clone(&one), mtu_octets };
        (Self { out: one, into: other, mtu_octets }, far)
    }

    pub(crate) fn mtu_octets(&self) -> u16 {
        self.mtu_octets
    }

    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<Received> {
        let mut queue = self.into.lock().unwrap_or_else(PoisonError::into_inner);
        let packet = queue.pop_front()?;
        let room = buffer.get_mut(..packet.len())?;
        room.copy_from_slice(&packet);
        Some(Received { len_octets: packet.len(), checksum: ChecksumStatus::ToVerify })
    }

    pub(crate) fn send(&self, packet: &[u8]) -> Sent {
        let mut queue = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= QUEUED_MAX {
            return Sent::Full;
        }
        queue.push_back(packet.to_vec());
        Sent::Taken
    }
}
