//! What is kept, by name, and the socket to which it is sent.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType,
};
use tracing::warn;

/// Descriptors that are kept at most: their names are one string of the environment, which has 128 KiB.
const KEPT_MAX: usize = 20_000;
/// Octets of a message at most.
const MESSAGE_OCTETS: usize = 4096;

/// The shelf.
#[derive(Debug)]
pub(super) struct Shelf {
    socket: OwnedFd,
    address: String,
    /// Who may send.
    sender: Option<u32>,
    kept: BTreeMap<String, OwnedFd>,
    is_ready: bool,
}

impl Shelf {
    pub(super) fn new() -> io::Result<Self> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let name = format!("hiatus-keep/{:032x}", u128::from_ne_bytes(secret));
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        rustix::net::sockopt::set_socket_passcred(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        Ok(Self { socket, address: format!("@{name}"), sender: None, kept: BTreeMap::new(), is_ready: false })
    }

    /// Where it listens, as NOTIFY_SOCKET says it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn listen_to(&mut self, process: u32) {
        self.sender = Some(process);
        self.is_ready = false;
    }

    /// Whether the process has said so.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    /// The names as LISTEN_FDNAMES says them, and the descriptors in the same order.
    pub(super) fn contents(&self) -> (String, Vec<&OwnedFd>) {
        let names: Vec<&str> = self.kept.keys().map(String::as_str).collect();
        (names.join(":"), self.kept.values().collect())
    }

    /// Reads what was sent.
    pub(super) fn take_all(&mut self) -> io::Result<()> {
        let mut octets = [0; MESSAGE_OCTETS];
        loop {
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
            let mut control = RecvAncillaryBuffer::new(&mut room);
            let received = rustix::net::recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(&mut octets)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            );
            let len = match received {
                Ok(received) => received.bytes,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let (mut descriptors, mut sender) = (Vec::new(), None);
            for message in control.drain() {
                match message {
                    RecvAncillaryMessage::ScmRights(rights) => descriptors.extend(rights),
                    RecvAncillaryMessage::ScmCredentials(of) => sender = Some(of.pid.as_raw_pid()),
                    _ => {}
                }
            }
            let is_known = sender.and_then(|sender| u32::try_from(sender).ok()) == self.sender;
            let text = octets.get(..len).and_then(|octets| std::str::from_utf8(octets).ok());
            match text {
                Some(text) if is_known => self.obey(text, descriptors),
                _ => warn!(?sender, "a message that is not of the process, or no text: not heard"),
            }
        }
    }

    fn obey(&mut self, text: &str, descriptors: Vec<OwnedFd>) {
        let says = |line: &str| text.lines().any(|found| found == line);
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
        self.is_ready |= says("READY=1");
        if says("FDSTORE=1") {
            let name = name.filter(|name| !name.is_empty() && !name.contains(':')).unwrap_or("stored");
            for descriptor in descriptors {
                if self.kept.len() >= KEPT_MAX {
                    warn!(name, KEPT_MAX, "the shelf is full: not kept");
                    return;
                }
                self.kept.insert(name.to_owned(), descriptor);
            }
        } else if says("FDSTOREREMOVE=1")
            && let Some(name) = name
        {
            self.kept.remove(name);
        }
    }
}

impl AsFd for Shelf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
