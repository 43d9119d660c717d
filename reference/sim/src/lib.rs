//! # hiatus-sim
//!
//! Two engines, a network between them and a clock, all from one seed: the same [`Scenario`] gives the same
//! [`Sim::trace`], octet for octet.
//!
//! Time is virtual: an absence of a day takes no longer than one of a second.
#![forbid(unsafe_code)]

mod application;
mod checksum;
mod dice;
pub mod histories;
mod host;
mod path;
mod scenario;
mod sim;
mod trace;
mod wire;

pub use application::{Closing, Habits};
pub use dice::Dice;
pub use host::{Host, Power, Reader};
pub use path::{Bottleneck, Bursts, Oversize, Path, Reordering, Strip};
pub use scenario::Scenario;
pub use sim::{Happening, Side, Sim};
pub use trace::{Fate, Frame};
