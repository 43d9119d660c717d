//! conform.
fn main() {}
