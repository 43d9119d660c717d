//! Sockets as files, used by a shell, cat and Python: FUSE as programs meet it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod away;
mod errors;
mod kernel;
mod kills;
mod mount;
mod shells;
