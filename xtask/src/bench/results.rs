//! What Criterion left behind, turned into rows of ours against a peer.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::shell::{Failure, read_text};

/// The name that our own function has in every group.
pub(super) const OURS: &str = "ours";

/// One figure of one function in one round.
pub(super) struct Sample {
    pub(super) round: u32,
    /// Group without its unit.
    pub(super) name: String,
    pub(super) unit: String,
    /// `ours`, or the peer.
    pub(super) function: String,
    pub(super) figure: f64,
}

/// Ours against one peer.
pub(super) struct Row {
    name: String,
    unit: String,
    ours: f64,
    peer_name: String,
    peer: f64,
    ratio: f64,
}

impl Row {
    pub(super) fn to_json(&self) -> Value {
        let Self { name, unit, ours, peer_name, peer, ratio } = self;
        json!({ "name": name, "unit": unit, "ours": ours, "peer_name": peer_name, "peer": peer, "ratio": ratio })
    }
}

/// Reads every result below a CRITERION_HOME.
pub(super) fn read(home: &Path, round: u32) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for group in folders(home)? {
        for function in folders(&group)? {
            let results = function.join("new");
            if results.join("estimates.json").is_file() {
                samples.push(sample(&results, round)?);
            }
        }
    }
    if samples.is_empty() {
        return Err(Failure::Found(format!("{}: the bench left no results", home.display())));
    }
    Ok(samples)
}

fn folders(of: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(of).map_err(Failure::file(of))? {
        let path = entry.map_err(Failure::file(of))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn sample(results: &Path, round: u32) -> Result<Sample, Failure> {
    let benchmark = parse(&results.join("benchmark.json"))?;
    let estimates = parse(&results.join("estimates.json"))?;
    let missing = |what: &str| Failure::Found(format!("{}: no {what}", results.display()));
    let group = benchmark["group_id"].as_str().ok_or_else(|| missing("group"))?;
    let function = benchmark["function_id"].as_str().ok_or_else(|| missing("function"))?.to_owned();
    let elements =
        benchmark["throughput"]["Elements"].as_f64().ok_or_else(|| missing("number of elements"))?;
    let nanoseconds = estimates["median"]["point_estimate"].as_f64().ok_or_else(|| missing("median"))?;
    let (name, unit) = name_and_unit(group);
    let per_element = nanoseconds / elements;
    let figure = if unit.ends_with("/s") { 1e9 / per_element } else { per_element };
    Ok(Sample { round, name, unit, function, figure })
}

fn parse(path: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|source| Failure::Found(format!("{}: {source}", path.display())))
}

/// `parse [ns per header]` is the name `parse` and the unit `ns per header`.
pub(super) fn name_and_unit(group: &str) -> (String, String) {
    match group.strip_suffix(']').and_then(|group| group.split_once(" [")) {
        Some((name, unit)) => (name.to_owned(), unit.to_owned()),
        None => (group.to_owned(), "ns".to_owned()),
    }
}

/// Figure by function, then by round.
type ByFunction<'a> = BTreeMap<&'a str, BTreeMap<u32, f64>>;

/// One row per group and peer, in the order of names: medians of the figures and of the rounds' ratios.
pub(super) fn rows(samples: &[Sample]) -> Vec<Row> {
    let mut figures: BTreeMap<(&str, &str), ByFunction<'_>> = BTreeMap::new();
    for Sample { round, name, unit, function, figure } in samples {
        figures.entry((name, unit)).or_default().entry(function).or_default().insert(*round, *figure);
    }
    let mut rows = Vec::new();
    for ((name, unit), functions) in figures {
        let Some(ours) = functions.get(OURS) else { continue };
        for (peer_name, peer) in functions.iter().filter(|(function, _)| **function != OURS) {
            let ratios = ours.iter().filter_map(|(round, ours)| Some(ours / peer.get(round)?));
            rows.push(Row {
                name: name.to_owned(),
                unit: unit.to_owned(),
                ours: median(ours.values().copied()),
                peer_name: (*peer_name).to_owned(),
                peer: median(peer.values().copied()),
                ratio: median(ratios),
            });
        }
    }
    rows
}

/// The middle value, or the lower of the two in the middle; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Prints the rows for people.
pub(super) fn print_table(rows: &[Row]) {
    println!("\n{:36} {:24} {:>12}  {:14} {:>12} {:>7}", "name", "unit", "ours", "peer", "peer's", "ratio");
    for Row { name, unit, ours, peer_name, peer, ratio } in rows {
        println!("{name:36} {unit:24} {ours:>12.1}  {peer_name:14} {peer:>12.1} {ratio:>7.2}");
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, name_and_unit, rows};

    fn sample(round: u32, function: &str, figure: f64) -> Sample {
        Sample { round, name: "n".to_owned(), unit: "u".to_owned(), function: function.to_owned(), figure }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        // Round 2 ran on a machine three times slower: the ratio of medians would be 10/4, the rounds say 2.
        let samples = [
            sample(1, "ours", 8.0),
            sample(1, "peer", 4.0),
            sample(2, "ours", 24.0),
            sample(2, "peer", 12.0),
            sample(3, "ours", 10.0),
            sample(3, "peer", 2.0),
        ];
        let rows = rows(&samples);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].ours, rows[0].peer, rows[0].ratio), (10.0, 4.0, 2.0));
    }

    #[test]
    fn the_unit_stands_in_brackets() {
        assert_eq!(name_and_unit("a b [ns per c]"), ("a b".to_owned(), "ns per c".to_owned()));
        assert_eq!(name_and_unit("a b"), ("a b".to_owned(), "ns".to_owned()));
    }
}
