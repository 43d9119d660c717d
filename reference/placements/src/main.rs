//! Measures placements and recoveries, and writes tables and plots below a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hiatus_placements::{Load, grid, measure_recoveries, plot, table};
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
    Plot(#[from] plot::PlotError),
    #[error(transparent)]
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
        let bar = progress("placements", rows.len() * Load::ALL.len());
        grid::measure(&mut rows, threads, || bar.inc(1));
        bar.finish();
        write(&cli.out, "placements.csv", &table::csv(&rows))?;
        write(&cli.out, "placements.json", &table::json(&rows)?)?;
        write(&cli.out, "goodput.md", &table::goodput(&rows))?;
        write(&cli.out, "latency.md", &table::latency(&rows))?;
        write(&cli.out, "memory.md", &table::memory(&rows))?;
        write(&cli.out, "goodput.svg", &plot::goodput(&rows)?)?;
        write(&cli.out, "latency.svg", &plot::latency(&rows)?)?;
        write(&cli.out, "memory.svg", &plot::memory(&rows)?)?;
        println!("{}\n{}\n{}", table::goodput(&rows), table::latency(&rows), table::memory(&rows));
    }
    if cli.what != Some(What::Placements) {
        let bar = progress("recovery", hiatus_placements::recovery_conditions().len());
        let rows = measure_recoveries(threads, || bar.inc(1));
        bar.finish();
        write(&cli.out, "recovery.csv", &table::recovery_csv(&rows))?;
        write(&cli.out, "recovery.json", &table::json(&rows)?)?;
        write(&cli.out, "recovery.md", &table::recovery(&rows))?;
        write(&cli.out, "recovery.svg", &plot::recovery(&rows)?)?;
        println!("{}", table::recovery(&rows));
    }
    Ok(())
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
