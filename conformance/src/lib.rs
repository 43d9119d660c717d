//! The conformance suite for Hiatus.

pub mod case;
pub mod record;
pub mod runner;
pub mod script;
pub mod seed;
pub mod session;
pub mod target;
pub mod tell;
pub mod verdict;
pub mod wire;
