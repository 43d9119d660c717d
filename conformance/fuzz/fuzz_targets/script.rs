//! Any octets as a script, and what can be read of them against the reference.
#![no_main]

#[path = "../invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| invariants::script(octets));
