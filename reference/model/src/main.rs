//! `hiatus-model`: searches every state within bounds, and prints a counterexample as a ladder.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hiatus_model::search::{Limits, explore};
use hiatus_model::{Bounds, World};

#[derive(Parser)]
struct Cli {
    #[arg(long, default_value = "1,0")]
    octets: String,
    #[arg(long, default_value = "1,1")]
    snapshots: String,
    #[arg(long, default_value = "1,1")]
    crashes: String,
    #[arg(long)]
    unheld: bool,
    #[arg(long)]
    fin: bool,
    #[arg(long)]
    dialog: bool,
    #[arg(long)]
    lazy: bool,
    #[arg(long)]
    clone: bool,
    #[arg(long)]
    without: Option<String>,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn pair(text: &str) -> [u8; 2] {
    let (a, b) = text.split_once(',').unwrap_or((text, text));
    [a.parse().unwrap_or(0), b.parse().unwrap_or(0)]
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut bounds = Bounds {
        octets: pair(&cli.octets),
        snapshots: pair(&cli.snapshots),
        crashes: pair(&cli.crashes),
        ..Bounds::SMALL
    };
    if cli.unheld {
        bounds.sending = [hiatus_engine::Sending::Unheld; 2];
    }
    if cli.fin {
        bounds.closing = hiatus_model::app::Closing::WhenDone;
    }
    if cli.dialog {
        bounds.coupling = hiatus_model::bounds::Coupling::Dialog;
    }
    if cli.lazy {
        bounds.reading = hiatus_model::bounds::Reading::AnyTime;
    }
    if cli.clone {
        bounds.clone = hiatus_model::bounds::LiveClone::OfA;
    }
    if let Some(name) = cli.without {
        bounds.broken = hiatus_model::Broken::all().find(|broken| broken.name() == name);
        assert!(bounds.broken.is_some());
    }
    let world = Arc::new(World::new(bounds));
    let limits = Limits { states_max: 400_000_000, time_max: Duration::from_secs(std::env::var("SECS").ok().and_then(|s| s.parse().ok()).unwrap_or(280)), threads: cli.threads };
    let mut last = std::time::Instant::now();
    let found = explore(&world, limits, |progress| {
        if last.elapsed().as_secs() >= 5 {
            last = std::time::Instant::now();
            eprintln!("{progress:?} {:?}", world.sizes());
        }
    });
    println!("{:?} whole {} sizes {:?}", found.progress, found.is_whole, world.sizes());
    if let Some(steps) = found.counterexample {
        println!("{} steps", steps.len());
        print!("{}", hiatus_model::ladder::ladder(&world, &steps));
        return ExitCode::from(1);
    }
    ExitCode::SUCCESS
}
