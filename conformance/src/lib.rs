//! The conformance suite for Hiatus.

pub mod script;
