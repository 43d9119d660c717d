//! Which cases count: filters by id, requirement, section and level; the same for every subcommand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::case::{self, Case, Colour};
use crate::requirement::{self, Level, Requirement};

/// What a filter for a section starts with.
const SECTION: &str = "section:";

/// Where cases come from and which of them count: the same for every subcommand.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Selection {
    /// The beginning of a case's id, such as `suspend/`; a requirement, such as HIA-MUST-48 or must-48; or a section of the
    /// draft, such as `section:7.3` or `section:holding`. Several add up: a case counts if one of them names it.
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Only cases about this section of the draft and those below it: a number or the beginning of an anchor. Several add
    /// up; with filters and `--level`, a case has to fit all of them.
    #[arg(long, value_name = "SECTION", help_heading = "Which cases")]
    pub section: Vec<String>,
    /// Only cases about a requirement of this level. Several add up.
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "Which cases")]
    pub level: Vec<Level>,
    /// Take the cases of this folder in place of those that are built in.
    #[arg(long, value_name = "DIR", help_heading = "Which cases")]
    pub cases: Option<PathBuf>,
}

/// What a selection gives.
#[derive(Debug)]
pub(super) struct Selected {
    /// The cases, by id; at least one.
    pub(super) cases: Vec<Case>,
    /// Every id that there is, selected or not.
    pub(super) ids: Vec<String>,
    /// The requirements that the selection is about, in the order of the draft: all of them if nothing is left out.
    pub(super) requirements: Vec<Requirement>,
    /// All requirements of the draft.
    pub(super) index: Vec<Requirement>,
    /// How many cases cite each label, selected or not.
    pub(super) cases_of: BTreeMap<String, usize>,
}

impl Selection {
    /// The selected cases.
    ///
    /// # Errors
    ///
    /// What cannot be read, or the filter that names nothing, in one line or a few.
    pub(super) fn load(&self) -> Result<Vec<Case>, String> {
        self.select().map(|selected| selected.cases)
    }

    /// The selected cases, and the requirements that they are selected for.
    ///
    /// # Errors
    ///
    /// See [`Self::load`].
    pub(super) fn select(&self) -> Result<Selected, String> {
        let index = requirement::index().map_err(|error| error.to_string())?;
        let mut cases = match &self.cases {
            None => case::built_in().map_err(|error| error.to_string())?,
            Some(folder) => of_folder(folder)?,
        };
        let mut cases_of: BTreeMap<String, usize> = BTreeMap::new();
        for label in cases.iter().flat_map(|case| &case.script.header.requirements) {
            *cases_of.entry(label.clone()).or_default() += 1;
        }
        let ids = cases.iter().map(|case| case.id.clone()).collect();
        self.reject_idle(&cases, &index)?;
        cases.retain(|case| self.takes(case, &index));
        if cases.is_empty() {
            return Err(
                "no case is left: each filter names some, but none fits all of --section, --level and the \
                        filters"
                    .to_owned(),
            );
        }
        let about = |requirement: &&Requirement| self.is_about(requirement, &cases);
        let requirements = index.iter().filter(about).cloned().collect();
        Ok(Selected { cases, ids, requirements, index, cases_of })
    }

    fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.section.is_empty() && self.level.is_empty() && self.cases.is_none()
    }

    /// Each filter names something, so that a slip of the pen is no silent success.
    fn reject_idle(&self, cases: &[Case], index: &[Requirement]) -> Result<(), String> {
        let named = |filter: &&String| !cases.iter().any(|case| selects(filter, case, index));
        if let Some(idle) = self.filters.iter().find(named) {
            if let Some(section) = idle.strip_prefix(SECTION) {
                return Err(section_without_cases(section, index));
            }
            return Err(format!("{idle}: no case begins so or cites it; `conform list` shows them all"));
        }
        let is_idle = |section: &&String| {
            let about = |case: &Case| cited(case, index).any(|cited| cited.stands_in(section));
            !cases.iter().any(about)
        };
        self.section.iter().find(is_idle).map_or(Ok(()), |idle| Err(section_without_cases(idle, index)))
    }

    fn takes(&self, case: &Case, index: &[Requirement]) -> bool {
        let named = self.filters.is_empty() || self.filters.iter().any(|filter| selects(filter, case, index));
        let free = self.section.is_empty() && self.level.is_empty();
        named && (free || cited(case, index).any(|requirement| self.fits_options(requirement)))
    }

    fn fits_options(&self, requirement: &Requirement) -> bool {
        let section = &self.section;
        let level = Level::of_label(&requirement.label);
        (section.is_empty() || section.iter().any(|section| requirement.stands_in(section)))
            && (self.level.is_empty() || level.is_some_and(|level| self.level.contains(&level)))
    }

    /// Whether a report on `cases` has a line for `requirement`.
    fn is_about(&self, requirement: &Requirement, cases: &[Case]) -> bool {
        if self.is_empty() {
            return true;
        }
        // A requirement that was not asked for, of a case that was, would be judged by some of its cases only.
        let by_name = |filter: &String| match filter.strip_prefix(SECTION) {
            Some(section) => Some(requirement.stands_in(section)),
            None => {
                let label = requirement::label(filter);
                Level::of_label(&label).map(|_| label == requirement.label)
            }
        };
        let named: Vec<Option<bool>> = self.filters.iter().map(by_name).collect();
        let asked = named.is_empty() || named.iter().any(|named| named.unwrap_or(true));
        let is_cited = |case: &Case| case.script.header.requirements.contains(&requirement.label);
        asked && self.fits_options(requirement) && cases.iter().any(is_cited)
    }
}

/// The requirements of the draft that `case` cites.
fn cited<'a>(case: &'a Case, index: &'a [Requirement]) -> impl Iterator<Item = &'a Requirement> {
    index.iter().filter(|requirement| case.script.header.requirements.contains(&requirement.label))
}

fn selects(filter: &str, case: &Case, index: &[Requirement]) -> bool {
    if let Some(section) = filter.strip_prefix(SECTION) {
        return cited(case, index).any(|requirement| requirement.stands_in(section));
    }
    let labels = &case.script.header.requirements;
    case.id.starts_with(filter)
        || labels.contains(&requirement::label(filter))
        || labels.iter().any(|label| label == filter)
}

fn section_without_cases(section: &str, index: &[Requirement]) -> String {
    if index.iter().any(|requirement| requirement.stands_in(section)) {
        return format!("section {section}: no case is about it; no packet shows what it asks for");
    }
    let mut chapters: Vec<&str> =
        index.iter().filter_map(|requirement| requirement.section.split('.').next()).collect();
    chapters.dedup();
    format!(
        "section {section}: no requirement of the draft stands there; expected one in {}, such as 7.3, or an \
         anchor, such as holding",
        chapters.join(", ")
    )
}

/// The cases below `folder`; there is at least one, and the requirements and mutants that they name exist.
fn of_folder(folder: &Path) -> Result<Vec<Case>, String> {
    let cases = case::of_folder(folder).map_err(|errors| {
        format!("{}: the cases cannot be run\n\n{}", folder.display(), errors.told(Colour::of_stderr()))
    })?;
    if cases.is_empty() {
        return Err(format!("{}: expected cases, found no file that ends in .pkt", folder.display()));
    }
    Ok(cases)
}
