//! # hiatus-model
//!
//! Model checking of the engine itself: two real connections, their hosts and applications, and a network in which
//! whatever was sent may arrive at any time, any number of times, or never. Every state within stated [`Bounds`] is
//! visited, and what the draft promises ({#theorem}) is tested in each.
//!
//! Left out are time (R2, holds and the limit of RESUMING never run out, LINGER does not end by time), congestion, loss
//! recovery, windows that close, shedding, suspension with memory intact, the negotiation, and forgery.
#![forbid(unsafe_code)]

pub mod app;
pub mod bounds;
mod end;
mod judge;
pub mod ladder;
mod opening;
pub mod search;
mod settling;
pub mod suite;
mod table;
mod world;

pub use bounds::{Bounds, Broken, HostRule};
pub use end::{Epoch, Input};
pub use judge::Trouble;
pub use world::{Actor, State, Step, World};
