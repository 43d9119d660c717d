//! The project's own commands.

mod spec;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
enum Cli {
    Spec(spec::SpecArgs),
}

fn main() -> ExitCode {
    let Cli::Spec(args) = Cli::parse();
    spec::run(&args).unwrap_or_else(|error| {
        eprintln!("cargo xtask spec: {error}");
        ExitCode::from(2)
    })
}
