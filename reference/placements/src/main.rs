//! Measures placements and recoveries, and writes tables and plots below a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hiatus_placements::{Load, draw, grid, measure_recoveries, table};
use indicatif::{ProgressBar, ProgressStyle};

/// What placements of received octets cost, in virtual time: the figures of the draft.
#[derive(Parser)]
#[command(max_term_width = 110)]
struct Cli {
    /// What to measure; both if it is left out
    #[arg(value_enum)]
    what: Option<What>,
    /// Where tables and plots go
    #[arg(long, value_name = "FOLDER", default_value = "spec/generated/placements")]
    out: PathBuf,
    /// Measure nothing: tables and plots anew from the JSON files that are there
    #[arg(long)]
    redraw: bool,
    /// How many threads; as many as there are cores if it is left out
    #[arg(long, value_name = "COUNT")]
    threads: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Goodput, latency and memory of every placement
    Placements,
    /// From RESUME to the first new octet
    Recovery,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Draw(#[from] draw::DrawError),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("placements: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cli.threads.unwrap_or(cores);
    std::fs::create_dir_all(&cli.out).map_err(|source| Failure::File { path: cli.out.clone(), source })?;
    if cli.what != Some(What::Recovery) {
        let mut rows = grid::rows();
        if cli.redraw {
            rows = read(&cli.out, "placements.json")?;
        } else {
            let bar = progress("placements", rows.len() * Load::ALL.len());
            grid::measure(&mut rows, threads, || bar.inc(1));
            bar.finish();
        }
        for (name, text) in draw::placements(&rows)? {
            write(&cli.out, name, &text)?;
        }
        println!("{}\n{}\n{}", table::goodput(&rows), table::latency(&rows), table::memory(&rows));
    }
    if cli.what != Some(What::Placements) {
        let rows = if cli.redraw {
            read(&cli.out, "recovery.json")?
        } else {
            let bar = progress("recovery", hiatus_placements::recovery_conditions().len());
            let rows = measure_recoveries(threads, || bar.inc(1));
            bar.finish();
            rows
        };
        for (name, text) in draw::recoveries(&rows)? {
            write(&cli.out, name, &text)?;
        }
        println!("{}", table::recovery(&rows));
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<T, Failure> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(|source| Failure::File { path, source })?;
    Ok(serde_json::from_str(&text)?)
}

fn progress(name: &'static str, runs: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(runs).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos} of {len} runs, {eta} left") {
        bar.set_style(style);
    }
    bar.with_prefix(name)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|source| Failure::File { path, source })
}
