//! What people and programs see of the runs.

use std::fmt::Write;
use std::time::Duration;

use crate::runner::Outcome;

/// Octets in a MiB.
const MIB: f64 = 1_048_576.0;

/// One line for a run that ended.
pub(crate) fn progress(index: usize, count: usize, outcome: &Outcome) -> String {
    let verdict = if outcome.has_passed() { "passed" } else { "FAILED" };
    let mut line = format!("[{index:2}/{count}] {verdict} {:6.1} s  {}", outcome.seconds, outcome.name);
    for finding in &outcome.findings {
        line += &format!("\n        {finding}");
    }
    line
}

/// The table at the end, and where to look.
pub(crate) fn summary_as_table(outcomes: &[Outcome], elapsed: Duration) -> String {
    let width = outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or(0).max(4);
    let mut table = format!(
        "{:width$}  result  seconds   MiB/s  segments ours/theirs  again ours/theirs  dropped ours/theirs\n",
        "run"
    );
    for outcome in outcomes {
        let verdict = if outcome.has_passed() { "passed" } else { "FAILED" };
        let (ours, theirs) =
            (outcome.ours.clone().unwrap_or_default(), outcome.theirs.clone().unwrap_or_default());
        let rate = if outcome.has_passed() {
            format!("{:.1}", outcome.octets_per_second() / MIB)
        } else {
            "-".to_owned()
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{:width$}  {verdict}  {:7.1}  {rate:>6}  {:>20}  {:>17}  {:>19}",
            outcome.name,
            outcome.seconds,
            format!("{}/{}", ours.segments, theirs.segments),
            format!("{}/{}", ours.retransmissions, theirs.retransmissions),
            format!("{}/{}", outcome.dropped.ours, outcome.dropped.theirs),
        );
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.has_passed()) {
        let _ = writeln!(table, "\nFAILED  {}", outcome.name);
        for finding in &outcome.findings {
            let _ = writeln!(table, "  {finding}");
        }
        let _ = writeln!(table, "  log      {}", outcome.log.display());
        if let Some(capture) = &outcome.capture {
            let _ = writeln!(table, "  capture  {}", capture.display());
        }
    }
    let passed = outcomes.iter().filter(|outcome| outcome.has_passed()).count();
    let failed = outcomes.len() - passed;
    let _ = write!(table, "\n{passed} passed, {failed} failed, in {:.1} s", elapsed.as_secs_f64());
    table
}

/// The same as one JSON value.
pub(crate) fn summary_as_json(outcomes: &[Outcome], elapsed: Duration) -> serde_json::Value {
    let failed = outcomes.iter().filter(|outcome| !outcome.has_passed()).count();
    serde_json::json!({
        "seconds": elapsed.as_secs_f64(),
        "passed": outcomes.len() - failed,
        "failed": failed,
        "runs": outcomes,
    })
}
