//! Sockets as files: a folder, by FUSE, in the layout of Genode's socket file system.
//!
//! Reading `tcp/new_socket` gives the folder of a new socket; what is written to its `connect`, `bind`, `listen` and `data`,
//! and read from `data`, is what programs do with a socket otherwise. docs/socketfs.md has every file, and an example.
//!
//! The kernel's requests come in on a thread of fuser's and are passed to the loop that owns the host (`front.rs`); there
//! [`SocketFs`] answers them at once, or when something has happened (`answers.rs`, `service.rs`). The sockets are in the same
//! epochs as their connections (`socket.rs`), and come back under the same numbers.

mod answers;
mod front;
mod mount;
mod service;
mod signals;
mod socket;
mod texts;
mod tree;
mod trouble;

pub use mount::{MountError, MountSettings, SocketFs};
pub use texts::Network;

/// Sockets that a mount has at most if nothing else is said: as many as Genode's.
pub const DEFAULT_SOCKETS_MAX: u32 = 128;
