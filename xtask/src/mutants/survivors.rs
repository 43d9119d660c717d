//! The list of mutants that no packet can show, each with its reason.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::shell::{Failure, Shell, read_text};

/// Where the list lies.
pub(super) const FILE: &str = "conformance/survivors.toml";

/// Which mutants were run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All.
    Whole,
    /// Some.
    Part,
}

/// How many mutants of a name are known to survive. Several of one function may have one name.
pub(super) type Explained = BTreeMap<String, usize>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    survivors: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    why: String,
    mutants: Vec<String>,
}

/// Reads the list.
pub(super) fn read(shell: &Shell) -> Result<Explained, Failure> {
    let list: List = toml::from_str(&read_text(&shell.root.join(FILE))?)
        .map_err(|error| Failure::Found(format!("{FILE}: {error}")))?;
    if list.survivors.iter().any(|group| group.why.trim().is_empty()) {
        return Err(Failure::Found(format!("{FILE}: expected a reason in every `why`")));
    }
    Ok(counted(list.survivors.iter().flat_map(|group| &group.mutants)))
}

fn counted<'n>(names: impl IntoIterator<Item = &'n String>) -> Explained {
    let mut counts = Explained::new();
    for name in names {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts
}

/// Missed mutants that the list does not explain.
pub(super) fn beyond(missed: &[String], explained: &Explained) -> Vec<String> {
    counted(missed)
        .into_iter()
        .filter(|(name, count)| *count > explained.get(name).copied().unwrap_or(0))
        .map(|(name, _)| name)
        .collect()
}

/// Mutants that the list explains though they are not missed. Of a part of the mutants, only those in it are judged.
pub(super) fn over(missed: &[String], run: &[String], explained: &Explained, scope: Scope) -> Vec<String> {
    let (missed, run) = (counted(missed), counted(run));
    let there = |counts: &Explained, name: &String| counts.get(name).copied().unwrap_or(0);
    explained
        .iter()
        .filter(|(name, count)| {
            **count > there(&missed, name) && (scope == Scope::Whole || there(&run, name) >= **count)
        })
        .map(|(name, _)| name.clone())
        .collect()
}
