//! `epoll`, as much of it as scripts need: level, edge and one shot.

use std::collections::BTreeMap;

use hiatus_engine::Time;

use super::{Errno, Fd, Refusal, Sockets};

/// What `epoll_ctl` changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpollChange {
    /// `EPOLL_CTL_ADD`.
    Add(EpollEvent),
    /// `EPOLL_CTL_MOD`.
    Modify(EpollEvent),
    /// `EPOLL_CTL_DEL`.
    Delete,
}

/// `struct epoll_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpollEvent {
    /// `EPOLL*`.
    pub events: u32,
    /// The application's own.
    pub data: u64,
}

#[derive(Debug, Clone, Copy)]
struct Interest {
    asked: EpollEvent,
    /// What the application was told last: an edge is what is new.
    told: u32,
}

/// One epoll.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    interests: BTreeMap<Fd, Interest>,
}

impl Epoll {
    pub(super) fn forget(&mut self, fd: Fd) {
        self.interests.remove(&fd);
    }
}

const EDGE: u32 = 1 << 31;
const ONE_SHOT: u32 = 1 << 30;
const ALWAYS: u32 = 0x18;

impl Sockets {
    /// `epoll_create`: the owner gives the number.
    pub fn epoll_create(&mut self, fd: Fd) -> Fd {
        self.epolls.insert(fd, Epoll::default());
        fd
    }

    /// `epoll_ctl`.
    ///
    /// # Errors
    ///
    /// `EBADF`, `EEXIST`, `ENOENT`.
    pub fn epoll_ctl(&mut self, epoll: Fd, fd: Fd, change: EpollChange) -> Result<(), Errno> {
        self.socket_of(fd)?;
        let interests = &mut self.epolls.get_mut(&epoll).ok_or(Errno::EBADF)?.interests;
        match (change, interests.contains_key(&fd)) {
            (EpollChange::Add(_), true) => return Err(Errno::EEXIST),
            (EpollChange::Modify(_) | EpollChange::Delete, false) => return Err(Errno::ENOENT),
            (EpollChange::Add(asked), false) | (EpollChange::Modify(asked), true) => {
                interests.insert(fd, Interest { asked, told: 0 });
            }
            (EpollChange::Delete, true) => {
                interests.remove(&fd);
            }
        }
        Ok(())
    }

    /// `epoll_wait`: at most `count_max` events.
    ///
    /// # Errors
    ///
    /// `EBADF`; [`Refusal::Blocks`] if there is none before the deadline.
    pub fn epoll_wait(
        &mut self,
        epoll: Fd,
        count_max: usize,
        deadline: Option<Time>,
    ) -> Result<Vec<EpollEvent>, Refusal> {
        self.note_ends();
        let fds: Vec<Fd> = self.epolls.get(&epoll).ok_or(Errno::EBADF)?.interests.keys().copied().collect();
        let mut found = Vec::new();
        for fd in fds {
            let events = u32::from(self.events_of(fd).unwrap_or(0).cast_unsigned());
            let Some(interest) = self.epolls.get_mut(&epoll).and_then(|epoll| epoll.interests.get_mut(&fd))
            else {
                continue;
            };
            let wanted = events & (interest.asked.events | ALWAYS) & !(EDGE | ONE_SHOT);
            let is_new = interest.asked.events & EDGE == 0 || wanted & !interest.told != 0;
            if found.len() < count_max && wanted != 0 && is_new {
                interest.told = wanted;
                if interest.asked.events & ONE_SHOT != 0 {
                    interest.asked.events = 0;
                }
                found.push(EpollEvent { events: wanted, data: interest.asked.data });
            } else {
                interest.told &= wanted;
            }
        }
        let is_late = deadline.is_some_and(|deadline| self.host.now() >= deadline);
        if found.is_empty() && !is_late { Err(Refusal::Blocks) } else { Ok(found) }
    }
}
