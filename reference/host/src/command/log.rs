//! What a command that runs for long says of itself.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// To stderr; RUST_LOG says how much.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_for_eyes = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(is_for_eyes)
        .with_target(false)
        .init();
}
