//! The command line of `hiatus`. Each command's arguments stand in its own file, `command/NAME.rs`.

use clap::{Parser, Subcommand};

use crate::command;

/// Connections that survive power cuts, long suspension, snapshot and rollback.
#[derive(Parser)]
#[command(name = "hiatus", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show what a running host does: its epochs, and a live table of its connections.
    Status(command::status::Args),
    /// Tell a running host to snapshot, suspend, resume, or that it came back.
    Ctl(command::ctl::Args),
    /// Carry connections of programs that know nothing of Hiatus.
    Proxy(command::proxy::Args),
    /// Keep the descriptors of a program, and start it again when it dies.
    Keep(command::keep::Args),
    /// Show what a folder of a host's state holds: its incarnation, its latest durable epoch, what is in it.
    State(command::state::Args),
    /// Show a transfer that breaks over plain TCP and survives over Hiatus while a host loses its power.
    Demo(command::demo::Args),
    /// Mount sockets as files: whatever can read and write a file has TCP connections that survive.
    Socketfs(command::socketfs::Args),
    /// Print what a shell needs to complete commands and options.
    Completions(command::pages::CompletionsArgs),
    /// Print the manual pages: `hiatus man | man -l -`.
    Man,
}
