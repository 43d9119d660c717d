//! `conform list --mutants`: each requirement, the mutants that break it, and the cases that catch each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::case::Case;
use crate::requirement::Requirement;
use crate::runner;
use crate::target::TargetChoice;
use crate::target::mutant::{self, Mutant};
use crate::verdict::Verdict;

/// Why requirements have no mutant: no packet can show that they are broken.
const NOT_OBSERVABLE: &str = include_str!("../../../../spec/not-observable.toml");
/// Version of the document; a field that goes or changes its meaning raises it.
const SCHEMA: u32 = 1;
/// Width of the table.
const COLUMNS: usize = 100;
/// Width of the column of mutants.
const NAME_COLUMNS: usize = 36;

/// Where it is known from which case catches which mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The headers of the cases say so.
    Headers,
    /// Each mutant is run against each case.
    Runs,
}

/// The whole matrix.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    schema: u32,
    requirements: Vec<Row>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct Row {
    label: String,
    section: String,
    sentence: String,
    mutants: Vec<Entry>,
    /// Why there is no mutant.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    /// Other requirements that it breaks as well.
    also_breaks: Vec<&'static str>,
    /// Cases of this requirement whose header names it.
    cases: Vec<String>,
    /// Every case that fails with it, if that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    caught_by: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Summary {
    requirements: usize,
    with_a_mutant: usize,
    not_observable: usize,
    without: usize,
    mutants: usize,
    mutants_of_several_requirements: usize,
    /// Requirements with a mutant that breaks nothing else.
    with_a_mutant_of_their_own: usize,
}

/// The matrix of these requirements and cases.
pub(super) fn of(requirements: &[Requirement], cases: &[Case], source: Source) -> Matrix {
    let caught = match source {
        Source::Headers => BTreeMap::new(),
        Source::Runs => {
            let wanted = |mutant: &&Mutant| requirements.iter().any(|known| breaks(mutant, &known.label));
            mutant::all().filter(wanted).map(|mutant| (mutant.name, catchers(mutant, cases))).collect()
        }
    };
    let rows: Vec<Row> = requirements.iter().map(|known| row(known, cases, &caught)).collect();
    let entries = || rows.iter().flat_map(|row| &row.mutants);
    let several = entries().filter(|entry| !entry.also_breaks.is_empty()).map(|entry| entry.name);
    let is_own = |row: &&Row| row.mutants.iter().any(|entry| entry.also_breaks.is_empty());
    let summary = Summary {
        requirements: rows.len(),
        with_a_mutant: rows.iter().filter(|row| !row.mutants.is_empty()).count(),
        not_observable: rows.iter().filter(|row| row.because.is_some()).count(),
        without: rows.iter().filter(|row| row.mutants.is_empty() && row.because.is_none()).count(),
        mutants: entries().map(|entry| entry.name).collect::<BTreeSet<_>>().len(),
        mutants_of_several_requirements: several.collect::<BTreeSet<_>>().len(),
        with_a_mutant_of_their_own: rows.iter().filter(is_own).count(),
    };
    Matrix { schema: SCHEMA, requirements: rows, summary }
}

fn breaks(mutant: &Mutant, label: &str) -> bool {
    mutant.breaks.contains(&label)
}

/// The cases that fail with this mutant of the reference.
fn catchers(mutant: &Mutant, cases: &[Case]) -> Vec<String> {
    let fails = |case: &&Case| {
        let build = |setup: &_| TargetChoice::Reference.build(setup).map(|target| mutant.of(target, setup));
        matches!(runner::run(case, &build).verdict, Verdict::Fail(_))
    };
    cases.iter().filter(fails).map(|case| case.id.clone()).collect()
}

fn row(known: &Requirement, cases: &[Case], caught: &BTreeMap<&str, Vec<String>>) -> Row {
    let label = &known.label;
    let entry = |mutant: &'static Mutant| {
        let names = |case: &&Case| {
            let header = &case.script.header;
            header.requirements.contains(label) && header.mutants.iter().any(|name| name == mutant.name)
        };
        Entry {
            name: mutant.name,
            also_breaks: mutant.breaks.iter().copied().filter(|broken| broken != label).collect(),
            cases: cases.iter().filter(names).map(|case| case.id.clone()).collect(),
            caught_by: caught.get(mutant.name).cloned(),
        }
    };
    let mutants: Vec<Entry> = mutant::all().filter(|mutant| breaks(mutant, label)).map(entry).collect();
    let because = if mutants.is_empty() { reason(label) } else { None };
    Row {
        label: label.clone(),
        section: known.section.clone(),
        sentence: known.sentence.clone(),
        mutants,
        because,
    }
}

/// Why no packet can show that the requirement `label` is broken: a line `LABEL = "reason"`.
fn reason(label: &str) -> Option<String> {
    NOT_OBSERVABLE.lines().find_map(|line| {
        let (named, why) = line.split_once(" = ")?;
        (named == label).then(|| why.trim().trim_matches('"').to_owned())
    })
}

/// The matrix for people: a requirement, and below it a line a mutant.
pub(super) fn human(matrix: &Matrix) -> String {
    let mut text = String::new();
    for row in &matrix.requirements {
        let indent = format!("{:width$}", "", width = row.label.len() + 2);
        let sentence = textwrap::Options::new(COLUMNS).subsequent_indent(&indent);
        let said = textwrap::fill(&format!("{}  {}", row.label, row.sentence), sentence);
        let _ = writeln!(text, "{said}");
        for entry in &row.mutants {
            line(&mut text, entry);
        }
        match (&row.because, row.mutants.is_empty()) {
            (Some(why), _) => {
                let options = textwrap::Options::new(COLUMNS).initial_indent("  ").subsequent_indent("  ");
                let _ = writeln!(text, "{}", textwrap::fill(&format!("no mutant: {why}"), options));
            }
            (None, true) => text.push_str("  NO MUTANT\n"),
            (None, false) => {}
        }
    }
    let Summary { requirements, with_a_mutant, not_observable, without, .. } = matrix.summary;
    let Summary {
        mutants, mutants_of_several_requirements: several, with_a_mutant_of_their_own: own, ..
    } = matrix.summary;
    let _ = writeln!(
        text,
        "\n{requirements} requirements: {with_a_mutant} have a mutant, {own} of them one that breaks nothing else; \
         {not_observable} cannot\nbe observed, {without} have none. {mutants} mutants, {several} of them break several \
         requirements (+)."
    );
    text
}

/// A mutant, `+` if it breaks more than this requirement, and the cases that catch it.
fn line(text: &mut String, entry: &Entry) {
    let mark = if entry.also_breaks.is_empty() { "" } else { " +" };
    let name = format!("  {}{mark}", entry.name);
    let cases = match &entry.caught_by {
        None => entry.cases.join(", "),
        Some(caught) if caught.is_empty() => "CAUGHT BY NONE".to_owned(),
        Some(caught) => caught.join(", "),
    };
    let cases = if cases.is_empty() { "NO CASE NAMES IT".to_owned() } else { cases };
    let indent = " ".repeat(NAME_COLUMNS);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(&indent)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let wrapped = textwrap::fill(&cases, options);
    let first = wrapped.get(name.len() + 1..).filter(|_| name.len() < NAME_COLUMNS);
    let _ = match first {
        Some(rest) => writeln!(text, "{name} {rest}"),
        None => writeln!(text, "{name}\n{wrapped}"),
    };
}
