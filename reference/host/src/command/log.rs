//! What a command that runs for long says of itself.

use std::io;

use tracing_subscriber::EnvFilter;

/// To stderr; RUST_LOG says how much.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).init();
}
