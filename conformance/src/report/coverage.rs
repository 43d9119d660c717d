//! Requirements by section, each with its cases.

use super::{Report, Run, Status, Summary};
use crate::requirement::is_of_draft;

/// Titles of cases that stand for a place in an RFC.
const TITLES_MAX: usize = 3;

/// A section of the draft, or plain TCP.
pub(super) struct Group<'a> {
    /// `7.3`; empty for plain TCP.
    pub(super) number: &'a str,
    /// `holding`; `plain` for plain TCP.
    pub(super) anchor: &'a str,
    /// `Holding`.
    pub(super) title: &'a str,
    /// Its requirements, in order.
    pub(super) rows: Vec<Row<'a>>,
}

impl Group<'_> {
    /// `7.3 Holding`.
    pub(super) fn heading(&self) -> String {
        format!("{} {}", self.number, self.title).trim_start().to_owned()
    }
}

/// A requirement with its cases.
pub(super) struct Row<'a> {
    /// Its label, such as `HIA-MUST-7`, or a place in an RFC.
    pub(super) label: &'a str,
    /// The sentence; empty for a place in an RFC.
    pub(super) sentence: &'a str,
    /// Its cases in this run, as indices of [`Report::cases`].
    pub(super) cases: Vec<usize>,
    /// How many cases it has at all.
    pub(super) cases_in_all: usize,
}

impl Row<'_> {
    /// The worst of its cases against the target of `run`; `None` if none was run.
    pub(super) fn status(&self, run: &Run) -> Option<Status> {
        self.cases.iter().filter_map(|case| run.results.get(*case)).map(super::CaseResult::status).min()
    }

    /// What it asks for: the sentence, or what its cases say of a place in an RFC.
    pub(super) fn says(&self, report: &Report) -> String {
        if !self.sentence.is_empty() {
            return self.sentence.to_owned();
        }
        let cases = self.cases.iter().filter_map(|case| report.cases.get(*case));
        let titles: Vec<&str> = cases.map(|case| case.script.header.title.as_str()).collect();
        match titles.get(TITLES_MAX..) {
            Some(more @ [_, ..]) => {
                format!("{}; and {} more", titles.get(..TITLES_MAX).unwrap_or(&[]).join("; "), more.len())
            }
            _ => titles.join("; "),
        }
    }

    /// `4 cases`, or `2 of 4` if the others were not asked for.
    pub(super) fn counted(&self) -> String {
        let count = self.cases.len();
        if count < self.cases_in_all {
            format!("{count} of {}", self.cases_in_all)
        } else {
            super::status::counted(count, "case")
        }
    }
}

impl Report {
    /// Requirements with a case in this run: plain TCP first, then the draft by section.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let plain = self.plain_rows();
        if !plain.is_empty() {
            let title = "Plain TCP, before anything else";
            groups.push(Group { number: "", anchor: super::PLAIN_FOLDER, title, rows: plain });
        }
        for requirement in &self.requirements {
            let row = self.row(&requirement.label, &requirement.sentence);
            if row.cases.is_empty() {
                continue;
            }
            match groups.last_mut() {
                Some(last) if last.number == requirement.section => last.rows.push(row),
                _ => groups.push(Group {
                    number: &requirement.section,
                    anchor: &requirement.anchor,
                    title: &requirement.title,
                    rows: vec![row],
                }),
            }
        }
        groups
    }

    fn row<'a>(&'a self, label: &'a str, sentence: &'a str) -> Row<'a> {
        let cites = |index: &usize| {
            self.cases
                .get(*index)
                .is_some_and(|case| case.script.header.requirements.iter().any(|l| l == label))
        };
        let cases: Vec<usize> = (0..self.cases.len()).filter(cites).collect();
        let cases_in_all = self.cases_of.get(label).copied().unwrap_or(cases.len());
        Row { label, sentence, cases, cases_in_all }
    }

    /// Sections of RFCs that cases about nothing else cite, in order: `3.5` before `3.10.7`.
    fn plain_rows(&self) -> Vec<Row<'_>> {
        let labels = self.cases.iter().map(|case| &case.script.header.requirements);
        let cited = labels.filter(|labels| !labels.iter().any(|label| is_of_draft(label))).flatten();
        let mut labels: Vec<&str> = cited.map(String::as_str).filter(|label| !is_of_draft(label)).collect();
        let numbers = |label: &str| -> Vec<u32> {
            label.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
        };
        labels.sort_by_key(|label| (numbers(label), *label));
        labels.dedup();
        labels.into_iter().map(|label| self.row(label, "")).collect()
    }

    /// Counts the requirements of the draft by how they stand with the target of `run`; `not_run` are those whose cases
    /// were not run.
    pub(super) fn requirements_summary(&self, run: &Run) -> Summary {
        let mut summary = Summary::default();
        let of_draft = self.groups().into_iter().filter(|group| !group.number.is_empty());
        for row in of_draft.flat_map(|group| group.rows) {
            match row.status(run) {
                Some(status) => summary.add(status),
                None => summary.not_run += 1,
            }
        }
        summary
    }

    /// How many requirements this run is about and has no case for.
    pub(super) fn uncovered(&self) -> usize {
        let bare = |label: &str| self.row(label, "").cases.is_empty();
        self.requirements.iter().filter(|requirement| bare(&requirement.label)).count()
    }
}
