//! # hiatus-host
//!
//! The engine as something people run. One loop on one thread owns everything: the [`Endpoint`](hiatus_engine::Endpoint),
//! the link below it, and the store that it is restored from.
//!
//! From the wire upwards: [`link`] carries packets.

pub mod link;
