//! # hiatus-sim
//!
//! Two engines, a network between them and a clock, all from one seed: the same [`Scenario`] gives the same
//! [`Sim::trace`], octet for octet.
//!
//! Time is virtual: an absence of a day takes no longer than one of a second.
#![forbid(unsafe_code)]

mod host;
mod path;
mod scenario;
mod sim;
mod trace;

pub use host::{Host, Power, Reader};
pub use path::{Path, Strip};
pub use scenario::Scenario;
pub use sim::{Happening, Side, Sim};
pub use trace::{Fate, Frame};
