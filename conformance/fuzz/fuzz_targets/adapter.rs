//! Any octets as what a target that is a process says: lines of the adapter protocol, and packets in them.
#![no_main]

#[path = "../invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| invariants::adapter(octets));
