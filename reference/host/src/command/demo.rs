//! `hiatus demo`: the same transfer over plain TCP and over Hiatus, while one host loses its power.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use hiatus_host::demo::{self, DemoError, Frame, Look, Outcome, PictureError, Plan, Screen};
use signal_hook::consts::SIGINT;

use crate::command::COULD_NOT_RUN;

/// Columns where there is no terminal.
const COLUMNS: usize = 100;
/// Seeds that are easily typed again.
const SEEDS: u64 = 100_000;
const MIB: u64 = 1 << 20;

/// What stands below the options.
const HELP: &str = "Needs no rights and no network: both hosts are in this process, and run on the engine that real \
hosts run on. Over Hiatus, host B keeps its epochs in a store in a temporary folder on the disk, and comes back from the latest \
durable one. Over plain TCP it comes back from an image of its memory, as a virtual machine does, or without state, in turn; \
when its connection is reset or stalls, the applications open another one and begin again.

Exit status: 0 if the connection over Hiatus survived every power cut and every octet was right, 1 if not, 2 if the demo could \
not run or was stopped.";

/// Arguments of `hiatus demo`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Chooses when host B loses its power; a number is drawn if none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// MiB in each direction.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=256))]
    mib: Option<u64>,
    /// How often host B loses its power.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=20))]
    cuts: Option<u32>,
    /// A small transfer, in about two seconds.
    #[arg(long)]
    fast: bool,
    /// Where the picture goes; the folder for temporary files if nothing is said.
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// For people, or for programs: one object at the end.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// No colours, and no bars that move; NO_COLOR in the environment does the same.
    #[arg(long)]
    no_color: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Bars, a chart, the segments of a recovery, a table.
    Human,
    /// One object.
    Json,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("{what} {}: {error}", path.display())]
    File { what: &'static str, path: PathBuf, error: std::io::Error },
    #[error("SIGINT: {0}")]
    Signal(std::io::Error),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match show(args) {
        Ok(outcome) if outcome.hiatus.survived => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            anstream::eprintln!("hiatus demo: {failure}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn plan(args: &Args) -> Plan {
    let drawn =
        || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()));
    let seed = args.seed.unwrap_or_else(|| drawn() % SEEDS);
    let mut plan = if args.fast { Plan::fast(seed) } else { Plan::long(seed) };
    if let Some(mib) = args.mib {
        plan.octets = mib * MIB;
    }
    if let Some(cuts) = args.cuts {
        plan.cuts = cuts;
    }
    plan
}

/// Columns of the terminal, if there is one.
fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal())?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

fn look(args: &Args) -> Look {
    let has_colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    match (args.format, columns()) {
        (Format::Json, _) => Look::Silent,
        (Format::Human, Some(columns)) if has_colour => Look::Live { columns },
        (Format::Human, _) => Look::Lines,
    }
}

fn show(args: &Args) -> Result<Outcome, Failure> {
    if args.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let plan = plan(args);
    let file = |what, path: &std::path::Path| {
        let path = path.to_owned();
        move |error| Failure::File { what, path, error }
    };
    let parent = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("hiatus-demo-").tempdir_in(&parent);
    let folder = folder.map_err(file("folder for the store", &parent))?;
    let path = args.picture.clone().unwrap_or_else(|| parent.join(format!("hiatus-demo-{}.svg", plan.seed)));
    // Before everything else: nobody wants to hear it after a quarter of a minute.
    let mut picture = std::fs::File::create(&path).map_err(file("picture", &path))?;
    let mut screen = Screen::new(look(args), plan);
    screen.begin();
    // So that the folder does not stay behind.
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&stop)).map_err(Failure::Signal)?;
    let mut show = |frame: &Frame<'_>| {
        screen.show(frame);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let outcome = demo::run(&plan, folder.path(), &mut show)?;
    picture.write_all(demo::picture(&outcome)?.as_bytes()).map_err(file("picture", &path))?;
    match args.format {
        Format::Human => {
            let columns = columns().unwrap_or(COLUMNS);
            anstream::println!("\n{}", demo::text_chart(&outcome, columns));
            anstream::print!("{}", demo::summary(&outcome, columns));
            let again = if args.fast { " --fast" } else { "" };
            anstream::println!(
                "\npicture: {}\nagain:   hiatus demo{again} --seed {}",
                path.display(),
                plan.seed
            );
        }
        Format::Json => {
            let mut object = serde_json::to_value(&outcome)?;
            object["picture"] = serde_json::Value::String(path.display().to_string());
            anstream::println!("{object}");
        }
    }
    Ok(outcome)
}
