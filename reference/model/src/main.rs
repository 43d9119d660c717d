//! `hiatus-model`: searches every state within bounds, and prints a counterexample as a ladder.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anstream::{eprintln, print, println};
use clap::{Parser, ValueEnum};
use hiatus_engine::Sending;
use hiatus_model::app::Closing;
use hiatus_model::bounds::{Coupling, LiveClone, Reading};
use hiatus_model::ladder::ladder;
use hiatus_model::search::{Found, Limits, explore};
use hiatus_model::{Bounds, Broken, Step, World, suite};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// Visit every state of two real connections within bounds.
///
/// A and B are ends of one open connection with Hiatus on. Whatever was sent may arrive at any time, any number of times,
/// or never. In each state are tested: what was read is a prefix of what was written; SND.STB <= SND.UNA <= RCV.NXT; no
/// rollback ends the connection where both use hold-send; and from there on, if nobody crashes and what is sent arrives,
/// the two get on.
///
/// Without bounds, the searches of the continuous integration run, one after the other. Pairs are A, then B.
///
/// Exit status: 0 every state was seen and nothing is wrong, 1 a counterexample, 2 not every state was seen, or wrong
/// arguments.
#[derive(Parser)]
#[command(name = "hiatus-model", max_term_width = 110)]
struct Cli {
    /// Octets that each application writes, 0 to 4
    #[arg(long, value_name = "A,B", value_parser = pair)]
    octets: Option<[u8; 2]>,
    /// Snapshots that each host takes, beside the one at the start
    #[arg(long, value_name = "A,B", value_parser = pair)]
    snapshots: Option<[u8; 2]>,
    /// Times that each host is restored
    #[arg(long, value_name = "A,B", value_parser = pair)]
    crashes: Option<[u8; 2]>,
    /// Who sends at once instead of when a snapshot is durable
    #[arg(long, value_name = "WHO", default_value = "nobody")]
    unheld: Who,
    /// Both applications close when they are done
    #[arg(long)]
    fin: bool,
    /// A asks and B answers: what each writes depends on what it read
    #[arg(long)]
    dialog: bool,
    /// Applications read at any time, not at once
    #[arg(long)]
    lazy: bool,
    /// An instance of A may go on running beside the one that is restored
    #[arg(long)]
    clone: bool,
    /// Leave out this rule, by its name (--rules lists them)
    #[arg(long, value_name = "RULE")]
    without: Option<String>,
    /// List the rules that can be left out, and search nothing
    #[arg(long)]
    rules: bool,
    /// Threads; with one, a counterexample is a shortest one
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Give up after that many states
    #[arg(long, value_name = "STATES", default_value_t = 100_000_000)]
    states_max: usize,
    /// Give up after that many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    seconds_max: u64,
    /// Print one JSON object for each search
    #[arg(long)]
    json: bool,
}

/// Whose host uses no hold-send.
#[derive(Clone, Copy, ValueEnum)]
enum Who {
    Nobody,
    A,
    B,
    Both,
}

fn pair(text: &str) -> Result<[u8; 2], String> {
    let (a, b) = text.split_once(',').ok_or("two numbers with a comma between them")?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("not a small number: {text}"));
    Ok([number(a)?, number(b)?])
}

