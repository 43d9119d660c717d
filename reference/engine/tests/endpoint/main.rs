//! Two endpoints and no network: every packet that leaves the one is handed to the other, or kept from it.
//!
//! Expected values are RFC 9293's, the draft's and those of the bounds that the tests set.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod budgets;
mod dormant;
mod filling;
mod hostile;
mod icmp;
mod lives;
mod net;
mod plain;
mod prefixes;
mod reuse;
mod snapshots;
mod strays;
mod trouble;
