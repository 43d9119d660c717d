//! The mount: made, kept while the loop runs, and taken away.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use fuser::{BackgroundSession, Config, MountOption, Session};
use hiatus_engine::{ConnectionId, Event, ListenerId};
use mio::net::UnixStream;
use mio::{Interest, Token};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use signal_hook::consts::{SIGHUP, SIGINT};
use tracing::{info, warn};

use crate::epochs::States;
use crate::event_loop::{EventLoop, FIRST_TOKEN, Wired};
use crate::machine::{Machine, Returned, Service, Started};
use crate::socketfs::front::Front;
use crate::socketfs::service::Sockets;
use crate::socketfs::texts::Network;

/// What is mounted, and where.
#[derive(Debug, Clone)]
pub struct MountSettings {
    /// A folder that exists.
    pub mountpoint: PathBuf,
    /// Addresses of the sockets.
    pub network: Network,
    /// Sockets at a time.
    pub sockets_max: u32,
}

/// Why nothing is mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The folder.
    #[error("mount point {}: {error}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// FUSE.
    #[error("mount on {}: {error} (FUSE needs /dev/fuse, and for users other than root fusermount3 of the package fuse3)", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The loop.
    #[error("the loop of the host: {0}")]
    Loop(io::Error),
}

/// Sockets as files; what an [`EventLoop`] runs. Dropped, it is mounted no longer.
#[derive(Debug)]
pub struct SocketFs {
    sockets: Sockets,
    mount: Option<(BackgroundSession, PathBuf)>,
    _signals: Vec<UnixStream>,
}

impl SocketFs {
    /// Mounts the sockets of a host that has begun. Requests are answered as soon as `event_loop` runs.
    ///
    /// A mount that a killed process has left there is taken away first.
    ///
    /// # Errors
    ///
    /// A [`MountError`].
    pub fn mount(
        event_loop: &EventLoop,
        started: Started,
        settings: &MountSettings,
    ) -> Result<(Machine, Self), MountError> {
        let Started { mut machine, returned, lost, states, .. } = started;
        let path = settings.mountpoint.clone();
        prepare(&path).map_err(|error| MountError::Folder { path: path.clone(), error })?;
        let (sender, jobs) = mpsc::channel();
        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let mut sockets = Sockets::new(jobs, settings.network.clone(), settings.sockets_max, owner);
        sockets.restore(&mut machine, &states, &returned);
        if !lost.is_empty() {
            warn!(connections = lost.len(), "connections to peers without Hiatus are lost");
        }
        let signals = catch_signals(event_loop).map_err(MountError::Loop)?;
        let front = Front { jobs: sender, waker: event_loop.waker() };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("hiatus".to_owned()),
            MountOption::Subtype("socketfs".to_owned()),
            MountOption::NoExec,
            MountOption::NoSuid,
            MountOption::NoDev,
        ];
        let session = Session::new(front, &path, &config).and_then(Session::spawn);
        let session = session.map_err(|error| MountError::Mount { path: path.clone(), error })?;
        info!(mountpoint = %path.display(), "mounted");
        Ok((machine, Self { sockets, mount: Some((session, path)), _signals: signals }))
    }
}

/// A folder that can be mounted on.
fn prepare(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::from(Errno::NOTDIR)),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTCONN) => {
            info!(mountpoint = %path.display(), "a mount without its process is taken away");
            detach(path)?;
            std::fs::metadata(path).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

/// Takes the mount away at once; files that are open stay until they are closed.
fn detach(path: &Path) -> io::Result<()> {
    match unmount(path, UnmountFlags::DETACH) {
        Ok(()) => Ok(()),
        Err(Errno::PERM) => {
            let mut helper = Command::new("fusermount3");
            helper.args(["-u", "-z", "-q", "--"]).arg(path).stdin(Stdio::null());
            let status = helper.status()?;
            if status.success() { Ok(()) } else { Err(io::Error::from(Errno::PERM)) }
        }
        Err(error) => Err(error.into()),
    }
}

fn catch_signals(event_loop: &EventLoop) -> io::Result<Vec<UnixStream>> {
    let mut readers = Vec::new();
    for (token, signal) in (FIRST_TOKEN..).zip([SIGINT, SIGHUP]) {
        let (mut reader, writer) = UnixStream::pair()?;
        event_loop.registry().register(&mut reader, Token(token), Interest::READABLE)?;
        signal_hook::low_level::pipe::register(signal, std::os::fd::OwnedFd::from(writer))?;
        readers.push(reader);
    }
    Ok(readers)
}

impl Drop for SocketFs {
    fn drop(&mut self) {
        let Some((session, path)) = self.mount.take() else { return };
        // Somebody may have unmounted it: that is how the loop ended then.
        detach(&path).ok();
        // Requests that nobody answers any more end with EIO, and with them the thread.
        drop(session);
    }
}

impl Service for SocketFs {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        self.sockets.handle_event(machine, id, event);
    }

    fn taken(&mut self, states: &mut States<'_>, epoch: u32) {
        self.sockets.taken(states, epoch);
    }

    fn durable(&mut self, machine: &mut Machine, epoch: u32) {
        self.sockets.durable(machine, epoch);
    }
}

impl Wired for SocketFs {
    fn handle_ready(&mut self, machine: &mut Machine, event: &mio::event::Event) {
        self.sockets.handle_ready(machine, event);
    }

    fn handle_round(&mut self, machine: &mut Machine) {
        self.sockets.handle_round(machine);
    }

    fn patience(&self, machine: &Machine) -> Option<std::time::Duration> {
        self.sockets.patience(machine)
    }

    fn goes_on(&self) -> bool {
        self.sockets.goes_on()
    }

    fn handle_restored(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        self.sockets.handle_restored(machine, returned, listeners);
    }

    fn status(&self, machine: &Machine) -> serde_json::Value {
        self.sockets.status(machine)
    }
}
