//! What is said of the scenarios: tables for people, JSON, and the table of the captures.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::runner::{Outcome, Verdict, file_name};
use crate::scenario::Scenario;
use crate::trouble::Trouble;

/// Where the table of the captures stands in a README.
const BEGIN: &str = "<!-- live: begin -->";
const END: &str = "<!-- live: end -->";

/// A line when a scenario has ended. One that could not be tried begins so that `cargo xtask` counts it.
pub(crate) fn progress(ended: usize, count: usize, outcome: &Outcome) -> String {
    let Outcome { scenario, verdict, took, facts, .. } = outcome;
    let (name, seconds) = (scenario.name, took.as_secs_f64());
    match verdict {
        Verdict::Passed => format!("{ended:2}/{count} passed {seconds:6.1} s  {name}: {}", facts.join(", ")),
        Verdict::Skipped(why) => format!("SKIPPED: {name}: {why}"),
        Verdict::Failed(how) => format!("{ended:2}/{count} FAILED {seconds:6.1} s  {name}: {how}"),
    }
}

/// Name, budget, story.
pub(crate) fn list_as_table(scenarios: &[Scenario]) -> String {
    scenarios
        .iter()
        .map(|scenario| format!("{:26} {:4} s  {}\n", scenario.name, scenario.budget_seconds, scenario.story))
        .collect()
}

/// The same as JSON.
pub(crate) fn list_as_json(scenarios: &[Scenario]) -> Value {
    let row = |scenario: &Scenario| {
        json!({
            "name": scenario.name,
            "story": scenario.story,
            "budget_seconds": scenario.budget_seconds,
            "needs": scenario.needs,
        })
    };
    Value::Array(scenarios.iter().map(row).collect())
}

/// A row for each scenario, and how many passed.
pub(crate) fn as_table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for Outcome { scenario, verdict, took, facts, .. } in outcomes {
        let (result, said) = match verdict {
            Verdict::Passed => ("passed", facts.join(", ")),
            Verdict::Skipped(why) => ("SKIPPED", why.clone()),
            Verdict::Failed(how) => ("FAILED", how.clone()),
        };
        text.push_str(&format!("{:26} {result:8} {:6.1} s  {said}\n", scenario.name, took.as_secs_f64()));
    }
    let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|outcome| is(&outcome.verdict)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    format!("{text}{passed} passed, {failed} failed, {skipped} skipped")
}

/// The same as JSON.
pub(crate) fn as_json(outcomes: &[Outcome], seed: u64) -> Value {
    let row = |outcome: &Outcome| {
        let (result, why) = match &outcome.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Skipped(why) => ("skipped", Some(why)),
            Verdict::Failed(how) => ("failed", Some(how)),
        };
        json!({
            "name": outcome.scenario.name,
            "story": outcome.scenario.story,
            "result": result,
            "why": why,
            "seconds": outcome.took.as_secs_f64(),
            "facts": outcome.facts,
            "diagnoses": outcome.diagnoses,
        })
    };
    json!({ "seed": seed, "scenarios": outcomes.iter().map(row).collect::<Vec<_>>() })
}

/// Writes the rows of the captures of `outcomes` into the README of `folder`; other rows stay.
pub(crate) fn write_table(folder: &Path, outcomes: &[Outcome]) -> Result<(), Trouble> {
    let path = folder.join("README.md");
    let what = || format!("table in {}", path.display());
    let text = fs::read_to_string(&path).map_err(Trouble::system(what()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
    let Some((before, (table, after))) = parts else {
        return Err(Trouble::unexpected(what(), format!("{BEGIN} and {END}"), "not both"));
    };
    let mut rows: Vec<String> =
        table.lines().filter(|line| line.starts_with("| [")).map(str::to_owned).collect();
    for outcome in outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Passed)) {
        let name = file_name(outcome.scenario);
        let start = format!("| [{name}](");
        rows.retain(|row| !row.starts_with(&start));
        if folder.join(format!("{name}.pcapng")).is_file() {
            rows.push(format!("{start}{name}.pcapng) | {} |", outcome.scenario.story));
        }
    }
    rows.sort();
    let table = format!("{BEGIN}\n| file | story |\n|---|---|\n{}\n{END}", rows.join("\n"));
    fs::write(&path, format!("{before}{table}{after}")).map_err(Trouble::system(what()))
}
