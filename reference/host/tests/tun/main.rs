//! The link over a TUN device, against the kernel.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod errors;
mod forwarded;
mod host;
mod kernel;
mod network;
