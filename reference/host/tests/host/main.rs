//! Hosts in one process, over a link in memory.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod adapters;
mod operators;
mod power;
mod programs;
mod quickstart;
mod streams;
