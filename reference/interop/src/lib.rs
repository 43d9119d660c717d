//! # hiatus-interop
//!
//! TCP stacks that we did not write, each behind one trait, [`stack::Stack`]: lwIP 2.2.1 and smoltcp 0.14. IP packets and
//! time go in and out; they read no clock and open nothing. The program of this package runs the engine against them, and
//! the targets of the conformance suite are made of them too.

pub mod lwip;
pub mod smoltcp;
pub mod stack;
pub mod trouble;
