//! Runs scenarios, several at once, each in a thread with a folder of its own.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use oorandom::Rand64;

use crate::bed::capture::make_small;
use crate::bed::{Bed, Middle};
use crate::scenario::{Context, Scale, Scenario, on_path};
use crate::trouble::Trouble;

/// Octets that a committed capture has at most.
pub(crate) const CAPTURE_OCTETS_MAX: u64 = 64 * 1024;

/// How scenarios are to be run.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Where their folders go.
    pub(crate) folder: PathBuf,
    /// What everything random is made from.
    pub(crate) seed: u64,
    /// How many at once.
    pub(crate) jobs: usize,
    /// How much is transferred.
    pub(crate) scale: Scale,
    /// Where small captures go.
    pub(crate) captures: Option<PathBuf>,
}

/// How a scenario ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// As it should.
    Passed,
    /// It could not be tried here; why.
    Skipped(String),
    /// Otherwise; how.
    Failed(String),
}

/// One scenario that has ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Which.
    pub(crate) scenario: &'static Scenario,
    /// How.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) took: Duration,
    /// What it found out.
    pub(crate) facts: Vec<String>,
    /// What its capture shows.
    pub(crate) diagnoses: Vec<String>,
}

impl Outcome {
    /// Whether it went otherwise than it should.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

/// Tries what every scenario needs, up to a bed with its rules.
pub(crate) fn check() -> Result<(), Trouble> {
    let tun = "/dev/net/tun";
    OpenOptions::new().read(true).write(true).open(tun).map_err(Trouble::system(tun))?;
    for (program, version) in [("ip", "-V"), ("nft", "-V"), ("setpriv", "-V"), ("tcpdump", "--version")] {
        let mut command = Command::new(program);
        command.arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().map_err(Trouble::system(format!("program `{program}`")))?;
    }
    let folder = std::env::temp_dir().join(format!("hiatus-live-check-{}", std::process::id()));
    let built = Bed::build(&folder, Middle::default());
    std::fs::remove_dir_all(&folder).ok();
    built.map(drop)
}

/// Runs `chosen`; gives what came of them in their order, and each to `ended` as it ends.
pub(crate) fn run_all(
    order: &Order,
    chosen: &[&'static Scenario],
    mut ended: impl FnMut(&Outcome),
) -> Result<Vec<Outcome>, Trouble> {
    let program = std::env::current_exe().map_err(Trouble::system("path of this program"))?;
    if let Some(folder) = &order.captures {
        std::fs::create_dir_all(folder).map_err(Trouble::system(format!("folder {}", folder.display())))?;
    }
    let next = AtomicUsize::new(0);
    let (sent, received) = channel();
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        for _ in 0..order.jobs.clamp(1, chosen.len().max(1)) {
            let (sent, next, program) = (sent.clone(), &next, &program);
            scope.spawn(move || {
                while let Some(scenario) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sent.send(run_one(order, scenario, program)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sent);
        received.iter().inspect(|outcome| ended(outcome)).collect()
    });
    let place = |outcome: &Outcome| chosen.iter().position(|scenario| scenario.name == outcome.scenario.name);
    outcomes.sort_by_key(place);
    Ok(outcomes)
}

fn run_one(order: &Order, scenario: &'static Scenario, program: &Path) -> Outcome {
    let started = Instant::now();
    let missing: Vec<&str> = scenario.needs.iter().copied().filter(|program| !on_path(program)).collect();
    let mut context = Context {
        folder: order.folder.join(scenario.name),
        program: program.to_path_buf(),
        hiatus: program.with_file_name("hiatus"),
        random: Rand64::new(u128::from(order.seed) << 64 | u128::from(number_of(scenario.name))),
        seed: order.seed,
        scale: order.scale,
        facts: Vec::new(),
        captured: None,
    };
    let result = if missing.is_empty() {
        (scenario.run)(&mut context).and_then(|()| keep_capture(order, scenario, &mut context))
    } else {
        Err(Trouble::Impossible(format!("not installed: {}", missing.join(", "))))
    };
    let took = started.elapsed();
    let verdict = match result {
        Ok(()) if took > Duration::from_secs(scenario.budget_seconds) => Verdict::Failed(format!(
            "expected at most {} s, found {:.1} s",
            scenario.budget_seconds,
            took.as_secs_f64()
        )),
        Ok(()) => Verdict::Passed,
        Err(Trouble::Impossible(why)) => Verdict::Skipped(why),
        Err(trouble) => Verdict::Failed(format!("{trouble} (files in {})", context.folder.display())),
    };
    let diagnoses = context.captured.map(|(_, judged)| judged.diagnoses).unwrap_or_default();
    Outcome { scenario, verdict, took, facts: context.facts, diagnoses }
}

fn keep_capture(order: &Order, scenario: &Scenario, context: &mut Context) -> Result<(), Trouble> {
    let (Some(folder), Some((path, _))) = (&order.captures, &context.captured) else { return Ok(()) };
    let to = folder.join(format!("{}.pcapng", file_name(scenario)));
    let octets =
        make_small(path, &to, &format!("{}: {} (seed {})", scenario.name, scenario.story, order.seed))?;
    if octets >= CAPTURE_OCTETS_MAX {
        let (expected, found) = (format!("less than {CAPTURE_OCTETS_MAX} octets"), octets.to_string());
        return Err(Trouble::unexpected(format!("capture {}", to.display()), expected, found));
    }
    context.note(format!("capture of {octets} octets"));
    Ok(())
}

/// The name of its capture.
pub(crate) fn file_name(scenario: &Scenario) -> String {
    scenario.name.replace('/', "-")
}

/// A number that differs from name to name, so that scenarios do not share their random instants: FNV-1a.
fn number_of(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}
