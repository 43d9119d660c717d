//! Packets in and out of a TUN device.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sys;

/// Longest packet that is read: the MTU of no run comes near it.
pub(crate) const PACKET_OCTETS_MAX: usize = 4096;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// A packet can be read, or time is up.
    Work,
    /// Standard input has something to read, or was closed: whoever started this process wants it to end.
    ToldToEnd,
}

/// An open TUN device.
pub(crate) struct Tun {
    file: File,
}

impl Tun {
    /// Attaches to the device `name`.
    pub(crate) fn attach(name: &str) -> io::Result<Self> {
        sys::attach_tun(name).map(|file| Self { file })
    }

    /// The next packet, if there is one, at the start of `buffer`; gives its octets.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.file.read(buffer) {
            Ok(len_octets) => Ok(Some(len_octets)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends one packet. One that the kernel has no room for is lost, as on any wire.
    pub(crate) fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self.file.write(packet) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sleeps until a packet comes, `patience` is over, or this process is told to end.
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<Woken> {
        let stdin = io::stdin();
        let mut fds = [PollFd::new(&self.file, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        let timeout = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(if fds[1].revents().is_empty() { Woken::Work } else { Woken::ToldToEnd })
    }
}
