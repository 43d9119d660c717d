//! The targets of this package, run by the suite: inside of this process, as processes, and in networks.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod networks;
mod peers;
mod processes;
mod runs;
