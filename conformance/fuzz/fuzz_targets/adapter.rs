//! Any octets as the lines between the bench and a target that is a process.
#![no_main]

#[path = "../invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| invariants::adapter(octets));
