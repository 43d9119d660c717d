//! The end of the protocol that a kept process has.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType,
};
use tracing::warn;

use crate::sys;

/// The variable that says where the keeper listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Octets of a name at most (sd_pid_notify_with_fds(3)).
const NAME_OCTETS_MAX: usize = 255;

/// Why there is no way to the keeper.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Its socket.
    #[error("NOTIFY_SOCKET: expected the socket of a keeper, found: {0}")]
    Socket(io::Error),
    /// The descriptors that this process was given.
    #[error("LISTEN_FDS: {0}")]
    Descriptors(io::Error),
}

/// What a process was given at its start: descriptors by their names.
pub type KeptDescriptors = BTreeMap<String, OwnedFd>;

/// The way to the keeper, if there is one.
#[derive(Debug)]
pub struct Kept {
    socket: Option<OwnedFd>,
}

impl Kept {
    /// Nobody keeps anything.
    #[must_use]
    pub fn by_nobody() -> Self {
        Self { socket: None }
    }

    /// Finds the keeper, and takes what it has kept. To be called once, before anything else opens a descriptor.
    ///
    /// # Errors
    ///
    /// A [`KeepError`].
    pub fn find() -> Result<(Self, KeptDescriptors), KeepError> {
        let given = sd_notify::listen_fds_with_names().map_err(KeepError::Descriptors)?;
        let given = given.map(|(number, name)| (name, sys::inherited(number))).collect();
        let socket = env::var_os(NOTIFY_SOCKET).map(|path| connected(&path)).transpose();
        Ok((Self { socket: socket.map_err(KeepError::Socket)? }, given))
    }

    /// Whether anybody keeps what is stored.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Stores a copy of `descriptor` under `name`, which nothing else is stored under.
    pub fn store(&self, name: &str, descriptor: impl AsFd) {
        // A connection that is over is still asked how it ended.
        let message = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n");
        self.send(&message, &[descriptor.as_fd()], name);
    }

    /// Nothing is stored under `name` any more.
    pub fn remove(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[], name);
    }

    /// This process has started: it does what it is for.
    pub fn ready(&self) {
        self.send("READY=1\n", &[], "READY");
    }

    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>], name: &str) {
        debug_assert!(name.len() <= NAME_OCTETS_MAX, "a name of the keeper is short");
        let Some(socket) = &self.socket else { return };
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let octets = [io::IoSlice::new(message.as_bytes())];
        // It waits while the queue of the keeper is full: what is not kept is not survived.
        let sent = loop {
            match rustix::net::sendmsg(socket, &octets, &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                sent => break sent,
            }
        };
        if let Err(error) = sent {
            warn!(name, %error, "the keeper did not hear");
        }
    }
}

/// Connected while this process may still do so: later it has perhaps given up its rights.
fn connected(path: &OsStr) -> io::Result<OwnedFd> {
    let octets = path.as_bytes();
    let address = match octets.split_first() {
        Some((b'@', name)) => SocketAddrUnix::new_abstract_name(name)?,
        _ => SocketAddrUnix::new(octets)?,
    };
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}
