//! Waiting for packets, and for being told to end.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use hiatus_netns::{Ready, Tun};

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

/// Sleeps until a packet comes, `patience` is over, or this process is told to end.
pub(crate) fn wait(tun: &Tun, patience: Duration) -> io::Result<Woken> {
    let stdin = io::stdin();
    let [_, told] = hiatus_netns::wait([tun.as_fd(), stdin.as_fd()], patience)?;
    Ok(if told == Ready::No { Woken::Work } else { Woken::ToldToEnd })
}