impl Cli {
    /// What is asked for; `None` if nothing is, and the usual searches are meant.
    fn bounds(&self) -> Result<Option<Bounds>, String> {
        let broken = match &self.without {
            None => None,
            Some(name) => {
                let found = Broken::all().find(|broken| broken.name() == *name);
                Some(found.ok_or_else(|| format!("no rule is called {name}; --rules lists them"))?)
            }
        };
        let has_bounds = self.octets.is_some() || self.snapshots.is_some() || self.crashes.is_some();
        let has_kind = self.fin || self.dialog || self.lazy || self.clone || broken.is_some();
        if !has_bounds && !has_kind && matches!(self.unheld, Who::Nobody) {
            return Ok(None);
        }
        let small = Bounds::SMALL;
        let octets = if self.dialog { [1, 1] } else { small.octets };
        let bounds = Bounds {
            octets: self.octets.unwrap_or(octets),
            snapshots: self.snapshots.unwrap_or(small.snapshots),
            crashes: self.crashes.unwrap_or(small.crashes),
            sending: match self.unheld {
                Who::Nobody => [Sending::HoldSend; 2],
                Who::A => [Sending::Unheld, Sending::HoldSend],
                Who::B => [Sending::HoldSend, Sending::Unheld],
                Who::Both => [Sending::Unheld; 2],
            },
            closing: if self.fin { Closing::WhenDone } else { Closing::Never },
            coupling: if self.dialog { Coupling::Dialog } else { Coupling::Apart },
            clone: if self.clone { LiveClone::OfA } else { LiveClone::None },
            reading: if self.lazy { Reading::AnyTime } else { Reading::AtOnce },
            broken,
        };
        bounds.check()?;
        Ok(Some(bounds))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.rules {
        for broken in Broken::all() {
            println!("{:<26} {}", broken.name(), broken.requirement());
        }
        return ExitCode::SUCCESS;
    }
    let searches = match cli.bounds() {
        Ok(Some(bounds)) => vec![("as asked", bounds)],
        Ok(None) => suite::searches().to_vec(),
        Err(problem) => {
            eprintln!("hiatus-model: {problem}");
            return ExitCode::from(2);
        }
    };
    if !cli.json {
        println!(
            "{:<44} {:>10} {:>6} {:>8} {:>6} {:>6}",
            "search", "states", "depth", "seconds", "ends", "segm."
        );
    }
    let mut status = 0;
    for (name, bounds) in searches {
        status = status.max(search(&cli, name, bounds));
    }
    ExitCode::from(status)
}

/// Searches and tells; gives the exit status.
fn search(cli: &Cli, name: &str, bounds: Bounds) -> u8 {
    let world = Arc::new(World::new(bounds));
    let limits = Limits {
        states_max: cli.states_max,
        time_max: Duration::from_secs(cli.seconds_max),
        threads: cli.threads.max(1),
    };
    let bar = if cli.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let found = explore(&world, limits, |progress| {
        let rate = u128::try_from(progress.states).unwrap_or(0) * 1_000 / progress.elapsed.as_millis().max(1);
        bar.set_message(format!(
            "{name}: {} states, depth {}, {rate} a second",
            progress.states, progress.depth
        ));
        bar.tick();
    });
    bar.finish_and_clear();
    if cli.json {
        tell_json(name, &world, &found);
    } else {
        tell(name, &world, &found);
    }
    std::io::stdout().flush().ok();
    match (&found.counterexample, found.is_whole) {
        (Some(_), _) => 1,
        (None, false) => 2,
        (None, true) => 0,
    }
}

fn tell(name: &str, world: &World, found: &Found<Step>) {
    let (ends, segments) = world.sizes();
    let progress = found.progress;
    let seconds = progress.elapsed.as_secs_f32();
    println!(
        "{name:<44} {:>10} {:>6} {seconds:>8.1} {ends:>6} {segments:>6}",
        progress.states, progress.depth
    );
    if let Some(steps) = &found.counterexample {
        println!("counterexample of {} steps:", steps.len());
        print!("{}", ladder(world, steps));
    } else if !found.is_whole {
        println!("given up: not every state was seen");
    }
}

fn tell_json(name: &str, world: &World, found: &Found<Step>) {
    let (ends, segments) = world.sizes();
    let counterexample = found.counterexample.as_ref().map(
        |steps| json!({ "steps": steps.len(), "ladder": ladder(world, steps).lines().collect::<Vec<_>>() }),
    );
    let object = json!({
        "search": name,
        "bounds": format!("{:?}", world.bounds()),
        "states": found.progress.states,
        "depth": found.progress.depth,
        "seconds": found.progress.elapsed.as_secs_f64(),
        "ends": ends,
        "segments": segments,
        "whole": found.is_whole,
        "counterexample": counterexample,
    });
    println!("{object}");
}
