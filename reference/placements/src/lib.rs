//! # hiatus-placements
//!
//! Who keeps the octets that a restored host needs again, and what that costs (draft, {#placements}): two engines, or
//! four with a broker between them, links with a rate, hosts that take snapshots and keep journals, in virtual time. The
//! same conditions give the same figures, on any machine.
#![forbid(unsafe_code)]

mod application;
pub mod draw;
mod end;
pub mod grid;
mod keeping;
mod link;
mod measure;
mod pattern;
mod placement;
pub mod plot;
mod recovery;
mod seam;
pub mod table;
mod world;

pub use keeping::Rhythm;
pub use measure::{Figure, Latency, Load, Transfer, run};
pub use placement::{Conditions, FLUSH, Keeping, LIMIT_OCTETS_MAX, Placement, Sends};
pub use recovery::{
    Mishap, Recovery, conditions as recovery_conditions, measure as measure_recoveries, recover,
};
