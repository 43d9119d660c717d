//! What is printed: for people, and as JSON.

use std::time::Duration;

use hiatus_sim::histories::{Broken, Kind, Outcome, Story, Violation};
use serde_json::{Value, json};

use crate::crew::Run;

/// A history that went wrong, made as small as it gets.
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
    pub(crate) story: Story,
    pub(crate) outcome: Outcome,
}

/// The command that replays a seed.
fn replay(seed: u64, broken: Broken) -> String {
    let rule = if broken == Broken::Nothing { String::new() } else { format!(" --rule {}", broken.name()) };
    format!("cargo xtask sim --seed {seed} --show{rule}")
}

fn rate(histories: u64, took: Duration, jobs: usize) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    let jobs = u64::try_from(jobs).unwrap_or(1).max(1);
    histories.saturating_mul(1_000_000) / micros / jobs
}

/// For people.
pub(crate) fn human(run: &Run, took: Duration, failure: Option<&Failure>, broken: Broken) {
    let tally = &run.tally;
    if broken != Broken::Nothing {
        println!("broken: {} ({})", broken.name(), broken.requirement());
    }
    println!(
        "{} histories in {:.1} s on {} threads, {} a second on each; {} segments, {} epochs TAKEN",
        tally.histories,
        took.as_secs_f64(),
        run.jobs,
        rate(tally.histories, took, run.jobs),
        tally.segments,
        tally.epochs
    );
    println!("histories that held:");
    print!("{tally}");
    let Some(failure) = failure else {
        println!("no violation");
        return;
    };
    println!("\nhow they went wrong, and the lowest seed of each way:");
    for (way, count, seed) in &run.ways {
        println!("  {count:>9}  seed {seed}: {way}");
    }
    println!("\n{} histories went wrong; the smallest story of seed {}:", run.violations, failure.seed);
    print!("{}", failure.story);
    for line in &failure.outcome.timeline {
        println!("{line}");
    }
    let smallest = failure.outcome.violation.as_ref().unwrap_or(&failure.violation);
    println!("VIOLATION  {smallest}");
    println!("the whole story of seed {}: {}", failure.seed, replay(failure.seed, broken));
}

/// One JSON object.
pub(crate) fn json(run: &Run, took: Duration, failure: Option<&Failure>, broken: Broken) {
    let tally = &run.tally;
    let held: serde_json::Map<String, Value> =
        Kind::ALL.iter().map(|kind| (kind.label().to_owned(), json!(tally.count(*kind)))).collect();
    let failure = failure.map(|failure| {
        json!({
            "seed": failure.seed,
            "violation": failure.violation.to_string(),
            "replay": replay(failure.seed, broken),
            "smallest_story": failure.story.to_string().lines().collect::<Vec<_>>(),
            "timeline": failure.outcome.timeline,
        })
    });
    let ways: Vec<Value> = run
        .ways
        .iter()
        .map(|(way, count, seed)| json!({ "violation": way.to_string(), "histories": count, "lowest_seed": seed }))
        .collect();
    let value = json!({
        "broken": (broken != Broken::Nothing).then(|| broken.name()),
        "histories": tally.histories,
        "seconds": took.as_secs_f64(),
        "threads": run.jobs,
        "histories_per_second_and_thread": rate(tally.histories, took, run.jobs),
        "segments": tally.segments,
        "epochs": tally.epochs,
        "held": held,
        "ends": tally.ends(),
        "violations": run.violations,
        "ways": ways,
        "failure": failure,
    });
    println!("{value:#}");
}

/// One story, for people.
pub(crate) fn human_one(seed: u64, story: &Story, outcome: &Outcome) {
    println!("seed {seed}");
    print!("{story}");
    for line in &outcome.timeline {
        println!("{line}");
    }
    for (name, end) in ["A", "B"].iter().zip(outcome.ends) {
        println!("{name}: {}", end.map_or_else(|| "not over".to_owned(), |end| end.to_string()));
    }
    match &outcome.violation {
        Some(violation) => println!("VIOLATION  {violation}"),
        None => println!("no violation; {} segments, {} epochs TAKEN", outcome.segments, outcome.epochs),
    }
}

/// One story as JSON.
pub(crate) fn json_one(seed: u64, story: &Story, outcome: &Outcome) {
    let value = json!({
        "seed": seed,
        "story": story.to_string().lines().collect::<Vec<_>>(),
        "timeline": outcome.timeline,
        "ends": outcome.ends.map(|end| end.map(|end| end.to_string())),
        "violation": outcome.violation.as_ref().map(ToString::to_string),
        "segments": outcome.segments,
        "epochs": outcome.epochs,
    });
    println!("{value:#}");
}
