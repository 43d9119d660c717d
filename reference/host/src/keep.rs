//! The keeper of file descriptors: what a process stores there outlives it, and is handed to the next one.
//!
//! The protocol is systemd's: `FDSTORE=1` and `FDSTOREREMOVE=1` to `NOTIFY_SOCKET` (sd_notify(3)), and LISTEN_FDS with
//! LISTEN_FDNAMES at the next start (sd_listen_fds(3)). Under systemd the service manager is the keeper; elsewhere
//! `hiatus keep` is ([`keeper`]).

mod client;
pub mod keeper;

pub use client::{KeepError, Kept, KeptDescriptors};
