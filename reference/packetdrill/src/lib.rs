//! # hiatus-packetdrill
//!
//! [packetdrill]'s judgement of hiatus-engine, two ways with the same `.pkt` scripts: the crate's shared object is what
//! packetdrill itself loads (`ffi`), and [`script`] and [`run`] carry out a compatible subset of its language without
//! it. Below both are [`sockets`], POSIX sockets over the engine in virtual time.
//!
//! [packetdrill]: https://github.com/google/packetdrill

pub mod errno;
pub mod ffi;
pub mod host;
pub mod run;
pub mod script;
pub mod sockets;
pub mod wire;
