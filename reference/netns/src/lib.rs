//! # hiatus-netns
//!
//! Networks of a test's own, and TUN devices in them, for live peers and live targets. What is made here has no name on the
//! machine: a network goes with the last process and open file of it, however they end, and a device with its network.

mod sys;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use sys::enter_new_network;

/// An open TUN device: IP packets in and out, one a call, that never wait.
#[derive(Debug)]
pub struct Tun {
    file: File,
}

impl Tun {
    /// Attaches to the device `name` of this thread's network; makes it if there is none, and then it is gone with this
    /// value.
    ///
    /// # Errors
    ///
    /// An [`io::Error`]: no `/dev/net/tun`, no right to do so (CAP_NET_ADMIN in the network), a name over 15 octets.
    pub fn attach(name: &str) -> io::Result<Self> {
        sys::attach_tun(name).map(|file| Self { file })
    }

    /// The next packet, if there is one, at the start of `buffer`; gives its octets.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the device.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.file.read(buffer) {
            Ok(len_octets) => Ok(Some(len_octets)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends one packet. One that the kernel has no room for is lost, as on any wire.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the device, such as EIO while it is down.
    pub fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self.file.write(packet) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Sleeps until one of `sources` can be read or was closed, or `patience` is over; gives which, in the order of `sources`.
///
/// # Errors
///
/// An [`io::Error`] of poll(2).
pub fn wait<const N: usize>(sources: [BorrowedFd<'_>; N], patience: Duration) -> io::Result<[Ready; N]> {
    let mut fds = sources.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let timeout = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fds.map(|fd| if fd.revents().is_empty() { Ready::No } else { Ready::Yes }))
}

/// Whether something can be read, or was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Nothing yet.
    No,
    /// It can be read, or was closed.
    Yes,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write;
    use std::os::fd::AsFd;
    use std::thread;
    use std::time::Duration;

    use super::{Ready, Tun, enter_new_network, wait};

    #[test]
    fn a_device_lives_in_its_own_network() {
        let test = thread::spawn(|| {
            if let Err(error) = enter_new_network() {
                // Straight to the stream: libtest would keep a print to itself.
                let said = "SKIPPED: a_device_lives_in_its_own_network: no network of its own";
                writeln!(std::io::stderr(), "{said}: {error}").unwrap();
                return;
            }
            let mut tun = Tun::attach("hiatus-test0").unwrap();
            let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
            assert!(devices.contains("hiatus-test0"), "{devices}");
            assert_eq!(tun.receive(&mut [0; 64]).unwrap(), None);
            // A device that is down takes no packet.
            assert!(tun.send(&[0x45; 20]).is_err());
            assert_eq!(wait([tun.as_fd()], Duration::from_millis(1)).unwrap(), [Ready::No]);
            assert!(Tun::attach("a-name-that-is-too-long").is_err());
        });
        test.join().unwrap();
        let devices = std::fs::read_to_string("/proc/net/dev").unwrap();
        assert!(!devices.contains("hiatus-test0"), "{devices}");
    }
}
