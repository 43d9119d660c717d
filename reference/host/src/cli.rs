//! The command line of `hiatus`. Each command's arguments stand in its own file, `command/NAME.rs`.

use clap::{Parser, Subcommand};

/// Connections that survive power cuts, long suspension, snapshot and rollback.
#[derive(Parser)]
#[command(name = "hiatus", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {}
